"""The field's metrics, by the names a task file may use."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from rdl.task import Kind

Float64 = NDArray[np.float64]

LARGER_IS_BETTER = {
    "roc_auc": True,
    "average_precision": True,
    "log_loss": False,
    "mae": False,
    "rmse": False,
    "r2": True,
    "nmae": False,
}

OF_KIND: Mapping[Kind, tuple[str, ...]] = {
    Kind.BINARY: ("roc_auc", "average_precision", "log_loss"),
    Kind.REGRESSION: ("mae", "rmse", "r2", "nmae"),
}


def score(kind: Kind, target: Float64, prediction: Float64, scale: float) -> dict[str, float]:
    """Every metric of the task's kind.

    Args:
        kind: what the target is.
        target: [n] what became of the seeds.
        prediction: [n] probabilities or values.
        scale: standard deviation of the training labels, by which `nmae` divides.

    Returns:
        Values by metric; NaN where a metric is undefined (one class, fewer than two rows).
    """
    return {name: _METRICS[name](target, prediction, scale) for name in OF_KIND[kind]}


def _roc_auc(target: Float64, prediction: Float64, _scale: float) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(target, prediction)) if len(np.unique(target)) == 2 else float("nan")


def _average_precision(target: Float64, prediction: Float64, _scale: float) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(target, prediction)) if target.any() else float("nan")


def _log_loss(target: Float64, prediction: Float64, _scale: float) -> float:
    p = np.clip(prediction, 1e-15, 1 - 1e-15)
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
