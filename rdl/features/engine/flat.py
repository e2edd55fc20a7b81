"""A block for the kernels: which rows they read, which pieces they compute, and the SQL of what the families make of these.

The families' expressions are the same as on the path of SQL alone (`rdl.features.compile`), which defines every feature. Here they
stand over tables that are alike row by row, so nothing is joined but the last row's parents.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine
from rdl.database.engine import load_sql, quote
from rdl.features.chain import Chain
from rdl.features.compile import chain_sql, climb, column_sql, fact_table, number_sql, parent_joins
from rdl.features.engine import kernels
from rdl.features.engine.pieces import Pieces
from rdl.features.engine.scan import Scan
from rdl.features.families import FAMILIES
from rdl.features.plan import Anchor, Block, Feature, Measure
from rdl.timeline import NEVER

WANTED = "<wanted>"
"""Stands in the SQL of the fact rows for a condition over the key."""
_PIECE = re.compile(r"p\.(d\d+)|coalesce\(p\.(d\d+), 0\)")
_NUMBERED = re.compile(r"(v|lo|hi)(\d+)")


@dataclass(frozen=True)
class FlatBlock:
    """One block as the kernels compute it.

    Attributes:
        features: the block's, in their order.
        events: SQL of the fact rows; `WANTED` stands for a condition over the key, which is `key`.
        pieces: what the kernels compute.
        numbers, natives: columns of the fact rows that are read.
        direct: features that are a piece as it stands, by place: its name, and whether null counts as 0.
        rows: (alias, column) of single rows that the query reads.
        query: SQL of the other features; "" where there is none.
    """

    features: tuple[Feature, ...]
    key: str
    events: str
    pieces: Pieces
    numbers: tuple[str, ...]
    natives: tuple[str, ...]
    direct: dict[int, tuple[str, bool]]
    rows: frozenset[tuple[str, str]]
    query: str

    @property
    def width(self) -> int:
        """Bytes a point takes while it is computed."""
        return 8 * (len(self.pieces.pieces) + len(self.rows)) + 4 * len(self.features) + 64

    @property
    def row_width(self) -> int:
        """Bytes a fact row takes while it is read, about."""
        wide = sum(self.pieces.block.measures[int(name[1:])].nullable for name in self.numbers)
        return 48 + len(self.numbers) + 7 * wide + 16 * len(self.natives)


def flat_block(
    block: Block, features: Sequence[Feature], half_lives: Sequence[float], recent: int, ascents: Sequence[Chain] = ()
) -> FlatBlock:
    """The kernels' view of `features`, all of them of `block`; `ascents` as for `compile_block`.

    Raises:
        Unsupported: a feature asks for what no kernel computes.
    """
    pieces = Pieces(block, half_lives, recent)
    direct, columns = {}, []
    for i, feature in enumerate(features):
        sql = FAMILIES[feature.proposer].sql(feature, pieces)
        found = _PIECE.fullmatch(sql)
        if found and not feature.categorical:
            direct[i] = (found[1] or found[2], found[2] is not None)
        else:
            columns.append(f",\n    {column_sql(feature, sql)} AS f{i}")
    for ascent in (*ascents, *pieces.parents):
        pieces.native(f"_ref_{ascent.hops[0].column}")
    joins = "\n".join(parent_joins(pieces))
    rows = frozenset(pieces.rows_read("\n".join((*columns, joins))))
    measures = {p.measure for p in pieces.pieces if p.measure >= 0}
    measures |= {int(found[2]) for _, column in rows if (found := _NUMBERED.fullmatch(column))}
    key, events = _events(block, pieces, sorted(measures))
    tables = " POSITIONAL JOIN ".join(("flat_p p", *(f"flat_{alias} {alias}" for alias in sorted({a for a, _ in rows}))))
    query = load_sql("features/flat.sql").format(columns="".join(columns), tables=tables, joins=joins) if columns else ""
    numbers = tuple(f"v{i}" for i in sorted(measures))
    return FlatBlock(tuple(features), key, events, pieces, numbers, tuple(pieces.natives.values()), direct, rows, query)


def _events(block: Block, pieces: Pieces, measures: Sequence[int]) -> tuple[str, str]:
    """The key, and the SQL of the fact rows with a place for `WANTED`."""
    key, time, joins = chain_sql(block)
    if block.anchor in (Anchor.WORLD, Anchor.SEASON):
        key = "0"
    columns = [f", {_narrow(block.measures[i])} AS v{i}" for i in measures]
    columns += [f", f.{quote(column)} AS {alias}" for column, alias in pieces.natives.items()]
    sql = load_sql("features/events.sql").format(
        key=key,
        time=time,
        source=fact_table(block),
        joins="\n".join(joins),
        columns="".join(columns),
        wanted=WANTED,
        never=NEVER,
    )
    return key, sql


def _narrow(measure: Measure) -> str:
    """A measure's number in as few bytes as hold it."""
    return number_sql(measure) if measure.nullable else f"CAST({number_sql(measure)} AS TINYINT)"


