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
from rdl.features.engine.events import Keys, read_events
from rdl.features.engine.flat import WANTED, FlatBlock, climb_rows, evaluate_flat, flat_block
from rdl.features.engine.pieces import Unsupported
from rdl.features.engine.records import Parents, distinct_pairs, mean_over
from rdl.features.engine.scan import Overflow, Scan
from rdl.features.plan import Anchor, Block, Feature, FeaturePlan
from rdl.timeline import NEVER, visible

log = logging.getLogger(__name__)

Int = NDArray[np.int64]

BYTES_A_BUCKET = 5 * 2**27
"""What a bucket's rows, and what its points, may take while kernels compute it."""
FLOOR = 48
"""Bytes a row takes whatever is read of it: its place, its time and one measure's sums."""
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
        if len(index) == len(self.values) and np.array_equal(index, np.arange(len(index))):
            return self
        return Table(self.values[index], self.codes[index], self.levels)


@dataclass(frozen=True)
class Share:
    """The keys that leave `rest` when divided by `count`: all that a call asks about."""

    count: int = 1
    rest: int = 0


class Evaluator:
    """Runs the blocks of one plan; remembers the parents that later blocks start from."""

    def __init__(self, plan: FeaturePlan, engine: Engine, by_sql: bool = False) -> None:
        self._plan, self._engine, self._by_sql = plan, engine, by_sql
        self._counts: dict[str, int] = {}
        self._parents: dict[tuple[str, Chain], Parents] = {}
        self._grid: Int | None = None
        self._records: dict[str, Table] = {}

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

    def run(self, block: Block, key: Int, as_of: Int, share: Share = Share()) -> Table:
        """The block's features at distinct points (key, as_of) [n], ascending; its parents are kept for `run_parents`."""
        features = self.features(block)
        if block.anchor not in (Anchor.WORLD, Anchor.SEASON):
            return self._run(block, features, key, as_of, share)
        parts = [self._run(block, some, key, as_of, share) for some in self._slices(block, features)]
        return Table(np.hstack([p.values for p in parts]), np.hstack([p.codes for p in parts]), sum((p.levels for p in parts), ()))

    def _slices(self, block: Block, features: tuple[Feature, ...]) -> Iterator[tuple[Feature, ...]]:
        """Features that are computed at once where all rows have one key, so that rows are read for few measures at a time."""
        room = BYTES_A_BUCKET // max(self._rows(fact_table(block)), 1) - FLOOR
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
        for bucket, wanted in self._buckets(block, key, flat, share):
            points = _Points(bucket, key[bucket], as_of[bucket])
            if flat is None or not self._run_flat(flat, block, points, wanted, result):
                self._run_sql(block, features, points, result)
        self._parents.update(((block.name, ascent), found) for ascent, found in parents.items())
        return Table(result.values, *_codes(result.categories, len(key), len(result.categorical)))

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
        self._grid = times if 4 * cells <= BYTES_A_BUCKET and most <= 2 * points else None

    def _on_grid(self, block: Block, times: Int) -> Table:
        """A block of parents at every one of them and of `times`."""
        if block.name not in self._records:
            rows = np.arange(self._parent_rows(block), dtype=np.int64)
            self._records[block.name] = self.run(block, np.repeat(rows, len(times)), np.tile(times, len(rows)))
        return self._records[block.name]

    def _parent_rows(self, block: Block) -> int:
        assert block.ascent is not None
        return self._rows(f"rows.{quote(block.ascent.end)}")

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

    def _rows(self, table: str) -> int:
        """Rows of a table."""
        if table not in self._counts:
            self._counts[table] = int(self._engine.numpy(f"SELECT count(*) AS n FROM {table}")["n"][0])
        return self._counts[table]

    def _buckets(self, block: Block, key: Int, flat: FlatBlock | None, share: Share) -> Iterator[tuple[Int, str]]:
        """(indices of points, which facts as SQL over `{key}`); all points of a key are in one bucket."""
        facts = self._rows(fact_table(block)) // share.count
        if flat is None:
            count = max(-(-facts // FACTS_A_BUCKET), -(-len(key) // POINTS_A_BUCKET), 1)
        else:
            count = max(-(-facts * flat.row_width // BYTES_A_BUCKET), -(-len(key) * flat.width // BYTES_A_BUCKET), 1)
        if block.anchor in (Anchor.WORLD, Anchor.SEASON):
            yield np.arange(len(key), dtype=np.int64), "TRUE"
            return
        for b in range(count):
            bucket = np.arange(len(key), dtype=np.int64) if count == 1 else np.flatnonzero(key // share.count % count == b)
            if len(bucket) or count == 1:
                log.info("features: %s%s", block.name, f", part {b + 1} of {count}" if count > 1 else "")
                some = len(bucket) * FEW < facts // count or block.anchor is Anchor.PEERS
                yield bucket, f"{{key}} IN (SELECT key FROM {POINTS})" if some else _every(share, count, b)

    def _run_flat(self, flat: FlatBlock, block: Block, points: "_Points", wanted: str, result: "_Result") -> bool:
        """One bucket by kernels; False where its sums may not fit."""
        new = np.diff(points.key, prepend=points.key[:1] - 1) != 0
        keys, slot = points.key[new], np.cumsum(new, dtype=np.int32) - 1
        self._engine.register(POINTS, pa.table({"key": keys}))
        try:
            sql = flat.events.replace(WANTED, wanted.format(key=flat.key))
            events = read_events(self._engine, sql, Keys(keys), self._rows(fact_table(block)), flat.numbers, flat.natives)
        finally:
            self._engine.unregister(POINTS)
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
        own = frame["_point"].to_numpy()
        for j, i in enumerate(self._numeric):
            if i in direct:
                self.values[point, j] = direct[i]
            else:
                self.values[own, j] = frame[f"f{i}"].to_numpy()
        self.categories.append(frame.select("_point", *self.categorical))


def _every(share: Share, count: int, bucket: int) -> str:
    """All keys of a bucket, as SQL over `{key}`."""
    parts = [f"{{key}} % {share.count} = {share.rest}"] if share.count > 1 else []
    parts += [f"{{key}} // {share.count} % {count} = {bucket}"] if count > 1 else []
    return " AND ".join(parts) or "{key} IS NOT NULL"


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
