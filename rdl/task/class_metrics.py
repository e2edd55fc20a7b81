"""The metrics of questions whose answer is among classes: one of them (multiclass), or any number (multilabel).

Every metric is first found class by class, so that whoever weighs one prediction against another can see on how many rows each of
them rests. Values equal scikit-learn's; what scikit-learn counts as zero because no row could say (a label that never occurs and is
never predicted) is left out of a mean.
"""

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Flags = NDArray[np.bool_]

FLOOR = 1e-15
"""Probabilities are clipped to it where a logarithm is taken."""


def score_multiclass(target: Float64, prediction: Float64) -> dict[str, float]:
    """Accuracy, F1 and log loss.

    Args:
        target: [n] places of classes; -1 for a class that is not known: whatever is predicted is wrong, at the floor's log loss.
        prediction: [n, classes] probabilities, of which the largest is the answer.
    """
    right = float(np.mean(prediction.argmax(axis=1) == target))
    return {
        "accuracy": right,
        "macro_f1": _mean(f1_by_class(*answers(target, prediction))),
        "micro_f1": right,
        "log_loss": float(multiclass_losses(target, prediction).mean()),
    }


def score_multilabel(target: Float64, prediction: Float64) -> dict[str, float]:
    """Ranks, F1 and log loss: means over the labels that occur, and for `roc_auc` do not always.

    Args:
        target: [n, classes] 0 or 1.
        prediction: [n, classes] probabilities; what has at least one half is predicted.
    """
    true, said = target == 1, prediction >= 0.5
    p = np.clip(prediction, FLOOR, 1 - FLOOR)
    return {
        "average_precision": _mean(average_precision_by_class(target, prediction)),
        "roc_auc": _mean(roc_auc_by_class(target, prediction)),
        "macro_f1": _mean(f1_by_class(true, said)),
        "micro_f1": micro_f1(true, said),
        "log_loss": float(-np.mean(target * np.log(p) + (1 - target) * np.log1p(-p))),
    }


def answers(target: Float64, prediction: Float64) -> tuple[Flags, Flags]:
    """[n, classes + 1] which class it was and which was predicted; the last column stands for classes that are not known."""
    classes = np.arange(prediction.shape[1] + 1)
    place = np.where(target < 0, prediction.shape[1], target)
    return place[:, None] == classes, prediction.argmax(axis=1)[:, None] == classes


def multiclass_losses(target: Float64, prediction: Float64) -> Float64:
    """[n] the log loss of every row."""
    place = np.maximum(target, 0).astype(np.int64)
    p = np.where(target < 0, 0.0, prediction[np.arange(len(target)), place])
    return np.asarray(-np.log(np.clip(p, FLOOR, 1 - FLOOR)))


def f1_by_class(true: Flags, said: Flags) -> Float64:
    """[classes] twice the hits by all that was plus all that was predicted, of [n, classes] each; NaN where nothing was either."""
    hits, both = (true & said).sum(axis=0), true.sum(axis=0) + said.sum(axis=0)
    return np.asarray(np.where(both > 0, 2 * hits / np.maximum(both, 1), np.nan))


def micro_f1(true: Flags, said: Flags) -> float:
    """The F1 of all classes taken as one; NaN where nothing was or was predicted."""
    return float(f1_by_class(true.reshape(-1, 1), said.reshape(-1, 1))[0])


def roc_auc_by_class(target: Float64, prediction: Float64) -> Float64:
    """[classes] the share of (1, 0) pairs in the right order, ties by half, of [n, classes] each; NaN where there are none."""
    ordered, first, last = _ranked(target, prediction)
    ones = ordered.sum(axis=0)
    pairs = ones * (len(ordered) - ones)
    rank = (ordered * ((first + last) / 2 + 1)).sum(axis=0)  # the mean rank within a tie, the largest prediction being the first
    return np.asarray(np.where(pairs > 0, 1 - (rank - ones * (ones + 1) / 2) / np.maximum(pairs, 1), np.nan))


def average_precision_by_class(target: Float64, prediction: Float64) -> Float64:
    """[classes] the mean precision at the ranks of the ones, of [n, classes] each; NaN where there are none."""
    ordered, _, last = _ranked(target, prediction)
    ones = ordered.sum(axis=0)
    precision = np.take_along_axis(ordered.cumsum(axis=0), last, axis=0) / (last + 1)
    return np.asarray(np.where(ones > 0, (ordered * precision).sum(axis=0) / np.maximum(ones, 1), np.nan))


def _ranked(target: Float64, prediction: Float64) -> tuple[Float64, NDArray[np.int64], NDArray[np.int64]]:
    """Each column in descending order of its predictions: [n, classes] targets, and the first and last place of each one's tie."""
    order = np.argsort(-prediction, axis=0, kind="stable")
    sorted_ = np.take_along_axis(prediction, order, axis=0)
    edge = np.ones((1, prediction.shape[1]), dtype=np.bool_)
    changes = sorted_[1:] != sorted_[:-1]
    place = np.arange(len(prediction))[:, None]
    first = np.maximum.accumulate(np.where(np.vstack([edge, changes]), place, 0), axis=0)
    last = np.minimum.accumulate(np.where(np.vstack([changes, edge]), place, len(place))[::-1], axis=0)[::-1]
    return np.take_along_axis(target, order, axis=0), first, last


def _mean(values: Float64) -> float:
    """The mean of what is defined; NaN where nothing is."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")
