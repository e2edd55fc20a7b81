"""What an online request asks, and the answer: a data frame of entity keys, each with an optional `as_of`.

Everything wrong with a request is a typed error that names the column, the row and the value. Nothing here knows MLflow.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rdl.database import Database, quote
from rdl.errors import TimeError, UsageError, nearest
from rdl.task import Seeds, Task, answer_columns
from rdl.task.answers import PROBABILITIES
from rdl.task.asked import Columns, RequestError, find_asked, key_words
from rdl.timeline import format_time, parse_time, visible_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from rdl.features import FeatureTable
    from rdl.model import Model

AS_OF = "as_of"


@dataclass(frozen=True)
class Answer:
    """Predictions of n rows in the order of the request.

    Attributes:
        keys: [n] each, the key columns as they were asked for.
        cutoff: [n] what the predictions are about, microseconds UTC.
        prediction: [n, …] as the model gave them.
        columns: [n] each, what they say; see `answer_columns`.
    """

    keys: Columns
    cutoff: "NDArray[np.int64]"
    prediction: "NDArray[Any]"
    columns: Mapping[str, pa.Array]

    def frame(self) -> "pd.DataFrame":
        """Columns: the entity's key, `cutoff` as ISO text, and the answer; lists and objects where it has parts."""
        import pandas as pd

        moments = pd.Series([format_time(int(c)) for c in self.cutoff], dtype=object)
        answer = {name: _plain(column) for name, column in online_answer(self.columns).items()}
        return pd.DataFrame({**self.keys, "cutoff": moments, **answer})


def online_answer(columns: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """The answer's columns [n] as JSON carries them: numbers, text, lists of keys, objects of probabilities."""
    numbers = {name for name, c in columns.items() if name == PROBABILITIES or pa.types.is_floating(c.type)}
    return {name: column if name in numbers else online_keys(column) for name, column in columns.items()}


def online_keys(keys: pa.Array) -> pa.Array:
    """Keys as JSON and CSV carry them: integers as they are, everything else as text; of composite keys, column by column."""
    if pa.types.is_struct(keys.type):
        fields = [keys.type.field(i).name for i in range(keys.type.num_fields)]
        return pa.StructArray.from_arrays([online_keys(column) for column in keys.flatten()], names=fields)
    if pa.types.is_list(keys.type):
        return pa.ListArray.from_arrays(keys.offsets, online_keys(keys.values))
    if pa.types.is_integer(keys.type) and keys.type != pa.uint64():
        return keys.cast(pa.int64())
    return keys.cast(pa.string())


def _plain(column: pa.Array) -> "pd.Series":
    """Numbers and text as they are; lists and objects cell by cell."""
    import pandas as pd

    if pa.types.is_floating(column.type):
        return pd.Series(column.to_numpy())
    return pd.Series(column.to_pylist(), dtype=object)


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


def answer(
    database: Database, task: Task, model: "Model", request: "pd.DataFrame", tables: "Sequence[FeatureTable]" = ()
) -> Answer:
    """Predict every row of `request`: the entity's key, and the moment to predict from.

    A row that names no moment is predicted from the newest table's where that sees every row, so that it gets the night's own
    score, and from the end of the data elsewhere.

    Args:
        database: the rows.
        task: whose entities are asked about.
        model: what predicts.
        request: the key's columns, and maybe `as_of`.
        tables: `model.tables(database)`: where all rows ask about the moment of one of them, they are looked up in it.

    Raises:
        RequestError: a column is missing or unknown, a key is null or unknown, or the entity did not exist yet.
        TimeError: an as_of cannot be read, or the database cannot speak for it.
    """
    names = task.entity_columns
    check_columns(list(request.columns), names)
    if not len(request):
        raise RequestError("the request has no rows", fix=f"send at least one {', '.join(names)}")
    cutoff = _cutoffs(database, task, request, max([newest(database), *(table.facts.as_of for table in tables[-1:])]))
    keys = {name: request[name].tolist() for name in names}
    table = next((table for table in tables if (cutoff == table.facts.as_of).all()), None)
    entity = table.find(list(keys.values())) if table is not None else None
    if entity is None:
        entity = find_asked(database, task, keys)
        _check_existence(database, task, keys, entity, cutoff)
    prediction = model.predict(database, Seeds.at(entity, cutoff), table).prediction
    return Answer(keys, cutoff, prediction, answer_columns(database, model.task, prediction))


def check_columns(columns: "Sequence[str]", keys: "Sequence[str]") -> None:
    """Refuse a request that lacks one of the columns `keys`, or has one other than them and `as_of`.

    Raises:
        RequestError: it does.
    """
    for column in columns:
        if column not in (*keys, AS_OF):
            raise RequestError(f"unknown column {column!r}", fix=nearest(str(column), (*keys, AS_OF)))
    for key in keys:
        if key not in columns:
            fix = f"send {', '.join(keys)}, and {AS_OF} where it is not the newest"
            raise RequestError(f"the request lacks the column {key!r}", fix=fix)


def _cutoffs(database: Database, task: Task, request: "pd.DataFrame", default: int) -> "NDArray[np.int64]":
    """The moments [n] asked about: the default where the request names none."""
    if AS_OF not in request.columns:
        return np.full(len(request), default, dtype=np.int64)
    given = [None if _blank(value) else value for value in request[AS_OF].tolist()]
    read = {value: default if value is None else _cutoff(database, task, value) for value in set(given)}
    return np.array([read[value] for value in given], dtype=np.int64)


def _blank(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _cutoff(database: Database, task: Task, value: object) -> int:
    if not isinstance(value, str):
        raise TimeError(f"as_of {value!r} is {type(value).__name__}, not text", fix="write it as 2025-08-01 or 2025-08-01T06:00:00")
    return check_as_of(database, task, parse_time(value))


def _check_existence(
    database: Database,
    task: Task,
    keys: Columns,
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
            f"{key_words(keys, task, i)} is not known yet as of {format_time(int(cutoff[i]))}",
            where=f"row {i}, table {task.entity_table}",
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
