"""What an online request asks, and the answer: a data frame of entity keys, each with an optional `as_of`.

Everything wrong with a request is a typed error that names the column, the row and the value. Nothing here knows MLflow.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rdl.database import Database, quote
from rdl.errors import DataError, TimeError, UsageError, nearest
from rdl.task import Seeds, Task, find_entities
from rdl.timeline import format_time, parse_time, visible_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from rdl.model import Model

AS_OF = "as_of"
PREDICTION = "prediction"


class RequestError(DataError):
    """A request names what is not there, or cannot be read."""


@dataclass(frozen=True)
class Answer:
    """Predictions [n] in the order of the request, with the cutoffs [n] they are about."""

    key: str
    keys: "Sequence[Any]"
    cutoff: "NDArray[np.int64]"
    prediction: "NDArray[np.float64]"

    def frame(self) -> "pd.DataFrame":
        """Columns: the entity key, `cutoff` as ISO text, `prediction`."""
        import pandas as pd

        return pd.DataFrame(
            {
                self.key: self.keys,
                "cutoff": pd.Series([format_time(int(c)) for c in self.cutoff], dtype=object),
                PREDICTION: self.prediction,
            }
        )


def newest(database: Database) -> int:
    """The as_of from which every row of the database is visible, lags aside: one microsecond after its last event."""
    return database.span[1] + 1


def check_as_of(database: Database, task: Task, as_of: int) -> int:
    """`as_of`, if the database can speak for it.

    It can from its first event until one horizon (or one step between cutoffs, where that is longer) after its last: beyond that, a
    score would describe entities as they were long before.

    Raises:
        TimeError: it lies before the data or too far after it.
    """
    first, last = database.span
    reach = last + max(task.horizon, task.every)
    if as_of <= first:
        raise TimeError(
            f"as_of {format_time(as_of)} lies before the data begins, on {format_time(first)}",
            fix="ask for a later as_of",
        )
    if as_of > reach:
        raise TimeError(
            f"as_of {format_time(as_of)} lies in the future: the data ends on {format_time(last)}",
            fix=f"load newer data, or ask for an as_of up to {format_time(reach)}",
        )
    return as_of


def answer(database: Database, task: Task, model: "Model", request: "pd.DataFrame") -> Answer:
    """Predict every row of `request`: the entity's key, and the moment to predict from.

    Raises:
        RequestError: a column is missing or unknown, a key is null or unknown, or the entity did not exist yet.
        TimeError: an as_of cannot be read, or the database cannot speak for it.
    """
    key = task.entity_columns[0]
    check_columns(list(request.columns), key)
    if not len(request):
        raise RequestError("the request has no rows", fix=f"send at least one {key}")
    cutoff = _cutoffs(database, task, request)
    keys = request[key].tolist()
    entity = _entities(database, task, keys)
    _check_existence(database, task, keys, entity, cutoff)
    return Answer(key, keys, cutoff, model.predict(database, Seeds.at(entity, cutoff)).prediction)


def check_columns(columns: "Sequence[str]", key: str) -> None:
    """Refuse a request that lacks the column `key`, or has one other than it and `as_of`.

    Raises:
        RequestError: it does.
    """
    for column in columns:
        if column not in (key, AS_OF):
            raise RequestError(f"unknown column {column!r}", fix=nearest(str(column), (key, AS_OF)))
    if key not in columns:
        raise RequestError(f"the request lacks the column {key!r}", fix=f"send {key}, and {AS_OF} where it is not the newest")


def _cutoffs(database: Database, task: Task, request: "pd.DataFrame") -> "NDArray[np.int64]":
    """The moments [n] asked about: the end of the data where the request names none."""
    if AS_OF not in request.columns:
        return np.full(len(request), newest(database), dtype=np.int64)
    given = [None if _blank(value) else value for value in request[AS_OF].tolist()]
    read = {value: newest(database) if value is None else _cutoff(database, task, value) for value in set(given)}
    return np.array([read[value] for value in given], dtype=np.int64)


def _blank(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _cutoff(database: Database, task: Task, value: object) -> int:
    if not isinstance(value, str):
        raise TimeError(f"as_of {value!r} is {type(value).__name__}, not text", fix="write it as 2025-08-01 or 2025-08-01T06:00:00")
    return check_as_of(database, task, parse_time(value))


def _entities(database: Database, task: Task, keys: "Sequence[object]") -> "NDArray[np.int64]":
    """Dense rows [n] of the keys; every one must be known."""
    try:
        wanted = pa.array(keys, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise RequestError(
            f"the keys in {task.entity_columns[0]!r} are of several types: {error}", fix="send one type of key"
        ) from error
    if wanted.null_count:
        raise RequestError(f"{wanted.null_count} rows have no {task.entity_columns[0]}", fix="name an entity in every row")
    entity = find_entities(database, task, pa.table({task.entity_columns[0]: wanted}))
    if (entity < 0).any():
        odd = keys[int(np.flatnonzero(entity < 0)[0])]
        raise RequestError(
            f"unknown {task.entity_columns[0]} {odd!r}", where=f"table {task.entity_table}", fix="send a key that it holds"
        )
    return entity


def _check_existence(
    database: Database,
    task: Task,
    keys: "Sequence[object]",
    entity: "NDArray[np.int64]",
    cutoff: "NDArray[np.int64]",
) -> None:
    """Refuse an entity whose own row is not visible at its cutoff."""
    with database.engine() as engine:
        engine.register("asked", pa.table({"i": pa.array(np.arange(len(entity))), "e": pa.array(entity), "c": pa.array(cutoff)}))
        rows = f"rows.{quote(task.entity_table)}"
        unseen = f"SELECT a.i FROM asked a JOIN {rows} r ON r._row = a.e WHERE NOT ({visible_sql('r._time', 'a.c')}) ORDER BY a.i"
        late = engine.numpy(unseen)["i"]
    if len(late):
        i = int(late[0])
        raise RequestError(
            f"{task.entity_columns[0]} {keys[i]!r} is not known yet as of {format_time(int(cutoff[i]))}",
            where=f"table {task.entity_table}",
            fix="ask for a later as_of",
        )


def require_folder(value: str | None, variable: str) -> str:
    """A setting of the serving environment.

    Raises:
        UsageError: it is not set.
    """
    if not value:
        raise UsageError(
            f"{variable} is not set: the model stores no path, and cannot know where its database is",
            fix=f"set {variable}, or serve with: rdl serve TASK --project DIR",
        )
    return value
