"""From queries to labels, populations and past labels: run in the sandbox, checked, and mapped to dense entity rows."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from rdl.database import Database, load_sql, quote
from rdl.database.keys import WHOLE, as_key
from rdl.database.sandbox import Sandbox
from rdl.errors import SqlError, TaskError, nearest
from rdl.task.classes import settle_classes
from rdl.task.cutoffs import Split, history_cutoffs, mature_cutoffs, split_cutoffs
from rdl.task.seeds import Int, Labels, Seeds
from rdl.task.task import Kind, Task
from rdl.timeline import DAY, format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

_NONE = np.array([], dtype=np.int64)


@dataclass(frozen=True)
class LabelReport:
    """What was left out on the way from the label query to the labels, and why.

    Attributes:
        rows: labels that are left.
        unknown_entity: labels of keys that name no entity.
        null_label: null labels.
        outside_population: labels of entities that the population query does not ask about.
        unlabelled: pairs that the population query asks about and the label query says nothing of.
    """

    rows: int
    unknown_entity: int
    null_label: int
    outside_population: int
    unlabelled: int = 0


def split_labels(database: Database, task: Task, split: Split) -> Labels:
    """The labels of one published split."""
    return labels_at(database, task, split_cutoffs(task, split, database.span))[0]


def with_classes(database: Database, task: Task, as_of: int) -> Task:
    """The task with the classes of the labels that are mature at `as_of`; any other task, and one that has them, as it is.

    Raises:
        TaskError: the labels name too few classes, or there are no mature ones.
    """
    if not task.kind.classed or task.classes:
        return task
    cutoffs = mature_cutoffs(task, as_of, database.span)
    with database.sandbox() as sandbox:
        result, _ = _query(database, sandbox, task, task.label_sql, cutoffs, "label query", (task.label_column,))
    return settle_classes(task, result[task.label_column])


def labels_at(database: Database, task: Task, cutoffs: Int) -> tuple[Labels, LabelReport]:
    """Labels at `cutoffs`, ordered by (cutoff, entity), with up-to-date seeds.

    Raises:
        TaskError: a query has wrong columns, a null cutoff, a duplicate (entity, cutoff), or a label of the wrong kind.
        SqlError: a query fails.
    """
    with database.sandbox() as sandbox:
        result, keys = _query(database, sandbox, task, task.label_sql, cutoffs, "label query", (task.label_column,))
        found = _resolve(database, task, result, keys, cutoffs, "label query")
        target = _target(result, task)[found.order]
        people = None if task.population_sql is None else _population(database, sandbox, task, task.population_sql, cutoffs)
    inside, unlabelled = np.ones(len(target), dtype=bool), 0
    if people is not None:
        inside = np.isin(found.pair, people.pair)
        unlabelled = len(people.pair) - int(inside.sum())
    known, named = ~np.isnan(target), found.seeds.entity >= 0
    keep = inside & known & named
    labels = Labels(found.seeds[keep], target[keep])
    if task.kind is Kind.BINARY:
        _check_binary(labels, task)
    report = LabelReport(
        len(labels),
        int((~named).sum()),
        int((~known).sum()),
        int((~inside & named).sum()),
        unlabelled,
    )
    return labels, report


def population_at(database: Database, task: Task, cutoffs: Int) -> Seeds:
    """Who is asked about at `cutoffs`, ordered by (cutoff, entity).

    A task with a population query asks it. One without (RelBench) takes the entities that had a mature label within the last
    year, or twelve horizons where that is longer: what can be known of its population without knowing the future.
    """
    if task.population_sql is None:
        return _derived_population(database, task, cutoffs)
    with database.sandbox() as sandbox:
        return _population(database, sandbox, task, task.population_sql, cutoffs).seeds


def _population(database: Database, sandbox: Sandbox, task: Task, sql: str, cutoffs: Int) -> "_Pairs":
    result, keys = _query(database, sandbox, task, sql, cutoffs, "population query", ())
    found = _resolve(database, task, result, keys, cutoffs, "population query")
    keep = found.seeds.entity >= 0
    return _Pairs(found.order[keep], found.seeds[keep], found.pair[keep])


def _derived_population(database: Database, task: Task, cutoffs: Int) -> Seeds:
    memory = max(366 * DAY, 12 * task.horizon)
    moments = np.unique(cutoffs)
    grids = [history_cutoffs(task, moments[i : i + 1], int(moment) - memory) for i, moment in enumerate(moments)]
    recent = labels_at(database, task, np.unique(np.concatenate(grids)))[0].seeds if grids else Seeds.at(_NONE, _NONE)
    people = [np.unique(recent.entity[np.isin(recent.cutoff, grid)]) for grid in grids]
    sizes = np.array([len(p) for p in people], dtype=np.int64)
    return Seeds.at(np.concatenate([_NONE, *people]), np.repeat(moments, sizes))


def entity_keys(database: Database, task: Task, entity: Int) -> pa.Table:
    """The native keys of dense entity rows [n]: a table [n] of the key's columns."""
    return table_keys(database, task.entity_table, entity)


