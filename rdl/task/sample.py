"""Fewer rows than there are, the same ones every time: whether a row is kept depends on itself and the seed alone."""

import numpy as np
from numpy.typing import NDArray

from rdl.task.seeds import Int, Labels


def sample_labels(labels: Labels, rows: int, seed: int) -> Labels:
    """At most `rows` of the labels, drawn evenly, in their order."""
    if len(labels) <= rows:
        return labels
    rank = _mixed(labels.seeds.entity, labels.seeds.cutoff, seed)
    kept = np.argsort(rank, kind="stable")[:rows]
    return labels[np.sort(kept)]


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
