"""Whom a row learns from: rows of the same entity, and of those that share a parent or a category with it at that time.

A path is a column of texts, one a row: the entity's key, the key of its last parent (the last team), or the value that a category
has at the row's own moment (the city). Rows with the same text are of one group. Texts outlive a database: a model keeps those of
its training rows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.boost.smoothing import Past, Smoothing
from rdl.errors import SchemaError, nearest
from rdl.model.inputs import Examples, Prepared, Source
from rdl.model.parents import find_last_parent, last_parents, parents_of
from rdl.task.keys import table_keys

Int = NDArray[np.int64]
Texts = NDArray[np.str_]

ENTITY = ""
"""The path of the entity itself; every other one is named as the reference or the categorical feature it comes from."""
MOST_LEVELS = 300
"""Groups of a category at most; with more, they are small."""
LEAST_SHARED = 3
"""Rows that share a last parent, on average, at least."""


@dataclass(frozen=True)
class Kinship:
    """Whom rows learn from, and how much.

    Attributes:
        paths: names of the paths.
        strength: b of `Smoothing`; 0 for not at all.
        tau: microseconds after which an older row weighs 1/e of a new one.
        shares: what each path counts; none where all count alike.
        steps: how many times the mean is taken.
        labels: whether the labels of those learned from are features, too.
        momentum: whether boosting has Nesterov's momentum.
    """

    paths: tuple[str, ...] = ()
    strength: float = 0.0
    tau: float = 1.0
    shares: tuple[float, ...] = ()
    steps: int = 1
    labels: bool = False
    momentum: bool = False

    @staticmethod
    def from_json(facts: Mapping[str, Any]) -> "Kinship":
        """What `asdict` made, read back from JSON."""
        read: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in facts.items()}
        return Kinship(**read)


@dataclass(frozen=True)
class Nodes:
    """Rows as kin see them.

    Attributes:
        groups: by path, texts [n]; "" for nobody's.
        moment: int64 [n] what a row may know of lies before it: its `as_of`.
        ready: int64 [n] from when on its label is known.
        source: [n] whether others may learn from it.
    """

    groups: dict[str, Texts]
    moment: Int
    ready: Int
    source: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.moment)

    def rows(self, index: Int) -> "Nodes":
        """The rows at `index`."""
        groups = {path: texts[index] for path, texts in self.groups.items()}
        return Nodes(groups, self.moment[index], self.ready[index], self.source[index])

    def smoothing(self, kinship: Kinship) -> Smoothing:
        """The smoothing of these rows."""
        if not kinship.strength:
            return Smoothing((), (), 0.0)
        paths = self.paths(kinship)
        return Smoothing(paths, kinship.shares or (1.0,) * len(paths), kinship.strength, kinship.steps)

    def paths(self, kinship: Kinship) -> list[Past]:
        """Whom these rows learn from, path by path."""
        return [Past(self._codes[path], self.moment, self.ready, self.source, kinship.tau) for path in kinship.paths]

    @cached_property
    def _codes(self) -> dict[str, Int]:
        """By path, the groups [n] as numbers, -1 for nobody's."""
        return {path: np.where(texts == "", -1, np.unique(texts, return_inverse=True)[1]) for path, texts in self.groups.items()}

    def to_table(self) -> pa.Table:
        """The rows that may be learned from, as `from_table` reads them; all of them must be such."""
        assert self.source.all()
        columns = {f"group_{i}": pa.array(texts.tolist()) for i, texts in enumerate(self.groups.values())}
        return pa.table({**columns, "moment": pa.array(self.moment), "ready": pa.array(self.ready)})

    @staticmethod
    def from_table(table: pa.Table, paths: Sequence[str]) -> "Nodes":
        """What `to_table` made; other columns are not read.

        Raises:
            KeyError: a column is missing.
        """
        groups = {path: np.array(table[f"group_{i}"].to_pylist(), dtype=np.str_) for i, path in enumerate(paths)}
        return Nodes(groups, table["moment"].to_numpy(), table["ready"].to_numpy(), np.ones(len(table), dtype=np.bool_))

    @staticmethod
    def concat(parts: "Sequence[Nodes]") -> "Nodes":
        """All rows, in order."""
        return Nodes(
            {path: np.concatenate([p.groups[path] for p in parts]) for path in parts[0].groups},
            *(np.concatenate([getattr(p, name) for p in parts]) for name in ("moment", "ready", "source")),
        )


