"""Running compiled blocks: points in, columns out, in buckets of keys so that memory stays bounded."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine, quote
from rdl.features.chain import Chain
from rdl.features.compile import HISTORY, POINTS, compile_block, group_query, parents_query
from rdl.features.events import Keys, read_events
from rdl.features.flat import WANTED, FlatBlock, climb_rows, evaluate_flat, flat_block
from rdl.features.pieces import Unsupported
from rdl.features.plan import Anchor, Block, Feature, FeaturePlan
from rdl.features.scan import Overflow, Scan

log = logging.getLogger(__name__)

Int = NDArray[np.int64]

BYTES_A_BUCKET = 2**29
"""What a bucket's rows, and what its points, may take while kernels compute it."""
FEW = 20
"""Where there are this many rows a point, the database filters them; else it is cheaper to read them all."""
FACTS_A_BUCKET = 2_000_000
POINTS_A_BUCKET = 200_000
PLACES = 10
"""How many recent rows the parents of a RECENT block come from."""


@dataclass(frozen=True)
class Table:
    """A block's columns at n points: numbers float32 [n, k], categories as codes [n, c] into `levels` [c]."""

    values: NDArray[np.float32]
    codes: NDArray[np.int32]
    levels: tuple[tuple[str, ...], ...]

    def take(self, index: Int) -> "Table":
        """The rows at `index`."""
        return Table(self.values[index], self.codes[index], self.levels)


@dataclass(frozen=True)
class Parents:
    """Parents of the last rows of n points: arrays [m] in the order of (point, place)."""

    point: Int
    parent: Int


