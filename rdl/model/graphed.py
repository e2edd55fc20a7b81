"""Members that are PyG networks on the temporal graph."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rdl.model.inputs import Examples, Prepared, Source
from rdl.model.member import Choice, Context, FittedMember, FoldExamples, Member

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from rdl.gnn import FittedGnn

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class FittedGraphed(FittedMember):
    """A trained network."""

    gnn: "FittedGnn"

    def predict(self, inputs: Prepared, source: Source) -> Float64:
        """[n] probability or value, or [n, classes] probabilities."""
        return self.gnn.predict(source.graph, inputs.seeds, inputs.history)

    def save(self, folder: Path) -> None:
        """Write weights as safetensors, the rest as JSON."""
        self.gnn.save(folder)


class Graphed(Member):
    """One network by name, one of `rdl.gnn.networks.NETWORKS`."""

    def __init__(self, name: str, *, optional: bool = False) -> None:
        self.name, self.optional = name, optional

    def choose(self, folds: Sequence[FoldExamples], context: Context) -> tuple[Choice, list[Float64]]:
        """The number of epochs that is best on the latest fold: a network costs too much to train on them all."""
        latest = folds[-1]
        log.info("%s: latest fold, %d rows", self.name, len(latest.train.target))
        fitted = train_network(self.name, latest.train, latest.valid, context, f"{self.name}-fold", None, 0.6)
        log.info("%s: %d epochs are best on it", self.name, fitted.best_epoch)
        found = fitted.predict(context.source.graph, latest.valid.inputs.seeds, latest.valid.inputs.history)
        return {"epochs": fitted.best_epoch}, [found]

    def fit(self, examples: Examples, choice: Choice, context: Context) -> FittedGraphed:
        """Train the chosen number of epochs on everything."""
        log.info("%s: training %d epochs on %d rows", self.name, choice["epochs"], len(examples.target))
        return FittedGraphed(train_network(self.name, examples, None, context, f"{self.name}-fit", choice["epochs"], 1.0))

    def load(self, folder: Path) -> FittedGraphed:
        """Read what `save` wrote."""
        from rdl.gnn import FittedGnn

        return FittedGraphed(FittedGnn.load(folder))


def train_network(
    network: str, train: Examples, valid: Examples | None, context: Context, called: str, epochs: int | None, share: float
) -> "FittedGnn":
    """A network by name, trained on examples; stopped by the later ones where there are any, else after `epochs`.

    Args:
        network: one of `rdl.gnn.networks.NETWORKS`.
        train: what is learned from; of stale copies none, for staleness is drawn anew in every epoch.
        valid: later examples, or None.
        context: task and settings.
        called: the name of its checkpoint.
        epochs: how many at most, in place of the settings' number.
        share: of the time that the member has.
    """
    from rdl.gnn import fit_gnn

    settings = replace(context.settings.gnn, network=network)
    if context.staleness:
        train = train.rows(np.flatnonzero(train.inputs.seeds.as_of == train.inputs.seeds.cutoff))
        settings = replace(settings, staleness=context.staleness)
    if epochs is not None:
        settings = replace(settings, epochs=epochs)
    if context.seconds is not None:
        settings = replace(settings, budget_s=context.seconds * share)
    return fit_gnn(
        context.source.graph,
        context.kind,
        context.source.task.entity_table,
        train.labels,
        valid.labels if valid else None,
        settings,
        context.settings.seed,
        context.checkpoints / called,
        train.inputs.history,
        classes=len(context.source.task.classes),
        metric=context.metric,
    )
