"""A table that ingestion can select from, before it has row numbers: a raw table, or what a staging SELECT makes of some."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rdl.database.sources.source import Constraints

Ask = Callable[[str], list[tuple[Any, ...]]]
"""Runs one SQL statement and returns its rows; raises SqlError."""


@dataclass(frozen=True)
class Relation:
    """A table before it has row numbers.

    Attributes:
        sql: what stands behind FROM to read it: a quoted, qualified name.
        types: SQL type by native column, in order.
        constraints: what the source declares of it; nothing for a staged table.
        staged: whether a staging SELECT makes it.
        parquet: the files that it is, row for row and column for column; () for everything else.
        padded: lines of a text file that were shorter than its line of names.
    """

    name: str
    sql: str
    types: Mapping[str, str]
    constraints: Constraints = field(default_factory=Constraints)
    staged: bool = False
    parquet: tuple[Path, ...] = ()
    padded: int = 0
