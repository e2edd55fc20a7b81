"""What predictions are asked to promise beside themselves: levels of intervals, quantiles, grades, and bounds of the label."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rdl.errors import TaskError

MOST_GRADES = 26
LEVELS = (0.9,)
"""How often intervals and sets hold the truth by default."""


def check_shares(shares: Sequence[float], name: str, where: str) -> tuple[float, ...]:
    """The levels or quantiles, without repetition, in their order.

    Raises:
        TaskError: one does not lie between 0 and 1.
    """
    for share in shares:
        if not 0.0 < share < 1.0:
            raise TaskError(f"{name} holds {share:g}, which is no share", where=where, fix="write shares between 0 and 1: 0.9, 0.5")
    return tuple(dict.fromkeys(float(share) for share in shares))


def check_grades(grades: int | Sequence[float], where: str) -> int | tuple[float, ...]:
    """The number of grades, or the probabilities between them.

    Raises:
        TaskError: fewer than two or too many are asked for, or a boundary is no probability.
    """
    if not isinstance(grades, int):
        return tuple(sorted(check_shares(grades, "grades", where)))
    if grades and not 2 <= grades <= MOST_GRADES:
        raise TaskError(f"grades = {grades}", where=where, fix=f"ask for 2 to {MOST_GRADES}, or name the boundaries: [0.1, 0.3]")
    return grades


def check_bounds(least: float | None, most: float | None, where: str) -> tuple[float | None, float | None]:
    """What the label cannot be below and above.

    Raises:
        TaskError: there is nothing between them.
    """
    if least is not None and most is not None and least >= most:
        raise TaskError(f"least = {least:g} is not below most = {most:g}", where=where, fix="mend one of them, or leave it out")
    return least, most


def bounded(values: NDArray[np.float64], least: float | None, most: float | None) -> NDArray[np.float64]:
    """The values, none beyond what is known of the label."""
    return values if least is None and most is None else np.clip(values, least, most)
