"""Whether what is promised beside predictions holds: coverage by cutoff and year, rates of grades.

Over time rows are not exchangeable, so no interval holds its level for sure: the report shows how often it did.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.grades import Grades
from rdl.evaluate.strict import with_nan
from rdl.model.uncertainty import Uncertainty, level_columns
from rdl.task import Kind, Labels, Task
from rdl.timeline import format_time

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Held:
    """How often the truth was held among some rows.

    Attributes:
        when: a cutoff, a year, or nothing for all rows.
        rows: how many.
        share: of them whose truth lay inside.
        width: mean width of the intervals; where there are classes, mean number of possible ones (of several labels: of open ones).
        chance: what chance alone moves the share by, one standard error; what rows of one cutoff have in common comes on top.
    """

    when: str
    rows: int
    share: float
    width: float
    chance: float


@dataclass(frozen=True)
class Coverage:
    """One nominal level."""

    level: float
    whole: Held
    by_year: tuple[Held, ...]
    by_cutoff: tuple[Held, ...]


@dataclass(frozen=True)
class Rate:
    """Probabilities beside what became of the rows.

    Attributes:
        name: the number of the bin or grade, from the lowest probabilities up.
        low, high: the range of probabilities.
        rows: how many.
        predicted: mean probability.
        observed: share of the rows whose label is 1.
        expected: of a grade, the share at the fit; NaN of a bin.
    """

    name: str
    low: float
    high: float
    rows: int
    predicted: float
    observed: float
    expected: float


@dataclass(frozen=True)
class Promises:
    """What was promised and what held; empty where nothing was promised."""

    coverage: tuple[Coverage, ...] = ()
    grades: tuple[Rate, ...] = ()

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Promises":
        """The promises as `asdict` and JSON left them."""
        return Promises(
            tuple(_read_coverage(c) for c in data["coverage"]),
            tuple(Rate(**with_nan(rate)) for rate in data["grades"]),
        )


def find_promises(task: Task, labels: Labels, prediction: NDArray[Any], beside: Columns, sure: Uncertainty) -> Promises:
    """What held of n > 0 predictions.

    Args:
        task: the question.
        labels: n labels.
        prediction: [n, …] as `score` takes them.
        beside: the columns beside them, by name.
        sure: what they are columns of.
    """
    if task.kind is Kind.BINARY:
        grades = () if sure.grades is None else _grades(sure.grades, prediction, labels.target)
        return Promises((), grades)
    levels = sure.levels if sure.regions is not None else ()
    return Promises(tuple(_coverage(task, labels, beside, level, sure.levels[0]) for level in levels))


def _coverage(task: Task, labels: Labels, beside: Columns, level: float, first: float) -> Coverage:
    inside, width = inside_and_width(task.kind, labels.target, [beside[name] for name in level_columns(task.kind, level, first)])
    cutoff = labels.seeds.cutoff
    year = cutoff.astype("datetime64[us]").astype("datetime64[Y]")

    def held(when: str, rows: NDArray[np.bool_]) -> Held:
        count = int(rows.sum())
        return Held(when, count, float(inside[rows].mean()), float(width[rows].mean()), chance_error(level, count))

    return Coverage(
        level,
        held("", np.ones(len(labels), dtype=np.bool_)),
        tuple(held(str(y), year == y) for y in np.unique(year)),
        tuple(held(format_time(int(c)), cutoff == c) for c in np.unique(cutoff)),
    )


def chance_error(level: float, rows: int) -> float:
    """The binomial standard error of a share of so many rows where the level holds."""
    return math.sqrt(level * (1.0 - level) / rows)


def inside_and_width(
    kind: Kind, target: NDArray[np.float64], columns: list[NDArray[Any]]
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """[n] whether each row's truth is held, and how wide what holds it is, from the columns of one level."""
    if kind is Kind.REGRESSION:
        low, high = columns
        return np.asarray((low <= target) & (target <= high)), np.asarray(high - low)
    if kind is Kind.MULTICLASS:
        (possible,) = columns
        place = np.maximum(target, 0).astype(np.int64)
        return np.asarray((target >= 0) & possible[np.arange(len(place)), place]), possible.sum(axis=1).astype(np.float64)
    certain, possible = columns
    true = target == 1
    return np.asarray(((certain <= true) & (true <= possible)).all(axis=1)), (possible & ~certain).sum(axis=1).astype(np.float64)


def _grades(grades: Grades, probability: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[Rate, ...]:
    """Every grade; NaN where no row has it."""
    of, found = grades.of(probability), []
    for grade, ((low, high), rate) in enumerate(zip(grades.ranges, grades.rates, strict=True), start=1):
        rows = of == grade
        mean = [float(x[rows].mean()) if rows.any() else float("nan") for x in (probability, target)]
        found.append(Rate(str(grade), low, high, int(rows.sum()), mean[0], mean[1], rate))
    return tuple(found)


def _read_coverage(data: Mapping[str, Any]) -> Coverage:
    def held(told: Mapping[str, Any]) -> Held:
        return Held(**{"chance": chance_error(data["level"], told["rows"])} | with_nan(told))  # pages of older runs lack it

    return Coverage(data["level"], held(data["whole"]), *(tuple(map(held, data[part])) for part in ("by_year", "by_cutoff")))
