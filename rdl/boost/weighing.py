"""Weights of a blend, fitted on out-of-fold predictions.

The default is non-negative least squares, drawn to equal weights: the fewer the rows and the larger the noise, the more. It is
smooth, so its weights vary less than those that are best on a metric: on forward-chained folds of rel-f1 it did better on later
folds than greedy selection, a grid, equal weights and the best member alone, by whatever metric. These are candidates beside it,
with ranks and medians where the metric asks for them: one of them is taken only where it is clearly better on later rows, all
having been fitted on the earlier ones.

Sources: Breiman, Stacked regressions (1996); Caruana and others, Ensemble selection from libraries of models (2004).
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from rdl.boost.blend import MEAN, Mixing, inner, mixed, outer, ranked_mixing
from rdl.boost.judging import blocks, error_of, loss
from rdl.task import Kind

log = logging.getLogger(__name__)

Float64 = NDArray[np.float64]
Int = NDArray[np.int64]

SPREAD = 0.3
"""How far from equal weights are expected to lie before any row is seen: a standard deviation."""
LEAST = 0.02
"""A member of smaller weight takes no part."""
EARLIER = 2 / 3
"""Share of the rows on which candidates are fitted to be judged on the rest."""
ERRORS = 4.0
"""Standard errors by which a candidate must be better than the default: at three, later folds lost by what was taken."""
FEWEST_ROWS = 100
"""Of a group that has weights of its own."""
PICKS = 20
"""Members that greedy selection draws, with replacement."""
MOST_POINTS = 1_000
"""Of the grid over the simplex."""


@dataclass(frozen=True)
class Blend:
    """Weights by member, and how they are mixed."""

    weights: Mapping[str, float]
    mixing: Mixing = MEAN


@dataclass(frozen=True)
class _Rows:
    """Out-of-fold rows: log-odds, logarithms or values [n, (classes,) members], what became of them, and their block of time."""

    margins: Float64
    target: Float64
    block: Int
    kind: Kind
    metric: str

    def at(self, rows: NDArray[np.bool_]) -> "_Rows":
        return _Rows(self.margins[rows], self.target[rows], self.block[rows], self.kind, self.metric)

    @property
    def members(self) -> int:
        return self.margins.shape[-1]

    def loss(self, margin: Float64) -> float:
        """NaN counts as the worst there is."""
        found = loss(margin, self.target, self.kind, self.metric)
        return found if np.isfinite(found) else float("inf")


@dataclass(frozen=True)
class _Candidate:
    """One way to find weights, and one to mix by them."""

    name: str
    weigh: Callable[[_Rows], Float64]
    way: str = "mean"

    def fit(self, rows: _Rows) -> tuple[Float64, Mixing]:
        """Weights [members] of at least `LEAST`, and how to mix."""
        weights = self.weigh(rows)
        weights = np.where(weights >= LEAST, weights, 0.0)
        weights = weights / weights.sum()
        if self.way != "rank":
            return weights, Mixing(self.way, self.name)
        return weights, ranked_mixing(_named(rows.margins), _positive(weights), self.name)


def fit_blend(members: Mapping[str, NDArray[Any]], target: Float64, kind: Kind, metric: str, cutoff: Int | None = None) -> Blend:
    """Weights by member, and how to mix.

    Args:
        members: [n], or [n, classes], out-of-fold predictions by name; of ranked lists there is one member only.
        target: [n] what became of them; [n, classes] where any number of classes may be right.
        kind: what the target is.
        metric: what the task is judged by.
        cutoff: [n] of the rows, to judge candidates on later ones; None for the default alone.
    """
    names = sorted(members)
    if len(names) == 1:
        return Blend({names[0]: 1.0}, Mixing(found="single"))
    assert kind is not Kind.RECOMMENDATION, "ranked lists cannot be mixed"
    if kind is Kind.BINARY and len(np.unique(target)) < 2:
        return Blend(dict.fromkeys(names, 1.0 / len(names)), Mixing(found="equal"))
    block = np.zeros(len(target), dtype=np.int64) if cutoff is None else blocks(cutoff)
    rows = _Rows(np.stack([inner(members[name], kind) for name in names], axis=-1), target, block, kind, metric)
    weights, mixing = _chosen(rows, cutoff).fit(rows)
    named = {name: round(float(w), 6) for name, w in zip(names, weights, strict=True)}
    reference = {names[int(place)]: values for place, values in mixing.reference.items()}
    return Blend(named, Mixing(mixing.way, mixing.found, reference, mixing.ranks, mixing.values))


def fit_groups(
    members: Mapping[str, NDArray[Any]], target: Float64, kind: Kind, metric: str, group: NDArray[np.str_], whole: Blend
) -> dict[str, dict[str, float]]:
    """Weights by group [n] and member, drawn to those of the whole as `_least_squares` draws to equal ones.

    A group of fewer than `FEWEST_ROWS` rows, or in which the target does not vary, has none of its own.
    """
    names = sorted(members)
    margins = np.stack([inner(members[name], kind) for name in names], axis=-1)
    toward = np.array([whole.weights[name] for name in names])
    found = {}
    for name in np.unique(group):
        kept = group == name
        if kept.sum() < FEWEST_ROWS or len(np.unique(target[kept])) < 2:
            continue
        rows = _Rows(margins[kept], target[kept], np.zeros(int(kept.sum()), dtype=np.int64), kind, metric)
        weights = _drawn(rows, toward)
        found[str(name)] = {member: round(float(w), 6) for member, w in zip(names, weights, strict=True)}
    return found


def candidates(kind: Kind, metric: str, members: int) -> tuple[_Candidate, ...]:
    """The default, and what may take its place."""
    found = [_Candidate("least squares", _least_squares), _Candidate("greedy", _greedy), _Candidate("grid", _grid)]
    found += [_Candidate("equal", _equal), _Candidate("single", _single)]
    if kind is Kind.BINARY and metric in {"roc_auc", "average_precision"}:
        found += [_Candidate("ranks", _least_squares, "rank"), _Candidate("equal ranks", _equal, "rank")]
    if kind is Kind.REGRESSION and metric not in {"rmse", "r2"} and members > 2:
        found += [_Candidate("median", _least_squares, "median"), _Candidate("equal median", _equal, "median")]
    return tuple(found)


def _chosen(rows: _Rows, cutoff: Int | None) -> _Candidate:
    """The default, or what is better by `ERRORS` standard errors on the later rows."""
    default, *others = candidates(rows.kind, rows.metric, rows.members)
    early = None if cutoff is None else cutoff <= np.quantile(cutoff, EARLIER)
    if early is None or early.all() or (rows.kind is Kind.BINARY and len(np.unique(rows.target[early])) < 2):
        return default
    earlier, later = rows.at(early), rows.at(~early)
    usual = _margin(later.margins, *default.fit(earlier))
    best, least = default, 0.0
    for other in others:
        margin = _margin(later.margins, *other.fit(earlier))
        change, error = _compared(later, margin, usual)
        log.info("blend: %s against %s on later rows: loss %+.5f ± %.5f", other.name, default.name, change, error)
        if change + ERRORS * error < least:
            best, least = other, change + ERRORS * error
    return best


def _compared(rows: _Rows, margin: Float64, other: Float64) -> tuple[float, float]:
    """By how much the loss of `margin` [n, …] exceeds that of `other`, and the standard error of that."""

    def change(kept: NDArray[np.bool_]) -> float:
        there = rows.at(kept)
        return there.loss(margin[kept]) - there.loss(other[kept])

    whole = change(np.ones(len(rows.target), dtype=np.bool_))
    return (whole, error_of(change, rows.block)) if np.isfinite(whole) else (0.0, float("inf"))


def _margin(margins: Float64, weights: Float64, mixing: Mixing) -> Float64:
    return mixed(_named(margins), _positive(weights), mixing)


def _named(margins: Float64) -> dict[str, Float64]:
    """Margins [n, …] by the member's place."""
    return {str(i): margins[..., i] for i in range(margins.shape[-1])}


