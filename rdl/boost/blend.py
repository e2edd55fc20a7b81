"""One prediction from several members: non-negative weights that sum to one, fitted on out-of-fold predictions.

Probabilities are blended as log-odds, values as they are, so a seed's blend depends on its own predictions alone. Weights minimise
the log loss (binary), the absolute or the squared error (regression). Where there are few rows they are shrunk towards equal ones
among the members that got any: what a member adds is uncertain then, but not that a useless one adds nothing.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rdl.task import Kind

Float64 = NDArray[np.float64]

SHRINK_ROWS = 300.0
"""Rows at which the fitted and the equal weights count alike."""
LEAST = 0.02
"""A member with a smaller fitted weight is left out."""


def fit_blend(members: Mapping[str, Float64], target: Float64, kind: Kind, metric: str) -> dict[str, float]:
    """Weights by member.

    Args:
        members: [n] out-of-fold predictions by name.
        target: [n] what became of them.
        kind: what the target is.
        metric: what the task is judged by.
    """
    from scipy.optimize import minimize

    names = sorted(members)
    if len(names) == 1:
        return {names[0]: 1.0}
    inner = np.column_stack([_inner(members[name], kind) for name in names])  # [n, members]
    scale = max(float(target.std()), 1e-9)

    def loss(weights: Float64) -> float:
        mixed = inner @ weights
        if kind is Kind.BINARY:
            return float(np.mean(np.logaddexp(0.0, mixed) - target * mixed))
        error = (mixed - target) / scale
        return float(np.mean(error**2)) if metric in {"rmse", "r2"} else float(np.mean(np.sqrt(error**2 + 1e-4)))

    equal = np.full(len(names), 1.0 / len(names))
    found = minimize(
        loss, equal, method="SLSQP", bounds=[(0.0, 1.0)] * len(names), constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1.0}]
    )
    weights = np.clip(found.x if found.success else equal, 0.0, None)
    weights /= weights.sum()
    used = weights > LEAST
    trust = len(target) / (len(target) + SHRINK_ROWS)
    mixed = np.where(used, trust * weights + (1.0 - trust) / used.sum(), 0.0)
    mixed /= mixed.sum()
    return {name: round(float(w), 6) for name, w in zip(names, mixed, strict=True)}


def blend(members: Mapping[str, Float64], weights: Mapping[str, float], kind: Kind) -> Float64:
    """[n] the weighted mean of the members' predictions; members without a weight take no part."""
    whole = sum(weights.values())
    mixed = sum(w / whole * _inner(members[name], kind) for name, w in sorted(weights.items()) if w > 0)
    mixed = np.asarray(mixed, dtype=np.float64)
    return np.asarray(1.0 / (1.0 + np.exp(-mixed))) if kind is Kind.BINARY else mixed


def _inner(prediction: Float64, kind: Kind) -> Float64:
    if kind is not Kind.BINARY:
        return prediction
    p = np.clip(prediction, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p) - np.log1p(-p))
