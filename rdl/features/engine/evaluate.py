"""Running compiled blocks: points in, columns out, in buckets of keys so that memory stays bounded."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine, quote
from rdl.features.chain import Chain
from rdl.features.compile import POINTS, compile_block, fact_table, group_query, parents_query
from rdl.features.engine import moves
from rdl.features.engine.buckets import WHOLE, Buckets, Reading, Share
from rdl.features.engine.flat import FlatBlock, climb_rows, evaluate_flat, flat_block
from rdl.features.engine.lanes import Lanes
from rdl.features.engine.pieces import Unsupported
from rdl.features.engine.records import Parents, distinct_pairs, mean_over
from rdl.features.engine.scan import Overflow, Scan
from rdl.features.plan import Anchor, Block, Feature, FeaturePlan
from rdl.timeline import NEVER, visible

log = logging.getLogger(__name__)

Int = NDArray[np.int64]

BYTES_AT_ONCE = 5 * 2**27
"""What rows that all have one key, and what became of all parents, may take while they are computed."""
FLOOR = 48
"""Bytes a row takes whatever is read of it: its place, its time and one measure's sums."""
PLACES = 10
"""How many recent rows the parents of a RECENT block come from."""


@dataclass(frozen=True)
class Table:
    """A block's columns at n points: numbers float32 [n, k], categories as codes [n, c] into `levels` [c]."""

    values: NDArray[np.float32]
    codes: NDArray[np.int32]
    levels: tuple[tuple[str, ...], ...]


