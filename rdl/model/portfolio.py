"""A portfolio of strong configurations of XGBoost, tried in order while time lasts, in place of a wide search.

The first is the default. Another one takes its place only if it predicts the folds' later rows better by `ERRORS` standard errors
of the difference: on rel-f1's folds none of them was more than chance (docs/ablation.md), so without a budget of time none is
tried.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rdl.boost import BoostSettings, row_losses
from rdl.boost.judging import blocks, error_of
from rdl.model.member import Context, FoldExamples

log = logging.getLogger(__name__)

Float64 = NDArray[np.float64]

DEFAULT = "default"
ERRORS = 3.0
"""Standard errors by which a configuration must be better than what is best so far."""
SHARE = 0.5
"""Of the time that a member may take to choose, what configurations beside the default may take."""


@dataclass(frozen=True)
class Trial:
    """One configuration: the rounds that are best on the folds, and the later rows' predictions [n, …] fold by fold."""

    name: str
    rounds: int
    predictions: list[Float64]


def portfolio(settings: BoostSettings) -> Mapping[str, BoostSettings]:
    """Configurations by name, in the order in which they are tried; the first is `settings`."""
    return {
        DEFAULT: settings,
        "deep": replace(settings, max_depth=settings.max_depth + 2, colsample_bytree=settings.colsample_bytree / 2),
        "wide": replace(settings, colsample_bytree=min(1.0, settings.colsample_bytree * 3)),
        "shallow": replace(settings, max_depth=2, learning_rate=settings.learning_rate * 1.5),
        "fine": replace(settings, min_child_weight=settings.min_child_weight / 5, max_bin=256),
        "level": replace(settings, half_life=None),
    }


def best_of(folds: Sequence[FoldExamples], context: Context, run: Callable[[str, BoostSettings], Trial], *, others: bool) -> Trial:
    """The default, or what is clearly better on the folds.

    Args:
        folds: forward-chained.
        context: task, settings, and the seconds there are.
        run: fits a configuration on every fold.
        others: whether others than the default may be tried at all.
    """
    (first, settings), *rest = portfolio(context.boost).items()
    started = time.monotonic()
    best = run(first, settings)
    if not others or not context.settings.tries_portfolio:
        return best
    took = time.monotonic() - started
    ends = None if context.seconds is None else started + took + SHARE * context.seconds
    for name, told in rest:
        if ends is not None and time.monotonic() + 1.5 * took > ends:
            break
        trial = run(name, told)
        change, error = compared(best, trial, folds, context)
        log.info("portfolio: %s: loss %+.5f ± %.5f", name, change, error)
        best = trial if change + ERRORS * error < 0 else best
    return best


def compared(before: Trial, trial: Trial, folds: Sequence[FoldExamples], context: Context) -> tuple[float, float]:
    """By how much the mean loss of the later rows changes from one configuration to another, and the standard error of that."""
    change = _losses(trial, folds, context) - _losses(before, folds, context)
    block = blocks(np.concatenate([f.valid.labels.seeds.cutoff for f in folds]))
    return float(change.mean()), error_of(lambda kept: float(change[kept].mean()), block)


def _losses(trial: Trial, folds: Sequence[FoldExamples], context: Context) -> Float64:
    """[n] the loss of every later row, fold after fold."""
    found = zip(trial.predictions, folds, strict=True)
    return np.concatenate([row_losses(p, fold.valid.target, context.kind, context.metric) for p, fold in found])
