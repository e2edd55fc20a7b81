"""Robust stacking: bag, propagate, stack, over time.

A layer is fitted on the features and on what the layer before it predicts: of a row itself, and, mixed over one, two, four and
eight steps, of the rows it may learn from. A layer that reads predictions of rows that were fitted on learns how well the layer
before it knows its own labels by heart, and nothing of later rows. So every prediction that a layer reads is out of fold: rows come
in blocks of time, and those of a block are predicted by learners that were fitted on rows whose labels were known before the block
began. The earliest block has no such prediction, and what is made of it is null. (Chen et al., 2022, with random folds, which over
time would let the future predict the past.)

Later rows go the same way: the learners that predict them are fitted on all rows, and whom they learn from are the rows of the fit,
by their out-of-fold predictions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rdl.boost.learner import FittedBoost, fit_boost
from rdl.boost.matrix import Matrix
from rdl.boost.settings import BoostSettings
from rdl.boost.smoothing import Smoothing
from rdl.task import Kind

Float64 = NDArray[np.float64]
Int = NDArray[np.int64]

ALPHA = 0.95
"""What a step of propagation takes of the rows that are learned from; the rest stays the row's own."""
STEPS = (0, 1, 2, 4, 8)
"""The steps of propagation that the next layer reads; 0 is the row's own prediction."""


@dataclass(frozen=True)
class Block:
    """Rows of one stretch of time, and the older ones that predict them.

    Attributes:
        known: the rows whose labels were known before the first of `rows`.
        rows: the rows of the block.
    """

    known: Int
    rows: Int


@dataclass(frozen=True)
class Learning:
    """The rows of a fit.

    Attributes:
        matrix: [n, m] features.
        target: [n] or [n, classes], as in `fit_boost`.
        weight: [n] row weights, or None.
        blocks: those whose rows are predicted out of fold.
    """

    matrix: Matrix
    target: Float64
    weight: Float64 | None
    blocks: tuple[Block, ...]

    @property
    def predicted(self) -> NDArray[np.bool_]:
        """[n] which rows have an out-of-fold prediction: only these may be learned from."""
        found = np.zeros(len(self.target), dtype=np.bool_)
        for block in self.blocks:
            found[block.rows] = True
        return found


@dataclass(frozen=True)
class Learners:
    """The base learners of every layer, and what they are told.

    Attributes:
        settings: of each learner.
        seed: the first of the seeds.
    """

    settings: tuple[BoostSettings, ...]
    kind: Kind
    metric: str
    seed: int

    def fit(self, rows: Learning, matrix: Matrix, index: Int | None = None) -> tuple[FittedBoost, ...]:
        """Every learner, fitted on the rows of a matrix at `index`, or on all."""
        part, target, weight = matrix, rows.target, rows.weight
        if index is not None:
            part, target, weight = matrix.rows(index), target[index], None if weight is None else weight[index]
        return tuple(fit_boost(part, target, self.kind, self.metric, told, self.seed, weight) for told in self.settings)

    @property
    def single(self) -> "Learners":
        """The same with one seed each: layers that are only read by others are many."""
        return replace(self, settings=tuple(replace(told, seeds=1) for told in self.settings))


@dataclass(frozen=True)
class FittedStack:
    """Layers of learners, and what all but the last predicted out of fold.

    Attributes:
        layers: the learners of each layer, the first of which reads features alone.
        known: for each layer but the last, the out-of-fold predictions [n, learners * classes] of the rows of the fit, NaN where
            there is none.
    """

    layers: tuple[tuple[FittedBoost, ...], ...]
    known: tuple[Float64, ...]

    def predict_each(self, matrix: Matrix, smoothing: Smoothing) -> list[Float64]:
        """What each layer alone says of later rows: [m] or [m, classes] by layer, the last being the stack's prediction.

        Args:
            matrix: [m, features] of the later rows.
            smoothing: of the n rows of the fit and, behind them, these m.
        """
        found = []
        read = matrix
        for place, learners in enumerate(self.layers):
            parts = [learner.predict(read) for learner in learners]
            found.append(np.mean(parts, axis=0))
            if place < len(self.known):
                whole = np.concatenate([self.known[place], side_by_side(parts)])
                read = widened(matrix, propagated(whole, smoothing)[len(self.known[place]) :])
        return found

    def predict(self, matrix: Matrix, smoothing: Smoothing) -> Float64:
        """[m] or [m, classes] the last layer's prediction: see `predict_each`."""
        return self.predict_each(matrix, smoothing)[-1]

    def importance(self) -> dict[str, float]:
        """Share of the last layer's gain by column, the largest first."""
        total: dict[str, float] = {}
        for learner in self.layers[-1]:
            for name, share in learner.importance().items():
                total[name] = total.get(name, 0.0) + share / len(self.layers[-1])
        return dict(sorted(total.items(), key=lambda pair: (-pair[1], pair[0])))

    def save(self, folder: Path) -> None:
        """Write each learner to a folder of its own; `known` is left to who keeps the rows."""
        for i, learners in enumerate(self.layers):
            for j, learner in enumerate(learners):
                learner.save(folder / f"layer-{i}" / f"learner-{j}")

    @staticmethod
    def load(folder: Path, layers: int, learners: int, known: Sequence[Float64]) -> "FittedStack":
        """Read what `save` wrote.

        Raises:
            ModelFileError: a file is missing or unreadable.
        """
        found = [[FittedBoost.load(folder / f"layer-{i}" / f"learner-{j}") for j in range(learners)] for i in range(layers)]
        return FittedStack(tuple(tuple(layer) for layer in found), tuple(known))