def table_keys(database: Database, table: str, rows: Int) -> pa.Table:
    """The native keys of dense rows [n] of a table: a table [n] of the key's columns, or of `_row` where it has no key."""
    columns = ", ".join(quote(c) for c in key_columns(database, table))
    with database.engine() as engine:
        keys = engine.arrow(f"SELECT {columns} FROM rows.{quote(table)} ORDER BY _row")
    return keys.combine_chunks().take(pa.array(rows))


def key_columns(database: Database, table: str) -> tuple[str, ...]:
    """The columns that name a table's rows: its key, or the dense row id where it has none."""
    return database.schema[table].key or ("_row",)


def find_entities(database: Database, task: Task, keys: pa.Table) -> Int:
    """The dense entity rows [n] of native keys, a table [n] of the key's columns in their order; -1 where a key is unknown."""
    return find_rows(database, task.entity_table, keys)


def find_rows(database: Database, table: str, keys: pa.Table) -> Int:
    """The dense rows [n] of a table by native keys [n]; -1 where a key is unknown."""
    columns = key_columns(database, table)
    assert keys.num_columns == len(columns), f"{keys.num_columns} columns for a key of {len(columns)}"
    wanted = keys.rename_columns([f"k{i}" for i in range(len(columns))]).append_column("i", pa.array(np.arange(len(keys))))
    with database.engine() as engine:
        engine.register("wanted", wanted)
        described = engine.arrow("SELECT column_name AS n, column_type AS t FROM (DESCRIBE wanted)")
        given = dict(zip(described["n"].to_pylist(), described["t"].to_pylist(), strict=True))
        same = " AND ".join(
            f"e.{quote(column)} = {as_key(f'w.k{i}', given[f'k{i}'], _key_type(database, table, column))}"
            for i, column in enumerate(columns)
        )
        found = engine.numpy(
            f"SELECT coalesce(e._row, -1) AS r FROM wanted w LEFT JOIN rows.{quote(table)} e ON {same} ORDER BY w.i"
        )
    return np.asarray(found["r"], dtype=np.int64)


def _key_type(database: Database, table: str, column: str) -> str:
    return "BIGINT" if column == "_row" else database.schema[table].column(column).sql_type


@dataclass(frozen=True)
class _Pairs:
    """The rows of a result by (cutoff, entity): where they stood, their seeds, and one integer a pair, ascending."""

    order: Int
    seeds: Seeds
    pair: Int


def _query(
    database: Database, sandbox: Sandbox, task: Task, sql: str, cutoffs: Int, name: str, more: "Sequence[str]"
) -> "tuple[pa.Table, Int | None]":
    """Run a query over the grid of cutoffs and check its columns.

    Where the keys can be compared as they are, dense entity rows come back beside the result in their place: they are a fraction of
    the keys to hand over.
    """
    table, column = task.grid
    given = {table: pa.table({column: pa.array(cutoffs, pa.timestamp("us"))})}
    params = {"horizon": timedelta(microseconds=task.horizon)}
    where = f"{task.path}, {name}"
    wanted = (task.cutoff_column, task.entity_columns[0], *more)
    try:
        described = sandbox.select(f"SELECT * FROM ({sql}\n) LIMIT 0", where, given, params)
    except SqlError:
        described = sandbox.select(sql, where, given, params)  # the message is to speak of the text as it was written
    for column in wanted:
        if column not in described.column_names:
            raise TaskError(f"the result lacks the column {column!r}", where=where, fix=nearest(column, described.column_names))
    extra = [c for c in described.column_names if c not in wanted]
    if extra:
        raise TaskError(f"the result has the extra column {extra[0]!r}", where=where, fix=f"select only {', '.join(wanted)}")
    key = database.schema[task.entity_table].key[0]
    if not _alike(described.schema.field(task.entity_columns[0]).type, database.schema[task.entity_table].column(key).sql_type):
        return sandbox.select(sql, where, given, params), None
    columns = "".join(f", q.{quote(c)}" for c in (task.cutoff_column, *more))
    resolved = load_sql("task/entities.sql").format(columns=columns, query=sql, table=quote(task.entity_table), key=quote(key),
        given=quote(task.entity_columns[0]))  # fmt: skip
    result = sandbox.select(resolved, where, given, params)
    return result, result["_entity"].combine_chunks().to_numpy()


