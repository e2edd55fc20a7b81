"""The smoothing of margins over related rows: what each row's prediction takes from rows like it.

    Z_0 = F,  Z_{t+1} = (1 - b) F + b P Z_t,  and Z = Z_steps = B F

F holds a margin a row, P mixes what the paths say: row i of a path is a mean over other rows, and rows that no path reaches keep
their own margin. So the rows of P and of B sum to one: a constant stays what it is, and by Jensen's inequality the curvature of a
convex loss of Z is at most B' h on the diagonal, which `Smoothing.pull` gives (convergent boosted smoothing, Chen et al., 2022).

Over time a path must be causal: a row learns only from rows whose label was known at its own moment (`Past`). Over a fixed graph it
is any row-stochastic matrix (`Links`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Protocol

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Float64 = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


class Path(Protocol):
    """Means over related rows, as a linear map of n rows."""

    @property
    def reached(self) -> Bool:
        """[n] which rows have somebody to learn from; the weights of their means sum to one."""

    def mean(self, values: Float64) -> Float64:
        """[n, k] -> [n, k], whatever for rows that are not reached."""

    def spread(self, values: Float64) -> Float64:
        """The transpose: what each row's [n, k] asks of those it takes the mean of; zero for rows that are not reached."""


@dataclass(frozen=True)
class Past:
    """Rows of the same group whose labels were known, the newer the heavier: exp(-age / tau).

    Attributes:
        group: int64 [n], -1 for nobody's.
        moment: int64 [n] what the row may know of lies before it, microseconds.
        ready: int64 [n] when the row's label is known; a source with `ready <= moment` may be learned from.
        source: [n] which rows others may learn from.
        tau: microseconds after which a source weighs 1/e of a new one.
    """

    group: Int
    moment: Int
    ready: Int
    source: Bool
    tau: float

    @property
    def reached(self) -> Bool:
        """[n] which rows have a source."""
        return self._places[1] >= 0

    @cached_property
    def _places(self) -> tuple[Int, Int]:
        """The sources [m] by (group, ready), and the place of each row's latest one [n], -1 where there is none."""
        sources = np.flatnonzero(self.source & (self.group >= 0))
        sources = sources[np.lexsort((sources, self.ready[sources], self.group[sources]))]
        times = np.unique(self.ready[sources])
        steps = len(times) + 1
        group = np.unique(self.group, return_inverse=True)[1]  # small numbers: they are multiplied
        have = group[sources] * steps + np.searchsorted(times, self.ready[sources], side="right")
        want = group * steps + np.searchsorted(times, self.moment, side="right")
        last = np.searchsorted(have, want, side="right") - 1
        inside = (self.group >= 0) & (last >= 0)
        inside[inside] = self.group[sources[last[inside]]] == self.group[inside]
        return sources, np.where(inside, last, -1)

    @cached_property
    def _decay(self) -> tuple[Float64, Float64]:
        """Of each source [m], what the one before it still weighs, and the weight of all through it."""
        sources, _ = self._places
        gap = np.diff(self.ready[sources], prepend=0)
        new = np.diff(self.group[sources], prepend=-1) != 0
        decay = np.where(new, 0.0, np.exp(-np.maximum(gap, 0) / self.tau))
        return decay, _running_weight(decay)

    def mean(self, values: Float64) -> Float64:
        """[n, k] -> [n, k]; zero where there is no source."""
        sources, last = self._places
        means = _running_mean(np.ascontiguousarray(values[sources], dtype=np.float64), *self._decay)
        return np.where(last[:, None] >= 0, means[last] if len(means) else 0.0, 0.0)

    def spread(self, values: Float64) -> Float64:
        """The transpose of `mean`."""
        sources, last = self._places
        decay, weight = self._decay
        rows = np.flatnonzero(last >= 0)
        asks = values[rows] / weight[last[rows], None]
        asked = np.stack([np.bincount(last[rows], column, len(sources)) for column in asks.T], axis=1)
        out = np.zeros(values.shape)
        out[sources] = _running_back(asked, decay)
        return out


