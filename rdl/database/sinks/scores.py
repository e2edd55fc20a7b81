"""Scores on their way to a sink: Parquet files as scoring writes them, and the relation that their rows are."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow.parquet as pq

from rdl.database.engine import connect, engine_error, literal, quote
from rdl.errors import DataError, UsageError, nearest

if TYPE_CHECKING:
    import pyarrow as pa

CUTOFF = "cutoff"
LINEAGE = ("model_version", "model_as_of", "snapshot")
ANSWER = ("prediction", "probabilities", "lower", "upper", *LINEAGE)
"""The columns that are rdl's own in any table of scores, whatever else its owner keeps beside them."""

_BATCH = 100_000


@dataclass(frozen=True)
class Published:
    """What a sink took.

    Attributes:
        place: the sink without credentials, with its table or partition.
        rows: how many it now holds of the cutoffs that were published.
        removed: of those that it held, how many were not published again: entities whom the task no longer asks about.
    """

    place: str
    rows: int
    removed: int = 0


@dataclass(frozen=True)
class Scores:
    """The scores of one task at one as-of.

    Attributes:
        files: Parquet, all with the same columns: the entity's key, `cutoff`, the answer; `rdl.*` of their metadata is the lineage.
        key: the columns of the entity's key.
        as_of: as a partition is called after it, `2025-12-21`.
    """

    files: tuple[Path, ...]
    key: tuple[str, ...]
    task: str
    as_of: str
    facts: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def of(files: Sequence[Path], key: Sequence[str]) -> "Scores":
        """The scores that stand in `files`, as their metadata tells of them.

        Raises:
            DataError: there is no file, or one that scoring did not write.
            UsageError: a column of the key is missing.
        """
        if not files:
            raise DataError("there are no scores to publish", fix="score first")
        try:
            schema = pq.read_schema(files[0])
        except (OSError, ValueError) as error:
            raise DataError(f"not readable as Parquet: {error}", where=str(files[0]), fix="score again") from error
        facts = {k.decode(): v.decode() for k, v in (schema.metadata or {}).items() if k.startswith(b"rdl.")}
        if not {"rdl.task", "rdl.as_of"} <= facts.keys():
            raise DataError("the file holds no scores of rdl", where=str(files[0]), fix="write it with rdl score")
        for name in (*key, CUTOFF):
            if name not in schema.names:
                raise UsageError(f"the scores have no column {name!r}", where=str(files[0]), fix=nearest(name, schema.names))
        return Scores(tuple(files), tuple(key), facts["rdl.task"], facts["rdl.as_of"].replace(":", "-"), facts)

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that tell one row from any other."""
        return (*self.key, CUTOFF)

    @cached_property
    def sql(self) -> str:
        """A SELECT of the rows, with their lineage as columns."""
        files = ", ".join(literal(str(path)) for path in self.files)
        known = (self.facts.get(f"rdl.{name}", "") for name in LINEAGE)
        lineage = ", ".join(f"{literal(value)} AS {quote(name)}" for name, value in zip(LINEAGE, known, strict=True))
        return f"SELECT *, {lineage} FROM read_parquet([{files}], hive_partitioning => false)"

    @contextmanager
    def reading(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """A connection that can run `sql`; what DuckDB raises becomes a SqlError."""
        connection = connect(memory_limit="1GB")
        try:
            yield connection
        except duckdb.Error as error:
            raise engine_error(error, self.sql) from error
        finally:
            connection.close()

    def types(self) -> dict[str, str]:
        """DuckDB's type of every column, in order."""
        with self.reading() as connection:
            return {name: kind for name, kind, *_ in connection.sql(f"DESCRIBE {self.sql}").fetchall()}

    @contextmanager
    def stream(self, columns: Sequence[str]) -> "Iterator[pa.RecordBatchReader]":
        """The rows, batch by batch, as these SQL expressions."""
        with self.reading() as connection:
            yield connection.sql(f"SELECT {', '.join(columns)} FROM ({self.sql})").to_arrow_reader(_BATCH)
