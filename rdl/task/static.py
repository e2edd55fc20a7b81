"""Tasks without time: their one cutoff is put beside what their queries say, and their splits are drawn by a hash of the keys."""

import numpy as np
from numpy.typing import NDArray

from rdl.database import Database, quote
from rdl.task.cutoffs import Split
from rdl.task.draw import drawn_by_key
from rdl.task.keys import entity_keys
from rdl.task.seeds import Int, Labels
from rdl.task.task import Task

_BOUNDS = {Split.TRAIN: (0.0, 0.8), Split.VALIDATION: (0.8, 0.9), Split.TEST: (0.9, 1.0)}


def on_grid(task: Task, sql: str) -> str:
    """A query whose result lacks the cutoff, with the cutoffs of the grid beside every row."""
    table, column = (quote(name) for name in task.grid)
    return f"SELECT c.{column} AS {quote(task.cutoff_column)}, q.* FROM ({sql}\n) q CROSS JOIN {table} c"


def in_split(database: Database, task: Task, entity: Int, split: Split) -> NDArray[np.bool_]:
    """[n] whether entities [n] belong to a split of a task without time, by their keys' text: 80, 10 and 10 in a hundred."""
    number = drawn_by_key(entity_keys(database, task, entity))
    low, high = _BOUNDS[split]
    return np.asarray((number >= low) & (number < high))


def of_split(database: Database, task: Task, labels: Labels, split: Split) -> Labels:
    """The labels of a split; of a task with time, whose splits are cutoffs, all of them."""
    return labels[in_split(database, task, labels.seeds.entity, split)] if task.static else labels


def trainable(database: Database, task: Task, labels: Labels) -> Labels:
    """The labels that a backtest may train on: those of a task without time that are not in the test split."""
    return labels[~in_split(database, task, labels.seeds.entity, Split.TEST)] if task.static else labels
