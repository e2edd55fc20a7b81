"""Which cutoffs there are: the lattice of a task, its three splits, and forward-chained folds.

Training cutoffs run backward from `validate`, validation cutoffs forward from it, test cutoffs forward from `test`; every one of
them leaves its label room to become mature before the next split begins, or before the data ends.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from rdl.errors import TaskError
from rdl.task.seeds import Int, Labels, Seeds
from rdl.task.task import Task
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
    start, end = span
    if split is Split.TRAIN:
        newest = task.validate - -(-(task.horizon + task.lag) // task.every) * task.every
        cutoffs = np.arange(newest, start - 1, -task.every, dtype=np.int64)[::-1]
        if len(cutoffs) < 3:
            raise TaskError(
                f"only {len(cutoffs)} training cutoffs lie between {format_time(start)} and {format_time(task.validate)}",
                where=str(task.path),
                fix="set validate later, or every shorter: at least 3 are needed",
            )
        return cutoffs
    first, stop = (task.validate, task.test - task.lag) if split is Split.VALIDATION else (task.test, end)
    cutoffs = np.arange(first, stop - task.horizon + 1, task.every, dtype=np.int64)[: task.evaluations]
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
    newest = min(as_of - 1 - task.last_read(0), span[1])  # a window that begins after the data's end was never seen
    newest -= (newest - task.validate) % task.every
    cutoffs = np.arange(newest, span[0] - 1, -task.every, dtype=np.int64)[::-1]
    if len(cutoffs) < 3:
        raise TaskError(
            f"only {len(cutoffs)} training cutoffs are mature as of {format_time(as_of)}",
            where=str(task.path),
            fix="choose a later as-of, or a shorter every: at least 3 are needed",
        )
    return cutoffs


def history_cutoffs(task: Task, cutoffs: Int, start: int) -> Int:
    """Where past labels are taken for seeds at `cutoffs`: one lattice, the last point just mature at each cutoff.

    The lattice is `c - horizon - lag - k * every` (a microsecond earlier for closed windows), so `cutoffs` must lie on one lattice:
    `phase` groups them.
    """
    assert len(np.unique(phase(task, cutoffs))) <= 1
    newest = int(cutoffs.max()) - 1 - task.last_read(0)
    return np.arange(newest, start - 1, -task.every, dtype=np.int64)[::-1]


def phase(task: Task, cutoffs: Int) -> Int:
    """[n] the remainder of each cutoff by `every`: equal on one lattice."""
    return np.asarray(np.mod(cutoffs, task.every), dtype=np.int64)


@dataclass(frozen=True)
class Fold:
    """Row indices of one forward-chained fold: every training label is mature before the first validation cutoff."""

    train: Int
    valid: Int


def forward_folds(task: Task, labels: Labels, count: int, share: float = 0.4) -> tuple[Fold, ...]:
    """`count` consecutive blocks of time over the latest `share` of the rows, each predicted from what was mature before it.

    Blocks hold whole cutoffs. Fewer blocks come back where there are fewer cutoffs; a block with nothing to train on is left out.
    """
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


def last_reads(task: Task, seeds: Seeds) -> Int:
    """[n] the last instant that each seed's label reads."""
    return np.asarray(seeds.cutoff + task.last_read(0), dtype=np.int64)


def mature(task: Task, seeds: Seeds, as_of: int) -> NDArray[np.bool_]:
    """[n] whether each seed's label is usable at `as_of`."""
    return np.asarray(last_reads(task, seeds) < as_of)
