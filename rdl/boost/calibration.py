"""Probabilities that mean what they say: a blend's log-odds, stretched and moved as its out-of-fold predictions ask for.

One slope for all classes and a shift for each: the order of a class's predictions, and so AUROC, stays as it is. What is fitted on
the earlier out-of-fold rows must do better on the later ones than leaving them alone, or nothing is done.
"""

from dataclasses import dataclass
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
STEEPEST = 4.0
"""The slope lies between this and its inverse."""


@dataclass(frozen=True)
class Calibration:
    """sigmoid, or softmax, of `slope` times what the predictions were mixed as, plus `shift` [classes]."""

    slope: float
    shift: tuple[float, ...]

    def apply(self, prediction: NDArray[Any], kind: Kind) -> Float64:
        """[n, …] calibrated probabilities of [n, …] probabilities."""
        margin = inner(prediction, kind)
        shift = np.array(self.shift)
        return outer(self.slope * margin + (shift if margin.ndim > 1 else shift[0]), kind)


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
    trial = _fit(prediction[early], target[early], kind)
    alone = row_losses(prediction[~early], target[~early], kind, "log_loss").mean()
    if row_losses(trial.apply(prediction[~early], kind), target[~early], kind, "log_loss").mean() >= alone:
        return None
    return _fit(prediction, target, kind)


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
