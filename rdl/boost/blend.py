"""One prediction from several members: non-negative weights that sum to one, fitted on out-of-fold predictions.

Probabilities are blended as log-odds, those of classes of which one is right as logarithms that are normalised anew, values as they
are: so a seed's blend depends on its own predictions alone. The weights are those, of a grid over the simplex, that do best on the
task's own metric: ranks for AUROC, medians for the absolute error, the most likely class for accuracy. What one validation says is
uncertain, so of all weights that are as good as the best to within a part of its standard error, the most even ones are taken: the
fewer the rows, the closer to equal weights.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.task import Kind
from rdl.task.class_metrics import answers, average_precision_by_class, f1_by_class, multiclass_losses, roc_auc_by_class

Float64 = NDArray[np.float64]

PART = 0.25
"""Of a standard error: weights closer to the best than that are as good."""
MOST_POINTS = 1_000
EDGE = 1e-6
"""Probabilities are taken for at least so much, and for one at most less so much."""
RANKED = {"roc_auc": roc_auc_by_class, "average_precision": average_precision_by_class}
COUNTED = {"macro_f1", "micro_f1"}


def fit_blend(members: Mapping[str, NDArray[Any]], target: Float64, kind: Kind, metric: str) -> dict[str, float]:
    """Weights by member.

    Args:
        members: [n], or [n, classes], out-of-fold predictions by name; of ranked lists there is one member only.
        target: [n] what became of them; [n, classes] where any number of classes may be right.
        kind: what the target is.
        metric: what the task is judged by.
    """
    names = sorted(members)
    if len(names) == 1:
        return {names[0]: 1.0}
    assert kind is not Kind.RECOMMENDATION, "ranked lists cannot be mixed"
    even = dict.fromkeys(names, 1.0 / len(names))
    if kind is Kind.BINARY and len(np.unique(target)) < 2:
        return even
    mixed = np.stack([inner(members[name], kind) for name in names], axis=-1)  # [n, (classes,) members]
    points = np.array(list(_simplex(len(names), _steps(len(names)))))  # [points, members]
    found = np.array([_loss(mixed @ weights, target, kind, metric) for weights in points])  # [points, (loss, error)]
    losses = np.where(np.isnan(found[:, 0]), np.inf, found[:, 0])
    best = int(np.argmin(losses))
    if np.isinf(losses[best]):
        return even
    as_good = np.flatnonzero(losses <= losses[best] + PART * found[best, 1])
    uneven = np.sum((points[as_good] - 1.0 / len(names)) ** 2, axis=1)
    weights = points[as_good[np.lexsort((losses[as_good], uneven.round(9)))[0]]]
    return {name: round(float(w), 6) for name, w in zip(names, weights, strict=True)}


def blend(members: Mapping[str, NDArray[Any]], weights: Mapping[str, float], kind: Kind) -> NDArray[Any]:
    """[n, …] the weighted mean of the members' predictions; members without a weight take no part.

    Ranked lists are not mixed: those of the one member that has a weight are the blend.
    """
    taking_part = {name: w for name, w in sorted(weights.items()) if w > 0}
    if kind is Kind.RECOMMENDATION:
        (only,) = taking_part
        return members[only]
    whole = sum(taking_part.values())
    return outer(np.asarray(sum(w / whole * inner(members[name], kind) for name, w in taking_part.items())), kind)


def inner(prediction: NDArray[Any], kind: Kind) -> Float64:
    """[n, …] as it is mixed: log-odds, logarithms, or values."""
    if kind is Kind.REGRESSION:
        return prediction
    p = np.clip(prediction, EDGE, 1 - EDGE)
    return np.asarray(np.log(p) if kind is Kind.MULTICLASS else np.log(p) - np.log1p(-p))


def outer(mixed: Float64, kind: Kind) -> Float64:
    """[n, …] the prediction that was mixed as `mixed`."""
    if kind is Kind.REGRESSION:
        return mixed
    if kind is not Kind.MULTICLASS:
        return np.asarray(1.0 / (1.0 + np.exp(-mixed)))
    odds = np.exp(mixed - mixed.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def _loss(mixed: Float64, target: Float64, kind: Kind, metric: str) -> tuple[float, float]:
    """The loss of a blend, smaller is better, and its standard error; NaN where the rows cannot tell."""
    if metric in RANKED:
        true = target.reshape(len(target), -1)  # [n, classes]
        ones = true.sum(axis=0)
        return _over_classes(RANKED[metric](true, mixed.reshape(true.shape)), np.minimum(ones, len(true) - ones))
    if metric in COUNTED:
        right, said = answers(target, mixed) if kind is Kind.MULTICLASS else (target == 1, mixed >= 0)
        if metric == "micro_f1":
            right, said = right.reshape(-1, 1), said.reshape(-1, 1)
        return _over_classes(f1_by_class(right, said), right.sum(axis=0))
    rows = _row_losses(mixed, target, kind, metric)
    return float(rows.mean()), float(rows.std() / np.sqrt(len(rows)))


def row_losses(prediction: NDArray[Any], target: Float64, kind: Kind, metric: str) -> Float64:
    """[n] what each row adds to a loss that every prediction can be told apart by: log loss, or absolute or squared error."""
    return _row_losses(inner(prediction, kind), target, kind, metric if kind is Kind.REGRESSION else "log_loss")


def _row_losses(mixed: Float64, target: Float64, kind: Kind, metric: str) -> Float64:
    """[n] what each row adds to a loss that is a mean over rows."""
    if metric == "accuracy":
        return np.asarray(mixed.argmax(axis=1) != target, dtype=np.float64)
    if kind is Kind.MULTICLASS:
        return multiclass_losses(target, outer(mixed, kind))
    if metric == "log_loss":
        losses = np.logaddexp(0.0, mixed) - target * mixed
        return np.asarray(losses.mean(axis=1) if losses.ndim > 1 else losses)
    return np.asarray((mixed - target) ** 2 if metric in {"rmse", "r2"} else np.abs(mixed - target))


def _over_classes(values: Float64, rows: NDArray[Any]) -> tuple[float, float]:
    """What the mean over classes lacks of one, and its standard error, each class's value being a share of so many rows."""
    told = np.isfinite(values)
    if not told.any():
        return float("nan"), float("nan")
    share, count = values[told], np.maximum(rows[told], 1)
    spread = np.sum(np.maximum(share * (1.0 - share), 0.0) / count)
    return 1.0 - float(share.mean()), float(np.sqrt(spread) / len(share))


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
