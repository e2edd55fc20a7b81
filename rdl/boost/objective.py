"""What XGBoost is to learn, by the task's kind and metric.

Where there are classes, a target is [n, classes] of 0 and 1, whether one class is right (multiclass: one 1 a row) or any number
(multilabel): so predictions have the shape of targets, also where a class occurs in no row. Each class gets trees of its own:
trees with one leaf for all classes do not know categories in XGBoost 3.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.settings import BoostSettings
from rdl.task import Kind

Float64 = NDArray[np.float64]

_SQUARED = {"rmse", "r2"}

LEAF_SHARE = 1 / 50
"""Of what all rows tell, what a leaf must hold at most: few rows, or rare ones, would else grow no tree at all."""


def parameters(kind: Kind, metric: str, settings: BoostSettings, seed: int, target: Float64) -> dict[str, Any]:
    """XGBoost's own parameters for a target [n] or [n, classes]."""
    found: dict[str, Any] = {
        "tree_method": "hist",
        "objective": _objective(kind, metric),
        "eval_metric": watched(kind, metric),
        "learning_rate": settings.learning_rate,
        "max_depth": settings.max_depth,
        "min_child_weight": min(settings.min_child_weight, LEAF_SHARE * _curvature(kind, target)),
        "subsample": settings.subsample,
        "colsample_bytree": settings.colsample_bytree,
        "reg_lambda": settings.reg_lambda,
        "max_bin": settings.max_bin,
        "max_cat_to_onehot": settings.max_cat_to_onehot,
        "nthread": settings.threads,
        "seed": seed,
    }
    if kind is Kind.MULTICLASS:
        found["num_class"] = target.shape[1]
    if kind is not Kind.REGRESSION:
        found["base_score"] = _base(kind, target)
    return found


def watched(kind: Kind, metric: str) -> str:
    """What every round is scored by on validation rows: ranks and most likely classes settle long before probabilities do."""
    if kind is Kind.REGRESSION:
        return "rmse" if metric in _SQUARED else "mae"
    return "mlogloss" if kind is Kind.MULTICLASS else "logloss"


def native_label(kind: Kind, target: Float64) -> Float64:
    """The target as XGBoost's objective reads it: [n] places of classes where one of them is right, else as it is."""
    return target.argmax(axis=1).astype(np.float64) if kind is Kind.MULTICLASS else target


def _objective(kind: Kind, metric: str) -> str:
    if kind is Kind.REGRESSION:
        return "reg:squarederror" if metric in _SQUARED else "reg:absoluteerror"
    return "multi:softprob" if kind is Kind.MULTICLASS else "binary:logistic"


def _curvature(kind: Kind, target: Float64) -> float:
    """The sum of the Hessian over all rows where the trees begin; of classes, the mean of theirs."""
    if kind is Kind.REGRESSION:
        return float(len(target))
    share = target.mean(axis=0)
    return len(target) * float(np.mean(share * (1 - share)))


def _base(kind: Kind, target: Float64) -> "float | list[float]":
    """Where the trees begin: the shares of the ones; a class without any has half a row."""
    if kind is Kind.BINARY:
        return float(np.clip(target.mean(), 1e-6, 1 - 1e-6))
    ones = target.sum(axis=0) + 0.5
    shares = ones / ones.sum() if kind is Kind.MULTICLASS else ones / (len(target) + 1)
    return [float(s) for s in (np.log(shares) if kind is Kind.MULTICLASS else shares)]
