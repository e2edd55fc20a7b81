"""A feed over Arrow tables in memory, and what a test reads back of a landing."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rdl.database.engine import connect
from rdl.database.sources.landing import land
from rdl.database.sources.source import Constraints, FeedTable, Source
from rdl.project import DatabaseSettings, Project, TableSettings


@dataclass
class MemoryFeed:
    """Tables by name, the DuckDB type of their columns, and what they declare.

    Attributes:
        reads: (table, since) of every read.
        opened: how often it was opened, and closed.
    """

    rows: Mapping[str, pa.Table]
    types: Mapping[str, Mapping[str, str]]
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reads: list[tuple[str, Any]] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    batch: int = 1000

    @property
    def tables(self) -> Mapping[str, FeedTable]:
        return {name: FeedTable(name, types, Constraints(self.keys.get(name, ()))) for name, types in self.types.items()}

    def read(self, table: FeedTable, since: tuple[str, object] | None = None) -> pa.RecordBatchReader:
        self.reads.append((table.name, since))
        rows = self.rows[table.name]
        if since is not None:
            column, value = since
            rows = rows.filter(pc.fill_null(pc.greater_equal(rows[column], pa.scalar(value, rows[column].type)), True))
        return pa.RecordBatchReader.from_batches(rows.schema, self.batches(rows))

    def batches(self, rows: pa.Table) -> Iterator[pa.RecordBatch]:
        yield from rows.to_batches(max_chunksize=self.batch)

    @contextmanager
    def __call__(self) -> Iterator["MemoryFeed"]:
        self.opened.append("open")
        yield self
        self.opened.append("close")


def feed_of(**columns: pa.Array) -> MemoryFeed:
    """A feed of the one table `orders`, in the types that its columns have."""
    return MemoryFeed({"orders": pa.table(columns)}, {"orders": {c: str(_KINDS[a.type]) for c, a in columns.items()}})


_KINDS: dict[pa.DataType, str] = {
    pa.int64(): "BIGINT",
    pa.string(): "VARCHAR",
    pa.float64(): "DOUBLE",
    pa.float32(): "FLOAT",
    pa.bool_(): "BOOLEAN",
    pa.timestamp("us"): "TIMESTAMP",
    pa.timestamp("us", "UTC"): "TIMESTAMP WITH TIME ZONE",
    pa.timestamp("ns"): "TIMESTAMP_NS",
    pa.date32(): "DATE",
    pa.decimal128(12, 2): "DECIMAL(12,2)",
}


def a_project(folder: Path, **tables: TableSettings) -> Project:
    """A project whose home is in `folder`."""
    return Project("shop", folder, folder / "home", DatabaseSettings(source="memory"), tables)


def landed(feed: Callable[..., Any], folder: Path, **settings: TableSettings) -> Source:
    """The feed, landed in `folder`."""
    return land(feed, a_project(folder, **settings), "memory")


def rows_of(source: Source, table: str = "orders") -> Counter[tuple[object, ...]]:
    """The rows of a landed table, as a multiset of texts."""
    read = source.tables[table].read
    with connect() as connection:
        return Counter(connection.sql(f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({read.select})").fetchall())


def types_of(source: Source, table: str = "orders") -> dict[str, str]:
    """The SQL type of every column of a landed table."""
    read = source.tables[table].read
    with connect() as connection:
        return {row[0]: row[1] for row in connection.sql(f"DESCRIBE {read.select}").fetchall()}
