"""Facts of one table's finished rows, counted once for everything that observes them.

Counts are exact; `distinct` is DuckDB's estimate, which depends on the values alone. Means are rounded: their last digits would
depend on the order in which threads add up.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rdl.database.engine import load_sql, quote
from rdl.database.relation import Ask
from rdl.database.schema import Column, Semantic, Table
from rdl.timeline import DAY

BATCH = 50  # columns a pass
SHOWN = 100  # characters kept of the lowest and the highest value
ODD = r"[^\t\n\r\x20-\x7E]"  # beyond what plain English text is made of

_PLAIN = ("VARCHAR", "BOOLEAN", "ENUM", "UUID", "TIME", "DATE", "FLOAT", "DOUBLE", "DECIMAL", "REAL")  # TIME begins TIMESTAMP too
_NUMBERS = ("FLOAT", "DOUBLE", "DECIMAL", "REAL")
FAR = 2**62  # beyond lie the two sentinels, and no events; sums of what is nearer stay within int64


@dataclass(frozen=True)
class Facts:
    """Facts of a column.

    Attributes:
        known: values that are not null.
        distinct: about how many different ones.
        low, high: the lowest and the highest as text, shortened; None where there is none.
        single: whether all known values are one.
        mean: of numbers and booleans, to six digits.
        odd: texts with a character beyond printable ASCII.
        broken: embeddings with a number that is not finite.
    """

    known: int
    distinct: int
    low: str | None
    high: str | None
    single: bool
    mean: float | None
    odd: int
    broken: int


@dataclass(frozen=True)
class Events:
    """When rows happen.

    Attributes:
        days: on how many days something happened.
        last: the last event that is not in the future, in microseconds UTC; None where there is none.
        gap: days between events, as long as they get: the longest but one of twenty and more, so that one stray row says nothing.
    """

    days: int
    last: int | None
    gap: int


@dataclass(frozen=True)
class Survey:
    """Facts of a table."""

    table: Table
    columns: Mapping[str, Facts]
    events: Events


def rows_of(table: Table) -> str:
    """What stands behind FROM to read the finished rows."""
    return f"db.rows.{quote(table.name)}"


def survey(ask: Ask, table: Table, now: int) -> Survey:
    """Count what is in `rows."table"`.

    Args:
        ask: runs SQL.
        table: the finished table.
        now: microseconds at which the database was read; what is more than a day later did not happen yet.
    """
    facts: dict[str, Facts] = {}
    for columns in _batches(table.columns):
        wanted = ", ".join(_aggregates(table, column) for column in columns)
        values = ask(f"SELECT {wanted} FROM {rows_of(table)}")[0]
        facts |= {c.name: _facts(values[8 * i : 8 * i + 8]) for i, c in enumerate(columns)}
    return Survey(table, facts, _events(ask, table, now))


def _batches(columns: Sequence[Column]) -> list[tuple[Column, ...]]:
    return [tuple(columns[i : i + BATCH]) for i in range(0, len(columns), BATCH)]


def is_number(sql_type: str) -> bool:
    """Whether the type is a number's."""
    kind = sql_type.upper()
    return not kind.endswith("]") and (kind.startswith(_NUMBERS) or is_whole(kind))


def is_whole(sql_type: str) -> bool:
    """Whether the type is a whole number's."""
    kind = sql_type.upper()
    return kind.endswith("INT") or kind in {"INTEGER", "UINTEGER"}


def is_text(sql_type: str) -> bool:
    """Whether the type is text."""
    return sql_type.upper() == "VARCHAR"


def _aggregates(table: Table, column: Column) -> str:
    """SQL of the eight facts of a column."""
    c, kind = quote(column.name), column.sql_type.upper()
    plain = not kind.endswith("]") and (kind.startswith(_PLAIN) or is_whole(kind))
    if not plain and column not in table.features:
        return f"count({c}), 0, NULL, NULL, false, NULL, 0, 0"
    ends = (f"left(CAST({end}({c}) AS VARCHAR), {SHOWN})" for end in ("min", "max"))
    number = f"CAST({c} AS DOUBLE)"
    mean = f"avg({number} / 1024) FILTER (isfinite({number})) * 1024" if is_number(kind) or kind == "BOOLEAN" else "NULL"
    odd = f"count(*) FILTER (regexp_matches({c}, '{ODD}'))" if is_text(kind) else "0"
    embedding = column.semantic is Semantic.EMBEDDING and kind.startswith(("FLOAT", "DOUBLE"))
    broken = f"count(*) FILTER (len(list_filter({c}, lambda x: NOT isfinite(x))) > 0)" if embedding else "0"
    return ", ".join([f"count({c}), approx_count_distinct({c})", *ends, f"min({c}) = max({c})", mean, odd, broken])


def _facts(values: Sequence[object]) -> Facts:
    known, distinct, low, high, single, mean, odd, broken = values
    return Facts(
        known=_int(known),
        distinct=min(_int(distinct), _int(known)),
        low=None if low is None else str(low),
        high=None if high is None else str(high),
        single=bool(single),
        mean=float(f"{mean:.6g}") if isinstance(mean, float) and math.isfinite(mean) else None,
        odd=_int(odd),
        broken=_int(broken),
    )


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value


def _events(ask: Ask, table: Table, now: int) -> Events:
    if table.time is None or not table.rows:
        return Events(0, None, 0)
    sql = load_sql("checks/events.sql").format(
        source=rows_of(table), lag=table.lag, day=DAY, first=-FAR, last=min(now + DAY + table.lag, FAR)
    )
    days, last, gaps = ask(sql)[0]
    gaps = [gap for gap in gaps or [] if gap is not None]
    return Events(days, last, 0 if not gaps else gaps[-1] if days >= 20 else gaps[0])
