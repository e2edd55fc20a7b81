"""Running compiled blocks: points in, columns out, in buckets of keys so that memory stays bounded."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine, quote
from rdl.features.chain import Chain
from rdl.features.compile import HISTORY, POINTS, CompiledBlock, compile_block, group_query, parents_query
from rdl.features.plan import Anchor, Block, Feature, FeaturePlan

Int = NDArray[np.int64]

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

    def __init__(self, plan: FeaturePlan, engine: Engine) -> None:
        self._plan, self._engine = plan, engine
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
        """The block's features at distinct points (key, as_of) [n]; its parents are kept for `run_parents`."""
        ascents = self.ascents(block)
        settings = self._plan.settings
        compiled = compile_block(block, self.features(block), settings.half_lives, settings.recent, tuple(ascents))
        numeric = [i for i, f in enumerate(compiled.features) if not f.categorical]
        values = np.full((len(key), len(numeric)), np.nan, dtype=np.float32)
        categories = []
        parents: dict[Chain, list[Parents]] = {ascent: [] for ascent in ascents}
        for bucket in self._buckets(block, key):
            frame = self._run_bucket(compiled, bucket, key, as_of)
            point = frame["_point"].to_numpy()
            for j, i in enumerate(numeric):
                values[point, j] = frame[f"f{i}"].to_numpy()
            categories.append(frame.select("_point", *(f"f{i}" for i, f in enumerate(compiled.features) if f.categorical)))
            for ascent, places in ascents.items():
                parents[ascent].append(self._climb(compiled, ascent, places))
        for ascent, parts in parents.items():
            self._parents[block.name, ascent] = _in_order(parts)
        self._drop()
        return Table(values, *_codes(categories, len(key)))

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

    def _buckets(self, block: Block, key: Int) -> list[Int]:
        """Indices of points, all points of a key in one bucket."""
        table = HISTORY if block.facts is None else f"rows.{quote(block.facts.table)}"
        facts = int(self._engine.numpy(f"SELECT count(*) AS n FROM {table}")["n"][0])
        count = max(-(-facts // FACTS_A_BUCKET), -(-len(key) // POINTS_A_BUCKET), 1)
        if count == 1 or block.anchor in (Anchor.WORLD, Anchor.SEASON):
            return [np.arange(len(key), dtype=np.int64)]
        return [np.flatnonzero(key % count == b) for b in range(count)]

    def _run_bucket(self, compiled: CompiledBlock, bucket: Int, key: Int, as_of: Int) -> pl.DataFrame:
        self._engine.register(POINTS, pa.table({"_point": bucket, "key": key[bucket], "as_of": as_of[bucket]}))
        try:
            for statement in compiled.script:
                self._engine.execute(statement)
            return self._engine.polars(compiled.values)
        finally:
            self._engine.unregister(POINTS)

    def _climb(self, compiled: CompiledBlock, ascent: Chain, places: int) -> Parents:
        found = self._engine.numpy(parents_query(compiled.native(f"_ref_{ascent.hops[0].column}"), ascent, places))
        return Parents(found["_point"].astype(np.int64), found["parent"].astype(np.int64))

    def _drop(self) -> None:
        for table in ("feature_facts", "feature_visible", "feature_recent"):
            self._engine.execute(f"DROP TABLE IF EXISTS temp.{table}")


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
