"""From labels to a model: choose on temporal folds, then fit on everything that is mature.

The folds are forward-chained blocks of time; every member predicts their later rows out of fold, the blend is fitted on these
predictions, and only then are the members fitted on all mature labels. What is chosen can be used again at a later cutoff: a
refit is the second half alone. Both halves are kept in the project's home and found again.
"""

import logging
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rdl.boost import Blend, Mixing, blend_groups, fit_blend, fit_groups
from rdl.boost.calibration import fit_calibration
from rdl.database import Database
from rdl.errors import UsageError
from rdl.model.cache import cached_choices, cached_model, fit_key
from rdl.model.fitted import Model
from rdl.model.grouping import grouped, groups_of
from rdl.model.member import Prediction
from rdl.model.registry import member, members_for
from rdl.model.residuals import fit_uncertainty
from rdl.model.search import Trial, search_plan
from rdl.model.selection import select_features
from rdl.model.settings import Choices, FitSettings
from rdl.model.training import Training, prepare_training
from rdl.model.tuning import require_optuna
from rdl.task import Kind, Labels, Task, with_classes
from rdl.task.lint import refuse_leaks
from rdl.task.metrics import score

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

log = logging.getLogger(__name__)

FEATURES = "features"
"""The member for whose sake families are searched."""
SEARCH_SHARE = 0.1
"""Of the time that is left, what the search may take."""


def fit_model(
    database: Database,
    task: Task,
    as_of: int,
    settings: FitSettings,
    staleness: int = 0,
    choose_at: int | None = None,
    *,
    held_out: bool = False,
) -> Model:
    """Fit on every label that is mature at `as_of`, or find that fit.

    Args:
        database: the rows; none at or after `as_of` is read.
        task: the question.
        as_of: microseconds UTC.
        settings: how.
        staleness: how old the database may be when the model predicts, microseconds: training seeds are copied with snapshots
            up to that old. 0 where it is up to date at every cutoff.
        choose_at: an earlier moment whose choices are used, to refit without choosing again; `as_of` by default.
        held_out: whether to leave out the test split of a task without time, for a backtest; of other tasks time holds it out.

    Raises:
        TaskError: there are fewer than three mature cutoffs, no labels, one class only, or the lint finds an error in the queries.
        UsageError: a member does not answer the task, or a member or tuning needs a library that is not installed.
    """
    moment = as_of if choose_at is None else choose_at
    settings = replace(settings, members=members_for(task.kind, settings.members))
    if settings.trials is not None:
        if FEATURES not in settings.members:
            raise UsageError(f"none of the members can be tuned: {', '.join(settings.members)}", where="--tune", fix="add features")
        require_optuna()
    task = with_classes(database, task, moment)
    held = ("held out",) if held_out else ()
    key = fit_key(database, task, moment, settings, staleness, *held)
    prepared: list[Training] = []

    def make_choices() -> Choices:
        training = prepare_training(database, task, moment, settings, staleness, held_out=held_out)
        choices, training = choose(training)
        prepared.append(training)
        return choices

    def make_model() -> Model:
        refuse_leaks(database, task)
        choices = cached_choices(database, key, make_choices)
        if prepared and moment == as_of:
            return fit_members(prepared[0], choices)
        return fit_members(prepare_training(database, task, as_of, settings, staleness, choices, held_out=held_out), choices)

    return cached_model(database, task, as_of, fit_key(database, task, as_of, settings, staleness, key, *held), make_model)


