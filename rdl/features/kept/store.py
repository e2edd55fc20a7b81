"""Features that are kept: what was computed for a cutoff is found again, and only what is new is computed.

What a seed's features depend on names the part that they are kept in (see `lineage`), so a part is never out of date: where rows
before a cutoff change, its part has another name, and the old one is pruned with time. Features are told apart by what they are,
not by the plan that holds them: a plan that shares blocks with another shares what was computed. Results equal those of
`compute_features` bit by bit, whatever was kept.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.database import Database
from rdl.database.pruning import mark_used, prune
from rdl.features.kept.lineage import Lineage, reads_history
from rdl.features.kept.parts import Cells, Part, joined, places, read_part, write_part
from rdl.features.matrix import FeatureMatrix, compute_features
from rdl.features.plan import Feature, FeaturePlan
from rdl.task.seeds import History, Int, Seeds

log = logging.getLogger(__name__)

FOLDER = "parts"
MOST_BYTES = 2**29
"""Features of one call beyond which none is kept: they would be held twice."""


@dataclass(frozen=True)
class _Place:
    """Where the seeds of one cutoff are kept: the part's file, the seeds' indices, and which of them may be kept."""

    path: Path
    rows: Int
    lasting: NDArray[np.bool_]


def kept_features(database: Database, plan: FeaturePlan, seeds: Seeds, history: History | None = None) -> FeatureMatrix:
    """`compute_features`, but for what was computed before; what is computed now is kept as well, unless it is huge."""
    size = 4 * len(plan.features) * len(seeds)
    if not size or size > min(MOST_BYTES, database.project.keep.bytes // 4):
        return _computed(database, plan, seeds, history)
    found = _Found(plan, len(seeds))
    parts = _places(database, plan, seeds, history)
    for part in parts:
        kept = read_part(part.path)
        if kept is not None:
            found.take(kept, seeds[part.rows], part.rows)
            mark_used(part.path)
    for asked, rows in found.missing():
        found.add(_computed(database, asked, seeds[rows], history), rows)
    if len(found.fresh):
        log.info("features: %d of %d rows were kept", len(seeds) - len(found.fresh), len(seeds))
        for part in parts:
            _keep(found, part, seeds)
        prune(database.project)
    return found.matrix()


def _computed(database: Database, plan: FeaturePlan, seeds: Seeds, history: History | None) -> FeatureMatrix:
    return database.run(lambda engine: compute_features(plan, engine, seeds, history))


def _places(database: Database, plan: FeaturePlan, seeds: Seeds, history: History | None) -> list[_Place]:
    """One for each cutoff. An entity whose own row may still be renumbered is not kept."""
    lineage = Lineage(database)
    cutoffs, inverse = np.unique(seeds.cutoff, return_inverse=True)
    digests = lineage.digests(plan, cutoffs, history if reads_history(plan) else None)
    known = lineage.known(plan.entity_table, cutoffs)
    folder = database.project.home / "features" / FOLDER
    rows = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
    return [
        _Place(folder / f"{digest}.parquet", here, seeds.entity[here] < count)
        for digest, here, count in zip(digests, rows, known, strict=True)
    ]


def _keep(found: "_Found", place: _Place, seeds: Seeds) -> None:
    """Add what is new to the part of one cutoff."""
    rows = place.rows[place.lasting & found.is_fresh[place.rows]]
    if not len(rows):
        return
    pairs = np.stack([seeds.entity[rows], seeds.as_of[rows]])
    rows = rows[np.unique(pairs, axis=1, return_index=True)[1]]
    part = found.part(seeds[rows], rows)
    kept = read_part(place.path)
    write_part(place.path, part if kept is None else kept.merged(part))


class _Found:
    """The features of n seeds, as far as they are known: from parts, or computed.

    Attributes:
        numbers: float32 [n, k], codes: int32 [n, c] with the levels of each of the c columns, in the order of the plan.
    """

    def __init__(self, plan: FeaturePlan, rows: int) -> None:
        self._plan = plan
        self._names = identities(plan)
        self._numeric = tuple(f for f in plan.features if not f.categorical)
        self._categorical = tuple(f for f in plan.features if f.categorical)
        self._features = (*self._numeric, *self._categorical)
        self._values = np.zeros((rows, len(self._numeric)), dtype=np.float32)
        self._codes = np.full((rows, len(self._categorical)), -1, dtype=np.int32)
        self._levels: list[tuple[str, ...]] = [() for _ in self._categorical]
        self._known = np.zeros((rows, len(plan.features)), dtype=np.bool_)  # numbers first
        self.is_fresh = np.zeros(rows, dtype=np.bool_)

    @property
    def fresh(self) -> Int:
        """The rows of which something was computed."""
        return np.flatnonzero(self.is_fresh)

    def take(self, part: Part, seeds: Seeds, rows: Int) -> None:
        """What a part knows of seeds [m], which stand at `rows` [m]."""
        at = places(part.entity, part.as_of, seeds.entity, seeds.as_of)[1]
        rows, at = rows[at >= 0], at[at >= 0]
        own, theirs = self._columns(self._numeric, part.numbers.names)
        self._values[np.ix_(rows, own)] = part.numbers.values[np.ix_(at, theirs)]
        self._known[np.ix_(rows, own)] = part.numbers.known[np.ix_(at, theirs)]
        own, theirs = self._columns(self._categorical, part.codes.names)
        for j, k in zip(own.tolist(), theirs.tolist(), strict=True):
            self._add_codes(j, rows, part.levels[k], part.codes.values[at, k])
            self._known[rows, len(self._numeric) + j] = part.codes.known[at, k]

    def missing(self) -> list[tuple[FeaturePlan, Int]]:
        """What is to be computed: the plan for the rows of which nothing is known, and what any lacks for the others.

        A block costs much of what it costs whatever the number of rows: where the others lack most blocks, all is computed at once.
        """
        empty, whole = ~self._known.any(axis=1), self._known.all(axis=1)
        partial = ~empty & ~whole
        lacks = ~np.all(self._known[partial], axis=0, keepdims=True)[0]
        lacking = [self._features[j] for j in np.flatnonzero(lacks)]
        if empty.any() and 2 * len({f.block for f in lacking}) > len({f.block for f in self._features}):
            return [(self._plan, np.flatnonzero(~whole))]
        asked = [(self._plan, np.flatnonzero(empty))] if empty.any() else []
        return [*asked, (self._plan.only([f.name for f in lacking]), np.flatnonzero(partial))] if partial.any() else asked

    def add(self, matrix: FeatureMatrix, rows: Int) -> None:
        """Features [m, …] that were computed for `rows` [m]."""
        place = {f.name: j for j, f in enumerate(self._numeric)}
        own = np.array([place[name] for name in matrix.names], dtype=np.int64)
        self._values[np.ix_(rows, own)] = matrix.values
        self._known[np.ix_(rows, own)] = True
        place = {f.name: j for j, f in enumerate(self._categorical)}
        for k, name in enumerate(matrix.category_names):
            self._add_codes(place[name], rows, matrix.levels[k], matrix.codes[:, k])
            self._known[rows, len(self._numeric) + place[name]] = True
        self.is_fresh[rows] = True

    def part(self, seeds: Seeds, rows: Int) -> Part:
        """The features of seeds [m], which stand at `rows` [m]."""
        return Part(
            seeds.entity,
            seeds.as_of,
            Cells(self._ids(self._numeric), self._values[rows], np.ones((len(rows), len(self._numeric)), dtype=np.bool_)),
            Cells(self._ids(self._categorical), self._codes[rows], np.ones((len(rows), len(self._categorical)), dtype=np.bool_)),
            tuple(self._levels),
        )

    def matrix(self) -> FeatureMatrix:
        """The matrix that `compute_features` would make of it."""
        levels = []
        for j, names in enumerate(self._levels):
            present = sorted({names[i] for i in np.unique(self._codes[:, j]) if i >= 0})
            place = {name: i for i, name in enumerate(present)}
            renamed = np.array([*(place.get(name, -1) for name in names), -1], dtype=np.int32)
            self._codes[:, j] = renamed[self._codes[:, j]]
            levels.append(tuple(present))
        return FeatureMatrix(
            tuple(f.name for f in self._numeric),
            tuple(f.family for f in self._numeric),
            self._values,
            tuple(f.name for f in self._categorical),
            tuple(f.family for f in self._categorical),
            self._codes,
            tuple(levels),
        )

    def _add_codes(self, j: int, rows: Int, levels: Sequence[str], codes: NDArray[np.int32]) -> None:
        self._levels[j], self._codes[rows, j] = joined(self._levels[j], levels, codes)

    def _columns(self, features: Sequence[Feature], names: Sequence[str]) -> tuple[Int, Int]:
        """Which of the features a part has, and where it has them."""
        there = {name: k for k, name in enumerate(names)}
        pairs = [(j, there[self._names[f.name]]) for j, f in enumerate(features) if self._names[f.name] in there]
        own, theirs = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return own, theirs

    def _ids(self, features: Sequence[Feature]) -> tuple[str, ...]:
        return tuple(self._names[f.name] for f in features)


def identities(plan: FeaturePlan) -> dict[str, str]:
    """What each feature is, by its name: a hash of everything in the plan that its values depend on.

    That is the feature itself and its operands, its block and those that lead to it, and the settings; not what other features
    there are.
    """
    settings = {k: v for k, v in asdict(plan.settings).items() if k not in ("families", "budget", "label_magnitude")}
    blocks = {block.name: asdict(block) for block in plan.blocks}
    found: dict[str, str] = {}
    for feature in sorted(plan.features, key=lambda f: len(f.operands)):
        told = {k: v for k, v in asdict(feature).items() if k not in ("family", "provenance", "operands")}
        path, name = list[dict[str, Any]](), feature.block
        while name:
            path.append(blocks[name])
            name = blocks[name]["source"]
        facts: list[Any] = [plan.entity_table, settings, told, path, [found[operand] for operand in feature.operands]]
        found[feature.name] = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=10).hexdigest()
    return found
