"""A task's queries, asked: run in the sandbox over a grid of cutoffs, checked, and mapped to dense entity rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from rdl.database import Database, load_sql, quote
from rdl.database.keys import WHOLE
from rdl.database.sandbox import Sandbox
from rdl.errors import SqlError, TaskError, nearest
from rdl.task.fixed import given_tables
from rdl.task.keys import entity_keys, find_entities, key_columns, key_type
from rdl.task.seeds import Int, Seeds
from rdl.task.static import on_grid
from rdl.task.task import Task
from rdl.timeline import format_time

NONE = np.array([], dtype=np.int64)


@dataclass(frozen=True)
class Pairs:
    """The rows of a result by (cutoff, entity): where they stood, their seeds, and one integer a pair, ascending."""

    order: Int
    seeds: Seeds
    pair: Int


@dataclass(frozen=True)
class Query:
    """A query whose columns were checked.

    Attributes:
        sql: the text, with a cutoff in every row.
        where: what messages say.
        exact: whether its keys name those of the entity table exactly as they are.
        timed: whether its cutoffs are the grid's own, not cast to another type.
    """

    sql: str
    where: str
    exact: bool
    timed: bool


def given(database: Database, task: Task, cutoffs: Int) -> tuple[dict[str, pa.Table], dict[str, timedelta]]:
    """The tables and the parameters that a task's queries read."""
    table, column = task.grid
    tables = {table: pa.table({column: pa.array(cutoffs, pa.timestamp("us"))}), **given_tables(database, task)}
    return tables, {"horizon": timedelta(microseconds=task.horizon)}


def ask(
    database: Database, sandbox: Sandbox, task: Task, sql: str, cutoffs: Int, name: str, more: Sequence[str] = ()
) -> tuple[pa.Table, Pairs]:
    """The result of a query over `cutoffs`, and its rows by (cutoff, entity), entities being dense rows (-1 where unknown).

    Where the keys can be compared as they are, dense entity rows come back beside the result in their place: they are a fraction of
    the keys to hand over.

    Args:
        database: whose rows are asked about.
        sandbox: where the query runs.
        task: names the columns of the result.
        sql: one of the task's queries.
        cutoffs: microseconds UTC, each once.
        name: what the query is called in messages.
        more: columns of the result beside the cutoff and the entity's key.

    Raises:
        TaskError: wrong columns, a null or a strange cutoff, a duplicate (cutoff, entity).
        SqlError: the query fails.
    """
    query = check(database, sandbox, task, sql, cutoffs, name, more)
    tables, params = given(database, task, cutoffs)
    if not query.exact:
        result = sandbox.select(query.sql, query.where, tables, params)
        entity = find_entities(database, task, result.select(list(task.entity_columns)))
        return result, resolve(database, task, result, entity, cutoffs, query.where)
    resolved = load_sql("task/entities.sql").format(
        columns="".join(f", q.{quote(c)}" for c in (task.cutoff_column, *more)),
        query=query.sql,
        table=quote(task.entity_table),
        same=same_entity(database, task),
    )
    result = sandbox.select(resolved, query.where, tables, params)
    return result, resolve(database, task, result, result["_entity"].combine_chunks().to_numpy(), cutoffs, query.where)


def check(database: Database, sandbox: Sandbox, task: Task, sql: str, cutoffs: Int, name: str, more: Sequence[str] = ()) -> Query:
    """A query of the task, once it is known which columns it has.

    Raises:
        TaskError: wrong columns.
        SqlError: the query fails.
    """
    where = f"{task.path}, {name}"
    tables, params = given(database, task, cutoffs)
    try:
        described = sandbox.select(f"SELECT * FROM ({sql}\n) LIMIT 0", where, tables, params)
    except SqlError:
        described = sandbox.select(sql, where, tables, params)  # the message is to speak of the text as it was written
    if task.static and task.cutoff_column not in described.column_names:
        return check(database, sandbox, task, on_grid(task, sql), cutoffs, name, more)
    _check_columns(task, described.column_names, more, where)
    timed = described.schema.field(task.cutoff_column).type == pa.timestamp("us")
    return Query(sql, where, _exact(database, task, described.schema), timed)