def choose(training: Training) -> tuple[Choices, Training]:
    """Select features, let every member choose on the folds, and blend what all of them predicted out of fold.

    Returns:
        The choices, and the training with the selected features.

    Raises:
        TaskError: no fold can be made: the labels of the first cutoffs hold one class only.
        UsageError: rows cannot be told apart by `blend_by`; told before anything is fitted.
    """
    task, settings = training.source.task, training.settings
    training, trials = _searched(_selected(training))
    folds = training.folds()
    chosen: dict[str, Mapping[str, Any]] = {}
    parts: dict[str, list[Prediction]] = {}
    for name in settings.members:
        chosen[name], parts[name] = member(name).choose(folds, training.context(0.5))
    shared = min(len(p) for p in parts.values())
    labels = Labels.concat([f.valid.labels for f in folds[-shared:]])
    predictions = {name: np.concatenate(p[-shared:]) for name, p in parts.items()}
    serious = [name for name in settings.members if not member(name).baseline] or list(settings.members)
    group = grouped(folds[-shared:], settings.blend_by, task)
    found = _blend({name: predictions[name] for name in serious}, labels, task, settings.blend_by, group)
    weights = dict.fromkeys(settings.members, 0.0) | dict(found.weights)
    log.info("blend by %s: %s", found.mixing.found, ", ".join(f"{name} {w:.2f}" for name, w in weights.items()))
    mixed = {**predictions, "blend": blend_groups(predictions, weights, task.kind, found.mixing, group)}
    losses = {name: _loss(task.kind, labels, p) for name, p in mixed.items()}
    calibration = fit_calibration(mixed["blend"], labels.target, labels.seeds.cutoff, task.kind)
    calibrated = mixed["blend"] if calibration is None else calibration.apply(mixed["blend"], task.kind)
    uncertainty = fit_uncertainty(folds[-shared:], calibrated, training.context(0.5))
    plan, candidates, tried = training.source.plan, training.source.candidates, tuple(asdict(trial) for trial in trials)
    return Choices(plan, weights, chosen, losses, len(labels), candidates, tried, calibration, uncertainty, found.mixing), training


def _selected(training: Training) -> Training:
    """The training with the features that are worth computing, and what the blend's weights are told apart by."""
    by, task = training.settings.blend_by, training.source.task
    if task.kind is Kind.RECOMMENDATION:
        if by:
            raise UsageError("ranked lists are not blended", where="blend_by", fix="leave it out")
        return training
    earliest = training.earliest()
    groups_of(earliest.inputs, by, task)
    return training.only(select_features(training.source.plan, earliest, training.context(0.5)))


def _searched(training: Training) -> tuple[Training, tuple[Trial, ...]]:
    """The training with the families and the depth that do best on the folds, and what was tried."""
    if not training.settings.searches or FEATURES not in training.settings.members:
        return training, ()
    plan, trials = search_plan(training.source.plan, training.folds(), training.context(SEARCH_SHARE))
    return training if len(plan.features) == len(training.source.plan.features) else training.only(plan), trials


def _blend(
    predictions: "Mapping[str, Prediction]", labels: Labels, task: Task, by: str = "", group: "NDArray[np.str_] | None" = None
) -> Blend:
    """The blend by member; ranked lists are not mixed: the best on the folds stands alone."""
    if task.kind is not Kind.RECOMMENDATION:
        cutoff = None if task.static else labels.seeds.cutoff
        if group is None or len(predictions) == 1:
            return fit_blend(predictions, labels.target, task.kind, task.metric, cutoff)
        whole = fit_blend(predictions, labels.target, task.kind, task.metric)
        groups = fit_groups(predictions, labels.target, task.kind, task.metric, group, whole)
        return replace(whole, mixing=replace(whole.mixing, by=by, groups=groups))
    worth = {name: score(task.kind, labels, p, 1.0)[task.metric] for name, p in predictions.items()}
    return Blend({max(worth, key=lambda name: worth[name]): 1.0}, Mixing(found="single"))


def fit_members(training: Training, choices: Choices) -> Model:
    """Fit every member on all labels, as chosen."""
    fitted = {
        name: member(name).fit(training.examples, choices.members[name], training.context(1.0))
        for name in training.settings.members
    }
    return Model(training.source.task, training.as_of, fitted, choices, _facts(training))


def _loss(kind: Kind, labels: Labels, prediction: Prediction) -> float:
    """Log loss, mean absolute error, or what the mean average precision lacks of one: for the report, smaller is better."""
    found = score(kind, labels, prediction, 1.0)
    if kind is Kind.RECOMMENDATION:
        return 1.0 - found["map"]
    return found["mae" if kind is Kind.REGRESSION else "log_loss"]


def _facts(training: Training) -> dict[str, Any]:
    labels, database = training.labels, training.source.database
    return {
        "seed": training.settings.seed,
        "rows": len(labels),
        "cutoffs": len(np.unique(labels.seeds.cutoff)),
        "first_cutoff": int(labels.seeds.cutoff.min()),
        "last_cutoff": int(labels.seeds.cutoff.max()),
        "target_mean": float(labels.target.mean()),
        "target_std": float(labels.target.std()),
        "classes": len(training.source.task.classes),
        "staleness": training.staleness,
        "features": len(training.source.plan.features),
        "plan": training.source.plan.hash,
        "fingerprint": database.fingerprint,
        "schema": {t.name: {c.name: c.semantic.value for c in t.columns} for t in database.schema.tables.values()},
    }