class Evaluator:
    """Runs the blocks of one plan; remembers the parents that later blocks start from."""

    def __init__(self, plan: FeaturePlan, lanes: Lanes, by_sql: bool = False) -> None:
        self._plan, self._lanes, self._by_sql = plan, lanes, by_sql
        self._reading = Reading(lanes)
        self._parents: dict[tuple[str, Chain], Parents] = {}
        self._grid: Int | None = None
        self._records: dict[str, Table] = {}

    @property
    def _engine(self) -> Engine:
        return self._lanes.engine

    def features(self, block: Block) -> tuple[Feature, ...]:
        """The plan's features of a block."""
        return tuple(f for f in self._plan.features if f.block == block.name)

    def ascents(self, block: Block) -> dict[Chain, int]:
        """The chains that other blocks follow from this block's last rows, and how many of these rows they need."""
        found: dict[Chain, int] = {}
        for other in self._plan.blocks:
            if other.climbs and other.source == block.name and other.ascent is not None and self.features(other):
                places = 1 if other.anchor is Anchor.LAST else PLACES
                found[other.ascent] = max(places, found.get(other.ascent, 0))
        return found

    def run(self, block: Block, key: Int, as_of: Int, share: Share = WHOLE) -> Table:
        """The block's features at distinct points (key, as_of) [n], ascending; its parents are kept for `run_parents`."""
        features = self.features(block)
        if block.anchor not in (Anchor.WORLD, Anchor.SEASON):
            return self._run(block, features, key, as_of, share)
        parts = [self._run(block, some, key, as_of, share) for some in self._slices(block, features)]
        return Table(np.hstack([p.values for p in parts]), np.hstack([p.codes for p in parts]), sum((p.levels for p in parts), ()))

    def _slices(self, block: Block, features: tuple[Feature, ...]) -> Iterator[tuple[Feature, ...]]:
        """Features that are computed at once where all rows have one key, so that rows are read for few measures at a time."""
        room = BYTES_AT_ONCE // max(self._reading.rows(fact_table(block)), 1) - FLOOR
        some: list[Feature] = []
        for feature in features:
            if some and 8 * len({f.measure for f in (*some, feature)}) > room and feature.measure != some[-1].measure:
                yield tuple(some)
                some = []
            some.append(feature)
        yield tuple(some)

    def _run(self, block: Block, features: tuple[Feature, ...], key: Int, as_of: Int, share: Share) -> Table:
        ascents = self.ascents(block)
        flat = self._flat(block, features, tuple(ascents))
        parents = {ascent: Parents.none(len(key), places) for ascent, places in ascents.items()}
        result = _Result(features, len(key), parents)
        with self._reading.buckets(block, flat, key, share) as split:
            for bucket, point in split:
                points = _Points(bucket, point, key[point], as_of[point])
                if flat is None or not self._run_flat(flat, block, points, split, result):
                    self._run_sql(block, features, points, result)
        self._parents.update(((block.name, ascent), found) for ascent, found in parents.items())
        return Table(result.values, *_codes(result.categories, len(key), len(result.categorical)))

    def close(self) -> None:
        """Let go of rows that were kept for later calls."""
        self._reading.close()

    def groups(self, block: Block, entity: Int, as_of: Int) -> Int:
        """The group of each entity [n] in a PEERS block; -1, which is nobody's, where its column is null or not visible yet."""
        rows, inverse = np.unique(entity, return_inverse=True)
        self._engine.register(POINTS, pa.table({"key": rows}))
        try:
            found = self._engine.numpy(f"{group_query(block)} AND _row IN (SELECT key FROM {POINTS})")
        finally:
            self._engine.unregister(POINTS)
        code, time = np.full(len(rows), -1, dtype=np.int64), np.full(len(rows), NEVER, dtype=np.int64)
        place = np.searchsorted(rows, found["entity"])
        code[place], time[place] = found["code"], found["time"]
        return np.where(visible(time[inverse], as_of), code[inverse], -1)

    def run_parents(self, block: Block, as_of: Int) -> Table:
        """A LAST or RECENT block at the points of its source, whose times are `as_of` [n]: the mean over each point's parents."""
        assert block.ascent is not None
        parents = self._parents[block.source, block.ascent]
        if block.anchor is Anchor.LAST:
            parents = Parents(parents.rows[:, :1])
        times, rank = np.unique(as_of, return_inverse=True)
        if self._grid is None or not np.isin(times, self._grid, assume_unique=True).all():
            pairs = distinct_pairs(parents, rank.astype(np.int32), len(times))
            table, row = self.run(block, pairs.parent, times[pairs.moment]), pairs.row
        else:
            table = self._on_grid(block, self._grid)
            place = np.searchsorted(self._grid, times)[rank][:, None]
            row = np.where(parents.rows >= 0, parents.rows.astype(np.int64) * len(self._grid) + place, -1).astype(np.int32)
        return Table(mean_over(table.values, row), np.empty((len(as_of), 0), dtype=np.int32), ())

    def expect(self, times: Int, points: int) -> None:
        """Tell of moments, ascending, that many calls ask about, so that what became of all parents at them is computed once.

        `points` is how many points all calls have together: where there are more parents than that, each call computes its own.
        """
        blocks = [b for b in self._plan.blocks if b.climbs and self.features(b)]
        cells = sum(self._parent_rows(block) * len(self.features(block)) for block in blocks) * len(times)
        most = max((self._parent_rows(block) for block in blocks), default=0) * len(times)
        self._grid = times if 4 * cells <= BYTES_AT_ONCE and most <= 2 * points else None

    def prepare_parents(self, block: Block) -> None:
        """Compute what became of all parents of a LAST or RECENT block at the expected moments, where that is worth it."""
        if self._grid is not None:
            self._on_grid(block, self._grid)

    def cost(self, block: Block) -> int:
        """How long a block takes beside others, about."""
        return self._reading.rows(fact_table(block)) * (4 + len(self.features(block)))

    def _on_grid(self, block: Block, times: Int) -> Table:
        """A block of parents at every one of them and of `times`."""
        if block.name not in self._records:
            rows = np.arange(self._parent_rows(block), dtype=np.int64)
            self._records[block.name] = self.run(block, np.repeat(rows, len(times)), np.tile(times, len(rows)))
        return self._records[block.name]

    def _parent_rows(self, block: Block) -> int:
        assert block.ascent is not None
        return self._reading.rows(f"rows.{quote(block.ascent.end)}")

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

    def _run_flat(self, flat: FlatBlock, block: Block, points: "_Points", split: Buckets, result: "_Result") -> bool:
        """One bucket by kernels; False where its sums may not fit."""
        new = np.diff(points.key, prepend=points.key[:1] - 1) != 0
        keys, slot = points.key[new], np.cumsum(new, dtype=np.int32) - 1
        events = split.events(points.bucket, keys)
        scan = Scan(block, events, flat.pieces, slot, points.as_of)
        try:
            direct, frame = evaluate_flat(flat, self._engine, scan, points.point)
        except Overflow:
            return False
        result.add(points.point, direct, frame)
        for ascent, parents in result.parents.items():
            reference = flat.pieces.natives[f"_ref_{ascent.hops[0].column}"]
            found = climb_rows(self._engine, scan, reference, ascent, parents.rows.shape[1], points.point)
            parents.put(found["_point"], found["place"], found["parent"])
        return True

    def _run_sql(self, block: Block, features: tuple[Feature, ...], points: "_Points", result: "_Result") -> None:
        """One bucket by SQL alone."""
        settings = self._plan.settings
        compiled = compile_block(block, features, settings.half_lives, settings.recent, tuple(result.parents))
        self._engine.register(POINTS, pa.table({"_point": points.point, "key": points.key, "as_of": points.as_of}))
        try:
            for statement in compiled.script:
                self._engine.execute(statement)
            result.add(points.point, {}, self._engine.polars(compiled.values))
            for ascent, parents in result.parents.items():
                native = compiled.native(f"_ref_{ascent.hops[0].column}")
                found = self._engine.numpy(parents_query(native, ascent, parents.rows.shape[1]))
                parents.put(found["_point"], found["place"], found["parent"])
        finally:
            self._engine.unregister(POINTS)
            for table in ("feature_facts", "feature_visible", "feature_recent"):
                self._engine.execute(f"DROP TABLE IF EXISTS temp.{table}")


