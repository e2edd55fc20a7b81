"""Windows that follow the rhythm of the rows where the task's horizon says little about it."""

from collections.abc import Sequence

from rdl.timeline import DAY

SPARSE = 3
"""Where the longest window holds fewer rows than this, windows of the rows' own gap are added."""
DENSE = 30
"""Where the shortest window holds more rows than this, shorter ones are added."""
GAPS = (3, 10)
"""The added windows, in gaps."""

_UNITS = (DAY, DAY // 24, DAY // 1440, DAY // 86_400)


def rhythmic(windows: Sequence[int], gap: float) -> tuple[int, ...]:
    """The windows, shortest first, with two of some gaps where an entity's rows come much more rarely or more often than these.

    Args:
        windows: multiples of the horizon, microseconds, shortest first.
        gap: the usual time between two rows of an entity, microseconds; 0 where it is not known.
    """
    if gap <= 0 or not windows or (DENSE * gap >= windows[0] and windows[-1] >= SPARSE * gap):
        return tuple(windows)
    return tuple(sorted({*windows, *(_round(count * gap) for count in GAPS)}))


def _round(span: float) -> int:
    """A whole number of the largest unit of which there are three at least."""
    unit = next((u for u in _UNITS if span >= 3 * u), _UNITS[-1])
    return max(round(span / unit), 1) * unit
