"""Whether predictions mean what they say: probabilities beside what came of the rows, intervals and sets level by level.

A curve's bins hold about as many rows each, and rows of one probability are never parted. Its error is told beside what chance
alone would make of probabilities that are right (Brocker and Smith 2007), for that is never nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.evaluate.coverage import Columns, Rate, inside_and_width
from rdl.evaluate.strict import with_nan
from rdl.model.uncertainty import level_columns
from rdl.task import Kind, Labels, Task

BINS = 10
"""Bins of a curve, at most."""
SHOWN = 4
"""Classes, or labels, that have a curve of their own: the most frequent ones."""
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""At which intervals and sets are held against the truth, whatever level was asked for."""
LIKELIEST, ALL = "the likeliest class", "all labels"

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """Probabilities of one thing beside how often it came.

    Attributes:
        of: the class or label; `LIKELIEST` or `ALL` of all of them; empty where the answer is yes or no.
        single: whether it is of one class or label among several.
        raw: whether these are the probabilities before they were calibrated.
        rates: the bins, from the lowest probabilities up.
        error: expected calibration error: how far bins' mean probability and rate lie apart, weighted by rows.
        chance: the error that is expected where every probability is right.
        brier: mean squared error of the probabilities; of `LIKELIEST` summed over all classes.
        excess: mean probability less the rate of all rows.
    """

    of: str
    single: bool
    raw: bool
    rates: tuple[Rate, ...]
    error: float
    chance: float
    brier: float
    excess: float

    @property
    def fair(self) -> bool:
        """Whether the error is what chance makes: within two standard deviations of it, for some ten bins."""
        return self.error <= 1.5 * self.chance


@dataclass(frozen=True)
class AtLevel:
    """Intervals, or sets, of one nominal level: the share of `rows` whose truth they held, and their mean width."""

    level: float
    rows: int
    share: float
    width: float


@dataclass(frozen=True)
class Reliability:
    """Curves where there are probabilities, levels where there are intervals or sets; empty where there is neither."""

    curves: tuple[Curve, ...] = ()
    levels: tuple[AtLevel, ...] = ()

    @property
    def headline(self) -> dict[bool, Curve]:
        """The answer's curve, or the likeliest class's, or all labels': under False, and before calibration under True."""
        return {curve.raw: curve for curve in self.curves if not curve.single}

    @property
    def single(self) -> list[Curve]:
        """Of the most frequent classes or labels, as predicted."""
        return [curve for curve in self.curves if curve.single and not curve.raw]

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Reliability":
        """The reliability as `asdict` and JSON left it."""
        return Reliability(
            tuple(Curve(**{**c, "rates": tuple(Rate(**with_nan(rate)) for rate in c["rates"])}) for c in data["curves"]),
            tuple(AtLevel(**at) for at in data["levels"]),
        )


def find_reliability(
    task: Task, labels: Labels, prediction: NDArray[Any], raw: NDArray[Any] | None = None, levels: Columns | None = None
) -> Reliability:
    """What n > 0 predictions come to.

    Args:
        task: with its classes, where its kind has any.
        labels: n labels.
        prediction: [n, …] as `score` takes them.
        raw: [n, …] the same before they were calibrated; None where they were not.
        levels: columns of intervals or sets at each of `LEVELS`, the first one's with plain names; none where there are none.
    """
    stages = [(False, prediction)] + ([] if raw is None else [(True, raw)])
    return Reliability(
        tuple(curve for before, told in stages for curve in _curves(task, labels.target, told, before)),
        tuple(_at_level(task, labels, levels, level) for level in LEVELS) if levels else (),
    )


def _curves(task: Task, target: Float64, prediction: NDArray[Any], raw: bool) -> list[Curve]:
    if task.kind is Kind.BINARY:
        return [make_curve("", raw, prediction, target)]
    if task.kind not in (Kind.MULTICLASS, Kind.MULTILABEL):
        return []
    multiclass = task.kind is Kind.MULTICLASS
    true = (target[:, None] == np.arange(len(task.classes))) if multiclass else target == 1  # [n, classes]
    if multiclass:
        likely, rows = prediction.argmax(axis=1), np.arange(len(prediction))
        brier = float(((prediction - true) ** 2).sum(axis=1).mean() + (target < 0).mean())  # a class no one knew has probability 0
        whole = make_curve(LIKELIEST, raw, prediction[rows, likely], true[rows, likely].astype(np.float64), brier)
    else:
        whole = make_curve(ALL, raw, prediction.ravel(), true.ravel().astype(np.float64))
    named = enumerate(task.classes[:SHOWN])
    return [whole, *(make_curve(str(name), raw, prediction[:, k], true[:, k].astype(np.float64), single=True) for k, name in named)]


def make_curve(
    of: str, raw: bool, probability: Float64, target: Float64, brier: float | None = None, *, single: bool = False
) -> Curve:
    """The curve of n > 0 probabilities [n] of something that came [n] or did not."""
    order = np.argsort(probability, kind="stable")
    p, y = probability[order], target[order]
    rates = tuple(_rate(i, p[a:b], y[a:b]) for i, (a, b) in enumerate(_bins(p), start=1))
    rows = np.array([rate.rows for rate in rates])
    apart = np.array([abs(rate.predicted - rate.observed) for rate in rates])
    spread = np.array([np.sqrt((p[a:b] * (1 - p[a:b])).sum()) / (b - a) for a, b in _bins(p)])
    return Curve(
        of,
        single,
        raw,
        rates,
        error=float(rows @ apart / len(p)),
        chance=float(rows @ spread / len(p) * np.sqrt(2 / np.pi)),  # the mean of a normal's absolute value
        brier=float(((p - y) ** 2).mean()) if brier is None else brier,
        excess=float(p.mean() - y.mean()),
    )


def _bins(ascending: Float64) -> list[tuple[int, int]]:
    """Where bins begin and end; equal values share one."""
    cuts = [len(part) for part in np.array_split(ascending, BINS)]
    ends = np.cumsum([size for size in cuts if size])
    whole = np.unique(np.searchsorted(ascending, ascending[ends - 1], side="right"))
    return list(zip([0, *whole[:-1].tolist()], whole.tolist(), strict=True))


def _rate(number: int, probability: Float64, target: Float64) -> Rate:
    low, high = float(probability[0]), float(probability[-1])
    return Rate(str(number), low, high, len(target), float(probability.mean()), float(target.mean()), float("nan"))


def _at_level(task: Task, labels: Labels, columns: Columns, level: float) -> AtLevel:
    names: Sequence[str] = level_columns(task.kind, level, LEVELS[0])
    inside, width = inside_and_width(task.kind, labels.target, [columns[name] for name in names])
    return AtLevel(level, len(inside), float(inside.mean()), float(width.mean()))