@dataclass(frozen=True)
class _Points:
    """Points of one bucket [n]: their ids, ascending keys and moments."""

    bucket: int
    point: Int
    key: Int
    as_of: Int


class _Result:
    """What the buckets of one block found so far."""

    def __init__(self, features: tuple[Feature, ...], points: int, parents: dict[Chain, Parents]) -> None:
        self._numeric = [i for i, f in enumerate(features) if not f.categorical]
        self.categorical = [f"f{i}" for i, f in enumerate(features) if f.categorical]
        self.values = np.full((points, len(self._numeric)), np.nan, dtype=np.float32)
        self.categories: list[pl.DataFrame] = []
        self.parents = parents

    def add(self, point: Int, direct: dict[int, NDArray[np.float32]], frame: pl.DataFrame) -> None:
        """One bucket: features [n] of `point` by place, and the others by name in a frame with `_point`."""
        own, columns = frame["_point"].to_numpy(), np.empty((len(self._numeric), len(point)), dtype=np.float32)
        place = None if np.array_equal(own, point) else np.searchsorted(point, own)
        for j, i in enumerate(self._numeric):
            if i in direct:
                columns[j] = direct[i]
            else:
                columns[j, slice(None) if place is None else place] = frame[f"f{i}"].to_numpy()
        moves.put_rows(columns, point, self.values)
        self.categories.append(frame.select("_point", *self.categorical))


def _codes(parts: list[pl.DataFrame], n: int, columns: int) -> tuple[NDArray[np.int32], tuple[tuple[str, ...], ...]]:
    """Categorical columns of all buckets as codes [n, c] into sorted levels; of no buckets, where there are no points."""
    if not parts:
        return np.full((n, columns), -1, dtype=np.int32), ((),) * columns
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
