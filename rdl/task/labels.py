"""From queries to labels, and to populations: asked, kept apart, and ordered by (cutoff, entity)."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rdl.database import Database
from rdl.errors import SqlLimitError, TaskError
from rdl.task.asking import NONE, Pairs, ask
from rdl.task.cutoffs import Split, history_cutoffs, split_cutoffs
from rdl.task.fixed import unlabelled_rows, visible_rows
from rdl.task.joined import Joined, ask_joined
from rdl.task.seeds import Int, Labels, Seeds
from rdl.task.static import of_split
from rdl.task.targets import read_targets
from rdl.task.task import Kind, Task
from rdl.timeline import DAY, format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

BYTES_A_PAIR = 160
"""What the queries hold of an entity at a cutoff, as measured: more than the limit fails only after most of the work is done."""


@dataclass(frozen=True)
class LabelReport:
    """What was left out on the way from the label query to the labels, and why.

    Attributes:
        rows: labels that are left.
        unknown_entity: labels of keys that name no entity; with a population query, pairs of such keys that it asks about.
        null_label: null labels.
        outside_population: labels of whom the population query does not ask about; None where they were not counted.
        unlabelled: pairs that the population query asks about and the label query says nothing of.
        unknown_target: elements of the lists of a recommendation that name no row of the target table.
        empty_list: lists with nothing to recommend; what their elements did not name was left out first.
    """

    rows: int
    unknown_entity: int
    null_label: int
    outside_population: int | None
    unlabelled: int = 0
    unknown_target: int = 0
    empty_list: int = 0


@dataclass(frozen=True)
class Answers:
    """What the label query says of the entities that are asked about, as it says it.

    Attributes:
        seeds: n known entities inside the population, ordered by (cutoff, entity).
        label: [n] the label column.
        unknown_entity, outside_population, unlabelled: see `LabelReport`.
    """

    seeds: Seeds
    label: pa.ChunkedArray
    unknown_entity: int
    outside_population: int | None
    unlabelled: int

    @staticmethod
    def concat(parts: "Sequence[Answers]") -> "Answers":
        """All parts, whose cutoffs follow one another, in order."""
        counts = [p.outside_population for p in parts]
        return Answers(
            Seeds.concat([p.seeds for p in parts]),
            pa.chunked_array([chunk for p in parts for chunk in p.label.chunks], type=parts[0].label.type),
            unknown_entity=sum(p.unknown_entity for p in parts),
            outside_population=None if None in counts else sum(c for c in counts if c is not None),
            unlabelled=sum(p.unlabelled for p in parts),
        )


def split_labels(database: Database, task: Task, split: Split) -> Labels:
    """The labels of one published split; of a RelBench task, those of RelBench's own table."""
    if task.path.suffix == ".yaml":
        from rdl.task.relbench.published import published_labels

        return published_labels(database, task, split)
    return of_split(database, task, labels_at(database, task, split_cutoffs(task, split, database.span))[0], split)


def labels_at(database: Database, task: Task, cutoffs: Int, *, counted: bool = False) -> tuple[Labels, LabelReport]:
    """Labels at `cutoffs`, ordered by (cutoff, entity), with up-to-date seeds.

    Classes are told by their places in the task's: one whose classes are not settled knows none.

    Args:
        database: whose rows are asked about.
        task: the question.
        cutoffs: [k] microseconds UTC, each once.
        counted: whether the report is to count labels outside the population; the label query may then be asked twice.

    Raises:
        TaskError: a query has wrong columns, a null cutoff, a duplicate (entity, cutoff), or a label that does not fit the kind.
        SqlError: a query fails.
    """
    answers = answers_at(database, task, cutoffs, counted=counted)
    found = read_targets(database, task, answers.label)
    empty = ~found.null & (found.lists.sizes == 0) if found.lists is not None else np.zeros(len(found.null), dtype=bool)
    keep = ~found.null & ~empty
    labels = Labels(answers.seeds[keep], found.target[keep], None if found.lists is None else found.lists[keep])
    report = LabelReport(
        rows=len(labels),
        unknown_entity=answers.unknown_entity,
        null_label=int(found.null.sum()),
        outside_population=answers.outside_population,
        unlabelled=answers.unlabelled,
        unknown_target=int(found.strangers.sum()),
        empty_list=int(empty.sum()),
    )
    return labels, report


