"""The feature matrix: what the plan says, computed for seeds.

Training and serving call the same function. A seed's features depend on its entity, cutoff and as_of and on visible rows alone:
not on the other seeds in the call, their order, or the number of threads.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine
from rdl.features.alike import Cohorts
from rdl.features.compile import HISTORY
from rdl.features.engine import kernels, moves
from rdl.features.engine.buckets import Share
from rdl.features.engine.evaluate import Evaluator, Table
from rdl.features.engine.lanes import MOST, Lanes
from rdl.features.families import calendar
from rdl.features.plan import Anchor, Block, Feature, FeaturePlan
from rdl.task.seeds import History, Seeds
from rdl.timeline import DAY

Int = NDArray[np.int64]

MANY = 100_000
"""Seeds from which on blocks are computed side by side."""
BYTES_A_PART = 2**30
"""What a part's seeds may take while their features are computed, at twice four bytes a feature."""


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

    def spread(self, size: int) -> "FeatureMatrix":
        """Room for the same features of `size` seeds, all null, without a level."""
        values = np.full((size, len(self.names)), np.nan, dtype=np.float32)
        codes = np.full((size, len(self.category_names)), -1, dtype=np.int32)
        return replace(self, values=values, codes=codes, levels=((),) * len(self.category_names))

    def fill(self, index: Int, part: "FeatureMatrix") -> "FeatureMatrix":
        """The matrix with the features of `part` at `index`, written in place; levels of both."""
        self.values[index] = part.values
        levels = []
        for j, (own, others) in enumerate(zip(self.levels, part.levels, strict=True)):
            both = tuple(sorted({*own, *others}))
            place = {level: i for i, level in enumerate(both)}
            if own != both:
                self.codes[:, j] = np.array([*(place[v] for v in own), -1], dtype=np.int32)[self.codes[:, j]]
            self.codes[index, j] = np.array([*(place[v] for v in others), -1], dtype=np.int32)[part.codes[:, j]]
            levels.append(both)
        return replace(self, levels=tuple(levels))


def compute_features(
    plan: FeaturePlan, engine: Engine, seeds: Seeds, history: History | None = None, by_sql: bool = False
) -> FeatureMatrix:
    """The plan's features of `seeds`, in their order.

    `history` is the task's past labels; a seed uses those with `time < as_of`. Without it, features of past labels are null.
    `by_sql` leaves everything to the database: slower, and what the kernels are held to.
    """
    whole: FeatureMatrix | None = None
    for index, part in compute_parts(plan, engine, seeds, history, by_sql=by_sql):
        if len(index) == len(seeds):
            return part
        whole = part.spread(len(seeds)) if whole is None else whole
        whole = whole.fill(index, part)
    assert whole is not None  # no seeds are one part
    return whole


