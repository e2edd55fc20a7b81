"""Labels of cutoffs between the task's own: more rows to learn from where a task has few.

A task's cutoffs are usually as far apart as its label window is long, so that every moment is in one label. The same question
can be asked at any other moment: labels on a lattice that is moved by a part of the spacing overlap those of the task's own, but
are not the same. They are learned from only: folds, metrics and blends keep to the task's own cutoffs. Only questions of yes or no
gain by it: a window says one bit of them, and much of a value (on rel-f1's folds +0.59 ± 0.27 AUROC x 100 and no MAE).
"""

import logging

from rdl.database import Database
from rdl.model.settings import FitSettings
from rdl.task import Kind, Labels, Task, known, labels_at
from rdl.task.seeds import Int

log = logging.getLogger(__name__)


def labels_between(database: Database, task: Task, cutoffs: Int, settings: FitSettings, rows: int) -> tuple[Labels, ...]:
    """Labels of every lattice beside the task's own, as far as there is room.

    Args:
        database: the rows.
        task: the question, of yes or no; one whose cutoffs are the calendar's, listed, stored or none has no lattice to move.
        cutoffs: ascending mature cutoffs of the task's own lattice; those between them are as mature, for they lie before.
        settings: how many lattices and rows there may be.
        rows: labels at the task's own cutoffs.
    """
    movable = not (task.static or task.fixed or task.listed or task.calendar)
    lattices = min(settings.lattices, settings.rows // max(rows, 1))
    if lattices < 2 or not movable or task.kind is not Kind.BINARY:
        return ()
    found = []
    for part in range(1, lattices):
        moved = cutoffs - part * task.every // lattices
        labels, _ = labels_at(database, task, moved[moved > cutoffs[0]])
        found.append(labels[known(task, labels.target)])
    log.info("labels: %d more at cutoffs between", sum(len(labels) for labels in found))
    return tuple(labels for labels in found if len(labels))
