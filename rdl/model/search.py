"""Families and depth of the plan, chosen on the temporal folds inside train: what makes their later rows worse is left out.

A backward search. Short fits predict the later rows of every fold with all features, then without each family, and with shallower
walks only; they read the matrices that the folds hold already. Of what can be left out, what helps most by doing so goes, if it
helps by more than chance would, and the search begins anew with the rest. The whole plan is the default, and many candidates are
tried, so what goes must be better by `ERRORS` standard errors of the difference. What the later rows happened to be makes that
error, cutoffs being the units that vary, and what the trees happened to draw, so every plan is fitted with several seeds. What was
tried is kept with the choices, and the plan that is left is frozen with the model.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost import BoostSettings, Matrix, fit_boost, row_losses
from rdl.features import Encoding, FeaturePlan
from rdl.model.boosted import OWN, encoded_matrix, learned_rows
from rdl.model.member import Context, FoldExamples

log = logging.getLogger(__name__)

Float64 = NDArray[np.float64]

ERRORS = 3.0
"""Standard errors by which a smaller plan must be better: by chance, one search in fifty finds a dozen plans with one that is."""
SEEDS = 3
"""Fits of every plan; one family more or fewer changes every draw of columns, which alone can look like news."""
LEAST_ROWS = 1_000
"""Later rows, over all folds, below which nothing can be told."""
LEAST_SECONDS = 10.0
"""Of time for the search, below which it is left out."""
MOST_ROWS = 4_000
"""Training rows of a short fit."""
ROUNDS, LEARNING_RATE = 60, 0.1


@dataclass(frozen=True)
class Trial:
    """One smaller plan that was tried.

    Attributes:
        without: the family, or the walks, that it lacks.
        change: how its loss on the later rows differs from that of the plan at hand: below 0 is better.
        error: the standard error of that difference.
        taken: whether the search went on with it.
    """

    without: str
    change: float
    error: float
    taken: bool = False


@dataclass(frozen=True)
class _Fold:
    """One fold as short fits read it, with every column."""

    train: tuple[Matrix, Float64, Float64 | None]
    valid: Matrix
    target: Float64
    cutoff: NDArray[np.int64]


def search_plan(plan: FeaturePlan, folds: Sequence[FoldExamples], context: Context) -> tuple[FeaturePlan, tuple[Trial, ...]]:
    """The plan without what the folds are better off without, and what was tried.

    Args:
        plan: the features that the folds hold.
        folds: forward-chained.
        context: task, settings, and the seconds that the search may take.
    """
    if sum(len(f.valid.target) for f in folds) < LEAST_ROWS or (context.seconds is not None and context.seconds < LEAST_SECONDS):
        return plan, ()
    ready = [_ready(fold, context) for fold in folds]
    ends = None if context.seconds is None else time.monotonic() + context.seconds
    cutoff = np.concatenate([fold.cutoff for fold in ready])
    trials: list[Trial] = []
    losses = _losses(plan, ready, context)
    while True:
        plans = _smaller(plan, context.settings.blend_by)
        found = [(name, smaller, _losses(smaller, ready, context)) for name, smaller in plans if _before(ends)]
        tried = _compared([(name, less - losses) for name, _, less in found], cutoff)
        best = min(range(len(tried)), key=lambda i: tried[i].change + ERRORS * tried[i].error, default=None)
        if best is None or tried[best].change + ERRORS * tried[best].error >= 0 or not _before(ends):
            return plan, (*trials, *tried)
        tried[best] = replace(tried[best], taken=True)
        trials += tried
        plan, losses = found[best][1:]
        log.info("features: better without %s on the folds, %d are left", tried[best].without, len(plan.features))


def told(trials: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was tried, in words, from the choices that are kept with a model."""
    if not trials:
        return []
    taken = [t for t in trials if t["taken"]]
    left = [f"    without {t['without']}: loss {t['change']:+.4f} ± {t['error']:.4f}" for t in taken]
    return [f"  {len(trials)} smaller plans were tried on the folds, {len(taken)} of them clearly better", *left]


