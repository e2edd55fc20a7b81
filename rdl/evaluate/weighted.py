"""The task's metric when rows count as often as a bootstrap drew them, without repeating the rows.

A `Weighted` is prepared once for one prediction and answers for any weights: sorted once, summed often. With weights of one it is
the metric of `rdl.task.metrics`; with whole weights it is the metric of rows that stand there as often.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.task import Kind, Labels
from rdl.task.class_metrics import FLOOR, multiclass_losses
from rdl.task.metrics import score
from rdl.task.ranking_metrics import ranking_rows

Float64 = NDArray[np.float64]
Weighted = Callable[[NDArray[np.int64]], float]

NAN = float("nan")


def weighted(kind: Kind, metric: str, labels: Labels, prediction: NDArray[Any], scale: float) -> Weighted:
    """The metric of n predictions as a function of [n] whole weights; NaN where it is undefined.

    Args:
        kind: what the target is.
        metric: one of the kind's.
        labels: n labels.
        prediction: [n, …] as `score` takes them.
        scale: by which `nmae` divides.
    """
    target = labels.target
    if kind is Kind.RECOMMENDATION:
        asked, values = ranking_rows(labels, prediction)
        return _mean_of(values[metric], asked)
    if kind is Kind.MULTICLASS and metric in ("accuracy", "micro_f1"):
        return _mean_of((prediction.argmax(axis=1) == target).astype(np.float64))
    if kind is Kind.MULTICLASS and metric == "log_loss":
        return _mean_of(multiclass_losses(target, prediction))
    if kind in (Kind.BINARY, Kind.REGRESSION):
        return _of_numbers(metric, target, prediction, scale)
    return _repeated(kind, metric, labels, prediction, scale)


def _of_numbers(metric: str, target: Float64, prediction: Float64, scale: float) -> Weighted:
    match metric:
        case "roc_auc":
            return _roc_auc(target, prediction)
        case "average_precision":
            return _average_precision(target, prediction)
        case "log_loss":
            p = np.clip(prediction, FLOOR, 1 - FLOOR)
            return _mean_of(-(target * np.log(p) + (1 - target) * np.log1p(-p)))
        case "rmse":
            squares = _mean_of((target - prediction) ** 2)
            return lambda weights: float(np.sqrt(squares(weights)))
        case "r2":
            return _r2(target, prediction)
        case "nmae":
            return _mean_of(np.abs(target - prediction) / scale if scale > 0 else np.full(len(target), NAN))
        case _:
            return _mean_of(np.abs(target - prediction))


def _mean_of(values: Float64, rows: NDArray[np.int64] | None = None) -> Weighted:
    """The weighted mean of [m] values, of the rows [m]; of all where none are named."""

    def mean(weights: NDArray[np.int64]) -> float:
        mine = weights if rows is None else weights[rows]
        total = mine.sum()
        return float(mine @ values / total) if total else NAN

    return mean


def _r2(target: Float64, prediction: Float64) -> Weighted:
    def r2(weights: NDArray[np.int64]) -> float:
        count = weights.sum()
        total = float(weights @ (target - weights @ target / count) ** 2) if count else 0.0
        return 1.0 - float(weights @ (target - prediction) ** 2) / total if total > 0 else NAN

    return r2


def _roc_auc(target: Float64, prediction: Float64) -> Weighted:
    """Of equal predictions half counts, as everywhere."""
    order, starts = _ties(prediction)
    positive = target[order] == 1

    def auc(weights: NDArray[np.int64]) -> float:
        drawn = weights[order]
        right = np.add.reduceat(np.where(positive, drawn, 0), starts)
        wrong = np.add.reduceat(np.where(positive, 0, drawn), starts)
        pairs = float(right.sum()) * float(wrong.sum())
        return float((right * (np.cumsum(wrong) - wrong / 2)).sum() / pairs) if pairs else NAN

    return auc if len(target) else lambda _: NAN


def _average_precision(target: Float64, prediction: Float64) -> Weighted:
    order, starts = _ties(-prediction)
    positive = target[order] == 1

    def precision(weights: NDArray[np.int64]) -> float:
        drawn = weights[order]
        right = np.add.reduceat(np.where(positive, drawn, 0), starts)
        said = np.cumsum(np.add.reduceat(drawn, starts))
        return float((right * (np.cumsum(right) / np.maximum(said, 1))).sum() / right.sum()) if right.any() else NAN

    return precision if len(target) else lambda _: NAN


def _ties(values: Float64) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The ascending order of values [n], and where each run of equal ones begins in it."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    return order, np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def _repeated(kind: Kind, metric: str, labels: Labels, prediction: NDArray[Any], scale: float) -> Weighted:
    """Rows are repeated where a metric is no sum over them."""

    def repeated(weights: NDArray[np.int64]) -> float:
        rows = np.repeat(np.arange(len(labels)), weights)
        return score(kind, labels[rows], prediction[rows], scale)[metric] if len(rows) else NAN

    return repeated
