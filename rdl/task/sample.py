"""Fewer rows than there are, newer ones more readily, the same ones every time.

A label is drawn with a weight that halves with every half of the time that the labels span: the oldest is drawn a quarter as
readily as the newest (`OLDEST`). Whether it is kept depends on itself, the seed and that weight: each gets a number from a hash of
(seed, entity, cutoff), as an exponential clock that runs as fast as the weight, and the first to ring are kept. That is weighted
drawing without replacement (Efraimidis and Spirakis, 2006), and the order of rows makes no difference.
"""

import numpy as np

from rdl.task.draw import drawn
from rdl.task.seeds import Float, Int, Labels

OLDEST = 0.25
"""The weight of the oldest label; the newest has 1, and between them it falls exponentially."""


def sample_labels(labels: Labels, rows: int, seed: int) -> Labels:
    """At most `rows` of the labels, drawn by `recency_weights`, in their order."""
    if len(labels) <= rows:
        return labels
    uniform = drawn(labels.seeds.entity, labels.seeds.cutoff, seed)
    rings = -np.log1p(-uniform) / recency_weights(labels.seeds.cutoff)
    kept = np.argsort(rings, kind="stable")[:rows]
    return labels[np.sort(kept)]


def recency_weights(cutoff: Int) -> Float:
    """[n] the weights that labels at `cutoff` [n] are drawn by: 1 at the newest cutoff, `OLDEST` at the oldest."""
    newest, oldest = cutoff.max(), cutoff.min()
    return np.asarray(OLDEST ** ((newest - cutoff) / max(newest - oldest, 1)), dtype=np.float64)
