"""What is asked online: keys of entities, each with an optional `as_of`, and whom and which moment that means.

Everything wrong with a question is a typed error that names the column, the row and the value. Nothing here knows MLflow or HTTP.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from rdl.database import Database, quote
from rdl.database.keys import WHOLE
from rdl.errors import RdlError, TimeError, UsageError, nearest
from rdl.task import Seeds, Task
from rdl.task.asked import Columns, RequestError, find_asked, key_words
from rdl.task.keys import key_columns, key_type
from rdl.timeline import format_time, parse_time, visible_sql

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rdl.features import FeatureTable

AS_OF = "as_of"
MOST_REASONS = 50
_SHOWN = 60  # characters of a value that a message repeats


@dataclass(frozen=True)
class Question:
    """What one request asks.

    Attributes:
        columns: [n] each, by name: the key's columns, and maybe `as_of`.
        reasons: how many reasons are wanted for each row.
    """

    columns: Columns
    reasons: int = 0

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))


@dataclass(frozen=True)
class Asked:
    """A question whose entities and moments are known.

    Attributes:
        seeds: n seeds in the order of the question.
        table: where their features are read from; None where they are computed.
    """

    question: Question
    seeds: Seeds
    table: "FeatureTable | None"


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
    reach = latest(database, task)
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


def latest(database: Database, task: Task) -> int:
    """The last moment that the database can speak for."""
    return database.span[1] + max(task.horizon, task.every)


def resolve(
    database: Database, task: Task, questions: Sequence[Question], tables: "Sequence[FeatureTable]" = ()
) -> list[Asked | RdlError]:
    """Whom and which moment every question means, or what is wrong with it; one bad question leaves the others alone.

    A row that names no moment is predicted from the newest table's where that sees every row, so that it gets the night's own
    score, and from the end of the data elsewhere. Questions about the moment of a table are looked up in its index; all others ask
    the database together.

    Args:
        database: the rows.
        task: whose entities are asked about.
        questions: any number.
        tables: of tonight's features, in the order of their moments.
    """
    default = max([newest(database), *(table.facts.as_of for table in tables[-1:])])
    found: list[Asked | RdlError | None] = []
    open_ = list[tuple[int, Question, "NDArray[np.int64]"]]()
    for place, asked in enumerate(questions):
        try:
            cutoff = _read(database, task, asked, default)
            question = _plain_keys(database, task, asked)
            found.append(_looked_up(task, question, cutoff, tables))
        except RdlError as error:
            found.append(error)
        else:
            if found[-1] is None:
                open_.append((place, question, cutoff))
    try:
        answers: list[Asked | RdlError] = list(_sought(database, task, [(q, c) for _, q, c in open_]))
    except RdlError:
        answers = [_sought_alone(database, task, question, cutoff) for _, question, cutoff in open_]
    for (place, _, _), answer in zip(open_, answers, strict=True):
        found[place] = answer
    return [each for each in found if each is not None]


def check_columns(columns: Sequence[str], keys: Sequence[str]) -> None:
    """Refuse a request that lacks one of the columns `keys`, or has one other than them and `as_of`.

    Raises:
        RequestError: it does.
    """
    for column in columns:
        if column not in (*keys, AS_OF):
            raise RequestError(f"unknown column {shown(column)}", fix=nearest(str(column)[:_SHOWN], (*keys, AS_OF)))
    for key in keys:
        if key not in columns:
            fix = f"send {', '.join(keys)}, and {AS_OF} where it is not the newest"
            raise RequestError(f"the request lacks the column {key!r}", fix=fix)


def shown(value: object) -> str:
    """A value as a message repeats it: not the whole of a long one."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _read(database: Database, task: Task, question: Question, default: int) -> "NDArray[np.int64]":
    """The moments [n] of a question whose columns, keys and times can be read."""
    names = task.entity_columns
    if not len(question):
        raise RequestError("the request has no rows", fix=f"send at least one {', '.join(names)}")
    check_columns(list(question.columns), names)
    if not 0 <= question.reasons <= MOST_REASONS:
        raise RequestError(f"{question.reasons} reasons", where="reasons", fix=f"ask for 0 to {MOST_REASONS}")
    for name in names:
        for row, value in enumerate(question.columns[name]):
            if isinstance(value, bool | list | dict | tuple | set) or not _encodes(value):
                raise RequestError(f"{shown(value)} is no {name}", where=f"row {row}", fix="send a number or a text")
    if AS_OF not in question.columns:
        return np.full(len(question), default, dtype=np.int64)
    given = [None if _blank(value) else value for value in question.columns[AS_OF]]
    read = {value: _cutoff(database, task, value) for value in dict.fromkeys(map(_text, given))}
    return np.array([default if value is None else read[value] for value in given], dtype=np.int64)


