"""XGBoost on the plan's features and on a network's embedding of the entity, out of fold strictly by time.

The network is fitted on the earlier part of the labels alone, which are mature before the first row that it embeds; its hidden
vectors of these earlier rows are left empty, and so no row is embedded by a network that has seen its label. One network embeds all
rows, in training as in scoring, because the axes of two networks differ. Its vectors are projected to a few principal components of
the earlier rows.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rdl.boost import FittedBoost, Matrix, best_rounds, fit_boost, learning_curve, with_rounds
from rdl.errors import ModelFileError
from rdl.features import Encoding
from rdl.model.boosted import encoded_matrix, learned_rows, settings_for, shaped_target
from rdl.model.graphed import train_network
from rdl.model.inputs import Examples, Prepared, Source
from rdl.model.member import Choice, Context, FittedMember, FoldExamples, Member
from rdl.task import learnable
from rdl.task.cutoffs import last_reads

if TYPE_CHECKING:
    from rdl.gnn import FittedGnn

log = logging.getLogger(__name__)

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]

EARLIER = 0.5
"""Share of the rows, the oldest ones, that the network is fitted on."""
STOPPING = 0.2
"""Share of these, the newest of them, that say when to stop."""
WIDTH = 16
"""Components that are kept, at most."""
DECIMALS = 3
"""Of a component, whose spread is 1: a network's last bits vary with the seeds that it embeds together, and trees tell them."""
_FILE = "embedded.json"


@dataclass(frozen=True)
class Embedding:
    """A network, and the projection of its hidden vectors.

    Attributes:
        network: None where there were too few rows to fit one.
        start: microseconds UTC: what the network was fitted on was mature by then; it embeds rows that see the database so late.
        mean: [channels] of the earlier rows' vectors.
        axes: [channels, width] principal axes, each divided by its spread.
    """

    network: "FittedGnn | None"
    start: int
    mean: Float64
    axes: Float64

    def of(self, inputs: Prepared, source: Source) -> Float32:
        """float32 [n, width], rounded; rows before `start` are empty."""
        seeds = inputs.seeds
        found = np.full((len(seeds), self.axes.shape[1]), np.nan, dtype=np.float32)
        later = np.flatnonzero(seeds.as_of >= self.start)
        if self.network is not None and len(later):
            hidden = self.network.embed(source.graph, seeds[later], inputs.history)
            found[later] = np.round((hidden - self.mean) @ self.axes, DECIMALS)
        return found

    def beside(self, matrix: Matrix, columns: Float32) -> Matrix:
        """The features with the embedding's columns."""
        names = tuple(f"embedding {i}" for i in range(columns.shape[1]))
        flags = (False,) * len(names)
        return Matrix(np.concatenate([matrix.values, columns], axis=1), matrix.names + names, matrix.categorical + flags)


@dataclass(frozen=True)
class FittedEmbedded(FittedMember):
    """Boosters, the encoding of the features, and the embedding that they read beside them."""

    boost: FittedBoost
    encoding: Encoding
    embedding: Embedding

    def predict(self, inputs: Prepared, source: Source) -> Float64:
        """[n] probability or value, or [n, classes] probabilities."""
        matrix = encoded_matrix(inputs.features, self.encoding, ())
        return self.boost.predict(self.embedding.beside(matrix, self.embedding.of(inputs, source)))

    def importance(self) -> dict[str, float]:
        """Share of total gain by feature."""
        return self.boost.importance()

    def save(self, folder: Path) -> None:
        """Write trees as UBJSON, the network as safetensors, the rest as JSON."""
        self.boost.save(folder)
        embedding = self.embedding
        if embedding.network is not None:
            embedding.network.save(folder / "network")
        projection = {"start": embedding.start, "mean": embedding.mean.tolist(), "axes": embedding.axes.tolist()}
        facts = {"encoding": self.encoding.to_json(), "network": embedding.network is not None, **projection}
        (folder / _FILE).write_text(json.dumps(facts), encoding="utf-8")


