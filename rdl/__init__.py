"""rdl: a relational database in, predictions out.

The public names; what they need is imported when they are first used. See `rdl.api`.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from rdl.api import OpenProject, ProjectTask, TrainedModel, open, train  # noqa: A004
    from rdl.errors import RdlError
    from rdl.model import FitSettings

__all__ = ["FitSettings", "OpenProject", "ProjectTask", "RdlError", "TrainedModel", "__version__", "open", "train"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    places = {"FitSettings": "rdl.model", "RdlError": "rdl.errors"}
    if name not in __all__:
        raise AttributeError(f"module 'rdl' has no attribute {name!r}")
    return getattr(import_module(places.get(name, "rdl.api")), name)
