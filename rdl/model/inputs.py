"""What members read: seeds with their features and past labels, and the graph.

`Source` binds one database, task and plan; `prepare` computes features at training, validation and scoring alike. Seeds on
different lattices of cutoffs are computed apart, so a seed's inputs never depend on the other seeds of a call.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from rdl.database import Database
from rdl.features import FeatureMatrix, FeaturePlan, compute_features
from rdl.graph import GraphStore, build_graph
from rdl.task import History, Labels, Seeds, Task, past_labels, phase

Int = NDArray[np.int64]


@dataclass(frozen=True)
class Prepared:
    """Seeds of one lattice with what members read about them.

    Attributes:
        seeds: n seeds.
        features: [n, m] the plan's features.
        history: past labels of the whole lattice; the law of time decides which of them a seed may use.
    """

    seeds: Seeds
    features: FeatureMatrix
    history: History

    def rows(self, index: Int) -> "Prepared":
        """The seeds at `index`."""
        return Prepared(self.seeds[index], self.features[index], self.history)


@dataclass(frozen=True)
class Examples:
    """Prepared seeds and what became of them."""

    inputs: Prepared
    target: NDArray[np.float64]

    @property
    def labels(self) -> Labels:
        """Seeds and targets alone."""
        return Labels(self.inputs.seeds, self.target)

    def only(self, plan: FeaturePlan) -> "Examples":
        """The examples with the features of a plan that has fewer."""
        return Examples(Prepared(self.inputs.seeds, self.inputs.features.only(plan), self.inputs.history), self.target)

    def rows(self, index: Int) -> "Examples":
        """The examples at `index`."""
        return Examples(self.inputs.rows(index), self.target[index])


@dataclass(frozen=True)
class Source:
    """One database seen through one plan."""

    database: Database
    task: Task
    plan: FeaturePlan

    def prepare(self, seeds: Seeds) -> list[tuple[Int, Prepared]]:
        """(row indices, inputs) per lattice, ordered by lattice; together they hold every seed once."""
        phases = phase(self.task, seeds.cutoff)
        return [(index, self._prepare(seeds[index])) for index in (np.flatnonzero(phases == p) for p in np.unique(phases))]

    def examples(self, labels: Labels) -> Examples:
        """Labels of one lattice with their inputs."""
        return Examples(self._prepare(labels.seeds), labels.target)

    def _prepare(self, seeds: Seeds) -> Prepared:
        history = past_labels(self.database, self.task, seeds.cutoff)
        with self.database.engine() as engine:
            return Prepared(seeds, compute_features(self.plan, engine, seeds, history), history)

    @cached_property
    def graph(self) -> GraphStore:
        """The temporal graph, built on first use."""
        return build_graph(self.database, self.database.project.home / "graph")