class Evaluator:
    """Runs the blocks of one plan; remembers the parents that later blocks start from."""

    def __init__(self, plan: FeaturePlan, engine: Engine, by_sql: bool = False) -> None:
        self._plan, self._engine, self._by_sql = plan, engine, by_sql
        self._counts: dict[str, int] = {}
        self._groups: dict[str, Int] = {}
        self._parents: dict[tuple[str, Chain], Parents] = {}

    def features(self, block: Block) -> tuple[Feature, ...]:
        """The plan's features of a block."""
        return tuple(f for f in self._plan.features if f.block == block.name)

    def ascents(self, block: Block) -> dict[Chain, int]:
        """The chains that other blocks follow from this block's last rows, and how many of these rows they need."""
        found: dict[Chain, int] = {}
        for other in self._plan.blocks:
            if other.source == block.name and other.ascent is not None and self.features(other):
                places = 1 if other.anchor is Anchor.LAST else PLACES
                found[other.ascent] = max(places, found.get(other.ascent, 0))
        return found

    def run(self, block: Block, key: Int, as_of: Int) -> Table:
        """The block's features at distinct points (key, as_of) [n], ascending; its parents are kept for `run_parents`."""
        ascents, features = self.ascents(block), self.features(block)
        flat = self._flat(block, features, tuple(ascents))
        result = _Result(features, len(key), {ascent: [] for ascent in ascents})
        for number, bucket, wanted in self._buckets(block, key, flat):
            points = _Points(bucket, key[bucket], as_of[bucket])
            if flat is None or not self._run_flat(flat, block, points, wanted, ascents, result):
                self._run_sql(block, features, points, ascents, result)
            if number > 1:
                log.info("features: %s, part %d", block.name, number)
        for ascent, parts in result.parents.items():
            self._parents[block.name, ascent] = _in_order(parts)
        return Table(result.values, *_codes(result.categories, len(key)))

    def groups(self, block: Block, entity: Int) -> Int:
        """The group of each entity [n] in a PEERS block; -1, which is nobody's, where its column is null."""
        if block.name not in self._groups:
            found = self._engine.numpy(group_query(block))
            code = np.full(int(found["entity"].max(initial=-1)) + 1, -1, dtype=np.int64)
            code[found["entity"]] = found["code"]
            self._groups[block.name] = code
        known = self._groups[block.name]
        return (
            np.where(entity < len(known), known[np.minimum(entity, len(known) - 1)], -1) if len(known) else np.full_like(entity, -1)
        )

    def run_parents(self, block: Block, as_of: Int) -> Table:
        """A LAST or RECENT block at the points of its source, whose times are `as_of` [n]: the mean over each point's parents."""
        assert block.ascent is not None
        found = self._parents[block.source, block.ascent]
        if block.anchor is Anchor.LAST:
            first = np.unique(found.point, return_index=True)[1]
            found = Parents(found.point[first], found.parent[first])
        pairs, inverse = np.unique(np.stack([found.parent, as_of[found.point]]), axis=1, return_inverse=True)
        table = self.run(block, pairs[0], pairs[1])
        rows = table.values[inverse.reshape(-1)]
        return Table(_mean_by_point(rows, found.point, len(as_of)), np.empty((len(as_of), 0), dtype=np.int32), ())

    def _flat(self, block: Block, features: tuple[Feature, ...], ascents: tuple[Chain, ...]) -> FlatBlock | None:
        """The block as kernels compute it, or None where SQL alone does."""
        settings = self._plan.settings
        if self._by_sql:
            return None
        try:
            return flat_block(block, features, settings.half_lives, settings.recent, ascents)
        except Unsupported as reason:
            log.info("features: %s is computed by SQL alone, for no kernel computes %s", block.name, reason)
            return None

    def _rows(self, block: Block) -> int:
        """Rows of the block's fact table."""
        table = HISTORY if block.facts is None else f"rows.{quote(block.facts.table)}"
        if table not in self._counts:
            self._counts[table] = int(self._engine.numpy(f"SELECT count(*) AS n FROM {table}")["n"][0])
        return self._counts[table]

    def _buckets(self, block: Block, key: Int, flat: FlatBlock | None) -> Iterator[tuple[int, Int, str]]:
        """(number, indices of points, which facts as SQL over `{key}`); all points of a key are in one bucket."""
        facts = self._rows(block)
        if flat is None:
            count = max(-(-facts // FACTS_A_BUCKET), -(-len(key) // POINTS_A_BUCKET), 1)
        else:
            count = max(-(-facts * flat.row_width // BYTES_A_BUCKET), -(-len(key) * flat.width // BYTES_A_BUCKET), 1)
        whole = np.arange(len(key), dtype=np.int64)
        if block.anchor in (Anchor.WORLD, Anchor.SEASON):
            yield 0, whole, "TRUE"
            return
        for b in range(count):
            bucket = whole if count == 1 else np.flatnonzero(key % count == b)
            if len(bucket) or count == 1:
                some = len(bucket) * FEW < facts or block.anchor is Anchor.PEERS
                every = "{key} IS NOT NULL" if count == 1 else f"{{key}} % {count} = {b}"
                yield b if count > 1 else 0, bucket, f"{{key}} IN (SELECT key FROM {POINTS})" if some else every

    def _run_flat(
        self, flat: FlatBlock, block: Block, points: "_Points", wanted: str, ascents: dict[Chain, int], result: "_Result"
    ) -> bool:
        """One bucket by kernels; False where its sums may not fit."""
        keys, slot = np.unique(points.key, return_inverse=True)
        self._engine.register(POINTS, pa.table({"key": keys}))
        try:
            sql = flat.events.replace(WANTED, wanted.format(key=flat.key))
            events = read_events(self._engine, sql, Keys(keys), flat.numbers, flat.natives)
        finally:
            self._engine.unregister(POINTS)
        scan = Scan(block, events, flat.pieces, slot.astype(np.int32), points.as_of)
        try:
            direct, frame = evaluate_flat(flat, self._engine, scan, points.point)
        except Overflow:
            return False
        result.add(points.point, direct, frame)
        for ascent, places in ascents.items():
            reference = flat.pieces.natives[f"_ref_{ascent.hops[0].column}"]
            result.climbed(ascent, climb_rows(self._engine, scan, reference, ascent, places, points.point))
        return True

    def _run_sql(
        self, block: Block, features: tuple[Feature, ...], points: "_Points", ascents: dict[Chain, int], result: "_Result"
    ) -> None:
        """One bucket by SQL alone."""
        settings = self._plan.settings
        compiled = compile_block(block, features, settings.half_lives, settings.recent, tuple(ascents))
        self._engine.register(POINTS, pa.table({"_point": points.point, "key": points.key, "as_of": points.as_of}))
        try:
            for statement in compiled.script:
                self._engine.execute(statement)
            result.add(points.point, {}, self._engine.polars(compiled.values))
            for ascent, places in ascents.items():
                native = compiled.native(f"_ref_{ascent.hops[0].column}")
                result.climbed(ascent, self._engine.numpy(parents_query(native, ascent, places)))
        finally:
            self._engine.unregister(POINTS)
            for table in ("feature_facts", "feature_visible", "feature_recent"):
                self._engine.execute(f"DROP TABLE IF EXISTS temp.{table}")


@dataclass(frozen=True)
class _Points:
    """Points of one bucket [n]: their ids, ascending keys and moments."""

    point: Int
    key: Int
    as_of: Int


class _Result:
    """What the buckets of one block found so far."""

    def __init__(self, features: tuple[Feature, ...], points: int, parents: dict[Chain, list[Parents]]) -> None:
        self._numeric = [i for i, f in enumerate(features) if not f.categorical]
        self._categorical = [f"f{i}" for i, f in enumerate(features) if f.categorical]
        self.values = np.full((points, len(self._numeric)), np.nan, dtype=np.float32)
        self.categories: list[pl.DataFrame] = []
        self.parents = parents

    def add(self, point: Int, direct: dict[int, NDArray[np.float32]], frame: pl.DataFrame) -> None:
        """One bucket: features [n] of `point` by place, and the others by name in a frame with `_point`."""
        own = frame["_point"].to_numpy()
        for j, i in enumerate(self._numeric):
            if i in direct:
                self.values[point, j] = direct[i]
            else:
                self.values[own, j] = frame[f"f{i}"].to_numpy()
        self.categories.append(frame.select("_point", *self._categorical))

    def climbed(self, ascent: Chain, found: dict[str, NDArray[Any]]) -> None:
        """Parents of one bucket's last rows."""
        self.parents[ascent].append(Parents(found["_point"].astype(np.int64), found["parent"].astype(np.int64)))


def _in_order(parts: list[Parents]) -> Parents:
    point, parent = np.concatenate([p.point for p in parts]), np.concatenate([p.parent for p in parts])
    order = np.argsort(point, kind="stable")
    return Parents(point[order], parent[order])


def _mean_by_point(rows: NDArray[np.float32], point: Int, n: int) -> NDArray[np.float32]:
    """Mean of the non-null numbers of each point's rows, added up in their order: [m, k] -> [n, k], null where there is none."""
    known = ~np.isnan(rows)
    total = np.zeros((n, rows.shape[1]))
    number = np.zeros((n, rows.shape[1]))
    starts = np.flatnonzero(np.diff(point, prepend=-1))
    if len(starts):
        total[point[starts]] = np.add.reduceat(np.where(known, rows, 0).astype(np.float64), starts, axis=0)
        number[point[starts]] = np.add.reduceat(known.astype(np.float64), starts, axis=0)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan).astype(np.float32)


def _codes(parts: list[pl.DataFrame], n: int) -> tuple[NDArray[np.int32], tuple[tuple[str, ...], ...]]:
    """Categorical columns of all buckets as codes [n, c] into sorted levels."""
    frame = pl.concat(parts)
    names = [c for c in frame.columns if c != "_point"]
    point = frame["_point"].to_numpy()
    codes = np.full((n, len(names)), -1, dtype=np.int32)
    levels = []
    for j, name in enumerate(names):
        column = frame[name]
        known = column.drop_nulls().unique().sort()
        index = (
            column.replace_strict(known, pl.int_range(len(known), eager=True), default=-1, return_dtype=pl.Int32)
            if len(known)
            else pl.repeat(-1, len(column), dtype=pl.Int32, eager=True)
        )
        codes[point, j] = index.to_numpy()
        levels.append(tuple(known.to_list()))
    return codes, tuple(levels)
