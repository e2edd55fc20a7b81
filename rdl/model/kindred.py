"""Rows and their kin as graph-boosted trees read them: prepared once a fold, fitted under one kinship after another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rdl.boost import BoostSettings, Matrix
from rdl.boost.losses import loss_of
from rdl.boost.momentum import settled
from rdl.boost.smoothed import Watched, fit_smoothed, margins
from rdl.features import Encoding
from rdl.model.boosted import encoded_matrix, learned_rows, settings_for, shaped_target
from rdl.model.inputs import Examples
from rdl.model.member import Context, FoldExamples
from rdl.model.related import Kinship, Nodes, nodes_of
from rdl.task import Kind

if TYPE_CHECKING:
    from rdl.boost.boosters import Booster

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Kindred:
    """Training rows.

    Attributes:
        matrix, target, weight: [n, m], [n, k], [n].
        nodes: the rows as kin see them, by every path that is asked for.
        encoding: of the features.
    """

    matrix: Matrix
    target: Float64
    weight: Float64
    nodes: Nodes
    encoding: Encoding
    metric: str
    kind: Kind

    @staticmethod
    def of(examples: Examples, paths: Sequence[str], context: Context) -> "Kindred":
        """The examples, and those between their cutoffs."""
        encoding = Encoding.fit(examples.inputs.features)
        matrix, target, weight = learned_rows(examples, encoding, (), context)
        nodes = [nodes_of(part.inputs, context.source, paths, sources=True) for part in (examples, *examples.between)]
        return Kindred(
            matrix,
            target.reshape(len(target), -1),
            np.ones(len(target)) if weight is None else weight,
            Nodes.concat(nodes),
            encoding,
            context.metric,
            context.kind,
        )

    def read(self, kinship: Kinship) -> Matrix:
        """What the trees read: the features, and what is known of the labels of kin where the kinship says so."""
        return with_labels(self.matrix, self.nodes, self.target, kinship)

    def fit(
        self, kinship: Kinship, settings: BoostSettings, seed: int, watched: Watched | None = None
    ) -> "tuple[Booster, Float64, list[float]]":
        """See `fit_smoothed`. Where labels are read, rows at whose moment none was known make no loss: they only hand theirs on."""
        loss, weight = loss_of(self.kind, self.metric, self.target), self.weight
        if kinship.labels and self.nodes.source.any():
            known = self.nodes.moment >= self.nodes.ready[self.nodes.source].min()
            weight = np.where(known, weight, 0.0) if known.any() else weight
        smoothing = self.nodes.smoothing(kinship)
        return fit_smoothed(
            self.read(kinship), self.target, smoothing, loss, settings, seed, weight, watched, momentum=kinship.momentum
        )


@dataclass(frozen=True)
class FoldKindred:
    """One fold's training rows and its later ones.

    Attributes:
        rows: what is fitted on.
        matrix, target: of the later rows.
        whole: the nodes of the training rows and, behind them, of the later ones.
        shape: what one prediction looks like.
        settings: for so many rows.
    """

    rows: Kindred
    matrix: Matrix
    target: Float64
    whole: Nodes
    shape: tuple[int, ...]
    settings: BoostSettings

    @staticmethod
    def of(fold: FoldExamples, paths: Sequence[str], context: Context, settings: BoostSettings) -> "FoldKindred":
        """The fold, by every path that may be asked for."""
        rows = Kindred.of(fold.train, paths, context)
        target = shaped_target(fold.valid, context)
        later = nodes_of(fold.valid.inputs, context.source, paths, sources=False)
        matrix = encoded_matrix(fold.valid.inputs.features, rows.encoding, ())
        whole = Nodes.concat((rows.nodes, later))
        told = settings_for(fold.train, settings)
        return FoldKindred(rows, matrix, target.reshape(len(target), -1), whole, target.shape[1:], told)

    def fit(self, kinship: Kinship, seed: int) -> "FittedFold":
        """Fit under a kinship, each round scored by the later rows."""
        matrix = with_labels(self.matrix, self.whole, self.rows.target, kinship)
        watched = Watched(matrix, self.target, self.whole.smoothing(kinship))
        return FittedFold(self, kinship, watched, *self.rows.fit(kinship, self.settings, seed, watched))


@dataclass(frozen=True)
class FittedFold:
    """One fold, fitted.

    Attributes:
        start: where the margins begin [k].
        history: every round's loss on the later rows.
    """

    fold: FoldKindred
    kinship: Kinship
    watched: Watched
    booster: "Booster"
    start: Float64
    history: list[float]

    def predict(self, rounds: int) -> Float64:
        """[n, …] predictions of the later rows by the first `rounds` rounds."""
        rows, threads = self.fold.rows, self.fold.settings.threads
        booster = settled(self.booster, rounds, momentum=self.kinship.momentum)
        parts = (rows.read(self.kinship), self.watched.matrix)
        whole = np.concatenate([margins(booster, self.start, part, threads) for part in parts])
        z = self.watched.smoothing.push(whole)[len(rows.matrix) :]
        finish = loss_of(rows.kind, rows.metric, rows.target).finish
        return finish(z).reshape(len(z), *self.fold.shape)


def with_labels(matrix: Matrix, nodes: Nodes, label: Float64, kinship: Kinship) -> Matrix:
    """The last rows of `nodes`, with the mean label of those each may learn from, a column a path and class; null where none is.

    Args:
        matrix: [m, …] features of the last m nodes.
        nodes: n rows whose labels are given, and whatever is behind them, of which nobody learns.
        label: [n, k].
        kinship: by which paths; without `labels` the matrix stays what it is.
    """
    if not kinship.labels:
        return matrix
    values = np.concatenate([label, np.zeros((len(nodes) - len(label), label.shape[1]))])
    paths = nodes.paths(kinship)
    found = [np.where(path.reached[:, None], path.mean(values), np.nan)[len(nodes) - len(matrix) :] for path in paths]
    columns = np.concatenate([matrix.values, *found], axis=1).astype(np.float32)
    names = tuple(f"kin{i}.{k}" for i in range(len(paths)) for k in range(label.shape[1]))
    return Matrix(columns, matrix.names + names, matrix.categorical + (False,) * len(names))