def _smaller(plan: FeaturePlan, stays: str = "") -> list[tuple[str, FeaturePlan]]:
    """What can be left out: each family but the entity's own columns and the calendar, and the walks longer than one reference.

    The feature called `stays` is always left in.
    """
    found = [(family, plan.drop(family)) for family in plan.families if family not in OWN]
    walked = depths(plan)
    found += [
        (f"walks over {depth} references", plan.only({name for name, d in walked.items() if d < depth}))
        for depth in sorted({d for d in walked.values() if d > 1})
    ]
    return [(name, plan.only({*(f.name for f in smaller.features), stays})) for name, smaller in found if smaller.features]


def depths(plan: FeaturePlan) -> dict[str, int]:
    """By feature, the longest chain of references that it walks in one direction."""
    blocks = {b.name: b for b in plan.blocks}
    found: dict[str, int] = {}
    for feature in sorted(plan.features, key=lambda f: len(f.operands)):  # differences come after what they are made of
        block = blocks.get(feature.block)
        chains = (feature.ascent, *((block.facts, block.ascent) if block else ()))
        walked = [len(chain.hops) for chain in chains if chain is not None]
        found[feature.name] = max([0, *walked, *(found[operand] for operand in feature.operands)])
    return found


def _ready(fold: FoldExamples, context: Context) -> _Fold:
    train = replace(fold.train, between=())
    if len(train.target) > MOST_ROWS:
        drawn = np.random.default_rng([context.settings.seed, 11]).choice(len(train.target), MOST_ROWS, replace=False)
        train = train.rows(np.sort(drawn))
    encoding = Encoding.fit(train.inputs.features)
    valid = encoded_matrix(fold.valid.inputs.features, encoding, ())
    return _Fold(learned_rows(train, encoding, (), context), valid, fold.valid.target, fold.valid.labels.seeds.cutoff)


def _losses(plan: FeaturePlan, folds: Sequence[_Fold], context: Context) -> Float64:
    """[seeds, n] the loss of every later row, fold after fold, by short fits on the plan's columns."""
    names = {f.name for f in plan.features}
    settings = replace(context.boost, rounds=ROUNDS, learning_rate=LEARNING_RATE, seeds=SEEDS)
    return np.concatenate([_fold_losses(fold, names, settings, context) for fold in folds], axis=1)


def _fold_losses(fold: _Fold, names: set[str], settings: BoostSettings, context: Context) -> Float64:
    """[seeds, n] the losses of one fold's later rows."""
    columns = [i for i, name in enumerate(fold.valid.names) if name in names]
    matrix, target, weight = fold.train
    fitted = fit_boost(matrix.columns(columns), target, context.kind, context.metric, settings, context.settings.seed, weight)
    later = fold.valid.columns(columns)
    each = [replace(fitted, boosters=(booster,)).predict(later) for booster in fitted.boosters]
    return np.array([row_losses(prediction, fold.target, context.kind, context.metric) for prediction in each])


def _compared(changes: Sequence[tuple[str, Float64]], cutoff: NDArray[np.int64]) -> list[Trial]:
    """Each plan's change of the loss [seeds, n] with its standard error; rows of one cutoff [n] vary together.

    What the seeds add to the error is taken from all plans together: three of them tell too little of one.
    """
    drawn = np.mean([change.mean(axis=1).var(ddof=1) / len(change) for _, change in changes]) if changes else 0.0
    place = np.unique(cutoff, return_inverse=True)[1]
    found = []
    for name, change in changes:
        row, mean = change.mean(axis=0), float(change.mean())
        off = np.bincount(place, weights=row - mean)  # [cutoffs] how far each cutoff's sum is off
        found.append(Trial(name, mean, float(np.sqrt(np.sum(off**2) / len(row) ** 2 + drawn))))
    return found


def _before(ends: float | None) -> bool:
    return ends is None or time.monotonic() < ends