@dataclass(frozen=True)
class Links:
    """A fixed graph: means over the neighbours, weighted.

    Attributes:
        weight: [n, n] not negative; rows are brought to sum to one.
    """

    weight: sparse.csr_array

    @cached_property
    def _matrix(self) -> sparse.csr_array:
        total = np.asarray(self.weight.sum(axis=1)).reshape(-1)
        scale = np.divide(1.0, total, out=np.zeros(len(total)), where=total > 0)
        return sparse.csr_array(sparse.diags_array(scale) @ self.weight)

    @property
    def reached(self) -> Bool:
        """[n] which rows have a neighbour."""
        return np.asarray(np.diff(self._matrix.indptr) > 0)

    def mean(self, values: Float64) -> Float64:
        """[n, k] -> [n, k]; zero where there is no neighbour."""
        return np.asarray(self._matrix @ values)

    def spread(self, values: Float64) -> Float64:
        """The transpose of `mean`."""
        return np.asarray(self._matrix.T @ values)


@dataclass(frozen=True)
class Smoothing:
    """The map B of n rows.

    Attributes:
        paths: whom rows learn from.
        shares: what each path counts, where several reach a row; positive.
        strength: b, from 0 (no smoothing) to below 1.
        steps: how many times the mean is taken.
    """

    paths: Sequence[Path]
    shares: Sequence[float]
    strength: float
    steps: int = 1

    @cached_property
    def _mix(self) -> tuple[Float64, Float64]:
        """[n, paths] what each row takes of each path, and [n, 1] of itself: 1 where no path reaches it."""
        raw = np.stack([np.where(path.reached, share, 0.0) for path, share in zip(self.paths, self.shares, strict=True)], axis=1)
        total = raw.sum(axis=1, keepdims=True)
        mix = np.divide(raw, total, out=np.zeros_like(raw), where=total > 0)
        return mix, 1.0 - mix.sum(axis=1, keepdims=True).round(12)

    def push(self, margin: Float64) -> Float64:
        """Z = B F: [n, k] -> [n, k]."""
        return next(islice(self.walk(margin), self.steps, None))

    def walk(self, margin: Float64) -> Iterator[Float64]:
        """Z_0 = F, Z_1, Z_2, … without end, each [n, k]; a row of NaN that nobody learns from makes no other one NaN."""
        z = margin
        while True:
            yield z
            if self.strength and self.paths:
                z = (1 - self.strength) * margin + self.strength * self._once(z)

    def pull(self, gradient: Float64) -> Float64:
        """B' G: what the rows' [n, k] gradients by Z are by F; of curvatures, the diagonal that bounds theirs."""
        if not self.strength or not self.paths:
            return gradient
        back, total = gradient, (1 - self.strength) * gradient
        for step in range(1, self.steps + 1):
            back = self.strength * self._once_back(back)
            total = total + (back if step == self.steps else (1 - self.strength) * back)
        return total

    def _once(self, z: Float64) -> Float64:
        mix, own = self._mix
        return own * z + sum((mix[:, i : i + 1] * path.mean(z) for i, path in enumerate(self.paths)), np.zeros_like(z))

    def _once_back(self, g: Float64) -> Float64:
        mix, own = self._mix
        return own * g + sum((path.spread(mix[:, i : i + 1] * g) for i, path in enumerate(self.paths)), np.zeros_like(g))


@numba.njit(cache=True, nogil=True)
def _running_weight(decay: Float64) -> Float64:
    """[m] w_s = w_{s-1} d_s + 1."""
    weight = np.empty(len(decay))
    w = 0.0
    for s in range(len(decay)):
        w = w * decay[s] + 1.0
        weight[s] = w
    return weight


@numba.njit(cache=True, nogil=True)
def _running_mean(values: Float64, decay: Float64, weight: Float64) -> Float64:
    """[m, k] weighted means of the values through each source; `decay` is 0 at the first of a group, whose weight is 1."""
    means = np.empty_like(values)
    for s in range(len(decay)):
        for k in range(values.shape[1]):
            before = means[s - 1, k] if decay[s] > 0.0 else 0.0
            means[s, k] = before + (values[s, k] - before) / weight[s]
    return means


@numba.njit(cache=True, nogil=True)
def _running_back(asked: Float64, decay: Float64) -> Float64:
    """[m, k] what is asked of each source: by those whose latest it is, and, decayed, by those of the later ones."""
    found = np.empty_like(asked)
    for s in range(len(decay) - 1, -1, -1):
        kept = decay[s + 1] if s + 1 < len(decay) else 0.0
        for k in range(asked.shape[1]):
            found[s, k] = asked[s, k] + (kept * found[s + 1, k] if kept > 0.0 else 0.0)
    return found
