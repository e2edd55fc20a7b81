"""The feature matrix: what the plan says, computed for seeds.

Training and serving call the same function. A seed's features depend on its entity, cutoff and as_of and on visible rows alone:
not on the other seeds in the call, their order, or the number of threads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine
from rdl.features.compile import HISTORY
from rdl.features.evaluate import Evaluator, Table
from rdl.features.families import calendar
from rdl.features.plan import Anchor, Block, Feature, FeaturePlan
from rdl.task.seeds import History, Seeds
from rdl.timeline import DAY

Int = NDArray[np.int64]


@dataclass(frozen=True)
class FeatureMatrix:
    """Features of n seeds: k numbers and c categories.

    Attributes:
        names, families: [k], in the order of the plan.
        values: float32 [n, k]; NaN is null.
        category_names, category_families: [c].
        codes: int32 [n, c], positions in `levels`; -1 is null.
        levels: [c] the values that occur in this matrix, sorted.
    """

    names: tuple[str, ...]
    families: tuple[str, ...]
    values: NDArray[np.float32]
    category_names: tuple[str, ...]
    category_families: tuple[str, ...]
    codes: NDArray[np.int32]
    levels: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: "Int | NDArray[np.bool_] | slice") -> "FeatureMatrix":
        return FeatureMatrix(
            self.names,
            self.families,
            self.values[index],
            self.category_names,
            self.category_families,
            self.codes[index],
            self.levels,
        )


def compute_features(
    plan: FeaturePlan, engine: Engine, seeds: Seeds, history: History | None = None, by_sql: bool = False
) -> FeatureMatrix:
    """The plan's features of `seeds`, in their order.

    `history` is the task's past labels; a seed uses those with `time < as_of`. Without it, features of past labels are null.
    `by_sql` leaves everything to the database: slower, and what the kernels are held to.
    """
    _register_history(engine, history, plan.settings.label_channels)
    try:
        columns = _Computation(plan, engine, seeds, by_sql).run()
    finally:
        engine.unregister(HISTORY)
    numeric = [f for f in plan.features if not f.categorical]
    categorical = [f for f in plan.features if f.categorical]
    values = np.empty((len(seeds), len(numeric)), dtype=np.float32)
    for j, feature in enumerate(numeric):
        values[:, j] = columns.numbers[feature.name]
    codes = np.empty((len(seeds), len(categorical)), dtype=np.int32)
    for j, feature in enumerate(categorical):
        codes[:, j] = columns.codes[feature.name]
    return FeatureMatrix(
        tuple(f.name for f in numeric),
        tuple(f.family for f in numeric),
        values,
        tuple(f.name for f in categorical),
        tuple(f.family for f in categorical),
        codes,
        tuple(columns.levels[f.name] for f in categorical),
    )


def _register_history(engine: Engine, history: History | None, channels: int) -> None:
    """Past labels in a total order, so that nothing depends on the order in which they came."""
    if history is None:
        entity = time = np.empty(0, dtype=np.int64)
        value = np.empty((0, max(channels, 1)), dtype=np.float64)
    else:
        value = history.value.reshape(len(history.entity), max(channels, 1))  # [m, channels]
        order = np.lexsort((*value.T, history.entity, history.time))
        entity, time, value = history.entity[order], history.time[order], value[order]
    names = [f"value_{i}" for i in range(channels)] or ["value"]
    numbers = {name: value[:, i] for i, name in enumerate(names)}
    engine.register(HISTORY, pa.table({"_row": np.arange(len(entity), dtype=np.int64), "entity": entity, "time": time, **numbers}))


@dataclass
class _Columns:
    """Finished columns by feature name."""

    numbers: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    codes: dict[str, NDArray[np.int32]] = field(default_factory=dict)
    levels: dict[str, tuple[str, ...]] = field(default_factory=dict)


class _Computation:
    """One call: blocks in the order of the plan, each at the distinct points that the seeds need."""

    def __init__(self, plan: FeaturePlan, engine: Engine, seeds: Seeds, by_sql: bool) -> None:
        self._plan, self._seeds = plan, seeds
        self._evaluator = Evaluator(plan, engine, by_sql)
        self._columns = _Columns()
        self._staleness = ((seeds.cutoff - seeds.as_of) / DAY).astype(np.float64)

    def run(self) -> _Columns:
        own, inverse = _unique(self._seeds.entity, self._seeds.as_of)
        for block in self._plan.blocks:
            features = self._evaluator.features(block)
            ascents = self._evaluator.ascents(block)
            if block.anchor is Anchor.SELF and (features or ascents):
                self._store(features, self._evaluator.run(block, *own), inverse)
        for block in self._plan.blocks:
            features = self._evaluator.features(block)
            if features and block.anchor is not Anchor.SELF:
                self._store(features, self._table(block, own), inverse if block.source else None)
        for feature in self._plan.features:
            if feature.proposer == calendar.NAME:
                values = calendar.values(feature.aggregate, self._seeds.cutoff, self._seeds.as_of)
                self._columns.numbers[feature.name] = values.astype(np.float32)
            elif feature.operands:
                left, right = (self._columns.numbers[name] for name in feature.operands)
                self._columns.numbers[feature.name] = left - right
        return self._columns

    def _table(self, block: Block, own: tuple[Int, Int]) -> Table:
        """A block that is not the entity's own: at the entity's points where it has a source, at the seeds elsewhere."""
        if block.source:
            return self._evaluator.run_parents(block, own[1])
        as_of = self._seeds.as_of
        if block.anchor is Anchor.PEERS:
            points, inverse = _unique(self._evaluator.groups(block, self._seeds.entity), as_of)
            return self._evaluator.run(block, *points).take(inverse)
        if block.anchor is Anchor.SEASON:
            as_of = season(self._seeds, self._plan.settings.horizon, labels=block.facts is None)
        points, inverse = _unique(np.zeros(len(as_of), dtype=np.int64), as_of)
        return self._evaluator.run(block, *points).take(inverse)

    def _store(self, features: Sequence[Feature], table: Table, inverse: Int | None) -> None:
        """Bring a block's columns from points to seeds, and ages from as_of to the cutoff."""
        table = table if inverse is None else table.take(inverse)
        for j, feature in enumerate(f for f in features if not f.categorical):
            column = table.values[:, j]
            self._columns.numbers[feature.name] = (column + self._staleness).astype(np.float32) if feature.aged else column
        for j, feature in enumerate(f for f in features if f.categorical):
            self._columns.codes[feature.name], self._columns.levels[feature.name] = _compact(table.codes[:, j], table.levels[j])


