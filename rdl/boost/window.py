"""Scores of the newest mature labels, and their quantiles: the calibration window of conformal prediction, which moves with time.

Labels of one moment resemble those of the next, not those of long ago, so newer cutoffs weigh more (Barber, Candès, Ramdas and
Tibshirani, Conformal prediction beyond exchangeability, 2023). What is covered after a fit moves the levels besides, see
`rdl.boost.drift`; to begin that on the folds made coverage by year worse on rel-f1's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int = NDArray[np.int64]

HALF_CUTOFFS = 6
"""After so many cutoffs a row weighs half, …"""
HALF_ROWS = 100
"""… or after as many as hold so many rows."""
LONGEST = 8
"""Half-lives after which a cutoff is forgotten."""
SAMPLE = 400
"""Scores that are kept of one cutoff: evenly spaced ranks, which are its distribution."""


@dataclass(frozen=True)
class Moment:
    """Scores of one cutoff.

    Attributes:
        cutoff: microseconds UTC.
        rows: how many rows there were.
        scores: at most `SAMPLE` of their scores, ascending.
    """

    cutoff: int
    rows: int
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Window:
    """Scores by cutoff, oldest first.

    Attributes:
        moments: the newest cutoffs whose labels are known.
    """

    moments: tuple[Moment, ...] = ()

    @staticmethod
    def of(score: Float64, cutoff: Int) -> "Window":
        """The window of n scores and their cutoffs, in any order."""
        return Window().moved(score, cutoff)

    @property
    def rows(self) -> int:
        """How many rows it stands for."""
        return sum(m.rows for m in self.moments)

    def moved(self, score: Float64, cutoff: Int) -> "Window":
        """The window with the labels [n] that became known since."""
        new = [_moment(int(c), score[cutoff == c]) for c in np.unique(cutoff)]
        both = sorted([*self.moments, *new], key=lambda m: m.cutoff)
        return Window(tuple(both[-LONGEST * _half_life(both) :]))

    def quantiles(self, levels: Sequence[float]) -> Float64:
        """The scores that a new row's score stays below with each probability of `levels`.

        Levels below one half are read with the new row as the lowest of all, the others as the highest: both err on the safe side.
        """
        scores, mass = self._ordered
        asked = np.asarray(levels, dtype=np.float64)
        wanted = asked * (mass[-1] + 1.0) - np.where(asked < 0.5, 1.0, 0.0)
        place = np.searchsorted(mass, wanted * (1 - 1e-12))
        return np.asarray(scores[np.clip(place, 0, len(scores) - 1)])

    @cached_property
    def _ordered(self) -> tuple[Float64, Float64]:
        """[scores] each: all scores, ascending, and the weight up to each of them; the newest cutoff's rows weigh one each."""
        weight = 0.5 ** (np.arange(len(self.moments))[::-1] / _half_life(self.moments))  # [moments]
        kept = [len(m.scores) for m in self.moments]
        each = np.repeat([w * m.rows / n for w, m, n in zip(weight, self.moments, kept, strict=True)], kept)  # [scores]
        scores = np.concatenate([m.scores for m in self.moments])
        order = np.argsort(scores, kind="stable")
        return scores[order], np.cumsum(each[order])

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return {"moments": [[m.cutoff, m.rows, list(m.scores)] for m in self.moments]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Window":
        """The window that `to_json` wrote."""
        return Window(tuple(Moment(c, rows, tuple(scores)) for c, rows, scores in data["moments"]))


def _moment(cutoff: int, score: Float64) -> Moment:
    ordered = np.sort(score)
    if len(ordered) > SAMPLE:
        ordered = ordered[((np.arange(SAMPLE) + 0.5) / SAMPLE * len(ordered)).astype(np.int64)]
    return Moment(cutoff, len(score), tuple(float(s) for s in ordered))


def _half_life(moments: Sequence[Moment]) -> int:
    """The cutoffs after which a row weighs half."""
    rows = np.cumsum([m.rows for m in reversed(moments)])
    return max(HALF_CUTOFFS, 1 + int(np.searchsorted(rows, HALF_ROWS)))
