"""Refresh: reading only what is new of a table, such that the outcome equals reading all of it.

The edge is the last watermark less the look-back. What the source holds at or above the edge, or without a watermark, is read anew
and takes the place of what earlier parts hold there; earlier rows whose key comes again go as well. That equals a full reload as
long as the source keeps its word: rows are appended, arrive late by no more than the look-back, or are updated under their key with
a higher watermark. A row deleted below the edge is not noticed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from pathlib import Path

import numpy as np

from rdl.database.engine import literal, load_sql, quote
from rdl.database.sources.parts import Draft, Part, Writer, is_float, is_time, parquet, stored_type, total
from rdl.database.sources.source import Feed, FeedTable
from rdl.errors import SchemaError, TimeError, nearest
from rdl.project import TableSettings
from rdl.timeline import DAY, parse_duration, parse_time, to_datetime

_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "DECIMAL")
_MANY = 64  # parts of a table beyond which small ones are merged
_EXACT = Context(prec=100)
_LARGE = 1_000_000  # rows of a part that is not small


@dataclass(frozen=True)
class Edge:
    """Where reading begins: rows at or above `value` of `column`, and rows without one.

    Attributes:
        sql: the value as an SQL expression.
        number: the value as parts remember theirs; None where that is the text itself.
    """

    column: str
    value: object
    sql: str
    number: Decimal | None

    @property
    def below(self) -> str:
        """The condition of rows that are not read anew."""
        return f"coalesce({quote(self.column)} < {self.sql}, false)"

    @property
    def above(self) -> str:
        """The condition of rows that are."""
        return f"NOT {self.below}"

    def is_beyond(self, part: Part) -> bool:
        """Whether every row of `part` lies below; texts have the order of their code points, in DuckDB as in Python."""
        if part.high is None or part.unordered:
            return False
        return part.high < str(self.value) if self.number is None else Decimal(part.high) < self.number


@dataclass(frozen=True)
class Renewed:
    """A table brought up to date: earlier parts that stay, what is written beside them, and a sentence about it."""

    kept: tuple[Part, ...]
    drafts: list[Draft]
    note: str


def check_watermark(table: FeedTable, settings: TableSettings, where: str) -> None:
    """See that a declared watermark and its look-back can order the rows of `table`.

    Raises:
        SchemaError: the column is missing or of a type without order, or the look-back is not in its unit.
    """
    column = settings.watermark
    if column is None:
        return
    if column not in table.columns:
        raise SchemaError(
            f"no column {column!r} in table {table.name!r}", where=f"{where} watermark", fix=nearest(column, table.columns)
        )
    kind = stored_type(table.columns[column])
    if kind.endswith("]") or not (is_time(kind) or is_float(kind) or kind.startswith((*_NUMBERS, "VARCHAR"))):
        raise SchemaError(
            f"the watermark {table.name}.{column} is {kind}, which has no order",
            where=f"{where} watermark",
            fix="name a column of numbers, times or texts, or remove the line to read the table whole",
        )
    if is_time(kind):
        _check_duration(settings.lookback, f"{where} lookback")
    elif kind == "VARCHAR":
        if settings.lookback != 0:
            raise SchemaError(
                f"lookback = {settings.lookback!r}, and there is no distance between texts",
                where=f"{where} lookback",
                fix=f"the watermark {column!r} is text: remove the line, or name a column of numbers or times",
            )
    elif not isinstance(settings.lookback, int) or settings.lookback < 0:
        raise SchemaError(
            f"lookback = {settings.lookback!r} is no distance between numbers",
            where=f"{where} lookback",
            fix=f"the watermark {column!r} is {kind}: write a whole number, such as 1000",
        )


def _check_duration(lookback: str | int, where: str) -> int:
    """Microseconds of a look-back in time."""
    if lookback == 0:
        return 0
    try:
        return parse_duration(str(lookback))
    except TimeError as error:
        raise SchemaError(f"lookback: {error.what}", where=where, fix=error.fix) from error


def find_edge(table: FeedTable, settings: TableSettings, parts: Sequence[Part]) -> Edge | str:
    """The edge above `parts`, or why there is none.

    The source may hold a value more exactly than its part does, so the edge of a time or a float lies one step lower still.
    """
    column = settings.watermark or ""
    kind = stored_type(table.columns[column])
    texts = [part.high for part in parts if part.high is not None]
    if not texts:
        return "it held no watermark before"
    if kind == "VARCHAR":
        return Edge(column, max(texts), literal(max(texts)), None)
    highs = [Decimal(text) for text in texts]
    if is_time(kind):
        return _edge_in_time(column, kind, int(max(highs)), _check_duration(settings.lookback, ""))
    number = _EXACT.subtract(max(highs), Decimal(settings.lookback))
    if not is_float(kind):
        return Edge(column, number if "DECIMAL" in kind else int(number), format(number, "f"), number)
    step = np.nextafter(np.float32(number), np.float32(-np.inf)) if kind == "FLOAT" else math.nextafter(float(number), -math.inf)
    return Edge(column, float(step), f"CAST('{float(step)!r}' AS DOUBLE)", Decimal(float(step)))


def _edge_in_time(column: str, kind: str, high: int, lookback: int) -> Edge | str:
    """The edge below `high` microseconds; a time in the future tells nothing of the rows that are still to come."""
    if high > parse_time(datetime.now(UTC)) + DAY:
        return "its last watermark lies in the future"
    time = high - lookback - 1
    if kind == "DATE":
        time = (high - lookback) // DAY * DAY
    try:
        moment = to_datetime(time)
    except OverflowError:
        return "its look-back reaches further than the calendar"
    value: object = moment
    if kind == "DATE":
        value = moment.date()
    elif kind == "TIMESTAMP WITH TIME ZONE":
        value = moment.replace(tzinfo=UTC)
    known = kind if kind in {"DATE", "TIMESTAMP WITH TIME ZONE"} else "TIMESTAMP"
    return Edge(column, value, f"CAST(make_timestamp({time}) AS {known})", Decimal(time))


def renew(
    writer: Writer, feed: Feed, table: FeedTable, parts: Sequence[Part], edge: Edge, key: Sequence[str], folder: Path
) -> Renewed | str:
    """Bring `parts` of `table`, which lie in `folder`, up to date; or why the table must be read whole after all.

    Rows read anew take the place of those at or above `edge`, and of those with the same `key`; () where rows are only appended.
    """
    fresh = writer.land(feed.read(table, (edge.column, edge.value)), edge.above)
    rows = total(d.part for d in fresh)
    kept = [part for part in parts if edge.is_beyond(part)]
    crossing = [p for p in parts if p not in kept]
    matched = _matched(writer, [folder / p.file for p in parts], parquet(d.path for d in fresh), edge, key)
    if isinstance(matched, str):
        return matched
    replaced = writer.content(parquet(folder / p.file for p in crossing), edge.above) if crossing else (0, 0, 0)
    since = f"{edge.column} >= {edge.value}"
    if replaced == rows and not matched:
        return Renewed(tuple(parts), [], f"nothing new ({rows[0]:,} rows read, {since})")
    drafts = []
    for part in parts:
        if part in crossing or str(folder / part.file) in matched:
            relation = parquet([folder / part.file])
            if key:
                fresh_keys = f"(SELECT {_names(key)} FROM {parquet(d.path for d in fresh)})"
                relation = f"(SELECT * FROM {relation} ANTI JOIN {fresh_keys} USING ({_names(key)}))"
            drafts += writer.write(relation, edge.below)
    stays, merged = _merge(writer, [p for p in kept if str(folder / p.file) not in matched], len(drafts) + len(fresh), folder)
    note = f"{rows[0]:,} rows read, {since}; they replace {replaced[0] + sum(matched.values()):,} earlier ones"
    written = [d for d in (*merged, *drafts, *fresh) if d.part.content[0]]
    return Renewed(stays, written if stays or written else fresh[:1], note)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(quote(column) for column in columns)


def _matched(writer: Writer, files: list[Path], fresh: str, edge: Edge, key: Sequence[str]) -> dict[str, int] | str:
    """Earlier rows below the edge that come again under their key, by file; or why the key is none."""
    if not key:
        return {}
    names = _names(key)
    if not is_unique(writer, fresh, key):
        return "its key is not unique"
    found = writer.ask(
        load_sql("landing/matched.sql").format(key=names, earlier=parquet(files, "_rdl_file"), below=edge.below, fresh=fresh)
    )
    if found and found[0][2] != found[0][3]:
        return "its key is not unique"
    return {file: rows for file, rows, *_ in found}


def is_unique(writer: Writer, relation: str, key: Sequence[str]) -> bool:
    """Whether no two rows of `relation` have the same key; a key with a null in it is none."""
    known = " AND ".join(f"{quote(column)} IS NOT NULL" for column in key)
    return not writer.ask(f"SELECT 1 FROM {relation} WHERE {known} GROUP BY {_names(key)} HAVING count(*) > 1 LIMIT 1")


def _merge(writer: Writer, parts: list[Part], others: int, folder: Path) -> tuple[tuple[Part, ...], list[Draft]]:
    """What stays of `parts`, and the small ones in one where there have come to be too many."""
    small = [part for part in parts if part.content[0] < _LARGE]
    if len(parts) + others <= _MANY or len(small) < 2:
        return tuple(parts), []
    return tuple(p for p in parts if p not in small), writer.write(parquet(folder / p.file for p in small))