def _positive(weights: Float64) -> dict[str, float]:
    return {str(i): float(w) for i, w in enumerate(weights) if w > 0}


def _least_squares(rows: _Rows) -> Float64:
    """Of probabilities or values, with equal weights as what is expected beforehand; then they are made to sum to one."""
    return _drawn(rows, _equal(rows))


def _drawn(rows: _Rows, toward: Float64) -> Float64:
    """Least squares with the weights `toward` as what is expected beforehand."""
    said = np.stack([outer(rows.margins[..., i], rows.kind) for i in range(rows.members)], axis=-1)  # [n, (classes,) members]
    true = rows.target
    if rows.kind is Kind.MULTICLASS:
        true = np.asarray(true[:, None] == np.arange(said.shape[1]), dtype=np.float64)
    flat, true = said.reshape(-1, rows.members), true.reshape(-1)
    noise = nnls(flat, true)[1] / np.sqrt(len(true))
    pull = noise / SPREAD * np.eye(rows.members)
    found = nnls(np.concatenate([flat, pull]), np.concatenate([true, pull @ toward]))[0]
    return found / found.sum() if found.sum() > 0 else toward


def _greedy(rows: _Rows) -> Float64:
    """Of the members, the one is added again and again with which the mean does best on the metric."""
    picked, whole = np.zeros(rows.members), np.zeros(rows.margins.shape[:-1])
    for done in range(PICKS):
        best = int(np.argmin([rows.loss((whole + rows.margins[..., i]) / (done + 1)) for i in range(rows.members)]))
        picked[best] += 1
        whole = whole + rows.margins[..., best]
    return picked / picked.sum()


def _grid(rows: _Rows) -> Float64:
    """The point of a grid over the simplex that does best on the metric, made as even as it can be without a clear loss."""
    points = [np.array(point) for point in _simplex(rows.members, _steps(rows.members))]
    best = points[int(np.argmin([rows.loss(rows.margins @ point) for point in points]))]
    for share in np.linspace(1.0, 0.1, 10):
        evener = (1 - share) * best + share * _equal(rows)
        change, error = _compared(rows, rows.margins @ evener, rows.margins @ best)
        if np.isfinite(error) and change <= error / 4:
            return evener
    return best


def _equal(rows: _Rows) -> Float64:
    return np.full(rows.members, 1.0 / rows.members)


def _single(rows: _Rows) -> Float64:
    """The member that does best on the metric."""
    best = int(np.argmin([rows.loss(rows.margins[..., i]) for i in range(rows.members)]))
    return np.asarray(np.eye(rows.members)[best])


def _steps(members: int) -> int:
    """How finely the simplex is divided: at most `MOST_POINTS` points, and steps of a twentieth at the finest."""
    return max(s for s in (1, 2, 3, 4, 5, 10, 20) if s == 1 or comb(s + members - 1, members - 1) <= MOST_POINTS)


def _simplex(members: int, steps: int, left: int | None = None) -> Iterator[tuple[float, ...]]:
    """All weights that are multiples of 1 / steps and sum to one."""
    left = steps if left is None else left
    if members == 1:
        yield (left / steps,)
        return
    for here in range(left + 1):
        for rest in _simplex(members - 1, steps, left - here):
            yield (here / steps, *rest)
