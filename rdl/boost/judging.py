"""What a blend is worth by the task's own metric, and whether one is better than another by more than chance.

Two blends of the same members err together, so their difference is told far better than either's own loss. Its standard error is
that of a jackknife that leaves out blocks of time: it holds for every metric, and for rows of one time that vary together.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rdl.boost.blend import margin_losses
from rdl.task import Kind
from rdl.task.class_metrics import answers, average_precision_by_class, f1_by_class, roc_auc_by_class

Float64 = NDArray[np.float64]
Int = NDArray[np.int64]

BLOCKS = 20
"""Blocks of time that are left out, at most."""
FEWEST = 5
"""Blocks with which an error can be told."""
_RANKED = {"roc_auc": roc_auc_by_class, "average_precision": average_precision_by_class}
_COUNTED = {"macro_f1", "micro_f1"}


def loss(margin: Float64, target: Float64, kind: Kind, metric: str) -> float:
    """The loss of a blend's log-odds, logarithms or values, smaller is better; NaN where the rows cannot tell."""
    if metric in _RANKED:
        true = target.reshape(len(target), -1)  # [n, classes]
        return _lacking(_RANKED[metric](true, margin.reshape(true.shape)))
    if metric in _COUNTED:
        right, said = answers(target, margin) if kind is Kind.MULTICLASS else (target == 1, margin >= 0)
        if metric == "micro_f1":
            right, said = right.reshape(-1, 1), said.reshape(-1, 1)
        return _lacking(f1_by_class(right, said))
    return float(margin_losses(margin, target, kind, metric).mean())


def blocks(cutoff: Int) -> Int:
    """[n] to which of at most `BLOCKS` blocks of time each row belongs."""
    times, place = np.unique(cutoff, return_inverse=True)
    return np.asarray(place * min(BLOCKS, len(times)) // len(times), dtype=np.int64)


def error_of(change: Callable[[NDArray[np.bool_]], float], block: Int) -> float:
    """The standard error of a change, by what it is on the rows [n] without each block; infinite where blocks are too few."""
    found = np.array([change(block != b) for b in np.unique(block)])
    found = found[np.isfinite(found)]
    if len(found) < FEWEST:
        return float("inf")
    return float(np.sqrt((len(found) - 1) / len(found) * np.sum((found - found.mean()) ** 2)))


def _lacking(values: Float64) -> float:
    """What the mean over classes lacks of one."""
    told = values[np.isfinite(values)]
    return 1.0 - float(told.mean()) if len(told) else float("nan")
