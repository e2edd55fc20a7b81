"""Which cutoffs there are: the lattice of a task, its three splits, and forward-chained folds.

Training cutoffs run backward from `validate`, validation cutoffs forward from it, test cutoffs forward from `test`, all within the
task's `start` and `stop`; every one of them leaves its label room to become mature before the next split begins, or before the data
ends. Where cutoffs are calendar starts or listed, `validate` and `test` are two of them.

Labels that are stored, or stand in the entities' own rows, lie at cutoffs of their own (`Task.fixed`): training takes those before
`validate`, validation those from it on, and test those from `test` on. A task without time (`Task.static`) has one cutoff, and its
splits and folds are drawn by a hash.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from rdl.errors import TaskError
from rdl.task.draw import drawn
from rdl.task.seeds import Int, Labels, Seeds
from rdl.task.task import FAR, Task
from rdl.timeline import format_time


class Split(StrEnum):
    """The published three."""

    TRAIN = "train"
    VALIDATION = "val"
    TEST = "test"


def split_cutoffs(task: Task, split: Split, span: tuple[int, int]) -> Int:
    """Ascending cutoffs [k] of a split, given the first and last event time of the database.

    Raises:
        TaskError: the split is empty, or training has fewer than three cutoffs.
    """
    if task.static:
        return np.array([task.test], dtype=np.int64)
    if task.fixed:
        return _fixed_split(task, split)
    _check_span(task, span)
    start, end = span
    if split is Split.TRAIN:
        cutoffs = _within(task, task.validate, start, task.validate - task.horizon - task.lag)
        if len(cutoffs) < 3:
            raise TaskError(
                f"only {len(cutoffs)} training cutoffs lie between {format_time(max(start, task.earliest))} and "
                f"{format_time(task.validate)}",
                where=str(task.path),
                fix="set validate later, or every shorter: at least 3 are needed",
            )
        return cutoffs
    first, stop = (task.validate, task.test - task.lag) if split is Split.VALIDATION else (task.test, end)
    cutoffs = _within(task, first, first, stop - task.horizon)[: task.evaluations]
    if not len(cutoffs):
        raise TaskError(
            f"no {split.value} label is mature: the first would be on {format_time(first + task.horizon)}, and the "
            f"{'data ends' if split is Split.TEST else 'test split begins'} on {format_time(stop)}",
            where=str(task.path),
            fix="set validate and test earlier",
        )
    return cutoffs


def mature_cutoffs(task: Task, as_of: int, span: tuple[int, int]) -> Int:
    """Every cutoff of the lattice through `validate`, within the data, whose label is mature at `as_of`, ascending.

    Raises:
        TaskError: there are fewer than three.
    """
    if task.static:
        return np.array([min(as_of, task.test)], dtype=np.int64)
    newest = as_of - 1 - task.last_read(0)
    reach = span[0], min(newest, span[1])  # a window that begins after the data's end was never seen
    cutoffs = task.lattice.anchors(-FAR, newest) if task.fixed else _within(task, task.validate, *reach)
    if len(cutoffs) < 3:
        raise TaskError(
            f"only {len(cutoffs)} training cutoffs are mature as of {format_time(as_of)}",
            where=str(task.path),
            fix="choose a later as-of, or a shorter every: at least 3 are needed",
        )
    return cutoffs


def history_cutoffs(task: Task, cutoffs: Int, start: int) -> Int:
    """Where past labels are taken for seeds at `cutoffs`: one lattice, the last point just mature at each cutoff.

    That is the task's lattice moved through the cutoffs, and back by what a label reads: `c - horizon - lag` (a microsecond earlier
    for closed windows) for every point c of it. `cutoffs` must lie on one lattice: `phase` groups them. The task's `start` and
    `stop` bound what is asked, not what is known.
    """
    assert len(np.unique(phase(task, cutoffs))) <= 1
    newest, reach = int(cutoffs.max()), task.last_read(0) + 1
    if task.static:
        return np.array([], dtype=np.int64)
    if task.fixed:
        return task.lattice.anchors(start, newest - reach)
    return task.lattice.through(newest, start + reach, newest) - reach


def phase(task: Task, cutoffs: Int) -> Int:
    """[n] how far each cutoff lies after an anchor of the task's lattice: equal on one lattice; 0 where there is none."""
    if task.static or task.fixed:
        return np.zeros(len(cutoffs), dtype=np.int64)
    return task.lattice.phase(cutoffs)