def season(seeds: Seeds, horizon: int, labels: bool) -> Int:
    """End [n] of the same season in the latest past year that is wholly visible.

    The window [end - horizon, end) lies a whole number of years before [cutoff, cutoff + horizon). Labels are known a horizon after
    their cutoff, so theirs ends half a horizon later and holds the labels whose cutoffs lie around the season's start.
    """
    year = round(calendar.YEAR_DAYS * DAY)
    end = seeds.cutoff + horizon + (horizon // 2 if labels else 0)
    years = -((seeds.as_of - end) // year)
    return end - years * year


def _unique(key: Int, as_of: Int) -> tuple[tuple[Int, Int], Int]:
    """Distinct (key, as_of) in ascending order, and for each pair its place among them."""
    order = np.lexsort((as_of, key))
    k, t = key[order], as_of[order]
    new = np.ones(len(k), dtype=np.bool_)
    new[1:] = (k[1:] != k[:-1]) | (t[1:] != t[:-1])
    inverse = np.empty(len(k), dtype=np.int64)
    inverse[order] = np.cumsum(new) - 1
    return (k[new], t[new]), inverse


def _compact(codes: NDArray[np.int32], levels: tuple[str, ...]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Codes and levels without the levels that do not occur."""
    present = np.unique(codes[codes >= 0])
    renamed = np.full(len(levels) + 1, -1, dtype=np.int32)
    renamed[present] = np.arange(len(present), dtype=np.int32)
    return renamed[codes], tuple(levels[i] for i in present)
