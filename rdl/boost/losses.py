"""Losses of margins, for boosting that has its own gradient: logistic, softmax, squared and pseudo-Huber."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, softmax

from rdl.task import Kind

Float64 = NDArray[np.float64]
Pairwise = Callable[[Float64, Float64], Float64]

BEND = 0.2
"""Where the pseudo-Huber loss turns from squared to absolute, in standard deviations of the target."""


@dataclass(frozen=True)
class Loss:
    """A convex loss of margins z [n, k] and targets y [n, k].

    Attributes:
        value: [n] what is minimised.
        judge: [n] what later rows are scored by.
        gradient: [n, k] of `value`.
        curvature: [n, k] by which a Newton step is divided. Of errors that of a parabola that touches `value` in z and is nowhere
            below it; of probabilities XGBoost's own, so that without smoothing trees are what they are elsewhere: the looser bounds
            of Jaakkola and Böhning cost 0.005 of log loss on rel-f1's folds.
        finish: margins to predictions [n, k].
        start: the constant margins [k] that are best for targets [n, k], or close to it.
    """

    value: Pairwise
    judge: Pairwise
    gradient: Pairwise
    curvature: Pairwise
    finish: Callable[[Float64], Float64]
    start: Callable[[Float64], Float64]


def loss_of(kind: Kind, metric: str, target: Float64) -> Loss:
    """The loss that a task's kind and metric ask for, of targets [n, k] such as these."""
    if kind is Kind.MULTICLASS:
        return _softmax()
    if kind is not Kind.REGRESSION:
        return _logistic()
    return _squared() if metric in ("rmse", "r2") else _pseudo_huber(max(BEND * float(target.std()), 1e-9))


def _logistic() -> Loss:
    """Each column of its own."""

    def value(z: Float64, y: Float64) -> Float64:
        return np.asarray((np.logaddexp(0.0, z) - y * z).sum(axis=1))

    def curvature(z: Float64, y: Float64) -> Float64:  # noqa: ARG001
        chance = expit(z)
        return np.asarray(chance * (1 - chance))

    def start(y: Float64) -> Float64:
        share = (y.sum(axis=0) + 0.5) / (len(y) + 1)
        return np.log(share / (1 - share))

    return Loss(value, value, lambda z, y: expit(z) - y, curvature, expit, start)


def _softmax() -> Loss:
    """One class is right."""

    def value(z: Float64, y: Float64) -> Float64:
        return np.asarray(-(y * log_softmax(z, axis=1)).sum(axis=1))

    def curvature(z: Float64, y: Float64) -> Float64:  # noqa: ARG001
        chance = softmax(z, axis=1)
        return np.asarray(2 * chance * (1 - chance))  # twice the diagonal: classes have trees of their own

    def start(y: Float64) -> Float64:
        return np.log((y.sum(axis=0) + 0.5) / (len(y) + 0.5 * y.shape[1]))

    return Loss(value, value, lambda z, y: softmax(z, axis=1) - y, curvature, lambda z: softmax(z, axis=1), start)


def _squared() -> Loss:
    def value(z: Float64, y: Float64) -> Float64:
        return np.asarray(0.5 * ((z - y) ** 2).sum(axis=1))

    return Loss(value, value, lambda z, y: z - y, lambda z, _: np.ones_like(z), lambda z: z, lambda y: y.mean(axis=0))


def _pseudo_huber(bend: float) -> Loss:
    """The absolute error, rounded off where it is smaller than `bend`; later rows are judged by the absolute error itself."""

    def size(z: Float64, y: Float64) -> Float64:
        return np.asarray(np.sqrt(1 + ((z - y) / bend) ** 2))

    def value(z: Float64, y: Float64) -> Float64:
        return np.asarray(bend * (size(z, y) - 1).sum(axis=1))

    def judge(z: Float64, y: Float64) -> Float64:
        return np.asarray(np.abs(z - y).sum(axis=1))

    return Loss(
        value,
        judge,
        lambda z, y: (z - y) / bend / size(z, y),
        lambda z, y: 1 / bend / size(z, y),
        lambda z: z,
        lambda y: np.median(y, axis=0),
    )