def answers_at(database: Database, task: Task, cutoffs: Int, *, counted: bool = False) -> Answers:
    """What the label query says at `cutoffs` of those whom the population query asks about.

    Cutoffs are asked about in as many parts as memory will most likely need; a part that takes more than there is, half at a time.

    Raises:
        TaskError, SqlError: see `labels_at`.
    """
    pairs = len(cutoffs) * database.schema[task.entity_table].rows
    parts = min(len(cutoffs), -(-pairs * BYTES_A_PAIR // database.project.database.memory))
    if parts > 1:
        log.info("labels: %d cutoffs, in %d parts", len(cutoffs), parts)
    found = [_halved(database, task, part, counted=counted) for part in np.array_split(np.sort(cutoffs), max(parts, 1))]
    return found[0] if len(found) == 1 else Answers.concat(found)


def _halved(database: Database, task: Task, cutoffs: Int, *, counted: bool) -> Answers:
    try:
        return _asked(database, task, cutoffs, counted=counted)
    except SqlLimitError as error:
        if len(cutoffs) < 2:
            raise
        log.info("labels: at %d cutoffs %s: one half at a time", len(cutoffs), error.what)
    return Answers.concat([_halved(database, task, half, counted=counted) for half in np.array_split(cutoffs, 2)])


def _asked(database: Database, task: Task, cutoffs: Int, *, counted: bool) -> Answers:
    with database.sandbox() as sandbox:
        if task.population_sql is None:
            return _all_answers(task, *ask(database, sandbox, task, task.label_sql, cutoffs, "label query", (task.label_column,)))
        joined = ask_joined(database, sandbox, task, cutoffs, counted=counted)
        if joined is not None:
            return _joined_answers(joined)
        result, found = ask(database, sandbox, task, task.label_sql, cutoffs, "label query", (task.label_column,))
        everyone = ask(database, sandbox, task, task.population_sql, cutoffs, "population query")[1]
    asked = _named(everyone)
    inside = np.isin(found.pair, asked.pair)
    return Answers(
        found.seeds[inside],
        result[task.label_column].take(pa.array(found.order[inside])),
        unknown_entity=len(everyone.pair) - len(asked.pair),
        outside_population=int((~inside).sum()) if counted else None,
        unlabelled=len(asked.pair) - int(inside.sum()),
    )


def _all_answers(task: Task, result: pa.Table, found: Pairs) -> Answers:
    """Of a task whose label query decides by itself who is asked about."""
    kept = _named(found)
    label = result[task.label_column].take(pa.array(kept.order))
    return Answers(kept.seeds, label, unknown_entity=len(found.pair) - len(kept.pair), outside_population=0, unlabelled=0)


def _joined_answers(joined: Joined) -> Answers:
    named = joined.pairs.seeds.entity >= 0
    inside = named & joined.labelled
    return Answers(
        joined.pairs.seeds[inside],
        joined.label.filter(pa.array(inside)),
        unknown_entity=int((~named).sum()),
        outside_population=None if joined.rows is None else joined.rows - int(inside.sum()),
        unlabelled=int((named & ~joined.labelled).sum()),
    )


def population_at(database: Database, task: Task, cutoffs: Int) -> Seeds:
    """Who is asked about at `cutoffs`, ordered by (cutoff, entity).

    A task with a population query asks it. One without (RelBench) takes the entities that had a mature label within the last
    year, or twelve horizons where that is longer: what can be known of its population without knowing the future. Of labels in the
    entities' own rows those are asked about whose row lacks one, and of a task without time all.
    """
    if task.population_sql is None and task.static:
        return visible_rows(database, task, cutoffs)
    if task.population_sql is None and task.autocomplete and task.fixed:
        return unlabelled_rows(database, task, cutoffs)
    if task.population_sql is None:
        return _derived_population(database, task, cutoffs)
    with database.sandbox() as sandbox:
        return _named(ask(database, sandbox, task, task.population_sql, cutoffs, "population query")[1]).seeds


def _named(found: Pairs) -> Pairs:
    """The pairs of known entities."""
    keep = found.seeds.entity >= 0
    return Pairs(found.order[keep], found.seeds[keep], found.pair[keep])


def _derived_population(database: Database, task: Task, cutoffs: Int) -> Seeds:
    memory = max(366 * DAY, 12 * task.horizon)
    moments = np.unique(cutoffs)
    grids = [history_cutoffs(task, moments[i : i + 1], int(moment) - memory) for i, moment in enumerate(moments)]
    recent = labels_at(database, task, np.unique(np.concatenate(grids)))[0].seeds if grids else Seeds.at(NONE, NONE)
    people = [np.unique(recent.entity[np.isin(recent.cutoff, grid)]) for grid in grids]
    sizes = np.array([len(p) for p in people], dtype=np.int64)
    return Seeds.at(np.concatenate([NONE, *people]), np.repeat(moments, sizes))


def learnable(kind: Kind, labels: Labels) -> bool:
    """Whether there is anything to tell apart: two classes, where the labels are one class each."""
    return kind not in (Kind.BINARY, Kind.MULTICLASS) or len(np.unique(labels.target)) > 1


def check_classes(task: Task, labels: Labels) -> None:
    """Refuse to fit what cannot be told apart.

    Raises:
        TaskError: there is no label, or a task of classes has one class only.
    """
    if not len(labels):
        raise TaskError(
            "there is no label to fit",
            where=str(task.path),
            fix="check the population and label queries with: rdl tasks",
        )
    if not learnable(task.kind, labels):
        dates = f"{format_time(int(labels.seeds.cutoff.min()))} to {format_time(int(labels.seeds.cutoff.max()))}"
        one = f"{labels.target[0]:g}" if task.kind is Kind.BINARY else repr(task.classes[int(labels.target[0])])
        raise TaskError(
            f"all {len(labels)} labels from {dates} are {one}: one class only",
            where=f"{task.path}, label query",
            fix="check the condition of the label",
        )
