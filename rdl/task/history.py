"""The task's own past labels, as rows that the law of time applies to; asked once, then kept in the project's home."""

import numpy as np

from rdl.database import Database
from rdl.task.classes import channels
from rdl.task.cutoffs import history_cutoffs
from rdl.task.fixed import renewed
from rdl.task.kept import keep, kept_path
from rdl.task.labels import labels_at
from rdl.task.seeds import History, Int
from rdl.task.task import Kind, Task

_COLUMNS = ("entity", "cutoff", "time", "value")


def past_labels(database: Database, task: Task, cutoffs: Int) -> History:
    """Past labels for seeds at `cutoffs`, which must lie on one lattice.

    Raises:
        TaskError, SqlError: see `labels_at`.
    """
    grid = history_cutoffs(renewed(database, task), cutoffs, database.span[0])
    if not len(grid):
        none = np.array([], dtype=np.int64)
        return History(none, none, none, channels(task, np.zeros((0, len(task.classes)) if task.kind is Kind.MULTILABEL else 0)))
    path = kept_path(database, "history", task, grid, ".npz")
    if path.is_file():
        with np.load(path, allow_pickle=False) as kept:
            return History(*(kept[name] for name in _COLUMNS))
    labels, _ = labels_at(database, task, grid)
    seeds = labels.seeds
    history = History(seeds.entity, seeds.cutoff, seeds.cutoff + task.last_read(0), channels(task, labels.target))
    keep(path, lambda aside: np.savez(aside, **{name: getattr(history, name) for name in _COLUMNS}))
    return history
