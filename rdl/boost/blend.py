"""One prediction from several members: non-negative weights that sum to one, fitted on out-of-fold predictions.

Probabilities are blended as log-odds, values as they are, so a seed's blend depends on its own predictions alone. The weights are
those, of a grid over the simplex, that do best on the task's own metric: ranks for AUROC, medians for the absolute error. What one
validation says is uncertain, so of all weights that are as good as the best to within a part of its standard error, the most even
ones are taken: the fewer the rows, the closer to equal weights.
"""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from rdl.task import Kind

Float64 = NDArray[np.float64]

PART = 0.25
"""Of a standard error: weights closer to the best than that are as good."""
MOST_POINTS = 1_000
RANKED = {"roc_auc", "average_precision"}


def fit_blend(members: Mapping[str, Float64], target: Float64, kind: Kind, metric: str) -> dict[str, float]:
    """Weights by member.

    Args:
        members: [n] out-of-fold predictions by name.
        target: [n] what became of them.
        kind: what the target is.
        metric: what the task is judged by.
    """
    names = sorted(members)
    if len(names) == 1:
        return {names[0]: 1.0}
    if kind is Kind.BINARY and len(np.unique(target)) < 2:
        return dict.fromkeys(names, 1.0 / len(names))
    inner = np.column_stack([_inner(members[name], kind) for name in names])  # [n, members]
    points = np.array(list(_simplex(len(names), _steps(len(names)))))  # [points, members]
    found = [_loss(inner @ weights, target, metric) for weights in points]
    losses = np.array([loss for loss, _ in found])
    best = int(np.argmin(losses))
    as_good = np.flatnonzero(losses <= losses[best] + PART * found[best][1])
    uneven = np.sum((points[as_good] - 1.0 / len(names)) ** 2, axis=1)
    weights = points[as_good[np.lexsort((losses[as_good], uneven.round(9)))[0]]]
    return {name: round(float(w), 6) for name, w in zip(names, weights, strict=True)}


def blend(members: Mapping[str, Float64], weights: Mapping[str, float], kind: Kind) -> Float64:
    """[n] the weighted mean of the members' predictions; members without a weight take no part."""
    whole = sum(weights.values())
    mixed = sum(w / whole * _inner(members[name], kind) for name, w in sorted(weights.items()) if w > 0)
    mixed = np.asarray(mixed, dtype=np.float64)
    return np.asarray(1.0 / (1.0 + np.exp(-mixed))) if kind is Kind.BINARY else mixed


def _loss(mixed: Float64, target: Float64, metric: str) -> tuple[float, float]:
    """The loss of a blend, smaller is better, and its standard error."""
    if metric in RANKED:
        from sklearn.metrics import average_precision_score, roc_auc_score

        found = float((roc_auc_score if metric == "roc_auc" else average_precision_score)(target, mixed))
        fewer = min(float(target.sum()), float(len(target) - target.sum()))
        return 1.0 - found, float(np.sqrt(max(found * (1.0 - found), 0.0) / max(fewer, 1.0)))
    if metric == "log_loss":
        rows = np.logaddexp(0.0, mixed) - target * mixed
    else:
        rows = (mixed - target) ** 2 if metric in {"rmse", "r2"} else np.abs(mixed - target)
    return float(rows.mean()), float(rows.std() / np.sqrt(len(rows)))


def _steps(members: int) -> int:
    """How finely the simplex is divided: at most `MOST_POINTS` points, and steps of a twentieth at the finest."""
    from math import comb

    return max(s for s in (1, 2, 3, 4, 5, 10, 20) if s == 1 or comb(s + members - 1, members - 1) <= MOST_POINTS)


def _simplex(members: int, steps: int, left: int | None = None) -> Iterator[tuple[float, ...]]:
    """All weights that are multiples of 1 / steps and sum to one."""
    left = steps if left is None else left
    if members == 1:
        yield (left / steps,)
        return
    for here in range(left + 1):
        for rest in _simplex(members - 1, steps, left - here):
            yield (here / steps, *rest)


def _inner(prediction: Float64, kind: Kind) -> Float64:
    if kind is not Kind.BINARY:
        return prediction
    p = np.clip(prediction, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p) - np.log1p(-p))
