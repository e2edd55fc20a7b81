"""Fewer rows than there are, newer ones more readily, the same ones every time.

A label is drawn with a weight that halves with every half of the time that the labels span: the oldest is drawn a quarter as
readily as the newest (`OLDEST`). Whether it is kept depends on itself, the seed and that weight: each gets a number from a hash of
(seed, entity, cutoff), as an exponential clock that runs as fast as the weight, and the first to ring are kept. That is weighted
drawing without replacement (Efraimidis and Spirakis, 2006), and the order of rows makes no difference.
"""

import numpy as np
from numpy.typing import NDArray

from rdl.task.seeds import Float, Int, Labels

OLDEST = 0.25
"""The weight of the oldest label; the newest has 1, and between them it falls exponentially."""


def sample_labels(labels: Labels, rows: int, seed: int) -> Labels:
    """At most `rows` of the labels, drawn by `recency_weights`, in their order."""
    if len(labels) <= rows:
        return labels
    uniform = (_mixed(labels.seeds.entity, labels.seeds.cutoff, seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    rings = -np.log1p(-uniform) / recency_weights(labels.seeds.cutoff)
    kept = np.argsort(rings, kind="stable")[:rows]
    return labels[np.sort(kept)]


def recency_weights(cutoff: Int) -> Float:
    """[n] the weights that labels at `cutoff` [n] are drawn by: 1 at the newest cutoff, `OLDEST` at the oldest."""
    newest, oldest = cutoff.max(), cutoff.min()
    return np.asarray(OLDEST ** ((newest - cutoff) / max(newest - oldest, 1)), dtype=np.float64)


def _mixed(entity: Int, cutoff: Int, seed: int) -> NDArray[np.uint64]:
    """[n] pseudo-random numbers keyed by (seed, entity, cutoff): splitmix64, applied twice."""
    with np.errstate(over="ignore"):
        first = _splitmix(entity.astype(np.uint64) + np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15))
        return _splitmix(first ^ cutoff.astype(np.uint64))


def _splitmix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