def _within(task: Task, through: int, first: int, last: int) -> Int:
    """The points of the lattice through a moment, within [first, last] and the task's own bounds."""
    return task.lattice.through(through, max(first, task.earliest), min(last, task.latest))


def _fixed_split(task: Task, split: Split) -> Int:
    first, last = {
        Split.TRAIN: (-FAR, task.validate - 1),
        Split.VALIDATION: (task.validate, task.test - 1),
        Split.TEST: (task.test, FAR),
    }[split]
    cutoffs = task.lattice.anchors(first, last)
    if not len(cutoffs):
        raise TaskError(
            f"no {split.value} label: validation begins on {format_time(task.validate)}, the test on {format_time(task.test)}",
            where=str(task.path),
            fix="move the dates, so that every split has labels",
        )
    return cutoffs


def _check_span(task: Task, span: tuple[int, int]) -> None:
    """Refuse cutoffs that the data cannot answer.

    Raises:
        TaskError: the task starts after the data ends, or lists a cutoff before the data begins.
    """
    ends = f"the data run from {format_time(span[0])} to {format_time(span[1])}"
    if span[0] <= span[1] < task.earliest:
        raise TaskError(
            f"start = {format_time(task.earliest)} lies after the data: {ends}", where=str(task.path), fix="set start earlier"
        )
    if task.listed and task.listed[0] < span[0]:
        raise TaskError(
            f"the listed cutoff {format_time(task.listed[0])} lies before the data: {ends}",
            where=str(task.path),
            fix="list cutoffs that lie within the data",
        )


@dataclass(frozen=True)
class Fold:
    """Row indices of one forward-chained fold: every training label is mature before the first validation cutoff."""

    train: Int
    valid: Int


def forward_folds(task: Task, labels: Labels, count: int, share: float = 0.4) -> tuple[Fold, ...]:
    """`count` consecutive blocks of time over the latest `share` of the rows, each predicted from what was mature before it.

    A task without time has `count` folds of entities instead, drawn by a hash, each predicted from the others.

    Blocks hold whole cutoffs. Fewer blocks come back where there are fewer cutoffs; a block with nothing to train on is left out.
    """
    if task.static:
        return _random_folds(labels, count)
    cutoffs, sizes = np.unique(labels.seeds.cutoff, return_counts=True)
    edge = sizes.sum() * (1 - share)
    late = cutoffs[np.cumsum(sizes) > edge]
    blocks = [b for b in np.array_split(late, max(min(count, len(late)), 1)) if len(b)]
    folds = []
    for block in blocks:
        train = np.flatnonzero(last_reads(task, labels.seeds) < block[0])
        valid = np.flatnonzero((labels.seeds.cutoff >= block[0]) & (labels.seeds.cutoff <= block[-1]))
        if len(train):
            folds.append(Fold(train, valid))
    return tuple(folds)


def _random_folds(labels: Labels, count: int) -> tuple[Fold, ...]:
    fold = (drawn(labels.seeds.entity, labels.seeds.cutoff, 0) * max(count, 2)).astype(np.int64)
    folds = [Fold(np.flatnonzero(fold != i), np.flatnonzero(fold == i)) for i in range(max(count, 2))]
    return tuple(f for f in folds if len(f.train) and len(f.valid))


def last_reads(task: Task, seeds: Seeds) -> Int:
    """[n] the last instant that each seed's label reads."""
    return np.asarray(seeds.cutoff + task.last_read(0), dtype=np.int64)


def mature(task: Task, seeds: Seeds, as_of: int) -> NDArray[np.bool_]:
    """[n] whether each seed's label is usable at `as_of`."""
    return np.asarray(last_reads(task, seeds) < as_of)
