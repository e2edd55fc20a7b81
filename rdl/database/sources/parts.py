"""Parquet parts: how a stream of rows becomes immutable files whose contents are known.

Rows are written in the types that the feed states, as they stream; a value that does not fit its type stops the landing with its
table, column and text, so nothing is lost unseen. Each file is then measured: its rows and two sums over hashes of whole rows,
which do not depend on the order of delivery. (Parquet keeps an INTERVAL to the millisecond.)
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb

from rdl.database.engine import engine_error, literal, load_sql, quote
from rdl.database.sources.credentials import redact
from rdl.database.sources.source import FeedTable
from rdl.errors import RdlError, SchemaError

if TYPE_CHECKING:
    import pyarrow as pa

Content = tuple[int, int, int]
"""How many rows, and the two sums over their hashes: the same rows in any order and any number of parts add up to the same."""

_NOWHERE: Content = (0, 0, 0)
_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_STORED = {"HUGEINT": "DECIMAL(38,0)", "UHUGEINT": "DECIMAL(38,0)"}  # Parquet would make them doubles
_MISFIT = "rdl-misfit:"
_GROUPS = 32  # row groups a file, about 4 million rows: what a later refresh rewrites at most for one updated row


@dataclass(frozen=True)
class Part:
    """One Parquet file and what it holds.

    Attributes:
        file: where it lies, from the landing's folder.
        content: of its rows.
        low: the least finite watermark, as text, a time as its microseconds; None where there is none.
        high: the greatest.
        unordered: rows whose watermark is null or infinite.
    """

    file: str
    content: Content
    low: str | None = None
    high: str | None = None
    unordered: int = 0


@dataclass(frozen=True)
class Draft:
    """A part written aside: `path` holds what `file` will."""

    part: Part
    path: Path


def total(parts: Iterable[Part]) -> Content:
    """The content of all `parts` together."""
    sums = _NOWHERE
    for part in parts:
        sums = (sums[0] + part.content[0], sums[1] + part.content[1], sums[2] + part.content[2])
    return sums


def stored_type(sql_type: str) -> str:
    """The type that a column of `sql_type` has in a part."""
    return _STORED.get(sql_type.upper(), sql_type)


def is_time(kind: str) -> bool:
    """Whether `kind` is a date or a timestamp."""
    return kind.startswith(("TIMESTAMP", "DATE")) and not kind.endswith("]")


def is_float(kind: str) -> bool:
    """Whether `kind` is a floating-point number."""
    return kind in {"DOUBLE", "FLOAT"}


def parquet(files: Iterable[Path], file_column: str = "") -> str:
    """The relation of the rows of `files`, with the name of its file in every row where `file_column` is given."""
    names = ", ".join(literal(str(file)) for file in files)
    option = f", filename = {literal(file_column)}" if file_column else ""
    return f"read_parquet([{names}]{option})"


class Writer:
    """Writes the parts of one table into a folder aside.

    Args:
        table: its name and its columns.
        watermark: the column by which rows are ordered, if one is declared.
        aside: a folder of this process alone.
        place: what the names of its files begin with.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, table: FeedTable, watermark: str | None, aside: Path, place: str
    ) -> None:
        self._connection, self._table, self._watermark = connection, table, watermark
        self._aside, self._place = aside, place

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of one statement.

        Raises:
            SchemaError: a value does not fit its column's type, or is no text.
            SqlError: anything else that DuckDB has to say.
        """
        try:
            return self._connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise self._explained(error, sql) from None  # the raw error may quote what must not be shown

    def land(self, reader: "pa.RecordBatchReader", condition: str = "true") -> list[Draft]:
        """Write the rows of a stream that meet `condition`, in the stated types.

        Raises:
            SchemaError: a stated column is missing, or a value does not fit its type.
            RdlError: what the stream itself raises, as it raises it.
        """
        import pyarrow as pa

        name = f"rdl_{uuid4().hex}"
        casts = self._casts(reader.schema.empty_table())
        watched = _Watched(reader)
        self._connection.register(name, pa.RecordBatchReader.from_batches(reader.schema, watched.batches()))
        try:
            return self.write(f"(SELECT {casts} FROM {name})", condition)
        except RdlError:
            if watched.failure is not None:
                raise watched.failure from None
            raise
        finally:
            self._connection.unregister(name)

    def write(self, relation: str, condition: str = "true") -> list[Draft]:
        """Write the rows of `relation` that meet `condition`; with none, one empty file that keeps the types."""
        target = self._aside / uuid4().hex
        columns = ", ".join(quote(c) for c in self._table.columns)
        self.ask(
            load_sql("landing/write.sql").format(
                columns=columns, relation=relation, condition=condition, target=literal(str(target)), groups=_GROUPS
            )
        )
        drafts = [self._draft(path) for path in sorted(target.glob("*.parquet"), key=_number)]
        return [draft for draft in drafts if draft.part.content[0]] or drafts[:1]

    def content(self, relation: str, condition: str) -> Content:
        """The content of those rows of `relation` that meet `condition`."""
        rows, forward, backward, *_ = self._measure(relation, condition)
        return rows, forward, backward

    def _draft(self, path: Path) -> Draft:
        rows, forward, backward, low, high, unordered = self._measure(parquet([path]), "true")
        content = (rows, forward, backward)
        stem = digest(self._table.columns, self._watermark, content)
        return Draft(Part(f"{self._place}-{stem}.parquet", content, low, high, unordered if self._watermark else 0), path)

    def _measure(self, relation: str, condition: str) -> tuple[Any, ...]:
        columns = [quote(c) for c in self._table.columns]
        mark = quote(self._watermark) if self._watermark else "NULL"
        kind = stored_type(self._table.columns[self._watermark]) if self._watermark else ""
        return self.ask(
            load_sql("landing/measure.sql").format(
                columns=", ".join(columns),
                reversed=", ".join(reversed(columns)),
                watermark=f"epoch_us({mark})" if is_time(kind) else f"CAST({mark} AS DOUBLE)" if is_float(kind) else mark,
                finite=f"{mark} IS NOT NULL" if kind == "VARCHAR" else f"isfinite({mark})" if kind else "false",
                relation=relation,
                condition=condition,
            )
        )[0]

    def _casts(self, empty: "pa.Table") -> str:
        """The columns behind SELECT that bring a stream to the stated types."""
        name = f"rdl_{uuid4().hex}"
        self._connection.register(name, empty)
        try:
            found = {row[0]: row[1] for row in self.ask(f"DESCRIBE {name}")}
        finally:
            self._connection.unregister(name)
        missing = [column for column in self._table.columns if column not in found]
        if missing:
            raise SchemaError(
                f"the stream of table {self._table.name!r} lacks the column {missing[0]!r}",
                where=f"table {self._table.name}",
                fix="was the table altered while it was read? run again",
            )
        return ", ".join(
            f"{_cast(column, found[column], stored_type(kind))} AS {quote(column)}" for column, kind in self._table.columns.items()
        )

    def _explained(self, error: duckdb.Error, sql: str) -> RdlError:
        text = str(error)
        where = f"table {self._table.name}"
        if _MISFIT in text:
            column, kind, value = json.loads(text.split(_MISFIT, 1)[1].splitlines()[0])
            return SchemaError(
                f"the value {value!r} is no {kind}",
                where=f"{where}, column {column}",
                fix="mend it in the source, or read a view that casts the column",
            )
        if "Invalid string encoding" in text:
            return SchemaError(
                "a text is not valid UTF-8", where=where, fix="mend it in the source, or read a view that converts the column"
            )
        known = engine_error(error, redact(sql))
        return type(known)(redact(text), where=where, fix="see the message; is there room on the disk of the project's home?")


def _cast(column: str, found: str, kind: str) -> str:
    """`column` as a `kind`, or an error that names the first value that is none; a fraction is no integer."""
    name = quote(column)
    if found == kind:
        return name
    if kind == "VARCHAR":
        return f"CAST({name} AS VARCHAR)"
    cast = f"try_cast({name} AS {kind})"
    misfit = f"{cast} IS NULL"
    if kind in _INTEGERS and found.startswith(("DECIMAL", "DOUBLE", "FLOAT", "VARCHAR")):
        misfit += f" OR {cast} <> try_cast({name} AS DOUBLE)"
    told = f"json_array({literal(column)}, {literal(kind)}, left(CAST({name} AS VARCHAR), 80))"
    return f"CASE WHEN {name} IS NOT NULL AND ({misfit}) THEN error({literal(_MISFIT)} || {told}) ELSE {cast} END"


class _Watched:
    """Passes batches on and keeps the error that ends them, which DuckDB would turn into a text."""

    def __init__(self, reader: "pa.RecordBatchReader") -> None:
        self._reader = reader
        self.failure: Exception | None = None

    def batches(self) -> "Iterator[pa.RecordBatch]":
        try:
            yield from self._reader
        except Exception as error:
            self.failure = error
            raise


def digest(columns: Mapping[str, str], *rest: object) -> str:
    """Hex digest over names and types and whatever else decides."""
    told: Sequence[object] = [list(columns.items()), *rest]
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()


def _number(file: Path) -> tuple[int, str]:
    """Where a file stands among those that one statement wrote: `data_10` after `data_2`."""
    digits = file.stem.rpartition("_")[2]
    return (int(digits) if digits.isdecimal() else 0, file.name)
