"""Where the cutoff stands in the year and the week, and how stale the visible rows are."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from rdl.features.plan import Feature
from rdl.timeline import DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

NAME = "calendar"

YEAR_DAYS = 365.2425
_SAYS = {
    "staleness": "days from the time up to which rows are visible to the cutoff",
    "year": "years from 1970 to the cutoff",
    "year_sin": "sine of the cutoff's place in the year",
    "year_cos": "cosine of the cutoff's place in the year",
    "day_of_year": "days since the year began, at the cutoff",
    "weekday": "day of the week of the cutoff",
}


def propose() -> Iterator[Feature]:
    """The calendar's features; they need no rows."""
    for name, says in _SAYS.items():
        yield Feature(name=f"calendar.{name}", family=NAME, proposer=NAME, aggregate=name, provenance=says)


def values(aggregate: str, cutoff: "NDArray[np.int64]", as_of: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """One calendar feature [n] for cutoffs and visibility times [n], in microseconds UTC."""
    days = cutoff / DAY
    turn = 2 * np.pi * (days % YEAR_DAYS) / YEAR_DAYS
    match aggregate:
        case "staleness":
            return (cutoff - as_of) / DAY
        case "year":
            return days / YEAR_DAYS
        case "year_sin":
            return np.sin(turn)
        case "year_cos":
            return np.cos(turn)
        case "day_of_year":
            return days % YEAR_DAYS
        case _:
            return (cutoff // DAY + 3).astype(np.float64) % 7
