"""PyG networks on the temporal graph: column encoders, message passing, heads, training.

Torch is imported when a network is first asked for, not when this package is.
"""

from typing import TYPE_CHECKING, Any

from rdl.gnn.settings import GnnSettings

if TYPE_CHECKING:
    from rdl.gnn.fitted import FittedGnn
    from rdl.gnn.train import fit_gnn

__all__ = ["FittedGnn", "GnnSettings", "fit_gnn"]


def __getattr__(name: str) -> Any:
    if name == "FittedGnn":
        from rdl.gnn.fitted import FittedGnn

        return FittedGnn
    if name == "fit_gnn":
        from rdl.gnn.train import fit_gnn

        return fit_gnn
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
