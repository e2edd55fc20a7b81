"""Which rows of big tables a trial looks at: those about the cutoff, of some of the entities.

What a query may not read, it may not read of any database, so a part of the rows is as good a witness as all of them, and a lint
of a hundred million rows takes seconds. Rows ascend with time, so those about a cutoff lie together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rdl.database import Engine, Table, quote

_MOST = 1_000_000


@dataclass(frozen=True)
class Sample:
    """SQL conditions on the rows of the tables that are too big, by table, and what they amount to, for a reader."""

    conditions: Mapping[str, str]
    said: str


def draw_sample(engine: Engine, tables: Sequence[Table], entity: str, cutoff: int, end: int) -> Sample:
    """The sample of `tables` for a trial at `cutoff`, whose label ends at `end`, microseconds UTC."""
    big = [t for t in tables if t.rows > _MOST]
    if not big:
        return Sample({}, "")
    conditions, places = {}, {t.name: _place(t, entity) for t in big}
    share = max((-(-_span(t, engine, cutoff, end)[2] // _MOST) for t in big if places[t.name]), default=1)
    told = []
    for table in big:
        low, high, count = _span(table, engine, cutoff, end)
        place = places[table.name]
        part = share if place else -(-count // _MOST)
        parts = [f"_row >= {low} AND _row < {high}"] if count < table.rows else []
        if part > 1:
            parts.append(f"hash({place or '_row'}) % {part} = 0")
        conditions[table.name] = f"({' AND '.join(parts) or 'true'})"
        told.append(f"about 1 in {table.rows * part // max(count, 1):,} of the rows of {table.name}")
    if share > 1 and entity in {t.name for t in tables}:
        conditions.setdefault(entity, f"hash(_row) % {share} = 0")
        told.append(f"those of the same 1 in {share:,} of {entity}")
    return Sample(conditions, ", ".join(told))


def _place(table: Table, entity: str) -> str:
    """The column by which a table's rows belong to an entity, "" where none does."""
    if table.name == entity:
        return "_row"
    return next((quote(f"_ref_{r.column}") for r in table.references if r.table == entity), "")


def _span(table: Table, engine: Engine, cutoff: int, end: int) -> tuple[int, int, int]:
    """The first row of those about the cutoff, the row behind the last one, and how many they are; all rows without a time."""
    if table.time is None:
        return 0, table.rows, table.rows
    found = engine.numpy(
        f"SELECT count(*) FILTER (_time < {cutoff}) AS a, count(*) FILTER (_time < {end}) AS b FROM rows.{quote(table.name)}"
    )
    low, high = max(int(found["a"][0]) - 2 * _MOST, 0), min(int(found["b"][0]) + _MOST, table.rows)
    return low, high, high - low
