"""The field's metrics, by the names a task file may use."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.task.class_metrics import FLOOR, average_precision_by_class, roc_auc_by_class, score_multiclass, score_multilabel
from rdl.task.ranking_metrics import score_ranking
from rdl.task.seeds import Labels
from rdl.task.task import METRICS, Kind

Float64 = NDArray[np.float64]

LARGER_IS_BETTER = {
    "roc_auc": True,
    "average_precision": True,
    "log_loss": False,
    "mae": False,
    "rmse": False,
    "r2": True,
    "nmae": False,
    "accuracy": True,
    "macro_f1": True,
    "micro_f1": True,
    "map": True,
    "ndcg": True,
    "recall": True,
    "precision": True,
    "mrr": True,
}


def score(kind: Kind, labels: Labels, prediction: NDArray[Any], scale: float) -> dict[str, float]:
    """Every metric of the task's kind.

    Args:
        kind: what the target is.
        labels: n labels: what became of the seeds.
        prediction: [n] probabilities or values, [n, classes] probabilities, or [n, top] ranked rows, -1 for none.
        scale: standard deviation of the training labels, by which `nmae` divides.

    Returns:
        Values by metric; NaN where a metric is undefined (one class, fewer than two rows).
    """
    if kind is Kind.MULTICLASS:
        return score_multiclass(labels.target, prediction)
    if kind is Kind.MULTILABEL:
        return score_multilabel(labels.target, prediction)
    if kind is Kind.RECOMMENDATION:
        return score_ranking(labels, prediction)
    return {name: _METRICS[name](labels.target, prediction, scale) for name in METRICS[kind]}


def _roc_auc(target: Float64, prediction: Float64, _scale: float) -> float:
    return float(roc_auc_by_class(target[:, None], prediction[:, None])[0])


def _average_precision(target: Float64, prediction: Float64, _scale: float) -> float:
    return float(average_precision_by_class(target[:, None], prediction[:, None])[0])


def _log_loss(target: Float64, prediction: Float64, _scale: float) -> float:
    p = np.clip(prediction, FLOOR, 1 - FLOOR)
    return float(-np.mean(target * np.log(p) + (1 - target) * np.log1p(-p)))


def _mae(target: Float64, prediction: Float64, _scale: float) -> float:
    return float(np.mean(np.abs(target - prediction)))


def _rmse(target: Float64, prediction: Float64, _scale: float) -> float:
    return float(np.sqrt(np.mean((target - prediction) ** 2)))


def _r2(target: Float64, prediction: Float64, _scale: float) -> float:
    total = float(np.sum((target - target.mean()) ** 2))
    return 1.0 - float(np.sum((target - prediction) ** 2)) / total if total > 0 else float("nan")


def _nmae(target: Float64, prediction: Float64, scale: float) -> float:
    return _mae(target, prediction, scale) / scale if scale > 0 else float("nan")


_METRICS: Mapping[str, Callable[[Float64, Float64, float], float]] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "log_loss": _log_loss,
    "mae": _mae,
    "rmse": _rmse,
    "r2": _r2,
    "nmae": _nmae,
}
