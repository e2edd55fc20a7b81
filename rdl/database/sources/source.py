"""What every kind of source becomes: named SELECTs over raw rows, what the source itself says of them, and a content hash.

A source that lies in files is read by DuckDB where it lies. One that streams (a server, SQLite, Arrow files) is a `Feed`, landed as
Parquet parts first (`landing.py`), so the rest of rdl knows files only.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key that the source declares: `columns` name `parent_columns` of the table `parent`."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class Constraints:
    """What the source declares of a table: its primary key, () where there is none, and its foreign keys."""

    key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()


class Look(Protocol):
    """Looks into raw files with the connection that will read them."""

    def __call__(self, connection: "duckdb.DuckDBPyConnection") -> "Read":
        """How the table is read by `connection`."""
        ...


@dataclass(frozen=True)
class Read:
    """How a raw table is read: its SELECT, and how many of its lines were mended on the way (short ones padded with nulls)."""

    select: str
    padded: int = 0


@dataclass(frozen=True)
class RawTable:
    """One raw table.

    Attributes:
        read: its SELECT, or what looks into its files to find one.
        files: the files it lies in; () for a table of an attached database.
        parquet: whether `read` selects all of its Parquet files as they are, so they can be read in place.
        constraints: what the source declares.
        note: how it was read this time, where that is worth saying: "12 new rows since …", "read anew: no watermark is declared".
    """

    name: str
    read: "Read | Look"
    files: tuple[Path, ...] = ()
    parquet: bool = False
    constraints: Constraints = field(default_factory=Constraints)
    note: str = ""


@dataclass(frozen=True)
class Source:
    """Raw tables ready to be read.

    Attributes:
        tables: by name; no two differ in case only.
        identity: content hash of all that they hold: the same rows, the same identity.
        attach: a DuckDB file to attach read-only as `source` first, if any.
    """

    tables: Mapping[str, RawTable]
    identity: str
    attach: Path | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that the tables lie in."""
        return tuple(sorted({file for table in self.tables.values() for file in table.files}))


@dataclass(frozen=True)
class FeedTable:
    """One table of a feed: its columns in order with the DuckDB type each is to have, and what the source declares."""

    name: str
    columns: Mapping[str, str]
    constraints: Constraints = field(default_factory=Constraints)


class Feed(Protocol):
    """A consistent view of a source that streams: everything is read in one transaction, from `tables` to the last batch."""

    @property
    def tables(self) -> Mapping[str, FeedTable]:
        """The tables by name."""
        ...

    def read(self, table: FeedTable, since: "tuple[str, object] | None" = None) -> "pa.RecordBatchReader":
        """Stream the rows of `table`; with `since` = (column, value), those with column >= value or column null."""
        ...


class OpenFeed(Protocol):
    """Opens a feed and closes it after its last batch."""

    def __call__(self) -> AbstractContextManager[Feed]:
        """The feed, as a context."""
        ...
