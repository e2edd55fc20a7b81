"""Labels that lie at cutoffs of their own (`Task.fixed`): those in files beside the task, and those in the entities' own rows.

A row's own label belongs to the microsecond after the row's time: the row itself is visible then, and what became of it is hidden.
It counts as known to others a microsecond later still, so rows of one time never tell each other their labels.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rdl.database import Database, quote
from rdl.errors import TaskError
from rdl.task.cutoffs import Split
from rdl.task.relbench.folder import find_folder
from rdl.task.seeds import Int, Seeds
from rdl.task.task import Task
from rdl.timeline import NEVER

STORED = "stored_labels"
"""The table by which the label query of a task with stored labels reads them."""

ROW = "_row"
"""What names a row of a table without a key."""


def given_tables(database: Database, task: Task) -> dict[str, pa.Table]:
    """Tables that a task's queries read beside the database's own.

    Stored labels lie beside the task's file; a saved model knows no more of it than its name, and finds them in the project.

    Raises:
        TaskError: a label table is missing or cannot be read.
    """
    if not task.stored:
        return {}
    folder = None if task.path.is_absolute() else find_folder(database.project)
    return {STORED: stored_labels((task if folder is None else folder.task(task.name)).path.parent)}


def stored_labels(folder: Path) -> pa.Table:
    """The label tables of all splits, one behind the other; a column that one of them lacks is null there.

    Raises:
        TaskError: one is missing or cannot be read.
    """
    return pa.concat_tables([stored_split(folder, split) for split in Split], promote_options="permissive")


def stored_split(folder: Path, split: Split) -> pa.Table:
    """The label table of one split.

    Raises:
        TaskError: it is missing or cannot be read.
    """
    path = folder / f"{split.value}.parquet"
    if not path.is_file():
        raise TaskError(f"the labels are stored, and {path.name} is not there", where=str(folder), fix="fetch it")
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise TaskError(f"unreadable label table: {error}", where=str(path), fix="fetch it again") from error


def stored_hash(folder: Path) -> str:
    """A hash of the stored label tables, by which what is kept of them is known."""
    digest = hashlib.sha256()
    for split in Split:
        digest.update(hashlib.sha256((folder / f"{split.value}.parquet").read_bytes()).digest())
    return digest.hexdigest()


def moments_of(table: pa.Table, column: str) -> Int:
    """[n] a column of times in microseconds UTC."""
    times: Int = table[column].cast(pa.timestamp("us"), safe=False).combine_chunks().cast(pa.int64()).to_numpy(zero_copy_only=False)
    return times


def row_cutoffs(database: Database, table: str, column: str) -> Int:
    """The cutoffs [k], ascending, of a table's rows that hold a value in `column`."""
    with database.engine() as engine:
        found = engine.numpy(
            f"SELECT DISTINCT _time + 1 AS c FROM rows.{quote(table)} "
            f"WHERE _time > -{NEVER} AND _time < {NEVER} AND {quote(column)} IS NOT NULL ORDER BY c"
        )
    return np.asarray(found["c"], dtype=np.int64)


def renewed(database: Database, task: Task) -> Task:
    """The task with the cutoffs that the database has now: a model's task holds those of the rows it was fitted on."""
    if not task.fixed or task.stored:
        return task
    return replace(task, listed=tuple(row_cutoffs(database, task.entity_table, task.label_column).tolist()))


def unlabelled_rows(database: Database, task: Task, cutoffs: Int) -> Seeds:
    """Rows that are visible at `cutoffs` and hold no value where the label will be: whom an autocomplete is asked about."""
    where = f"e._time < {{}} AND e.{quote(task.label_column)} IS NULL"
    return _rows(database, task.entity_table, cutoffs, where)


def visible_rows(database: Database, task: Task, cutoffs: Int) -> Seeds:
    """All entities that are visible at `cutoffs`."""
    return _rows(database, task.entity_table, cutoffs, "e._time < {}")


def _rows(database: Database, table: str, cutoffs: Int, where: str) -> Seeds:
    parts = []
    with database.engine() as engine:
        for cutoff in np.unique(cutoffs).tolist():
            sql = f"SELECT _row AS r FROM rows.{quote(table)} e WHERE {where.format(cutoff)} ORDER BY r"
            entity = np.asarray(engine.numpy(sql)["r"], dtype=np.int64)
            parts.append(Seeds.at(entity, np.full(len(entity), cutoff, dtype=np.int64)))
    return Seeds.concat(parts)
