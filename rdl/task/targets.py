"""What a column of labels says, by the task's kind: numbers, places of classes, or lists of dense rows to recommend."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rdl.database import Database
from rdl.errors import TaskError
from rdl.task.classes import encode_classes, flat_lists
from rdl.task.keys import find_rows, key_columns
from rdl.task.seeds import Float, Int, Lists
from rdl.task.task import Kind, Task


@dataclass(frozen=True)
class Targets:
    """n labels as `Labels` holds them.

    Attributes:
        target: see `Labels`; anything where the label is null.
        null: [n] whether there is no label.
        lists: of a recommendation, the rows that were right; None for the other kinds.
        strangers: [n] elements of the list that name no row of the target table; 0 for the other kinds.
    """

    target: Float
    null: NDArray[np.bool_]
    lists: Lists | None
    strangers: Int


def read_targets(database: Database, task: Task, column: pa.ChunkedArray) -> Targets:
    """The targets [n] of a label column [n].

    Raises:
        TaskError: the column's type, or a value, does not fit the task's kind.
    """
    if task.kind is Kind.RECOMMENDATION:
        return _recommended(database, task, column)
    target = encode_classes(task, column) if task.kind.classed else _numbers(task, column)
    null = column.is_null().to_numpy() if task.kind.classed else np.isnan(target)
    if task.kind is Kind.BINARY:
        _check_binary(task, target[~null])
    return Targets(target, null, None, np.zeros(len(target), dtype=np.int64))


def _numbers(task: Task, label: pa.ChunkedArray) -> Float:
    column = label.combine_chunks()
    kind = column.type
    if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise TaskError(
            f"the label {task.label_column!r} is {kind}, not a number",
            where=f"{task.path}, label query",
            fix="cast it to a number or boolean",
        )
    numbers = column.cast(pa.int8()) if pa.types.is_boolean(kind) else column
    target = np.array(numbers.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    if np.isinf(target).any():
        raise TaskError("a label is infinite", where=f"{task.path}, label query", fix="divide by nullif(…, 0)")
    return target


def _check_binary(task: Task, target: Float) -> None:
    odd = target[(target != 0) & (target != 1)]
    if len(odd):
        raise TaskError(
            f"a binary label is {odd[0]:g}",
            where=f"{task.path}, label query",
            fix="return 0 or 1, or kind = 'regression'",
        )


def _recommended(database: Database, task: Task, column: pa.ChunkedArray) -> Targets:
    """Lists of keys as lists of dense rows, ascending, no row twice; what names no row is left out and counted."""
    lists, keys = flat_lists(task, column)
    table = _ranked_table(database, task, keys.type)
    distinct = keys.dictionary_encode()
    found = np.append(find_rows(database, table, pa.table({"key": distinct.dictionary})), -1)
    rows = found[distinct.indices.fill_null(len(found) - 1).to_numpy(zero_copy_only=False)]
    parents = pc.list_parent_indices(lists).to_numpy().astype(np.int64)
    known, width = rows >= 0, max(int(found.max()), 0) + 1
    pairs = np.unique(parents[known] * width + rows[known])
    sizes = np.bincount(pairs // width, minlength=len(lists))
    return Targets(
        sizes.astype(np.float64),
        lists.is_null().to_numpy(zero_copy_only=False),
        Lists(np.concatenate([[0], np.cumsum(sizes)]), pairs % width),
        np.bincount(parents[~known], minlength=len(lists)).astype(np.int64),
    )


def _ranked_table(database: Database, task: Task, kind: pa.DataType) -> str:
    """The table whose rows a recommendation ranks.

    Raises:
        TaskError: elements of type `kind` cannot name its rows.
    """
    table = task.target_table
    assert table is not None, "a recommendation names the table that it ranks"
    columns = key_columns(database, table)
    if len(columns) > 1 or pa.types.is_nested(kind):
        raise TaskError(
            f"the label {task.label_column!r} names rows of {table!r} by {kind}, and their key is {', '.join(columns)}",
            where=f"{task.path}, label query",
            fix="rank a table whose key is one column, and list its values",
        )
    return table
