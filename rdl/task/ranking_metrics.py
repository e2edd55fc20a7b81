"""What a ranked list is worth: MAP, NDCG, recall, precision and reciprocal rank at k, k being the length of the prediction.

All of them look at seeds whose list is not empty, as RelBench does: of an empty list nothing can be found. A row that is predicted
twice counts twice; members never do that.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.task.seeds import Labels, Lists
from rdl.task.task import METRICS, Kind

Bool = NDArray[np.bool_]
Int = NDArray[np.int64]
Float = NDArray[np.float64]


def score_ranking(labels: Labels, prediction: NDArray[Any]) -> dict[str, float]:
    """Every metric of a recommendation.

    Args:
        labels: n labels with their lists.
        prediction: [n, k] dense rows in the order of their ranks, -1 for none.

    Returns:
        Means over the seeds whose list is not empty, by metric; NaN where there are none.
    """
    asked, values = ranking_rows(labels, prediction)
    return {name: float(of_rows.mean()) if len(asked) else float("nan") for name, of_rows in values.items()}


def ranking_rows(labels: Labels, prediction: NDArray[Any]) -> tuple[Int, dict[str, Float]]:
    """What each seed adds to the means: [m] the seeds whose list is not empty, and [m] values by metric; none of empty lists."""
    assert labels.lists is not None
    asked = np.flatnonzero(labels.lists.sizes > 0) if prediction.shape[1] else np.array([], dtype=np.int64)
    if not len(asked):
        return asked, dict.fromkeys(METRICS[Kind.RECOMMENDATION], np.array([]))
    lists = labels.lists[asked]
    hits = ranked_hits(lists, prediction[asked])
    return asked, {name: _RANKING[name](hits, lists.sizes) for name in METRICS[Kind.RECOMMENDATION]}


def ranked_hits(lists: Lists, prediction: NDArray[Any]) -> Bool:
    """[n, k] whether each predicted row is in its seed's list."""
    rows = prediction.astype(np.int64)
    span = 1 + int(max(lists.rows.max(initial=-1), rows.max(initial=-1)))
    owner = np.arange(len(lists), dtype=np.int64)
    right = np.repeat(owner, lists.sizes) * span + lists.rows  # ascending: lists are
    if not len(right):
        return np.zeros(rows.shape, dtype=np.bool_)
    pair = owner[:, None] * span + rows
    place = np.minimum(np.searchsorted(right, pair), len(right) - 1)
    return np.asarray((right[place] == pair) & (rows >= 0))


def _map(hits: Bool, sizes: Int) -> Float:
    """[n] average precision at k, of at most k rows that could have been found."""
    ranks = np.arange(1, hits.shape[1] + 1)
    precision = np.cumsum(hits, axis=1) / ranks  # [n, k]
    return np.asarray((precision * hits).sum(axis=1) / np.minimum(sizes, hits.shape[1]))


def _ndcg(hits: Bool, sizes: Int) -> Float:
    """[n] discounted gain over that of the ideal list."""
    discount = 1.0 / np.log2(np.arange(2, hits.shape[1] + 2))
    ideal = np.cumsum(discount)[np.minimum(sizes, hits.shape[1]) - 1]
    return np.asarray((hits * discount).sum(axis=1) / ideal)


def _recall(hits: Bool, sizes: Int) -> Float:
    return np.asarray(hits.sum(axis=1) / sizes)


def _precision(hits: Bool, _sizes: Int) -> Float:
    return np.asarray(hits.mean(axis=1))


def _mrr(hits: Bool, _sizes: Int) -> Float:
    """[n] one over the rank of the first hit, 0 without one."""
    return np.asarray(np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1), 0.0))


_RANKING: Mapping[str, Callable[[Bool, Int], Float]] = {
    "map": _map,
    "ndcg": _ndcg,
    "recall": _recall,
    "precision": _precision,
    "mrr": _mrr,
}
