"""Rating grades from calibrated probabilities: few, in order, and the higher the grade the higher the rate that was observed.

The boundaries are fixed when the model is fitted, on out-of-fold rows, and lie where isotonic regression lets the rate rise: so
observed rates rise from grade to grade on these rows by construction.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int = NDArray[np.int64]

log = logging.getLogger(__name__)

MOST = 26
"""Grades at most."""


@dataclass(frozen=True)
class Grades:
    """Grade 1 holds the lowest probabilities.

    Attributes:
        edges: the lowest probability of the grades 2, 3, …
        rows: out-of-fold rows by grade.
        rates: the share of them whose label is 1.
    """

    edges: tuple[float, ...]
    rows: tuple[int, ...]
    rates: tuple[float, ...]

    def of(self, probability: Float64) -> Int:
        """[n] grades, 1 to the number of grades."""
        return np.asarray(1 + np.searchsorted(np.asarray(self.edges), probability, side="right"), dtype=np.int64)

    @property
    def ranges(self) -> tuple[tuple[float, float], ...]:
        """The probabilities of each grade: from, and below."""
        return tuple(zip((0.0, *self.edges), (*self.edges, 1.0), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Grades":
        """The grades that `to_json` wrote."""
        return Grades(tuple(data["edges"]), tuple(data["rows"]), tuple(data["rates"]))


def fit_grades(probability: Float64, target: Float64, asked: int | Sequence[float]) -> Grades:
    """Grades from n out-of-fold calibrated probabilities and what became of the rows.

    Args:
        probability: [n].
        target: [n] of 0 and 1.
        asked: how many grades, each of about as many rows; or the boundaries between them. Where the rates would not rise there are
            fewer, which is logged.
    """
    order = np.argsort(probability, kind="stable")
    probability, target = probability[order], target[order]
    starts = _wanted(probability, target, asked) if isinstance(asked, int) else np.searchsorted(probability, np.sort(list(asked)))
    starts = np.unique(starts[(starts > 0) & (starts < len(probability))])
    starts = starts[_rising(target, starts)]
    wanted = asked if isinstance(asked, int) else len(asked) + 1
    if len(starts) + 1 < wanted:
        log.warning("grades: %d of %d: between more the observed rates would not rise", len(starts) + 1, wanted)
    own = None if isinstance(asked, int) else np.sort(list(asked))
    edges = [_edge(probability, int(start), own) for start in starts]
    parts = np.split(target, starts)
    return Grades(tuple(edges), tuple(len(p) for p in parts), tuple(float(p.mean()) if len(p) else 0.0 for p in parts))


def _wanted(probability: Float64, target: Float64, count: int) -> Int:
    """The first rows of the grades 2, …: of all places where the isotonic rate rises, those nearest to equal numbers of rows."""
    from sklearn.isotonic import IsotonicRegression

    rate = IsotonicRegression(y_min=0.0, y_max=1.0).fit_transform(probability, target)
    rises = 1 + np.flatnonzero(np.diff(rate) > 0)
    found = list[int]()
    for j in range(1, count):
        left = rises[rises > (found[-1] if found else 0)]
        if not len(left):
            break
        found.append(int(left[np.argmin(np.abs(left - j * len(target) / count))]))
    return np.asarray(found, dtype=np.int64)


def _rising(target: Float64, starts: Int) -> NDArray[np.bool_]:
    """[starts] which of them to keep, so that the rate rises at each: neighbours that do not are made one."""
    sums = [[float(part.sum()), float(len(part)), i] for i, part in enumerate(np.split(target, starts))]
    pooled = list[list[float]]()
    for part in sums:
        pooled.append(list(part))
        while len(pooled) > 1 and pooled[-2][0] * pooled[-1][1] >= pooled[-1][0] * pooled[-2][1]:
            ones, rows, _ = pooled.pop()
            pooled[-1][0] += ones
            pooled[-1][1] += rows
    keep = np.zeros(len(starts), dtype=np.bool_)
    keep[[int(part[2]) - 1 for part in pooled[1:]]] = True
    return keep


def _edge(probability: Float64, start: int, own: Float64 | None) -> float:
    """The boundary before the row `start`: the one that was asked for, or half-way between it and the row before."""
    low, high = float(probability[start - 1]), float(probability[start])
    if own is not None:
        return float(own[(own > low) & (own <= high)][0])
    return (low + high) / 2 if low < (low + high) / 2 else high
