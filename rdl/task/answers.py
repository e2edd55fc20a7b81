"""Predictions as a table: what they are about, and what they say in the user's own words.

Columns are the entity's key as the task's queries name it, `cutoff`, and `prediction`: a probability, a value, the most likely
class, the classes that are more likely than not, or a ranked list of keys. Where there are classes, `probabilities` is a struct
with one field a class.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Database
from rdl.task.keys import entity_keys, table_keys
from rdl.task.seeds import Seeds
from rdl.task.task import Kind, Task

PREDICTION = "prediction"
PROBABILITIES = "probabilities"


def prediction_table(
    database: Database, task: Task, seeds: Seeds, prediction: NDArray[Any], beside: Mapping[str, NDArray[Any]] | None = None
) -> pa.Table:
    """Predictions of n seeds as a table [n].

    Args:
        database: whose keys name the entities.
        task: with its classes, where its kind has any.
        seeds: n seeds.
        prediction: [n] probabilities or values, [n, classes] probabilities, or [n, top] ranked rows, -1 for none.
        beside: see `answer_columns`.
    """
    keys = entity_keys(database, task, seeds.entity)
    columns = dict(zip(task.entity_columns, keys.columns, strict=True))
    columns["cutoff"] = pa.array(seeds.cutoff, pa.timestamp("us"))
    return pa.table(columns | answer_columns(database, task, prediction, beside))


def answer_columns(
    database: Database, task: Task, prediction: NDArray[Any], beside: Mapping[str, NDArray[Any]] | None = None
) -> dict[str, pa.Array]:
    """The columns [n] that say what was predicted, and those that say how sure it is (see `rdl.model.uncertainty`).

    Args:
        database: whose keys name what is ranked.
        task: with its classes, where its kind has any.
        prediction: [n, …] as in `prediction_table`.
        beside: columns by name: [n] numbers, or [n, classes] flags, which become lists of classes.
    """
    found = _predicted(database, task, prediction)
    for name, column in (beside or {}).items():
        found[name] = _flagged(task, column) if column.ndim > 1 else pa.array(column)
    return found


def _predicted(database: Database, task: Task, prediction: NDArray[Any]) -> dict[str, pa.Array]:
    if task.kind is Kind.RECOMMENDATION:
        return {PREDICTION: _ranked(database, task, prediction)}
    if not task.kind.classed:
        return {PREDICTION: pa.array(prediction, pa.float64())}
    classes = pa.array(list(task.classes))
    columns = [pa.array(column, pa.float64()) for column in prediction.T]
    probabilities = pa.StructArray.from_arrays(columns, names=[str(c) for c in task.classes])
    if task.kind is Kind.MULTICLASS:
        likely = classes.take(pa.array(prediction.argmax(axis=1)))
    else:
        likely = _flagged(task, prediction >= 0.5)
    return {PREDICTION: likely, PROBABILITIES: probabilities}


def _flagged(task: Task, flags: NDArray[np.bool_]) -> pa.Array:
    """[n] lists of the classes whose flags [n, classes] are set."""
    row, place = np.nonzero(flags)
    ends = np.searchsorted(row, np.arange(len(flags) + 1))
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(list(task.classes)).take(pa.array(place)))


def _ranked(database: Database, task: Task, prediction: NDArray[Any]) -> pa.Array:
    """[n] lists of keys, in the order of their ranks."""
    assert task.target_table is not None
    rows = prediction.astype(np.int64)
    there = rows >= 0
    ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    keys = table_keys(database, task.target_table, rows[there])
    named = keys.column(0).combine_chunks() if keys.num_columns == 1 else keys.to_struct_array().combine_chunks()
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), named)
