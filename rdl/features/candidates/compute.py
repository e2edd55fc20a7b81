"""Candidates of seeds with their features.

Training and serving call the same function. A seed's candidates depend on its entity and as_of and on visible rows alone, not on
the other seeds of the call. Popularity and co-occurrence are computed once per distinct as_of, the rest in buckets of entities, so
that memory is that of a bucket and of what is returned.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine
from rdl.features.candidates.compile import (
    LABELS,
    POINTS,
    bucket_script,
    facts_script,
    followed_query,
    moment_script,
    pair_features,
    temporary_tables,
    values_query,
)
from rdl.features.candidates.plan import CandidatePlan
from rdl.task import Labels, Seeds, Task
from rdl.timeline import DAY

log = logging.getLogger(__name__)

Int = NDArray[np.int64]
Float32 = NDArray[np.float32]

ENTITIES_A_BUCKET = 4_000


@dataclass(frozen=True)
class Candidates:
    """Candidates of n seeds; seeds that are seen from the same entity and as_of share theirs.

    Attributes:
        names: [f] features of a pair.
        aged: [f] whether a feature is an age, to which a seed's staleness is added.
        starts: [points + 1], point p has the pairs starts[p], …, starts[p + 1] - 1, in the order of their rows.
        rows: [m] dense rows of the target table.
        source: [m] int8, the place in `SOURCES` of the first source that names the pair.
        values: float32 [m, f]; NaN is null.
        point: [n] the point of each seed.
        staleness: [n] days between each seed's as_of and its cutoff.
    """

    names: tuple[str, ...]
    aged: tuple[bool, ...]
    starts: Int
    rows: Int
    source: NDArray[np.int8]
    values: Float32
    point: Int
    staleness: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.point)

    def __getitem__(self, index: "Int | NDArray[np.bool_] | slice") -> "Candidates":
        shared = (self.names, self.aged, self.starts, self.rows, self.source, self.values)
        return Candidates(*shared, self.point[index], self.staleness[index])

    @property
    def sizes(self) -> Int:
        """[n] candidates of each seed."""
        return np.asarray(np.diff(self.starts)[self.point])

    def pairs(self) -> tuple[Int, Int]:
        """Every (seed, pair) in the order of seeds: the seed's place [q], and the pair's place in `rows` and `values` [q]."""
        sizes = self.sizes
        seed = np.repeat(np.arange(len(self), dtype=np.int64), sizes)
        within = np.arange(len(seed), dtype=np.int64) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return seed, self.starts[self.point[seed]] + within

    def matrix(self, seed: Int, pair: Int) -> Float32:
        """[q, f] features of pairs of seeds, ages relative to the seeds' cutoffs."""
        found = self.values[pair]
        late = self.staleness[seed].astype(np.float32)
        if late.any():
            found[:, list(self.aged)] += late[:, None]
        return found

    def column(self, name: str) -> Float32:
        """[m] one feature of all pairs."""
        return np.asarray(self.values[:, self.names.index(name)])


def compute_candidates(plan: CandidatePlan, engine: Engine, seeds: Seeds) -> Candidates:
    """The candidates of `seeds`, in their order."""
    points, point = np.unique(np.stack([seeds.as_of, seeds.entity]), axis=1, return_inverse=True)
    as_of, entity = points
    features = pair_features(plan, 0)
    parts = list(_parts(plan, engine, entity, as_of)) if len(seeds) else []
    sizes = np.concatenate([np.empty(0, dtype=np.int64), *(sizes for sizes, _, _, _ in parts)])
    return Candidates(
        tuple(f.name for f in features),
        tuple(f.aged for f in features),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate([np.empty(0, dtype=np.int64), *(rows for _, rows, _, _ in parts)]),
        np.concatenate([np.empty(0, dtype=np.int8), *(source for _, _, source, _ in parts)]),
        np.concatenate([np.empty((0, len(features)), dtype=np.float32), *(values for _, _, _, values in parts)]),
        point.reshape(-1),
        ((seeds.cutoff - seeds.as_of) / DAY).astype(np.float64),
    )


def order_links(plan: CandidatePlan, engine: Engine, task: Task, labels: Labels) -> CandidatePlan:
    """The plan with the links first that most of the labels follow; `labels` are mature at the moment of the fit."""
    assert labels.lists is not None
    if len(plan.links) < 2 or not len(labels.lists.rows):
        return plan.ordered([0] * len(plan.links))
    sizes = labels.lists.sizes
    cutoff = np.repeat(labels.seeds.cutoff, sizes)
    pairs = {"entity": np.repeat(labels.seeds.entity, sizes), "item": labels.lists.rows, "cutoff": cutoff}
    engine.register(LABELS, pa.table(pairs | {"last": cutoff + task.last_read(0)}))
    try:
        for statement in facts_script(plan, task.last_read(int(cutoff.max())) + 1):
            engine.execute(statement)
        followed = [int(engine.numpy(followed_query(i))["n"][0]) for i in range(len(plan.links))]
    finally:
        engine.unregister(LABELS)
        _drop(plan, engine)
    for link, n in zip(plan.links, followed, strict=True):
        log.info("candidates: %s shows %d of %d label rows", link, n, len(labels.lists.rows))
    return plan.ordered(followed)


def _parts(plan: CandidatePlan, engine: Engine, entity: Int, as_of: Int) -> Iterator[tuple[Int, Int, NDArray[np.int8], Float32]]:
    """Sizes by point, rows, sources and values of one bucket after another, in the order of points, which are sorted."""
    for statement in facts_script(plan, int(as_of.max())):
        engine.execute(statement)
    try:
        moments, first = np.unique(as_of, return_index=True)
        for moment, ours in zip(moments, np.split(entity, first[1:]), strict=True):
            for statement in moment_script(plan, int(moment)):
                engine.execute(statement)
            for i in range(0, len(ours), ENTITIES_A_BUCKET):
                yield _bucket(plan, engine, ours[i : i + ENTITIES_A_BUCKET], int(moment))
    finally:
        _drop(plan, engine)


def _bucket(plan: CandidatePlan, engine: Engine, entity: Int, as_of: int) -> tuple[Int, Int, NDArray[np.int8], Float32]:
    """The candidates of entities, ascending, at one as_of."""
    engine.register(POINTS, pa.table({"entity": entity}))
    try:
        for statement in bucket_script(plan, as_of):
            engine.execute(statement)
        features = pair_features(plan, as_of)
        found = engine.arrow(values_query(plan, features))
    finally:
        engine.unregister(POINTS)
    owner = found["entity"].to_numpy()
    values = np.empty((len(found), len(features)), dtype=np.float32)
    for j in range(len(features)):
        values[:, j] = found[f"f{j}"].to_numpy()
    sizes = np.diff(np.searchsorted(owner, np.append(entity, np.iinfo(np.int64).max)))
    return sizes, found["item"].to_numpy(), found["source"].to_numpy().astype(np.int8), values


def _drop(plan: CandidatePlan, engine: Engine) -> None:
    for table in temporary_tables(plan):
        engine.execute(f"DROP TABLE IF EXISTS temp.{table}")