def _encodes(value: object) -> bool:
    """Whether a text is one: half of a surrogate pair is none."""
    if isinstance(value, str) and not value.isascii():
        return value.encode(errors="replace").decode() == value
    return True


def _blank(value: object) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    fix = "write it as 2025-08-01 or 2025-08-01T06:00:00"
    raise TimeError(f"as_of {shown(value)} is {type(value).__name__}, not text", fix=fix)


def _cutoff(database: Database, task: Task, value: str | None) -> int:
    if value is None:
        return 0
    if len(value) > _SHOWN:
        raise TimeError(f"not a time: {shown(value)}", fix="write it as 2025-08-01 or 2025-08-01T06:00:00")
    return check_as_of(database, task, parse_time(value))


def _looked_up(task: Task, question: Question, cutoff: "NDArray[np.int64]", tables: "Sequence[FeatureTable]") -> Asked | None:
    """The question's entities by the index of the table of its moment; None where there is none, or not of all of them."""
    table = next((table for table in tables if (cutoff == table.facts.as_of).all()), None)
    entity = table.find([question.columns[name] for name in task.entity_columns]) if table is not None else None
    return None if entity is None else Asked(question, Seeds.at(entity, cutoff), table)


def _plain_keys(database: Database, task: Task, question: Question) -> Question:
    """The question with keys in the types of their columns."""
    columns = key_columns(database, task.entity_table)
    kinds = [key_type(database, task.entity_table, column).upper() for column in columns]
    keys = {name: [_plain(v, kind) for v in question.columns[name]] for name, kind in zip(task.entity_columns, kinds, strict=True)}
    return replace(question, columns={**question.columns, **keys})


def _plain(value: Any, kind: str) -> Any:
    """A key in the type of its column where it is another spelling of one: 105.0 and "105" are 105; see `as_key`."""
    if kind in WHOLE:
        if type(value) is float and value.is_integer():
            return int(value)
        if type(value) is str and value.isascii() and value.isdigit() and len(value) < 19:
            return int(value)
    return str(value) if kind == "VARCHAR" and type(value) is int else value


def _sought(
    database: Database, task: Task, questions: "Sequence[tuple[Question, NDArray[np.int64]]]"
) -> "Sequence[Asked | RdlError]":
    """All questions' entities by one query; an error where one of them has an unknown one."""
    if not questions:
        return []
    columns = {name: list(chain.from_iterable(q.columns[name] for q, _ in questions)) for name in task.entity_columns}
    cutoff = np.concatenate([moments for _, moments in questions])
    entity = find_asked(database, task, columns)
    _check_existence(database, task, columns, entity, cutoff)
    ends = np.cumsum([len(question) for question, _ in questions])
    parts = [slice(int(end) - len(question), int(end)) for end, (question, _) in zip(ends, questions, strict=True)]
    return [
        Asked(question, Seeds.at(entity[part], cutoff[part]), None) for part, (question, _) in zip(parts, questions, strict=True)
    ]


def _sought_alone(database: Database, task: Task, question: Question, cutoff: "NDArray[np.int64]") -> Asked | RdlError:
    try:
        return _sought(database, task, [(question, cutoff)])[0]
    except RdlError as error:
        return error


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


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows by column; what a row lacks is None."""
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(chain.from_iterable(rows))}