def fit_stack(rows: Learning, smoothing: Smoothing, learners: Learners, extra: int) -> FittedStack:
    """A first layer and `extra` more.

    Args:
        rows: features, targets and blocks.
        smoothing: of the n rows; nobody may learn from rows without an out-of-fold prediction (see `Learning.predicted`).
        learners: of every layer; all but the last have one seed.
        extra: layers above the first.
    """
    layers, known, matrix = [], [], rows.matrix
    for place in range(extra + 1):
        last = place == extra
        layers.append((learners if last else learners.single).fit(rows, matrix))
        if not last:
            known.append(out_of_fold(rows, matrix, learners.single))
            matrix = widened(rows.matrix, propagated(known[-1], smoothing))
    return FittedStack(tuple(layers), tuple(known))


def out_of_fold(rows: Learning, matrix: Matrix, learners: Learners) -> Float64:
    """[n, learners * classes] what learners say of each block, fitted on the rows known before it; NaN in no block.

    Args:
        rows: targets and blocks.
        matrix: [n, m] what the learners read.
        learners: one layer's.
    """
    width = len(learners.settings) * (rows.target.shape[1] if rows.target.ndim > 1 else 1)
    found = np.full((len(matrix), width), np.nan)
    for block in rows.blocks:
        fitted = learners.fit(rows, matrix, block.known)
        part = matrix.rows(block.rows)
        found[block.rows] = side_by_side([learner.predict(part) for learner in fitted])
    return found


def propagated(prediction: Float64, smoothing: Smoothing) -> Float64:
    """[n, k] predictions after each of `STEPS` steps, side by side: [n, k * steps]; NaN where there is no prediction."""
    walk = list(islice(smoothing.walk(prediction), STEPS[-1] + 1))
    return np.concatenate([walk[step] for step in STEPS], axis=1)


def widened(matrix: Matrix, columns: Float64) -> Matrix:
    """The features [n, m] with what the layer before made [n, k] behind them."""
    names = tuple(f"stack{i}" for i in range(columns.shape[1]))
    values = np.concatenate([matrix.values, columns.astype(np.float32)], axis=1)
    return Matrix(values, matrix.names + names, matrix.categorical + (False,) * len(names))


def side_by_side(parts: Sequence[Float64]) -> Float64:
    """Predictions [n] or [n, classes] of several learners as columns: [n, learners * classes]."""
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def time_blocks(moment: Int, ready: Int, count: int) -> tuple[Block, ...]:
    """At most `count - 1` blocks of whole moments and about as many rows each; the rows before them are in none.

    Args:
        moment: int64 [n] what a row may know of lies before it: its cutoff, or where it is a stale copy its snapshot.
        ready: int64 [n] when its label is known: rows of later or the same moments may be predicted from it.
        count: into how many parts the rows are divided, the earliest being without a prediction.
    """
    moments, sizes = np.unique(moment, return_counts=True)
    part = ((np.cumsum(sizes) - sizes) * count) // max(int(sizes.sum()), 1)
    place = part[np.searchsorted(moments, moment)]
    blocks = []
    for p in np.unique(part)[1:]:
        rows = np.flatnonzero(place == p)
        known = np.flatnonzero(ready <= moment[rows].min())
        if len(known):
            blocks.append(Block(known, rows))
    return tuple(blocks)
