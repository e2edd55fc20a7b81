"""Graph-boosted XGBoost: trees that are fitted through the smoothing of their margins.

What is minimised is the meta loss: that of Z = B F on labelled rows, convex in the margins F. The trees of a round are fitted on
every row, labelled or not, to the gradient B' D'(Z) and the curvature B' D''(Z), which is at least the diagonal of the meta loss's
own: steps are rather too short than too long. Where the smoothing has strength 0 this is plain boosting.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.losses import Loss
from rdl.boost.matrix import Matrix, to_learn, to_predict
from rdl.boost.momentum import Ahead
from rdl.boost.objective import parameters
from rdl.boost.settings import BoostSettings
from rdl.boost.smoothing import Smoothing
from rdl.task import Kind

if TYPE_CHECKING:
    import xgboost

Float64 = NDArray[np.float64]

LEAST_CURVATURE = 1e-6
"""Rows that nobody learns from have next to none, and must not divide by zero."""


@dataclass(frozen=True)
class Watched:
    """Later rows whose loss every round is scored by.

    Attributes:
        matrix, target: m rows, [m, k].
        smoothing: of the n training rows and, behind them, these m.
    """

    matrix: Matrix
    target: Float64
    smoothing: Smoothing


def fit_smoothed(
    matrix: Matrix,
    target: Float64,
    smoothing: Smoothing,
    loss: Loss,
    settings: BoostSettings,
    seed: int,
    weight: Float64,
    watched: Watched | None = None,
    *,
    momentum: bool = False,
) -> "tuple[xgboost.Booster, Float64, list[float]]":
    """Boost `settings.rounds` rounds, or until the watched rows' loss has not improved for `settings.patience`.

    Args:
        matrix: [n, m] features.
        target: [n, k]; of rows without a label anything.
        smoothing: of the n rows.
        loss: of margins and targets.
        settings: how.
        seed: of XGBoost.
        weight: [n] of the rows; 0 where there is no label.
        watched: later rows, or None.
        momentum: whether trees are fitted a step ahead; `momentum.settled` must then weigh them.

    Returns:
        The booster, where it starts [k], and every round's mean: of what the watched rows are judged by, or of the labelled rows'
        own loss.
    """
    import xgboost

    data = to_learn(matrix, target, settings.threads, settings.max_bin)
    run = _Run(data, target, smoothing, loss, weight, watched, momentum=momentum)
    evals = [(data, "train")]
    if watched is not None:
        evals.append((to_learn(watched.matrix, watched.target, settings.threads, settings.max_bin, like=data), "watched"))
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        _parameters(settings, seed, target),
        data,
        num_boost_round=settings.rounds,
        obj=run.objective,
        custom_metric=run.metric,
        evals=evals,
        evals_result=history,
        early_stopping_rounds=settings.patience if watched is not None else None,
        verbose_eval=False,
    )
    return booster, run.start, history[evals[-1][1]]["loss"]


def margins(booster: "xgboost.Booster", start: Float64, matrix: Matrix, threads: int, rounds: int = 0) -> Float64:
    """[n, k] margins F of rows, by the first `rounds` rounds or by all."""
    raw = booster.predict(to_predict(matrix, threads), output_margin=True, iteration_range=(0, rounds))
    return np.asarray(raw, dtype=np.float64).reshape(len(matrix), -1) + start


class _Run:
    """The meta loss as XGBoost asks for it."""

    def __init__(
        self,
        data: "xgboost.DMatrix",
        target: Float64,
        smoothing: Smoothing,
        loss: Loss,
        weight: Float64,
        watched: Watched | None,
        *,
        momentum: bool,
    ) -> None:
        self._data, self._target, self._smoothing, self._loss, self._watched = data, target, smoothing, loss, watched
        self._weight = weight[:, None]
        self.start = loss.start(target[weight > 0])
        self._margin = np.zeros_like(target)
        self._own = self._ahead(target) if momentum else None
        self._later = self._ahead(watched.target) if momentum and watched is not None else None

    def objective(self, predicted: NDArray[Any], _: "xgboost.DMatrix") -> tuple[Float64, Float64]:
        """Gradient and curvature [n, k] by the margins."""
        margin = self._shaped(predicted, self._target)
        if self._own is not None:
            margin = self._own.ahead
        z = self._smoothing.push(margin)
        gradient = self._smoothing.pull(self._weight * self._loss.gradient(z, self._target))
        curvature = self._smoothing.pull(self._weight * self._loss.curvature(z, self._target))
        return gradient, np.maximum(curvature, LEAST_CURVATURE)

    def metric(self, predicted: NDArray[Any], data: "xgboost.DMatrix") -> tuple[str, float]:
        """Of the labelled rows the mean loss; of the watched ones, asked for right after them, what they are judged by."""
        if data is self._data:
            self._margin = self._followed(self._own, self._shaped(predicted, self._target))
            value = self._loss.value(self._smoothing.push(self._margin), self._target)
            return "loss", float(np.average(value, weights=self._weight[:, 0]))
        assert self._watched is not None
        later = self._followed(self._later, self._shaped(predicted, self._watched.target))
        whole = np.concatenate([self._margin, later])
        z = self._watched.smoothing.push(whole)[len(self._margin) :]
        return "loss", float(self._loss.judge(z, self._watched.target).mean())

    def _ahead(self, like: Float64) -> Ahead:
        return Ahead(np.broadcast_to(self.start, like.shape))

    @staticmethod
    def _followed(ahead: Ahead | None, margin: Float64) -> Float64:
        """The margins after one more round."""
        if ahead is None:
            return margin
        ahead.follow(margin)
        return ahead.now

    def _shaped(self, predicted: NDArray[Any], like: Float64) -> Float64:
        return np.asarray(predicted, dtype=np.float64).reshape(like.shape) + self.start


def _parameters(settings: BoostSettings, seed: int, target: Float64) -> dict[str, Any]:
    found = parameters(Kind.REGRESSION, "rmse", settings, seed, target)
    own = {"base_score": 0.0, "disable_default_eval_metric": 1}
    return {name: value for name, value in found.items() if name not in ("objective", "eval_metric")} | own