def compute_parts(
    plan: FeaturePlan,
    engine: Engine,
    seeds: Seeds,
    history: History | None = None,
    most: int | None = None,
    by_sql: bool = False,
    lanes: int | None = None,
) -> Iterator[tuple[Int, FeatureMatrix]]:
    """The same in parts of about `most` seeds (by `BYTES_A_PART`), as (places among the seeds, features), in bounded memory.

    A part holds all seeds of some entities. What does not depend on the entity is computed once for all parts. The engine is busy
    until the last part is taken. Of very many seeds, two blocks are computed at once where the database has two threads; `lanes`
    says how many in place of that.
    """
    count = max(-(-len(seeds) // (most or BYTES_A_PART // (8 * max(len(plan.features), 1)) + 1)), 1)
    known = _known_labels(history, plan.settings.label_channels)
    at_once = lanes or (min(engine.threads, MOST) if len(seeds) >= MANY else 1)
    side_by_side = Lanes(engine, at_once, lambda own: own.register(HISTORY, known))
    computation = _Computation(plan, side_by_side, seeds, by_sql, count)
    try:
        for rest in range(count):
            index = np.arange(len(seeds)) if count == 1 else np.flatnonzero(seeds.entity % count == rest)
            if len(index) or count == 1:
                yield index, computation.run(index, Share(count, rest))
    finally:
        computation.close()
        side_by_side.close()
        engine.unregister(HISTORY)


def _known_labels(history: History | None, channels: int) -> pa.Table:
    """Past labels in a total order, so that nothing depends on the order in which they came."""
    if history is None:
        entity = cutoff = time = np.empty(0, dtype=np.int64)
        value = np.empty((0, max(channels, 1)), dtype=np.float64)
    else:
        value = history.value.reshape(len(history.entity), max(channels, 1))  # [m, channels]
        order = np.lexsort((*value.T, history.entity, history.time))
        entity, cutoff, time, value = history.entity[order], history.cutoff[order], history.time[order], value[order]
    names = [f"value_{i}" for i in range(channels)] or ["value"]
    numbers = {name: value[:, i] for i, name in enumerate(names)}
    row = np.arange(len(entity), dtype=np.int64)
    return pa.table({"_row": row, "entity": entity, "cutoff": cutoff, "time": time, **numbers})


class _Computation:
    """One call, part by part: blocks in the order of the plan, each at the distinct points that the seeds need."""

    def __init__(self, plan: FeaturePlan, lanes: Lanes, seeds: Seeds, by_sql: bool, parts: int) -> None:
        self._plan, self._lanes, self._seeds = plan, lanes, seeds
        self._evaluator = Evaluator(plan, lanes, by_sql)
        self._shared: dict[str, tuple[Table, Int]] = {}
        self._place = {f.name: j for j, f in enumerate(f for f in plan.features if not f.categorical)}
        if parts > 1:
            self._evaluator.expect(np.unique(seeds.as_of), len(seeds))

    def close(self) -> None:
        """Let go of what was kept for later parts."""
        self._evaluator.close()

    def run(self, index: Int, share: Share) -> FeatureMatrix:
        """The features of the seeds at `index`, all of whose entities are in the share."""
        seeds = self._seeds[index]
        values = np.full((len(seeds), len(self._place)), np.nan, dtype=np.float32)
        categories: dict[str, tuple[NDArray[np.int32], tuple[str, ...]]] = {}
        own, inverse = _unique(seeds.entity, seeds.as_of)

        def place(block: Block, table: Table, row: Int) -> None:
            features = self._evaluator.features(block)
            self._place_numbers(features, table.values, row, seeds, values)
            named = [f.name for f in features if f.categorical]
            categories.update((name, _compact(table.codes[row, j], table.levels[j])) for j, name in enumerate(named))

        def apart(block: Block) -> None:
            if block.anchor is Anchor.SELF:
                place(block, self._evaluator.run(block, *own, share), inverse)
            elif block.climbs:
                self._evaluator.prepare_parents(block)
            else:
                place(block, *self._of_all(block, index))

        def climb(block: Block) -> None:
            place(block, self._evaluator.run_parents(block, own[1]), inverse)

        self._lanes.run([partial(_each, apart, group) for group in self._groups()])
        self._lanes.run([partial(climb, block) for block in self._wanted if block.climbs])  # these start from the others
        self._derive(seeds, values)
        return _matrix(self._plan, values, categories)

    @cached_property
    def _wanted(self) -> tuple[Block, ...]:
        """The blocks that are computed: they have features, or others start from them."""
        ascents = {b.name for b in self._plan.blocks if b.anchor is Anchor.SELF and self._evaluator.ascents(b)}
        return tuple(b for b in self._plan.blocks if self._evaluator.features(b) or b.name in ascents)

    def _groups(self) -> list[list[Block]]:
        """What may be computed beside each other, the longest first; blocks of those who were alike share what they find."""
        alike = [b for b in self._wanted if b.anchor is Anchor.ALIKE]
        groups = [[b] for b in self._wanted if b.anchor is not Anchor.ALIKE] + ([alike] if alike else [])
        return sorted(groups, key=lambda group: -sum(self._evaluator.cost(b) for b in group))

    def _of_all(self, block: Block, index: Int) -> tuple[Table, Int]:
        """A block whose points are not the entity's own, computed once for all parts; where in it the seeds at `index` stand."""
        if block.name not in self._shared:
            as_of, key = self._seeds.as_of, np.zeros(len(self._seeds), dtype=np.int64)
            if block.anchor is Anchor.PEERS:
                key = self._evaluator.groups(block, self._seeds.entity, as_of)
            elif block.anchor is Anchor.SEASON:
                as_of = season(self._seeds, self._plan.settings.horizon, labels=block.facts is None)
            if block.anchor is Anchor.ALIKE:
                self._shared[block.name] = self._alike(block)
            else:
                points, inverse = _unique(key, as_of)
                self._shared[block.name] = self._evaluator.run(block, *points), inverse
        table, inverse = self._shared[block.name]
        return table, inverse[index]

    def _alike(self, block: Block) -> tuple[Table, Int]:
        """Past labels of those who were alike, at distinct points, and the place of every seed among these."""
        own, labels = self._cohorts.codes(block)
        points, inverse = _unique(own, self._seeds.as_of)
        with self._cohorts.standing(labels):
            return self._evaluator.run(block, *points), inverse

    @cached_property
    def _cohorts(self) -> Cohorts:
        return Cohorts(self._lanes.engine, self._plan.blocks, self._seeds.entity, self._seeds.as_of)

    def _place_numbers(
        self, features: Sequence[Feature], table: NDArray[np.float32], row: Int, seeds: Seeds, values: NDArray[np.float32]
    ) -> None:
        """Write a block's rows [n] and columns where the plan has them, with ages brought from as_of to the cutoff."""
        numeric = [f for f in features if not f.categorical]
        columns = np.array([self._place[f.name] for f in numeric], dtype=np.int64)
        aged = np.array([j for j, f in zip(columns, numeric, strict=True) if f.aged], dtype=np.int64)
        if len(columns) and columns[-1] - columns[0] + 1 == len(columns):
            moves.take_rows(table, row, columns[0], values)
        else:
            values[:, columns] = table[row]
        staleness = (seeds.cutoff - seeds.as_of) / DAY
        if len(aged) and staleness.any():
            values[:, aged] = (values[:, aged] + staleness[:, None]).astype(np.float32)

    def _derive(self, seeds: Seeds, values: NDArray[np.float32]) -> None:
        """The features that need no rows: the calendar, and differences of others."""
        for feature in self._plan.features:
            if feature.proposer == calendar.NAME:
                found = calendar.values(feature.aggregate, seeds.cutoff, seeds.as_of)
                values[:, self._place[feature.name]] = found.astype(np.float32)
            elif feature.operands:
                left, right = (values[:, self._place[name]] for name in feature.operands)
                values[:, self._place[feature.name]] = left - right


def _matrix(
    plan: FeaturePlan, values: NDArray[np.float32], categories: dict[str, tuple[NDArray[np.int32], tuple[str, ...]]]
) -> FeatureMatrix:
    numeric = [f for f in plan.features if not f.categorical]
    categorical = [f for f in plan.features if f.categorical]
    codes = np.empty((len(values), len(categorical)), dtype=np.int32)
    for j, feature in enumerate(categorical):
        codes[:, j] = categories[feature.name][0]
    return FeatureMatrix(
        tuple(f.name for f in numeric),
        tuple(f.family for f in numeric),
        values,
        tuple(f.name for f in categorical),
        tuple(f.family for f in categorical),
        codes,
        tuple(categories[f.name][1] for f in categorical),
    )


def _each(work: Callable[[Block], None], blocks: Sequence[Block]) -> None:
    for block in blocks:
        work(block)


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
    low = int(key.min(initial=0))
    span = int(key.max(initial=0)) - low + 1
    if 0 < span <= 4 * len(key) + 2**16:  # keys are row ids: counted, not compared
        start, order = kernels.group_rows((key - low).astype(np.int32), span)
        t = as_of[order]
        kernels.order_times(start, order, t)
        k, inverse = np.empty(len(t), dtype=np.int64), np.empty(len(t), dtype=np.int64)
        count = moves.number_pairs(start, order, t, k, inverse)
        return (k[:count] + low, t[:count]), inverse
    order = np.lexsort((as_of, key)).astype(np.int32)
    t = as_of[order]
    k = key[order]
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