def nodes_of(inputs: Prepared, source: Source, paths: Sequence[str], *, sources: bool) -> Nodes:
    """The rows of prepared seeds [n]; with `sources`, those that see an up-to-date database may be learned from.

    Args:
        inputs: the seeds and their features.
        source: the database and task.
        paths: names of paths.
        sources: whether their labels will be known, as those of training rows are.
    """
    seeds = inputs.seeds
    groups = {path: _texts(inputs, source, path) for path in paths}
    fresh = seeds.as_of == seeds.cutoff if sources else np.zeros(len(seeds), dtype=np.bool_)
    ready = seeds.cutoff + (source.task.last_read(0) + 1)  # a label is known to what comes after it
    return Nodes(groups, seeds.as_of, ready, fresh)


def known_paths(examples: Examples, source: Source, most: int) -> tuple[str, ...]:
    """The entity, and the `most` last parents and categories whose groups tell most of the targets' spread, best first."""
    features = examples.inputs.features
    target = examples.target.reshape(len(examples.target), -1)
    told = {
        name: _told(features.codes[:, j], len(features.levels[j]), target)
        for j, name in enumerate(features.category_names)
        if 2 < len(features.levels[j]) <= MOST_LEVELS
    }
    schema = source.database.schema.hiding(source.task.hide)
    for way in last_parents(schema, source.task.entity_table):
        found, codes = np.unique(parents_of(source, way, examples.inputs.seeds), return_inverse=True)
        if len(found) * LEAST_SHARED <= len(codes):
            none = int(found[0] < 0)
            told[way.name] = _told((codes - none).astype(np.int32), len(found) - none, target)
    best = sorted((name for name, share in told.items() if share > 0), key=lambda name: (-told[name], name))
    return (ENTITY, *best[:most])


def _texts(inputs: Prepared, source: Source, path: str) -> Texts:
    if path == ENTITY:
        return _keys(source, source.task.entity_table, inputs.seeds.entity)
    if way := find_last_parent(source, path):
        return _keys(source, way.parent, parents_of(source, way, inputs.seeds))
    features = inputs.features
    if path not in features.category_names:
        raise SchemaError(f"no reference or category {path!r}", where="the database", fix=nearest(path, features.category_names))
    j = features.category_names.index(path)
    return np.array([*features.levels[j], ""], dtype=np.str_)[features.codes[:, j]]


def _keys(source: Source, table: str, rows: Int) -> Texts:
    """[n] the keys of dense rows of a table as texts, "" for -1."""
    found, place = np.unique(rows, return_inverse=True)
    keys = table_keys(source.database, table, found[found >= 0]).to_pylist()
    texts = [""] * int((found < 0).sum()) + [json.dumps(list(key.values()), default=str) for key in keys]
    return np.array(texts, dtype=np.str_)[place]


def _told(codes: NDArray[np.int32], levels: int, target: NDArray[np.float64]) -> float:
    """The share of the targets' variance that lies between groups, less what chance gives."""
    known = codes >= 0
    n, k = int(known.sum()), len(np.unique(codes[known]))
    if n <= k or k < 2:
        return 0.0
    y = target[known] - target[known].mean(axis=0)
    count = np.maximum(np.bincount(codes[known], minlength=levels), 1)
    between = sum(float((np.bincount(codes[known], weights=column, minlength=levels) ** 2 / count).sum()) for column in y.T)
    within = float((y**2).sum()) - between
    return (between - (k - 1) * within / (n - k)) / max(float(((target - target.mean(axis=0)) ** 2).sum()), 1e-300)
