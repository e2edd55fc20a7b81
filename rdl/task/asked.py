"""Entities asked for by their keys: one value a key column, and an error that names the column, the row and the value."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from rdl.database import Database
from rdl.errors import DataError, nearest
from rdl.task import find_entities
from rdl.task.seeds import Int
from rdl.task.task import Task

if TYPE_CHECKING:
    import polars as pl

Keys: TypeAlias = "Sequence[Any] | pa.Table | pl.DataFrame"
Columns = Mapping[str, Sequence[Any]]


class RequestError(DataError):
    """What was asked for is not there, or cannot be read."""


def find_asked(database: Database, task: Task, keys: Columns) -> Int:
    """Dense entity rows [n] of the key columns [n]; every key must be known.

    Raises:
        RequestError: a column holds several types or nulls, or a key is unknown.
    """
    table = pa.table({column: _column(column, keys[column]) for column in task.entity_columns})
    entity = find_entities(database, task, table)
    if (entity < 0).any():
        row = int(np.flatnonzero(entity < 0)[0])
        raise RequestError(
            f"unknown {key_words(keys, task, row)}", where=f"row {row}, table {task.entity_table}", fix="send a key that it holds"
        )
    return entity


def key_words(keys: Columns, task: Task, row: int) -> str:
    """The key in one row, for a message: `shop 'S1', till 7`."""
    return ", ".join(f"{column} {keys[column][row]!r}" for column in task.entity_columns)


def key_values(task: Task, keys: Keys) -> Columns:
    """The key columns [n] of keys as a person hands them over.

    Args:
        task: whose entities.
        keys: scalars where the key is one column; tuples in the key's order, or dicts; or a table (Arrow, polars) with the columns.

    Raises:
        RequestError: a column is missing, or a key has too many or too few parts.
    """
    names = task.entity_columns
    if not isinstance(keys, Sequence):
        table = keys if isinstance(keys, pa.Table) else keys.to_arrow()
        _check_names(names, table.column_names, "the table")
        return {name: table[name].to_pylist() for name in names}
    return {name: [_part(names, key, i, row) for row, key in enumerate(keys)] for i, name in enumerate(names)}


def _part(names: Sequence[str], key: Any, i: int, row: int) -> Any:
    """The part of a key that stands in column i."""
    if isinstance(key, Mapping):
        _check_names(names, list(key), f"row {row}")
        return key[names[i]]
    if isinstance(key, tuple | list):
        if len(key) != len(names):
            raise RequestError(f"the key {key!r} has {len(key)} parts", where=f"row {row}", fix=f"send {', '.join(names)}")
        return key[i]
    if len(names) > 1:
        raise RequestError(f"the key {key!r} is one value", where=f"row {row}", fix=f"send ({', '.join(names)}) or a dict")
    return key


def _check_names(names: Sequence[str], given: Sequence[str], where: str) -> None:
    for name in names:
        if name not in given:
            raise RequestError(f"no column {name!r}", where=where, fix=nearest(name, given))


def _column(name: str, values: Sequence[Any]) -> pa.Array:
    try:
        column = pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise RequestError(f"the keys in {name!r} are of several types: {error}", fix="send one type of key") from error
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
        raise RequestError(f"{column.null_count} rows have no {name}", where=f"row {row}", fix="name an entity in every row")
    return column
