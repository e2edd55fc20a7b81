"""What members read: seeds with their features and past labels, and the graph.

`Source` binds one database, task and plan; `prepare` computes features at training, validation and scoring alike. Seeds on
different lattices of cutoffs are computed apart, so a seed's inputs never depend on the other seeds of a call.

A recommendation's seeds have candidates in place of features. They are many, so `prepare` leaves them out and divides the seeds
into parts; `opened` adds them to one part when it is predicted.
"""

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdl.database import Database
from rdl.database.pruning import mark_used
from rdl.errors import ModelFileError
from rdl.features import FeatureMatrix, FeaturePlan, FeatureTable, compute_features, kept_features
from rdl.features.candidates import CandidatePlan, Candidates, compute_candidates
from rdl.graph import GraphStore, build_graph
from rdl.task import History, Kind, Labels, Seeds, Task, past_labels, phase

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

Int = NDArray[np.int64]

SEEDS_A_PART = 4_000
"""Seeds of a recommendation whose candidates are held at once when they are predicted."""
MOMENTS = 4
"""Moments whose past labels stay in memory while a model answers questions."""
_NONE = np.array([], dtype=np.int64)
_NO_HISTORY = History(_NONE, _NONE, _NONE, np.array([]))


@dataclass(frozen=True)
class Past:
    """Past labels of the lattice that cutoffs [n] lie on, asked for on first use: what reads kept features alone needs none."""

    database: Database
    task: Task
    cutoff: Int

    @cached_property
    def history(self) -> History:
        """The labels; the law of time decides which of them a seed may use. A recommendation has none."""
        return _NO_HISTORY if self.task.kind is Kind.RECOMMENDATION else past_labels(self.database, self.task, self.cutoff)


@dataclass(frozen=True)
class Prepared:
    """Seeds of one lattice with what members read about them.

    Attributes:
        seeds: n seeds.
        features: [n, m] the plan's features.
        past: past labels of the whole lattice.
        candidates: of a recommendation, what may be ranked; None where they are not computed yet.
    """

    seeds: Seeds
    features: FeatureMatrix
    past: Past
    candidates: Candidates | None = None

    @property
    def history(self) -> History:
        """Past labels of the whole lattice; the law of time decides which of them a seed may use."""
        return self.past.history

    def rows(self, index: Int) -> "Prepared":
        """The seeds at `index`."""
        candidates = None if self.candidates is None else self.candidates[index]
        return Prepared(self.seeds[index], self.features[index], self.past, candidates)


@dataclass(frozen=True)
class Examples:
    """Prepared seeds and what became of them: `labels` are in the order of the seeds.

    Attributes:
        between: the same of cutoffs between the task's own, one a lattice, for members that learn from any number of rows.
    """

    inputs: Prepared
    labels: Labels
    between: "tuple[Examples, ...]" = ()

    @property
    def target(self) -> NDArray[np.float64]:
        """[n] or [n, classes]; see `Labels`."""
        return self.labels.target

    def rows(self, index: Int) -> "Examples":
        """The examples at `index`, without those between."""
        return Examples(self.inputs.rows(index), self.labels[index])


@dataclass(frozen=True)
class Batch:
    """Seeds of any number of lattices: (places in the batch, inputs) per lattice; together they hold every place once."""

    size: int
    parts: tuple[tuple[Int, Prepared], ...]

    def gather(self, found: "Sequence[NDArray[Any]]") -> NDArray[Any]:
        """[size, …] what was found for each part, in the batch's order."""
        order = np.concatenate([index for index, _ in self.parts])
        gathered = np.concatenate(found)
        whole = np.empty_like(gathered)
        whole[order] = gathered
        return whole

    def rows(self, first: int, last: int) -> "Batch":
        """The places first, …, last - 1."""
        inside = [(index - first, inputs, (index >= first) & (index < last)) for index, inputs in self.parts]
        return Batch(last - first, tuple((i[keep], inputs.rows(np.flatnonzero(keep))) for i, inputs, keep in inside if keep.any()))


@dataclass(frozen=True)
class Source:
    """One database seen through one plan of features, and of candidates where the task is a recommendation.

    Attributes:
        keep: whether features are kept for whoever asks for the same seeds again: fits and backtests do, scoring does not.
        table: tonight's features, made from this database with this plan; seeds that it covers are read from it.
    """

    database: Database
    task: Task
    plan: FeaturePlan
    candidates: CandidatePlan | None = None
    keep: bool = True
    table: FeatureTable | None = None

    def prepare(self, seeds: Seeds) -> Batch:
        """Seeds of any number of lattices with their inputs."""
        phases, covered = phase(self.task, seeds.cutoff), self._covered(seeds)
        groups = [(phases == p) & (covered == c) for p in np.unique(phases) for c in (True, False)]
        indices = [np.flatnonzero(group) for group in groups if group.any()]
        if self.candidates is not None:
            indices = [whole[i : i + SEEDS_A_PART] for whole in indices for i in range(0, len(whole), SEEDS_A_PART)]
        return Batch(len(seeds), tuple((index, self._prepare(seeds[index])) for index in indices))

    def examples(self, labels: Labels) -> Examples:
        """Labels of one lattice with their inputs."""
        return Examples(self.opened(self._prepare(labels.seeds)), labels)

    def opened(self, inputs: Prepared) -> Prepared:
        """The inputs with their candidates, where the task is a recommendation."""
        plan = self.candidates
        if plan is None or inputs.candidates is not None:
            return inputs
        return replace(inputs, candidates=self.database.run(lambda engine: compute_candidates(plan, engine, inputs.seeds)))

    def _prepare(self, seeds: Seeds) -> Prepared:
        past = self._past(seeds.cutoff)
        return Prepared(seeds, self._features(seeds, past), past)

    def _past(self, cutoff: Int) -> Past:
        """Past labels for seeds at `cutoff` [n]; those of a moment that is asked about again and again stay in memory."""
        moments = np.unique(cutoff)
        if self.keep or len(moments) != 1:
            return Past(self.database, self.task, cutoff)
        if len(self._pasts) >= MOMENTS:
            self._pasts.pop(next(iter(self._pasts)))
        return self._pasts.setdefault(int(moments[0]), Past(self.database, self.task, moments))

    @cached_property
    def _pasts(self) -> dict[int, Past]:
        return {}

    def _features(self, seeds: Seeds, past: Past) -> FeatureMatrix:
        if self.table is not None and len(seeds) and self._covered(seeds).all():
            try:
                return self.table.features(seeds.entity)
            except ModelFileError as error:
                log.warning("features: computed, tonight's table is no longer what it was: %s", error.what)
        if self.keep:
            return kept_features(self.database, self.plan, seeds, past.history)
        return self.database.run(lambda engine: compute_features(self.plan, engine, seeds, past.history))

    def _covered(self, seeds: Seeds) -> NDArray[np.bool_]:
        """[n] which seeds stand in tonight's table."""
        return np.zeros(len(seeds), dtype=np.bool_) if self.table is None else self.table.covers(seeds)

    @cached_property
    def graph(self) -> GraphStore:
        """The temporal graph without what the task may not see, built on first use."""
        folder, hidden = self.database.project.home / "graph", self.database.hiding(self.task.hide)
        graph = build_graph(hidden, folder, self.database.project.database.text)
        mark_used(folder / graph.key)
        return graph