def evaluate_flat(flat: FlatBlock, engine: Engine, scan: Scan, point: NDArray[np.int64]) -> tuple[dict[int, Any], pl.DataFrame]:
    """The features of one bucket's points, whose ids are `point` [n].

    Returns the numeric features that are pieces, float32 [n] by place, and a frame with `_point` and the others.
    """
    columns = scan.columns()
    direct = {i: single(columns[name], null_is_zero) for i, (name, null_is_zero) in flat.direct.items()}
    if not flat.query:
        return direct, pl.DataFrame({"_point": point})
    read = set(re.findall(r"p\.(d\d+)", flat.query))
    structure = {"_point": point, "as_of": scan.as_of}
    tables = scan.rows(flat.rows)
    tables["p"] = {**structure, **{name: _nullable(values) for name, values in columns.items() if name in read}}
    for alias, table in tables.items():
        engine.register(f"flat_{alias}", pa.table(table))
    try:
        return direct, engine.polars(flat.query)
    finally:
        for alias in tables:
            engine.unregister(f"flat_{alias}")


def climb_rows(engine: Engine, scan: Scan, reference: str, ascent: Chain, places: int, point: NDArray[np.int64]) -> Any:
    """Row ids of the parents at the end of `ascent`, for each of the last `places` rows of every point: _point, place, parent."""
    own, place, row = scan.last_rows(places)
    lasts = {"_point": point[own], "place": place, "as_of": scan.as_of[own], "reference": scan.events.natives[reference].take(row)}
    joins, alias, column = [], "p", "reference"
    for i, hop in enumerate(ascent.hops):
        joins.append(climb(hop.table, f"a{i}", f"{alias}.{column}"))
        alias = f"a{i}"
        column = quote("_ref_" + ascent.hops[i + 1].column) if i + 1 < len(ascent.hops) else "_row"
    sql = load_sql("features/climb.sql").format(lasts="flat_lasts", parent=f"{alias}._row", joins="\n".join(joins))
    engine.register("flat_lasts", pa.table(lasts))
    try:
        return engine.numpy(sql)
    finally:
        engine.unregister("flat_lasts")


def single(values: NDArray[Any], null_is_zero: bool = False) -> NDArray[np.float32]:
    """Values as float32, as TRY_CAST makes them: NaN for null, and for what is finite but too large."""
    if values.dtype == np.int64:
        known = values != kernels.MISSING
        return np.where(known, values, 0 if null_is_zero else np.nan).astype(np.float32)
    with np.errstate(over="ignore"):
        short = values.astype(np.float32)
    short[np.isinf(short) & np.isfinite(values)] = np.nan
    if null_is_zero:
        short[np.isnan(values)] = 0
    return short


def _nullable(values: NDArray[Any]) -> pa.Array:
    """Values as Arrow with their nulls, without a copy of them."""
    known = values != kernels.MISSING if values.dtype == np.int64 else ~np.isnan(values)
    bits = pa.py_buffer(np.packbits(known, bitorder="little"))
    kind = pa.int64() if values.dtype == np.int64 else pa.float64()
    return pa.Array.from_buffers(kind, len(values), [bits, pa.py_buffer(np.ascontiguousarray(values))])
