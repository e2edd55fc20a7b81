"""From labels to a model: choose on temporal folds, then fit on everything that is mature.

The folds are forward-chained blocks of time; every member predicts their later rows out of fold, the blend is fitted on these
predictions, and only then are the members fitted on all mature labels. What is chosen can be used again at a later cutoff: a
refit is the second half alone.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdl.boost import blend, fit_blend
from rdl.database import Database
from rdl.features import PlanSettings, plan_features, survey_database
from rdl.model.fitted import Model
from rdl.model.inputs import Examples, Int, Source
from rdl.model.member import Context, Float64, FoldExamples
from rdl.model.registry import member
from rdl.model.settings import Choices, FitSettings
from rdl.task import Kind, Labels, Seeds, Task, check_classes, forward_folds, labels_at, mature_cutoffs

log = logging.getLogger(__name__)


def fit_model(
    database: Database, task: Task, as_of: int, settings: FitSettings, staleness: int = 0, choices: Choices | None = None
) -> Model:
    """Fit on every label that is mature at `as_of`.

    Args:
        database: the rows; none at or after `as_of` is read.
        task: the question.
        as_of: microseconds UTC.
        settings: how.
        staleness: how old the database may be when the model predicts, microseconds: training seeds are copied with snapshots
            up to that old. 0 where it is up to date at every cutoff.
        choices: what an earlier fit decided, to refit without choosing again.

    Raises:
        TaskError: there are fewer than three mature cutoffs, no labels, or one class only.
    """
    training = prepare_training(database, task, as_of, settings, staleness)
    if choices is None:
        choices = choose(training)
    fitted = {}
    for name in settings.members:
        fitted[name] = member(name).fit(training.examples, choices.members[name], training.context(name, refit=True))
    return Model(task, training.source.plan, as_of, fitted, choices, _facts(training))


@dataclass(frozen=True)
class Training:
    """What choosing and fitting read.

    Attributes:
        source: database, task, plan and graph.
        labels: mature labels, once each.
        examples: the labels' seeds with their stale copies, prepared; copies stand behind one another, in the labels' order.
        staleness: microseconds.
        started: `time.monotonic()` when the fit began, for the budget.
    """

    source: Source
    settings: FitSettings
    labels: Labels
    examples: Examples
    as_of: int
    staleness: int
    started: float

    def context(self, name: str, *, refit: bool) -> Context:
        """What member `name` is told; the time that is left is shared among the members that take long."""
        seconds = None
        if self.settings.budget_s is not None:
            left = self.settings.budget_s - (time.monotonic() - self.started)
            seconds = max(1.0, left * (1.0 if refit else 0.6))
        run = f"{self.source.database.fingerprint[:12]}-{self.source.plan.hash}-{self.as_of}-{self.staleness}-{self.settings.seed}"
        return Context(
            self.source, self.settings, self.source.database.project.home / "checkpoints" / self.source.task.name / run, seconds
        )


def prepare_training(database: Database, task: Task, as_of: int, settings: FitSettings, staleness: int) -> Training:
    """Labels, plan and features of one fit."""
    started = time.monotonic()
    labels, report = labels_at(database, task, mature_cutoffs(task, as_of, database.span))
    check_classes(task, labels)
    log.info("labels: %d rows at %d cutoffs", report.rows, len(np.unique(labels.seeds.cutoff)))
    schema = database.schema
    with database.engine() as engine:
        survey = survey_database(engine, schema, task.entity_table, as_of, settings.plan_depth)
    magnitude = float(np.abs(labels.target).max())
    plan_settings = PlanSettings(task.horizon, settings.plan_depth, label_magnitude=max(1.0, magnitude))
    source = Source(database, task, plan_features(schema, task.entity_table, plan_settings, survey))
    log.info("features: %d planned", len(source.plan.features))
    seeds = [labels.seeds, *_stale_copies(labels.seeds, staleness, settings)]
    copies = Labels(Seeds.concat(seeds), np.tile(labels.target, len(seeds)))
    return Training(source, settings, labels, source.examples(copies), as_of, staleness, started)


def choose(training: Training) -> Choices:
    """Let every member choose on the folds, and blend what they predicted out of fold.

    Members that cannot be told apart by folds (there is only one block of time) get equal weights.
    """
    task, settings = training.source.task, training.settings
    folds = [_fold(training, fold.train, fold.valid) for fold in forward_folds(task, training.labels, settings.folds)]
    folds = [f for f in folds if task.kind is not Kind.BINARY or len(np.unique(f.train.target)) == 2]
    target = np.concatenate([f.valid.target for f in folds])
    chosen: dict[str, Mapping[str, Any]] = {}
    predictions: dict[str, Float64] = {}
    for name in settings.members:
        chosen[name], parts = member(name).choose(folds, training.context(name, refit=False))
        predictions[name] = np.concatenate(parts)
    weights = fit_blend(predictions, target, task.kind, task.metric)
    log.info("blend: %s", ", ".join(f"{name} {w:.2f}" for name, w in weights.items()))
    mixed = {**predictions, "blend": blend(predictions, weights, task.kind)}
    return Choices(weights, chosen, {name: _loss(task.kind, target, p) for name, p in mixed.items()}, len(target))


def _fold(training: Training, train: Int, valid: Int) -> FoldExamples:
    """The examples of one fold; where the model will see a stale database, so do the fold's later rows."""
    count = len(training.labels)
    copies = len(training.examples.target) // count
    rows = np.concatenate([train + i * count for i in range(copies)])
    if not training.staleness:
        return FoldExamples(training.examples.rows(rows), training.examples.rows(valid))
    later = training.labels[valid]
    snapshot = np.maximum(int(later.seeds.cutoff.min()), later.seeds.cutoff - training.staleness)
    stale = later.seeds.stale(later.seeds.cutoff - snapshot)
    return FoldExamples(training.examples.rows(rows), training.source.examples(Labels(stale, later.target)))


def _stale_copies(seeds: Seeds, staleness: int, settings: FitSettings) -> Sequence[Seeds]:
    """Copies of the seeds seen from snapshots 0 to `staleness` old, drawn evenly."""
    if not staleness:
        return ()
    draw = np.random.default_rng([settings.seed, 7])
    return [seeds.stale(draw.integers(0, staleness, len(seeds), endpoint=True)) for _ in range(settings.copies)]


def _loss(kind: Kind, target: Float64, prediction: Float64) -> float:
    """Log loss or mean absolute error, for the report."""
    if kind is Kind.BINARY:
        p = np.clip(prediction, 1e-12, 1 - 1e-12)
        return float(-np.mean(target * np.log(p) + (1 - target) * np.log1p(-p)))
    return float(np.mean(np.abs(prediction - target)))


def _facts(training: Training) -> dict[str, Any]:
    labels = training.labels
    return {
        "seed": training.settings.seed,
        "rows": len(labels),
        "cutoffs": len(np.unique(labels.seeds.cutoff)),
        "first_cutoff": int(labels.seeds.cutoff.min()),
        "last_cutoff": int(labels.seeds.cutoff.max()),
        "target_mean": float(labels.target.mean()),
        "target_std": float(labels.target.std()),
        "staleness": training.staleness,
        "features": len(training.source.plan.features),
        "plan": training.source.plan.hash,
        "fingerprint": training.source.database.fingerprint,
        "schema": {t.name: {c.name: c.semantic.value for c in t.columns} for t in training.source.database.schema.tables.values()},
        "seconds": round(time.monotonic() - training.started, 2),
    }
