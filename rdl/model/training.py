"""What choosing and fitting read: mature labels with their stale copies, features, folds."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rdl.database import Database
from rdl.errors import TaskError
from rdl.features import FeaturePlan, PlanSettings, plan_features, survey_database
from rdl.features.candidates import CandidatePlan, CandidateSettings, order_links, plan_candidates
from rdl.model.denser import labels_between
from rdl.model.inputs import Examples, Int, Source
from rdl.model.member import Context, FoldExamples
from rdl.model.settings import Choices, FitSettings
from rdl.task import (
    Fold,
    Kind,
    Labels,
    Seeds,
    Task,
    channels,
    check_classes,
    forward_folds,
    known,
    label_channels,
    labels_at,
    learnable,
    mature,
    mature_cutoffs,
    sample_labels,
)
from rdl.task.static import trainable

log = logging.getLogger(__name__)


SELECTION_ROWS = 4_000
"""Rows, copies included, on which it is decided which features are worth computing."""
ROWS_A_LIST = 5
"""A seed with its candidates costs as much as so many rows with features."""


@dataclass(frozen=True)
class Training:
    """Mature labels, and what can be made of them.

    Attributes:
        source: database, task, plan and graph.
        labels: mature labels, once each.
        as_of: every label was mature then.
        staleness: how old a database the copies pretend at most, microseconds.
        started: `time.monotonic()` when the fit began, for the budget.
        denser: mature labels of cutoffs between the task's own, one lattice each.
    """

    source: Source
    settings: FitSettings
    labels: Labels
    as_of: int
    staleness: int
    started: float
    denser: tuple[Labels, ...] = ()

    @cached_property
    def examples(self) -> Examples:
        """The labels with their stale copies, prepared; copies stand behind one another, in the labels' order."""
        return replace(self._prepared(self.labels), between=tuple(self._prepared(labels) for labels in self.denser))

    def context(self, share: float) -> Context:
        """What members are told; of the time that is left, one may take `share`."""
        seconds = None
        if self.settings.budget_s is not None:
            seconds = max(1.0, share * (self.settings.budget_s - (time.monotonic() - self.started)))
        run = f"{self.source.database.fingerprint[:12]}-{self.source.plan.hash}-{self.as_of}-{self.staleness}-{self.settings.seed}"
        folder = self.source.database.project.home / "checkpoints" / self.source.task.name / run
        return Context(self.source, self.settings, folder, self.staleness, seconds)

    def earliest(self) -> Examples:
        """A sample of the earliest fold's training rows: older than every row that a fold predicts.

        Raises:
            TaskError: no fold can be made.
        """
        older = self.labels[self._blocks()[0].train]
        return self._prepared(sample_labels(older, SELECTION_ROWS // (1 + self.copies), self.settings.seed))

    def folds(self) -> list[FoldExamples]:
        """Forward-chained folds, oldest first; where the model will see a stale database, so do their later rows."""
        blocks = self._blocks()
        train = [replace(self.examples.rows(self._with_copies(b.train)), between=self._between(b)) for b in blocks]
        if not self.staleness:
            return [FoldExamples(t, self.examples.rows(b.valid)) for t, b in zip(train, blocks, strict=True)]
        later = [self._stale(self.labels[b.valid]) for b in blocks]
        whole = self.source.examples(Labels.concat(later))
        ends = np.cumsum([0, *(len(part) for part in later)])
        return [FoldExamples(t, whole.rows(np.arange(ends[i], ends[i + 1]))) for i, t in enumerate(train)]

    def _blocks(self) -> list[Fold]:
        """Row indices of the folds whose training rows can be told apart."""
        blocks = forward_folds(self.source.task, self.labels, self.settings.folds)
        found = [b for b in blocks if learnable(self.source.task.kind, self.labels[b.train])]
        if not found:
            raise TaskError(
                "no temporal fold can be made: too few cutoffs, or one class only in the early ones",
                where=str(self.source.task.path),
                fix="set every shorter, or train as of a later time",
            )
        return found

    def _between(self, block: Fold) -> tuple[Examples, ...]:
        """What lies between the cutoffs and is mature before the block's later rows."""
        start = int(self.labels.seeds.cutoff[block.valid].min())
        return tuple(e.rows(np.flatnonzero(mature(self.source.task, e.labels.seeds, start))) for e in self.examples.between)

    def _with_copies(self, rows: Int) -> Int:
        """Indices into the examples: the rows and their stale copies."""
        count = len(self.labels)
        return np.concatenate([rows + i * count for i in range(len(self.examples.target) // count)])

    def _stale(self, later: Labels) -> Labels:
        """A fold's later rows as a database sees them that stopped when the fold began, or `staleness` before each cutoff."""
        snapshot = np.maximum(int(later.seeds.cutoff.min()), later.seeds.cutoff - self.staleness)
        return later.seen_by(later.seeds.stale(later.seeds.cutoff - snapshot))

    def only(self, plan: FeaturePlan) -> "Training":
        """The same with the features of another plan."""
        return replace(self, source=replace(self.source, plan=plan))

    @property
    def copies(self) -> int:
        """Stale copies of every label."""
        return self.settings.copies if self.staleness else 0

    def _prepared(self, labels: Labels) -> Examples:
        step = self.source.task.every if self.source.candidates else 1
        seeds = [labels.seeds, *_stale_copies(labels.seeds, self.staleness, self.copies, self.settings.seed, step)]
        if self.source.plan.features:
            log.info("features: %d for %d rows", len(self.source.plan.features), len(labels) * len(seeds))
        return self.source.examples(Labels.concat([labels.seen_by(s) for s in seeds]))


def prepare_training(
    database: Database,
    task: Task,
    as_of: int,
    settings: FitSettings,
    staleness: int,
    choices: Choices | None = None,
    *,
    held_out: bool = False,
) -> Training:
    """Labels of one fit, and its plans, as chosen where they were.

    Nothing at or after `as_of` is read, nor the labels of `held_out` (see `fit_model`).

    Raises:
        TaskError: there are fewer than three mature cutoffs, no labels, or one class only.
    """
    started = time.monotonic()
    cutoffs = mature_cutoffs(task, as_of, database.span)
    labels, report = labels_at(database, task, cutoffs)
    labels = trainable(database, task, labels) if held_out else labels
    labels = labels[known(task, labels.target)]
    rows = settings.rows
    if task.kind is Kind.RECOMMENDATION:
        labels, rows = labels[labels.target > 0], rows // ROWS_A_LIST  # of an empty list nothing can be learned
    labels = sample_labels(labels, rows // (1 + settings.copies) if staleness else rows, settings.seed)
    check_classes(task, labels)
    log.info("labels: %d of %d rows at %d cutoffs", len(labels), report.rows, len(np.unique(labels.seeds.cutoff)))
    if choices is not None:
        source = Source(database, task, choices.plan, choices.candidates)
    elif task.kind is Kind.RECOMMENDATION:
        source = Source(database, task, _no_features(task), _candidates(database, task, labels))
    else:
        magnitude = float(np.abs(channels(task, labels.target)).max())
        source = Source(database, task, propose_features(database, task, as_of, settings, magnitude))
    denser = () if staleness else labels_between(database, task, cutoffs, settings, len(labels))
    return Training(source, settings, labels, as_of, staleness, started, denser)


def _no_features(task: Task) -> FeaturePlan:
    """What is said of an entity stands beside each of its candidates."""
    return FeaturePlan(task.entity_table, PlanSettings(task.window, history=False), (), ())


def _candidates(database: Database, task: Task, labels: Labels) -> CandidatePlan:
    assert task.target_table is not None
    schema = database.schema.hiding(task.hide)
    plan = plan_candidates(schema, task.entity_table, task.target_table, CandidateSettings(task.window))
    return database.run(lambda engine: order_links(plan, engine, task, labels))


def propose_features(database: Database, task: Task, as_of: int, settings: FitSettings, magnitude: float = 1.0) -> FeaturePlan:
    """Every feature that a fit would choose among; of a recommendation none.

    Args:
        database: the rows; none at or after `as_of` is looked at.
        task: the question, with its classes.
        as_of: microseconds UTC.
        settings: how deep to walk.
        magnitude: the largest label, in absolute value.
    """
    if task.kind is Kind.RECOMMENDATION:
        return _no_features(task)
    schema = database.schema.hiding(task.hide)
    with database.engine() as engine:
        survey = survey_database(engine, schema, task.entity_table, as_of, settings.plan_depth)
    whole = PlanSettings(task.window, settings.plan_depth, label_magnitude=max(1.0, magnitude), label_channels=label_channels(task))
    reached = whole.multiples[-1] * task.window < as_of - database.span[0]
    asked = whole if reached else replace(whole, multiples=whole.multiples[:-1])  # the longest window would be all history
    return plan_features(schema, task.entity_table, asked, survey)


def _stale_copies(seeds: Seeds, staleness: int, copies: int, seed: int, step: int) -> Sequence[Seeds]:
    """Copies of the seeds seen from snapshots 0 to `staleness` old, drawn evenly in multiples of `step`.

    What is counted once per snapshot asks for few of them: a step of the task's own spacing makes them the cutoffs'.
    """
    draw = np.random.default_rng([seed, 7])
    return [seeds.stale(step * draw.integers(0, staleness // step, len(seeds), endpoint=True)) for _ in range(copies)]