def _alike(given: pa.DataType, kind: str) -> bool:
    """Whether values of an Arrow type name keys of an SQL type exactly as they are."""
    if kind.upper() == "VARCHAR":
        return bool(pa.types.is_string(given) or pa.types.is_large_string(given))
    return bool(pa.types.is_integer(given)) and kind.upper() in WHOLE


def _resolve(database: Database, task: Task, result: pa.Table, entity: "Int | None", cutoffs: Int, name: str) -> _Pairs:
    """The pairs of a result, entities being dense rows (-1 where unknown); refuses null or strange cutoffs and duplicate pairs."""
    where = f"{task.path}, {name}"
    moments = result[task.cutoff_column]
    if not (pa.types.is_timestamp(moments.type) or pa.types.is_date(moments.type)):
        raise TaskError(
            f"{task.cutoff_column!r} is {moments.type}, not a timestamp",
            where=where,
            fix="select the grid's own cutoff",
        )
    if moments.null_count:
        raise TaskError(f"{moments.null_count} rows have a null cutoff", where=where, fix="join so that every row keeps its cutoff")
    cutoff = moments.cast(pa.timestamp("us"), safe=False).combine_chunks().cast(pa.int64()).to_numpy()
    grid = np.sort(cutoffs)
    place = np.searchsorted(grid, cutoff)
    strange = np.flatnonzero(grid[np.minimum(place, len(grid) - 1)] != cutoff) if len(cutoff) else _NONE
    if len(strange):
        raise TaskError(
            f"{len(strange)} rows have a cutoff that was not asked for: {format_time(int(cutoff[strange[0]]))}",
            where=where,
            fix=f"select {'.'.join(task.grid)} as it is",
        )
    if entity is None:
        entity = find_entities(database, task, result.select(list(task.entity_columns)))
    pair = np.asarray(place * (database.schema[task.entity_table].rows + 1) + entity, dtype=np.int64)
    order = np.argsort(pair)
    found = _Pairs(order, Seeds.at(entity[order], cutoff[order]), pair[order])
    same = np.flatnonzero((np.diff(found.pair) == 0) & (found.seeds.entity[1:] >= 0))
    if len(same):
        twice = found.seeds[same[:1]]
        key = ", ".join(repr(v) for v in entity_keys(database, task, twice.entity).to_pylist()[0].values())
        raise TaskError(
            f"({key}, {format_time(int(twice.cutoff[0]))}) stands in several rows",
            where=where,
            fix="group by cutoff and entity",
        )
    return found


def _target(result: pa.Table, task: Task) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    column = result[task.label_column].combine_chunks()
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


def _check_binary(labels: Labels, task: Task) -> None:
    odd = labels.target[(labels.target != 0) & (labels.target != 1)]
    if len(odd):
        raise TaskError(
            f"a binary label is {odd[0]:g}",
            where=f"{task.path}, label query",
            fix="return 0 or 1, or kind = 'regression'",
        )


def learnable(kind: Kind, labels: Labels) -> bool:
    """Whether there is anything to tell apart: two classes, where the labels are one class each."""
    return kind not in (Kind.BINARY, Kind.MULTICLASS) or len(np.unique(labels.target)) > 1


def check_classes(task: Task, labels: Labels) -> None:
    """Refuse to fit what cannot be told apart.

    Raises:
        TaskError: there is no label, or a task of classes has one class only.
    """
    if not len(labels):
        raise TaskError(
            "there is no label to fit",
            where=str(task.path),
            fix="check the population and label queries with: rdl tasks",
        )
    if not learnable(task.kind, labels):
        dates = f"{format_time(int(labels.seeds.cutoff.min()))} to {format_time(int(labels.seeds.cutoff.max()))}"
        one = f"{labels.target[0]:g}" if task.kind is Kind.BINARY else repr(task.classes[int(labels.target[0])])
        raise TaskError(
            f"all {len(labels)} labels from {dates} are {one}: one class only",
            where=f"{task.path}, label query",
            fix="check the condition of the label",
        )
