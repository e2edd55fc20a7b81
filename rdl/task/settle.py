"""The classes of a task, settled once from the labels that were mature at a moment, then kept in the project's home."""

import json
from dataclasses import replace

import pyarrow as pa

from rdl.database import Database
from rdl.task.classes import settle_classes
from rdl.task.cutoffs import Split, mature_cutoffs
from rdl.task.kept import keep, kept_path
from rdl.task.labels import answers_at
from rdl.task.static import in_split
from rdl.task.task import Task


def with_classes(database: Database, task: Task, as_of: int) -> Task:
    """The task with the classes of the labels that are mature at `as_of`; any other task, and one that has them, as it is.

    Raises:
        TaskError: the labels name too few classes, or there are no mature ones.
    """
    if not task.kind.classed or task.classes:
        return task
    cutoffs = mature_cutoffs(task, as_of, database.span)
    path = kept_path(database, "classes", task, cutoffs, ".json")
    if path.is_file():
        return replace(task, classes=tuple(json.loads(path.read_text(encoding="utf-8"))))
    answers = answers_at(database, task, cutoffs)
    label = answers.label
    if task.static:  # the test split is not looked at
        label = label.filter(pa.array(~in_split(database, task, answers.seeds.entity, Split.TEST)))
    settled = settle_classes(task, label)
    keep(path, lambda aside: aside.write_text(json.dumps(settled.classes), encoding="utf-8"))
    return settled
