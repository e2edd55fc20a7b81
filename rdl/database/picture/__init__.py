"""The picture of a database: tables, keys, event times and references as one SVG that needs nothing else."""

from rdl.database.picture.drawing import draw

__all__ = ["draw"]
