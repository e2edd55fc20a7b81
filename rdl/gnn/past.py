"""The entity's own past labels as numbers for the head: only those that were mature at the seed's `as_of`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rdl.task import History, Seeds
from rdl.timeline import DAY, visible

RECENT = 20
"""How many past labels the recent mean reads."""


@dataclass(frozen=True, eq=False)
class PastLabels:
    """Past labels ready to be looked up: `last` of them are read one by one.

    Values [m, channels], or [m] for one channel, are standardised by `mean` and `spread` [channels].
    """

    history: History
    last: int
    mean: tuple[float, ...]
    spread: tuple[float, ...]

    def features(self, seeds: Seeds) -> NDArray[np.float32]:
        """float32[n, width(last, channels)]: what is known of each seed's past labels.

        Their mean and their recent mean by channel, how many there are, the newest's age; then, newest first, the last labels by
        channel and whether they exist.
        """
        order = np.lexsort((self.history.time, self.history.entity))
        entity, time = self.history.entity[order], self.history.time[order]
        values = self.history.value.reshape(len(order), len(self.mean))[order]  # [m, channels]
        values = (values - np.array(self.mean)) / np.array(self.spread)
        begin, end = _spans(entity, time, seeds)
        total = np.concatenate([np.zeros((1, len(self.mean))), np.cumsum(values, axis=0)])
        count = end - begin
        moments = np.concatenate([self.history.cutoff[order], [0]])
        newest = np.where(count > 0, moments[np.where(count > 0, end - 1, -1)], seeds.cutoff)
        columns = [_mean(total, begin, end), _mean(total, np.maximum(begin, end - RECENT), end)]
        columns += [np.log1p(count[:, None]) / 3, np.log1p((seeds.cutoff - newest)[:, None] / DAY) / 5]
        padded = np.concatenate([values, np.zeros((1, len(self.mean)))])
        for lag in range(1, self.last + 1):
            known = count >= lag
            columns += [padded[np.where(known, end - lag, -1)], known[:, None].astype(np.float64)]
        return np.concatenate(columns, axis=1).astype(np.float32)


def width(last: int, channels: int) -> int:
    """How many numbers `PastLabels.features` gives a seed."""
    return 2 * channels + 2 + last * (channels + 1)


def _spans(entity: NDArray[np.int64], time: NDArray[np.int64], seeds: Seeds) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each seed's usable labels begin and end among labels sorted by (entity, time)."""
    times = np.unique(time)
    key = entity * (len(times) + 1) + np.searchsorted(times, time)
    moments, place = np.unique(seeds.as_of, return_inverse=True)
    usable = np.array([visible(times, int(moment)).sum() for moment in moments], np.int64)[place]  # times ascend
    first = seeds.entity * (len(times) + 1)
    begin, end = np.searchsorted(key, first), np.searchsorted(key, first + usable)
    return begin.astype(np.int64), end.astype(np.int64)


def _mean(total: NDArray[np.float64], begin: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.asarray((total[end] - total[begin]) / np.maximum(end - begin, 1)[:, None])
