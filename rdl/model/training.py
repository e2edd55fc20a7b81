"""What choosing and fitting read: mature labels with their stale copies, features, folds."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rdl.database import Database
from rdl.features import FeaturePlan, PlanSettings, plan_features, survey_database
from rdl.model.inputs import Examples, Int, Source
from rdl.model.member import Context, FoldExamples
from rdl.model.settings import FitSettings
from rdl.task import Kind, Labels, Seeds, Task, check_classes, forward_folds, labels_at, mature_cutoffs, sample_labels

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Training:
    """Prepared labels.

    Attributes:
        source: database, task, plan and graph.
        labels: mature labels, once each.
        examples: the labels' seeds with their stale copies, prepared; copies stand behind one another, in the labels' order.
        as_of: every label was mature then.
        staleness: how old a database the copies pretend at most, microseconds.
        started: `time.monotonic()` when the fit began, for the budget.
    """

    source: Source
    settings: FitSettings
    labels: Labels
    examples: Examples
    as_of: int
    staleness: int
    started: float

    def context(self, share: float) -> Context:
        """What members are told; of the time that is left, one may take `share`."""
        seconds = None
        if self.settings.budget_s is not None:
            seconds = max(1.0, share * (self.settings.budget_s - (time.monotonic() - self.started)))
        run = f"{self.source.database.fingerprint[:12]}-{self.source.plan.hash}-{self.as_of}-{self.staleness}-{self.settings.seed}"
        folder = self.source.database.project.home / "checkpoints" / self.source.task.name / run
        return Context(self.source, self.settings, folder, self.staleness, seconds)

    def folds(self) -> list[FoldExamples]:
        """Forward-chained folds, oldest first; those whose training rows hold one class only are left out."""
        folds = [self._fold(f.train, f.valid) for f in forward_folds(self.source.task, self.labels, self.settings.folds)]
        binary = self.source.task.kind is Kind.BINARY
        return [f for f in folds if not binary or len(np.unique(f.train.target)) == 2]

    def only(self, plan: FeaturePlan) -> "Training":
        """The same with the features of a plan that has fewer."""
        source = Source(self.source.database, self.source.task, plan)
        return Training(source, self.settings, self.labels, self.examples.only(plan), self.as_of, self.staleness, self.started)

    def _fold(self, train: Int, valid: Int) -> FoldExamples:
        """The examples of one fold; where the model will see a stale database, so do the fold's later rows."""
        count = len(self.labels)
        copies = len(self.examples.target) // count
        rows = np.concatenate([train + i * count for i in range(copies)])
        if not self.staleness:
            return FoldExamples(self.examples.rows(rows), self.examples.rows(valid))
        later = self.labels[valid]
        snapshot = np.maximum(int(later.seeds.cutoff.min()), later.seeds.cutoff - self.staleness)
        stale = later.seeds.stale(later.seeds.cutoff - snapshot)
        return FoldExamples(self.examples.rows(rows), self.source.examples(Labels(stale, later.target)))


def prepare_training(
    database: Database, task: Task, as_of: int, settings: FitSettings, staleness: int, plan: FeaturePlan | None = None
) -> Training:
    """Labels, plan and features of one fit; nothing at or after `as_of` is read.

    Raises:
        TaskError: there are fewer than three mature cutoffs, no labels, or one class only.
    """
    started = time.monotonic()
    copies = settings.copies if staleness else 0
    labels, report = labels_at(database, task, mature_cutoffs(task, as_of, database.span))
    labels = sample_labels(labels, settings.rows // (1 + copies), settings.seed)
    check_classes(task, labels)
    log.info("labels: %d of %d rows at %d cutoffs", len(labels), report.rows, len(np.unique(labels.seeds.cutoff)))
    if plan is None:
        plan = _plan(database, task, as_of, settings, float(np.abs(labels.target).max()))
    source = Source(database, task, plan)
    seeds = [labels.seeds, *_stale_copies(labels.seeds, staleness, copies, settings.seed)]
    log.info("features: %d for %d rows", len(plan.features), len(labels) * len(seeds))
    examples = source.examples(Labels(Seeds.concat(seeds), np.tile(labels.target, len(seeds))))
    return Training(source, settings, labels, examples, as_of, staleness, started)


def _plan(database: Database, task: Task, as_of: int, settings: FitSettings, magnitude: float) -> FeaturePlan:
    with database.engine() as engine:
        survey = survey_database(engine, database.schema, task.entity_table, as_of, settings.plan_depth)
    asked = PlanSettings(task.horizon, settings.plan_depth, label_magnitude=max(1.0, magnitude))
    return plan_features(database.schema, task.entity_table, asked, survey)


def _stale_copies(seeds: Seeds, staleness: int, copies: int, seed: int) -> Sequence[Seeds]:
    """Copies of the seeds seen from snapshots 0 to `staleness` old, drawn evenly."""
    draw = np.random.default_rng([seed, 7])
    return [seeds.stale(draw.integers(0, staleness, len(seeds), endpoint=True)) for _ in range(copies)]
