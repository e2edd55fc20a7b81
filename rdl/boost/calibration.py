"""Probabilities that mean what they say: a blend's log-odds, stretched and moved as its out-of-fold predictions ask for.

One slope for all classes and a shift for each (Platt); or, for yes or no and where rows allow, isotonic regression, read as a line
between the middles of its steps, so that it rises everywhere: the order of a class's predictions, and so AUROC, stays as it is. Of
what was fitted on the earlier out-of-fold rows the best on the later ones is taken; leaving them alone is the first candidate.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from rdl.boost.blend import inner, outer, row_losses
from rdl.boost.losses import loss_of
from rdl.task import Kind

Float64 = NDArray[np.float64]
Int = NDArray[np.int64]

PRIOR = 50.0
"""How many rows it takes to believe them as much as that nothing needs to change."""
ISOTONIC_ROWS = 1_000
"""Rows, on the half that is fitted on, from which isotonic regression is a candidate, …"""
ISOTONIC_ONES = 100
"""… with so many of each answer."""
STEEPEST = 4.0
"""The slope lies between this and its inverse."""
APART = 1e-3
"""Two knots lie so far apart at least, so that the line between them rises."""


@dataclass(frozen=True)
class Calibration:
    """sigmoid, or softmax, of `slope` times what the predictions were mixed as, plus `shift` [classes].

    Attributes:
        knots: in place of both, log-odds before and after, ascending: a line between them, and parallel to no change beyond.
    """

    slope: float
    shift: tuple[float, ...]
    knots: tuple[tuple[float, float], ...] = ()

    def apply(self, prediction: NDArray[Any], kind: Kind) -> Float64:
        """[n, …] calibrated probabilities of [n, …] probabilities."""
        margin = inner(prediction, kind)
        if self.knots:
            before, after = np.array(self.knots).T
            beyond = np.minimum(margin - before[0], 0.0) + np.maximum(margin - before[-1], 0.0)
            return outer(np.interp(margin, before, after) + beyond, kind)
        shift = np.array(self.shift)
        return outer(self.slope * margin + (shift if margin.ndim > 1 else shift[0]), kind)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Calibration":
        """The calibration that `to_json` wrote."""
        knots = tuple((float(before), float(after)) for before, after in data.get("knots", ()))
        return Calibration(data["slope"], tuple(data["shift"]), knots)


def fit_calibration(prediction: NDArray[Any], target: Float64, cutoff: Int, kind: Kind) -> Calibration | None:
    """What out-of-fold predictions ask for; None where it would not have helped on the later half of them, or has no meaning.

    Args:
        prediction: [n, …] probabilities.
        target: [n] 0 and 1, or places of classes; [n, classes] where any number of them may be right.
        cutoff: [n] of the rows; halves are of cutoffs.
        kind: what the target is.
    """
    if kind in (Kind.REGRESSION, Kind.RECOMMENDATION) or len(np.unique(cutoff)) < 2:
        return None
    early = cutoff <= np.median(cutoff)
    if early.all():
        early = cutoff < cutoff.max()
    ways: list[Callable[[NDArray[Any], Float64, Kind], Calibration]] = [_fit]
    if kind is Kind.BINARY and early.sum() >= ISOTONIC_ROWS and ISOTONIC_ONES <= target[early].sum() <= early.sum() - ISOTONIC_ONES:
        ways.append(_isotonic)
    best, least = None, row_losses(prediction[~early], target[~early], kind, "log_loss").mean()
    for way in ways:
        told = way(prediction[early], target[early], kind).apply(prediction[~early], kind)
        loss = row_losses(told, target[~early], kind, "log_loss").mean()
        if loss < least:
            best, least = way, loss
    return None if best is None else best(prediction, target, kind)


def _isotonic(prediction: NDArray[Any], target: Float64, kind: Kind) -> Calibration:
    """The steps of isotonic regression, as log-odds: the middle of each step's rows before, its rate after."""
    from sklearn.isotonic import IsotonicRegression

    margin = inner(prediction, kind)
    _, step = np.unique(IsotonicRegression().fit_transform(margin, target), return_inverse=True)
    rows = np.bincount(step)
    rate = (np.bincount(step, target) + 0.5) / (rows + 1.0)  # a step of one answer alone is not believed to be certain
    before, after = np.bincount(step, margin) / rows, np.log(rate) - np.log1p(-rate)
    kept = list[tuple[float, float]]()
    for knot in zip(before.tolist(), after.tolist(), strict=True):
        if not kept or (knot[0] - kept[-1][0] > APART and knot[1] - kept[-1][1] > APART):
            kept.append(knot)
    return Calibration(1.0, (0.0,), tuple(kept))


def _fit(prediction: NDArray[Any], target: Float64, kind: Kind) -> Calibration:
    """The slope and shifts of least log loss, drawn towards 1 and 0 as `PRIOR` rows would draw them."""
    margin = inner(prediction, kind).reshape(len(prediction), -1)  # [n, classes]
    classes = margin.shape[1]
    true = (
        np.asarray(target[:, None] == np.arange(classes), dtype=np.float64)
        if kind is Kind.MULTICLASS
        else target.reshape(-1, classes)
    )
    loss = loss_of(kind, "log_loss", true)

    def penalised(x: Float64) -> tuple[float, Float64]:
        slope, shift = np.exp(x[0]), x[1:]
        z = slope * margin + shift
        gradient = loss.gradient(z, true)  # [n, classes]
        value = loss.value(z, true).sum() + 0.5 * PRIOR * float(x @ x)
        return value, np.concatenate([[slope * (gradient * margin).sum()], gradient.sum(axis=0)]) + PRIOR * x

    steepest = np.log(STEEPEST)
    bounds = [(-steepest, steepest), *[(-4.0, 4.0)] * classes]
    found = minimize(penalised, np.zeros(1 + classes), jac=True, method="L-BFGS-B", bounds=bounds).x
    return Calibration(float(np.exp(found[0])), tuple(float(s) for s in found[1:]))
