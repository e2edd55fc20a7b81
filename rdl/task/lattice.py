"""Where cutoffs may lie: a fixed spacing, the starts of calendar periods in UTC, or a list.

A lattice has anchors. A moment's phase is how long it lies after its anchor, and every lattice can be moved by a phase, so that
any moment lies on a copy of it: what is asked tonight gets its past labels on the same spacing as what was asked in training.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from rdl.timeline import DAY

Int = NDArray[np.int64]

_MONDAY = 4 * DAY  # 1970-01-05


class Calendar(StrEnum):
    """Periods whose starts, at midnight UTC, are cutoffs; a week starts on Monday."""

    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    @property
    def longest(self) -> int:
        """Microseconds of the longest such period."""
        return {Calendar.WEEK: 7, Calendar.MONTH: 31, Calendar.QUARTER: 92, Calendar.YEAR: 366}[self] * DAY

    @property
    def months(self) -> int:
        """Months of a period; 0 for weeks."""
        return {Calendar.WEEK: 0, Calendar.MONTH: 1, Calendar.QUARTER: 3, Calendar.YEAR: 12}[self]


@dataclass(frozen=True)
class Lattice:
    """Anchors `every` microseconds apart, or those of `calendar`, or those `listed` (ascending)."""

    every: int
    calendar: Calendar | None = None
    listed: tuple[int, ...] = ()

    def anchors(self, first: int, last: int) -> Int:
        """The anchors within [first, last], ascending."""
        if last < first:
            return np.array([], dtype=np.int64)
        if self.listed:
            listed = np.array(self.listed, dtype=np.int64)
            return listed[(listed >= first) & (listed <= last)]
        ends = self.floor(np.array([first - 1, last], dtype=np.int64))
        if self.calendar is not None and self.calendar.months:
            months = np.arange(_month(ends)[0], _month(ends)[1] + 1, self.calendar.months)[1:]
            return _start(months)
        step = self.calendar.longest if self.calendar else self.every
        return np.arange(ends[0] + step, ends[1] + 1, step, dtype=np.int64)

    def floor(self, moments: Int) -> Int:
        """[n] the newest anchor at or before each moment; the first listed one where none is."""
        if self.listed:
            listed = np.array(self.listed, dtype=np.int64)
            return listed[np.maximum(np.searchsorted(listed, moments, side="right") - 1, 0)]
        if self.calendar is None:
            return np.asarray(moments - np.mod(moments, self.every))
        if self.calendar is Calendar.WEEK:
            return np.asarray(moments - np.mod(moments - _MONDAY, 7 * DAY))
        return _start(_month(moments) // self.calendar.months * self.calendar.months)

    def phase(self, moments: Int) -> Int:
        """[n] microseconds from its anchor to each moment."""
        return np.asarray(moments - self.floor(moments), dtype=np.int64)

    def through(self, moment: int, first: int, last: int) -> Int:
        """The points within [first, last] of the lattice that is moved to run through `moment`, ascending."""
        moved = int(self.phase(np.array([moment], dtype=np.int64))[0])
        return self.anchors(first - moved, last - moved) + moved


def _month(moments: Int) -> Int:
    """Months since 1970 began."""
    return np.asarray(moments.astype("M8[us]").astype("M8[M]").astype(np.int64))


def _start(months: Int) -> Int:
    """Microseconds of the months' starts."""
    return np.asarray(months.astype("M8[M]").astype("M8[us]").astype(np.int64))
