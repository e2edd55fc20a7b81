"""Intervals around values, and sets of classes, that hold the truth as often as they promise: split-conformal prediction.

What is calibrated on are out-of-fold predictions of mature labels (`rdl.boost.window`), so nothing is assumed of the members. A
residual is divided by the size that it was expected to have (`rdl.boost.spread`), which makes intervals wide where predictions
are poor; upper and lower ends are read apart, so that they need not be symmetrical.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.drift import GRID, Drift
from rdl.boost.matrix import Matrix
from rdl.boost.spread import Spread, fit_spread
from rdl.boost.window import Window

Float64 = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

BLOCKS = 4
"""Blocks of time: the sizes of each are learned from the ones before it."""
LEAST_ROWS = 400
"""Residuals from which sizes are learned; of fewer all have one size."""
JUDGED = 0.9
"""The level of the intervals by whose score the way of sizing is chosen."""
GAIN = 0.01
"""By that share the score of intervals of learned sizes must be better."""
CLASS_ROWS = 100
"""Rows that a class needs to have a threshold of its own."""


@dataclass(frozen=True)
class Intervals:
    """Intervals of a regression: the window of residuals, each divided by its expected size, and what expects it.

    Attributes:
        drift: what labels that became known since the fit say of each level: see `rdl.boost.drift`.
    """

    window: Window
    spread: Spread | None
    drift: Drift = field(default_factory=Drift)

    def sizes(self, matrix: Matrix) -> Float64:
        """[n, 2] expected sizes of the residual below and above the prediction."""
        return np.ones((len(matrix), 2)) if self.spread is None else self.spread.sizes(matrix)

    def quantiles(self, prediction: Float64, sizes: Float64, levels: Sequence[float]) -> Float64:
        """[n, levels] quantiles of the label."""
        return _stretched(prediction, sizes, self.window.quantiles(self.drift.asked(levels).tolist()))

    def moved(self, residual: Float64, sizes: Float64, cutoff: Int) -> "Intervals":
        """The same with the labels [n] that became known since, all later than those it knows."""
        window, drift, score = self.window, self.drift, _shrunk(residual, sizes)
        for now in np.unique(cutoff):
            here = cutoff == now
            drift = drift.after(score[here], window)
            window = window.moved(score[here], cutoff[here])
        return Intervals(window, self.spread, drift)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        spread = None if self.spread is None else self.spread.to_json()
        return {"window": self.window.to_json(), "spread": spread, "drift": list(self.drift.levels)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Intervals":
        """The intervals that `to_json` wrote."""
        spread = None if data["spread"] is None else Spread.from_json(data["spread"])
        return Intervals(Window.from_json(data["window"]), spread, Drift(tuple(data.get("drift", GRID))))


@dataclass(frozen=True)
class ClassSets:
    """Which classes a row may have: those more likely than what the window asks of each.

    Attributes:
        common: of 1 - the probability of the true class, over all rows.
        own: the same by class, of those with rows enough: a rare class is then held as often as a frequent one.
    """

    common: Window
    own: Mapping[int, Window]

    def possible(self, probability: Float64, level: float) -> Bool:
        """[n, classes] which classes may be right; the likeliest one always may."""
        most = np.full(probability.shape[1], self.common.quantiles([level])[0])
        for place, window in self.own.items():
            most[place] = window.quantiles([level])[0]
        found = 1.0 - probability <= most
        found[np.arange(len(found)), probability.argmax(axis=1)] = True
        return np.asarray(found)

    def moved(self, probability: Float64, target: Float64, cutoff: Int) -> "ClassSets":
        """The same with the labels [n] that became known since."""
        score, place, known = _class_scores(probability, target)
        cutoff = cutoff[known]
        own = {k: w.moved(score[place == k], cutoff[place == k]) for k, w in self.own.items()}
        return ClassSets(self.common.moved(score, cutoff), own)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return {"common": self.common.to_json(), "own": [[place, window.to_json()] for place, window in self.own.items()]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "ClassSets":
        """The sets that `to_json` wrote."""
        own = {place: Window.from_json(window) for place, window in data["own"]}
        return ClassSets(Window.from_json(data["common"]), own)


@dataclass(frozen=True)
class JointSets:
    """Which of several labels a row surely holds, and which it may hold: all of them right at once as often as is promised.

    The score of a row is the largest error of its probabilities, so one threshold holds for all labels together.
    """

    window: Window

    def certain_and_possible(self, probability: Float64, level: float) -> tuple[Bool, Bool]:
        """[n, labels] each: the true labels lie between the certain and the possible ones."""
        most = self.window.quantiles([level])[0]
        return np.asarray(probability > most), np.asarray(1.0 - probability <= most)

    def moved(self, probability: Float64, target: Float64, cutoff: Int) -> "JointSets":
        """The same with the labels [n] that became known since."""
        return JointSets(self.window.moved(np.abs(target - probability).max(axis=1), cutoff))

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return self.window.to_json()

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "JointSets":
        """The sets that `to_json` wrote."""
        return JointSets(Window.from_json(data))


def fit_intervals(matrix: Matrix, residual: Float64, cutoff: Int, delay: int, seed: int, threads: int) -> Intervals:
    """Intervals from n out-of-fold residuals; sizes are learned where that made the intervals of the later half better.

    Args:
        matrix: [n, m] what the size of a residual may be told from.
        residual: [n] label minus prediction, out of fold.
        cutoff: [n] of the rows.
        delay: microseconds from a cutoff to when its labels are known.
        seed: of the trees.
        threads: of the trees.
    """
    order = np.argsort(cutoff, kind="stable")
    matrix, residual, cutoff = matrix.rows(order), residual[order], cutoff[order]
    blocks, even = _blocks(cutoff, delay), np.ones((len(residual), 2))
    if not blocks or len(residual) < LEAST_ROWS:
        return Intervals(Window.of(residual, cutoff), None)
    scored = np.sort(np.concatenate([later for _, later in blocks]))
    if len(scored) < LEAST_ROWS // BLOCKS:
        return Intervals(Window.of(residual, cutoff), None)
    ways: dict[bool | None, Float64] = {None: even}
    for sided in (False, True):
        ways[sided] = even.copy()
        for before, later in blocks:
            learned = fit_spread(matrix.rows(before), residual[before], seed, threads, sided=sided)
            ways[sided][later] = learned.sizes(matrix.rows(later))
    loss = {way: _interval_score(residual, sizes, cutoff, scored) * (1.0 - GAIN * (way is None)) for way, sizes in ways.items()}
    best = min(loss, key=lambda way: loss[way])
    if best is None:
        return Intervals(Window.of(residual, cutoff), None)
    spread = fit_spread(matrix, residual, seed, threads, sided=best)
    return Intervals(Window.of(_shrunk(residual, ways[best])[scored], cutoff[scored]), spread)


def fit_class_sets(probability: Float64, target: Float64, cutoff: Int) -> ClassSets:
    """Sets of classes from [n, classes] out-of-fold probabilities and the places [n] of the true classes, -1 for an unknown one."""
    score, place, known = _class_scores(probability, target)
    cutoff = cutoff[known]
    counts = np.bincount(place, minlength=probability.shape[1])
    own = {int(k): Window.of(score[place == k], cutoff[place == k]) for k in np.flatnonzero(counts >= CLASS_ROWS)}
    return ClassSets(Window.of(score, cutoff), own)


def fit_joint_sets(probability: Float64, target: Float64, cutoff: Int) -> JointSets:
    """Sets of labels from [n, labels] out-of-fold probabilities and the labels [n, labels] of 0 and 1."""
    return JointSets(Window()).moved(probability, target, cutoff)


def _class_scores(probability: Float64, target: Float64) -> tuple[Float64, Int, Bool]:
    """1 - the true class's probability, its place, and which rows have a known class."""
    known = target >= 0
    place = target[known].astype(np.int64)
    return 1.0 - probability[known][np.arange(len(place)), place], place, known