class Embedded(Member):
    """Features beside the embedding of one network by name."""

    optional = True

    def __init__(self, name: str, network: str) -> None:
        self.name, self.network = name, network

    def choose(self, folds: Sequence[FoldExamples], context: Context) -> tuple[Choice, list[Float64]]:
        """The number of rounds that is best on the folds, each of which has a network of its own."""
        curves = []
        for i, fold in enumerate(folds):
            log.info("%s: fold %d of %d, %d rows", self.name, i + 1, len(folds), len(fold.train.target))
            embedding = self._embedding(fold.train, context, f"fold-{i}", 0.6 / len(folds))
            encoding = Encoding.fit(fold.train.inputs.features)
            matrix, target, weight = self._rows(fold.train, encoding, embedding, context)
            later = encoded_matrix(fold.valid.inputs.features, encoding, ())
            valid = embedding.beside(later, embedding.of(fold.valid.inputs, context.source)), shaped_target(fold.valid, context)
            settings, seed = settings_for(fold.train, context.boost), context.settings.seed
            curves.append(learning_curve((matrix, target), valid, context.kind, context.metric, settings, seed, weight))
        rounds = best_rounds(curves)
        return {"rounds": rounds}, [c.predict(rounds) for c in curves]

    def fit(self, examples: Examples, choice: Choice, context: Context) -> FittedEmbedded:
        """Fit a network on the earlier rows, and the chosen number of rounds on all of them."""
        embedding = self._embedding(examples, context, "fit", 0.8)
        encoding = Encoding.fit(examples.inputs.features)
        matrix, target, weight = self._rows(examples, encoding, embedding, context)
        settings = settings_for(examples, with_rounds(context.boost, choice["rounds"]))
        boost = fit_boost(matrix, target, context.kind, context.metric, settings, context.settings.seed, weight)
        return FittedEmbedded(boost, encoding, embedding)

    def load(self, folder: Path) -> FittedEmbedded:
        """Read what `save` wrote.

        Raises:
            ModelFileError: a file is missing or unreadable.
        """
        from rdl.gnn import FittedGnn

        try:
            facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            mean, axes = np.array(facts["mean"], dtype=np.float64), np.array(facts["axes"], dtype=np.float64)
            axes = axes.reshape(len(mean), -1) if len(mean) else np.zeros((0, 0))
            network = FittedGnn.load(folder / "network") if facts["network"] else None
            encoding = Encoding.from_json(facts["encoding"])
            return FittedEmbedded(FittedBoost.load(folder), encoding, Embedding(network, int(facts["start"]), mean, axes))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelFileError(f"unreadable member: {error}", where=str(folder), fix="fetch the model again") from error

    def _embedding(self, examples: Examples, context: Context, step: str, share: float) -> Embedding:
        """A network fitted on the earlier rows: they are mature before the first row that it embeds."""
        earlier, start = split_by_time(examples, EARLIER, context)
        fitting, _ = split_by_time(earlier, 1 - STOPPING, context)
        stopping = earlier.rows(np.flatnonzero(earlier.inputs.seeds.cutoff > fitting.inputs.seeds.cutoff.max(initial=-(2**63))))
        if not (len(stopping.target) and learnable(context.kind, fitting.labels) and learnable(context.kind, stopping.labels)):
            log.info("%s: too few earlier rows for a network", self.name)
            return Embedding(None, start, np.zeros(0), np.zeros((0, 0)))
        called = f"{self.name}-{step}"
        network = train_network(self.network, fitting, stopping, context, called, None, share)
        hidden = network.embed(context.source.graph, earlier.inputs.seeds, earlier.inputs.history).astype(np.float64)
        mean = hidden.mean(axis=0)
        _, sizes, axes = np.linalg.svd(hidden - mean, full_matrices=False)
        kept = np.flatnonzero(sizes[:WIDTH] > 1e-6 * max(float(sizes[0]), 1e-12))
        return Embedding(network, start, mean, axes[kept].T * (np.sqrt(len(hidden)) / sizes[kept]))

    @staticmethod
    def _rows(
        examples: Examples, encoding: Encoding, embedding: Embedding, context: Context
    ) -> tuple[Matrix, Float64, Float64 | None]:
        """As `learned_rows`, beside the embedding."""
        matrix, target, weight = learned_rows(examples, encoding, (), context)
        columns = [embedding.of(part.inputs, context.source) for part in (examples, *examples.between)]
        return embedding.beside(matrix, np.concatenate(columns)), target, weight


def split_by_time(examples: Examples, share: float, context: Context) -> tuple[Examples, int]:
    """The oldest rows, mature at a cutoff which about `share` of all rows precede, without stale copies; and that cutoff."""
    seeds = examples.inputs.seeds
    fresh = seeds.as_of == seeds.cutoff
    start = int(np.quantile(seeds.cutoff[fresh] if fresh.any() else seeds.cutoff, share, method="higher")) if len(seeds) else 0
    older = np.flatnonzero(fresh & (last_reads(context.source.task, seeds) < start))
    return replace(examples.rows(older), between=()), start
