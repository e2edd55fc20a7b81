"""The three regimes: how stale database and model are when the test split is predicted.

- frozen: database and model stop at the task's `test` date;
- fresh: features see everything visible at each cutoff, the model is fitted once, before `test`;
- rolling: as fresh, and the model is refitted on mature labels as the cutoffs advance.

In each, everything is chosen on temporal folds before `test`; the test labels are read once, to score.
"""

import logging
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.database import Database
from rdl.evaluate.reliability import LEVELS
from rdl.model import FitSettings, Model, fit_model
from rdl.model.uncertainty import Uncertainty
from rdl.task import Labels, Split, Task, mature, split_labels, with_classes
from rdl.timeline import format_time

log = logging.getLogger(__name__)


class Regime(StrEnum):
    """How fresh the database and the model are at a test cutoff."""

    FROZEN = "frozen"
    FRESH = "fresh"
    ROLLING = "rolling"


def regimes_for(task: Task) -> tuple[Regime, ...]:
    """The regimes that tell something of a task.

    Without time they are all one. A row that completes itself is not there in a database that stopped before it.
    """
    if task.static:
        return (Regime.FRESH,)
    return (Regime.FRESH, Regime.ROLLING) if task.autocomplete and task.fixed else tuple(Regime)


@dataclass(frozen=True)
class Backtest:
    """The test split as one regime predicts it.

    Attributes:
        labels: n test labels; their seeds carry the regime's `as_of`.
        prediction: [n, …] the blend's.
        members: [n, …] each member's.
        model: the first model fitted, before `test`.
        fits: when models were fitted, microseconds UTC.
        beside: what says how sure the predictions are, as columns by name; in the rolling regime it moves on at every cutoff, with
            the labels that are known by then.
        raw: [n, …] the blend before it was calibrated; None where it is not.
        levels: intervals and sets at each of `LEVELS`, likewise; none where there are none.
    """

    labels: Labels
    prediction: NDArray[Any]
    members: dict[str, NDArray[Any]]
    model: Model
    fits: tuple[int, ...]
    beside: dict[str, NDArray[Any]] = field(default_factory=dict)
    raw: NDArray[Any] | None = None
    levels: dict[str, NDArray[Any]] = field(default_factory=dict)


def backtest(database: Database, task: Task, regime: Regime, settings: FitSettings, refit_every: int | None = None) -> Backtest:
    """Fit as the regime says and predict the test split.

    Args:
        database: the rows.
        task: the question.
        regime: how stale database and model are.
        settings: how members are fitted.
        refit_every: the rolling regime fits anew at every so many test cutoffs; a quarter of them by default.
    """
    task = with_classes(database, task, task.test)
    labels = split_labels(database, task, Split.TEST)
    cutoffs = np.unique(labels.seeds.cutoff)
    staleness = int(cutoffs[-1] - task.test) if regime is Regime.FROZEN else 0
    seeds = labels.seeds.frozen(task.test) if regime is Regime.FROZEN else labels.seeds
    step = len(cutoffs) if regime is not Regime.ROLLING else refit_every or -(-len(cutoffs) // 4)
    blocks = [cutoffs[i : i + step] for i in range(0, len(cutoffs), step)]
    fits = [task.test, *(int(b[0]) for b in blocks[1:])]
    models = []
    for fit_at in fits:
        log.info("%s: fitting as of %s", regime.value, format_time(fit_at))
        models.append(fit_model(database, task, fit_at, settings, staleness, choose_at=task.test, held_out=task.static))
    source = models[0].source(database)  # the choices were made once: all models read the same features
    batch = source.prepare(seeds)
    starts = [*(int(np.searchsorted(seeds.cutoff, b[0])) for b in blocks), len(seeds)]  # labels are in the order of their cutoffs
    found = [m.predict_prepared(source, batch.rows(*ends)) for m, ends in zip(models, pairwise(starts), strict=True)]
    members = {name: np.concatenate([f.members[name] for f in found]) for name in models[0].members}
    prediction = np.concatenate([f.prediction for f in found])
    labels, sizes = labels.seen_by(seeds), np.concatenate([f.sizes for f in found])
    sure = models[0].choices.uncertainty
    every = replace(sure, levels=LEVELS, quantiles=(), grades=None)
    if regime is Regime.ROLLING:
        beside, levels = (_moving(s, models[0].task, labels, prediction, sizes) for s in (sure, every))
    else:
        beside = {name: np.concatenate([f.beside[name] for f in found]) for name in found[0].beside}
        levels = every.columns(models[0].task, prediction, sizes)
    before = [f.raw for f in found if f.raw is not None]  # the choices were made once: all models are calibrated, or none
    raw = np.concatenate(before) if before else None
    return Backtest(labels, prediction, members, models[0], tuple(fits), beside, raw, levels)


def _moving(
    sure: Uncertainty, task: Task, labels: Labels, prediction: NDArray[Any], sizes: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """The columns beside predictions in the order of their cutoffs, each from what is known of the earlier ones by then."""
    cutoff, parts = labels.seeds.cutoff, []
    for now in np.unique(cutoff):
        here, known = cutoff == now, mature(task, labels.seeds, int(now))
        moved = sure.moved(labels[known], prediction[known], sizes[known])
        parts.append(moved.columns(task, prediction[here], sizes[here]))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