def _shrunk(residual: Float64, sizes: Float64) -> Float64:
    """[n] residuals, each divided by the size of its side."""
    return residual / np.where(residual < 0, sizes[:, 0], sizes[:, 1])


def _stretched(prediction: Float64, sizes: Float64, shrunk: Float64) -> Float64:
    """[n, levels] what `_shrunk` residuals [levels] come to around the predictions."""
    return np.asarray(prediction[:, None] + shrunk * np.where(shrunk < 0, sizes[:, :1], sizes[:, 1:]))


def _blocks(cutoff: Int, delay: int) -> list[tuple[Int, Int]]:
    """Rows that are known before a block of time, and the block's; of one cutoff, where time tells nothing, any blocks of rows."""
    moments = np.unique(cutoff)
    if len(moments) == 1:
        parts = np.array_split(np.arange(len(cutoff)), BLOCKS)
        return [(np.concatenate(parts[:i]), parts[i]) for i in range(1, BLOCKS)]
    found = []
    for block in np.array_split(moments, BLOCKS)[1:]:
        if len(block):
            before = np.flatnonzero(cutoff + delay < block[0])
            if len(before) >= LEAST_ROWS // BLOCKS:
                found.append((before, np.flatnonzero((cutoff >= block[0]) & (cutoff <= block[-1]))))
    return found


def _interval_score(residual: Float64, sizes: Float64, cutoff: Int, scored: Int) -> float:
    """Mean width and what lay outside (Winkler, 1972) of the later half of the scored rows, by intervals from the earlier half."""
    half = len(scored) // 2
    early, late = scored[:half], scored[half:]
    tail = (1.0 - JUDGED) / 2
    ends = Window.of(_shrunk(residual, sizes)[early], cutoff[early]).quantiles([tail, 1.0 - tail])
    low, high = _stretched(np.zeros(len(late)), sizes[late], ends).T
    outside = np.maximum(low - residual[late], 0.0) + np.maximum(residual[late] - high, 0.0)
    return float((high - low + outside / tail).mean())