def _check_columns(task: Task, found: Sequence[str], more: Sequence[str], where: str) -> None:
    wanted = (task.cutoff_column, *task.entity_columns, *more)
    for column in wanted:
        if column not in found:
            raise TaskError(f"the result lacks the column {column!r}", where=where, fix=nearest(column, found))
    extra = [c for c in found if c not in wanted]
    if extra:
        raise TaskError(f"the result has the extra column {extra[0]!r}", where=where, fix=f"select only {', '.join(wanted)}")


def _exact(database: Database, task: Task, schema: pa.Schema) -> bool:
    """Whether the keys of a result, every column, name keys of the entity table exactly as they are."""
    return all(
        _same_kind(schema.field(given).type, key_type(database, task.entity_table, key))
        for given, key in _key_pairs(database, task)
    )


def _same_kind(given: pa.DataType, kind: str) -> bool:
    if kind.upper() == "VARCHAR":
        return bool(pa.types.is_string(given) or pa.types.is_large_string(given))
    if kind.upper() == "DATE":
        return bool(pa.types.is_date32(given))
    return bool(pa.types.is_integer(given)) and kind.upper() in WHOLE


def same_entity(database: Database, task: Task) -> str:
    """SQL: a row `q` of a result and a row `e` of the entity table have the same key."""
    return " AND ".join(f"e.{quote(key)} = q.{quote(given)}" for given, key in _key_pairs(database, task))


def _key_pairs(database: Database, task: Task) -> list[tuple[str, str]]:
    """The key's columns, as the results name them and as the entity table does.

    Raises:
        TaskError: the task names more or fewer columns than the key has.
    """
    columns = key_columns(database, task.entity_table)
    if len(columns) != len(task.entity_columns):
        raise TaskError(
            f"the entity is named by {', '.join(task.entity_columns)}; the key of {task.entity_table!r} is {', '.join(columns)}",
            where=str(task.path),
            fix="select every column of the key",
        )
    return list(zip(task.entity_columns, columns, strict=True))


def resolve(database: Database, task: Task, result: pa.Table, entity: Int, cutoffs: Int, where: str) -> Pairs:
    """The rows of a result [n], of the dense entities [n], by (cutoff, entity).

    Raises:
        TaskError: a null or a strange cutoff, a duplicate (cutoff, entity).
    """
    cutoff = _moments(task, result[task.cutoff_column], where)
    grid = np.sort(cutoffs)
    place = np.searchsorted(grid, cutoff)
    strange = np.flatnonzero(grid[np.minimum(place, len(grid) - 1)] != cutoff) if len(cutoff) else NONE
    if len(strange):
        raise TaskError(
            f"{len(strange)} rows have a cutoff that was not asked for: {format_time(int(cutoff[strange[0]]))}",
            where=where,
            fix=f"select {'.'.join(task.grid)} as it is",
        )
    pair = np.asarray(place * (database.schema[task.entity_table].rows + 1) + entity, dtype=np.int64)
    order = np.argsort(pair)
    found = Pairs(order, Seeds.at(entity[order], cutoff[order]), pair[order])
    _check_once(database, task, found, where)
    return found


def _moments(task: Task, moments: pa.ChunkedArray, where: str) -> Int:
    """[n] cutoffs in microseconds UTC."""
    if not (pa.types.is_timestamp(moments.type) or pa.types.is_date(moments.type)):
        raise TaskError(
            f"{task.cutoff_column!r} is {moments.type}, not a timestamp",
            where=where,
            fix="select the grid's own cutoff",
        )
    if moments.null_count:
        raise TaskError(f"{moments.null_count} rows have a null cutoff", where=where, fix="join so that every row keeps its cutoff")
    cutoff: Int = moments.cast(pa.timestamp("us"), safe=False).combine_chunks().cast(pa.int64()).to_numpy()
    return cutoff


def _check_once(database: Database, task: Task, found: Pairs, where: str) -> None:
    same = np.flatnonzero((np.diff(found.pair) == 0) & (found.seeds.entity[1:] >= 0))
    if len(same):
        twice = found.seeds[same[:1]]
        key = ", ".join(repr(v) for v in entity_keys(database, task, twice.entity).to_pylist()[0].values())
        raise TaskError(
            f"({key}, {format_time(int(twice.cutoff[0]))}) stands in several rows",
            where=where,
            fix="group by cutoff and entity",
        )
