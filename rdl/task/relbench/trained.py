"""The task to train that a manifest describes, of every kind and type of RelBench's.

- A forecast asks its SQL at cutoffs one window apart; its windows (c, c + window] are closed on the right.
- An autocomplete asks for a hidden column of every row, a microsecond after its time; rows without a key are named by their place.
- An external task reads its stored tables at the times that stand in them; their hash is part of its label query, so that nothing
  which is kept of other labels is mistaken for these.

A multilabel target of RelBench's is a list of 0 and 1; here its classes are the places of the ones.
"""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rdl.database import Database, quote
from rdl.errors import TaskError
from rdl.project import RelbenchSplits
from rdl.task.cutoffs import Split
from rdl.task.fixed import ROW, STORED, moments_of, row_cutoffs, stored_hash, stored_split
from rdl.task.relbench.manifest import AUTOCOMPLETE, EXTERNAL, GRID, KINDS, TaskManifest, forecast_sql
from rdl.task.seeds import Int
from rdl.task.task import DEFAULT_METRIC, Kind, Task
from rdl.timeline import DAY, format_time

_PARTS = 100  # into so many the time of own cutoffs is divided, to measure the past
_FLOATS = {"DOUBLE", "FLOAT"}


@dataclass(frozen=True)
class _Labels:
    """Where a task's labels come from, and when."""

    sql: str
    horizon: int
    every: int
    validate: int
    test: int
    listed: tuple[int, ...] = ()


def manifest_task(manifest: TaskManifest, splits: RelbenchSplits, database: Database) -> Task:
    """The task of a manifest, with the dates of its dataset.

    Raises:
        TaskError: it is scored by a protocol of its own, it names no table or column of the database, or its labels are missing,
            have no time, or are of splits that overlap.
    """
    if manifest.kind == EXTERNAL and manifest.evaluator:
        raise TaskError(
            f"the task is scored by {manifest.evaluator!r}, outside of RelBench and rdl",
            where=str(manifest.path),
            fix="its label tables can be read: rdl.task.relbench.tables.label_table",
        )
    kind = KINDS[manifest.task_type]
    named = _named(manifest, database)
    make = {AUTOCOMPLETE: _autocomplete, EXTERNAL: _external}.get(manifest.kind, _forecast)
    labels = make(named, splits, database)
    return Task(
        name=manifest.name,
        kind=kind,
        entity_table=str(named.entity_table),
        entity_columns=(str(named.entity_col),),
        horizon=labels.horizon,
        every=labels.every,
        validate=labels.validate,
        test=labels.test,
        metric=DEFAULT_METRIC[kind],
        label_sql=labels.sql,
        population_sql=None,
        path=manifest.path,
        cutoff_column=str(named.time_col),
        label_column=str(named.target_col),
        grid=GRID,
        closed=True,
        evaluations=None if labels.listed else manifest.num_eval_timestamps,
        hide=manifest.hidden,
        listed=labels.listed,
        target_table=manifest.dst_entity_table if manifest.recommends else None,
        top=manifest.eval_k or 10,
        autocomplete=manifest.kind == AUTOCOMPLETE,
        stored=manifest.kind == EXTERNAL,
        fixed=bool(labels.listed),
    )


def entity_column(manifest: TaskManifest, database: Database) -> str:
    """What names the entities in the labels: the source of a recommendation, the entity column, or the entity table's key."""
    if manifest.recommends:
        return str(manifest.src_entity_col)
    key = database.schema[str(manifest.entity_table)].key
    return manifest.entity_col or (key[0] if key else ROW)


def as_label(manifest: TaskManifest, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of one of RelBench's label tables as the task's own label query gives it."""
    if manifest.task_type == "multilabel_classification":
        return pa.chunked_array([pa.array([_places(row) for row in column.to_pylist()], pa.list_(pa.int64()))])
    if KINDS[manifest.task_type] is Kind.MULTICLASS and pa.types.is_floating(column.type):
        return column.cast(pa.int64())
    return column


def _places(row: list[int] | None) -> list[int] | None:
    return None if row is None else [place for place, value in enumerate(row) if value == 1]


def _named(manifest: TaskManifest, database: Database) -> TaskManifest:
    """The manifest with one name each for the entity's table and column, the time's and the target's, whatever its kind.

    Raises:
        TaskError: there is no such table.
    """
    table = str(manifest.src_entity_table if manifest.recommends else manifest.entity_table)
    if table not in database.schema.tables:
        raise TaskError(f"no table {table!r}", where=str(manifest.path), fix="name a table of the dataset")
    time = database.schema[table].time if manifest.kind == AUTOCOMPLETE else manifest.time_col
    if time is None:
        what = f"table {table!r} has no time" if manifest.kind == AUTOCOMPLETE else "the stored labels have no time_col"
        raise TaskError(f"{what} to split by", where=str(manifest.path), fix="name its time_col")
    target = manifest.dst_entity_col if manifest.recommends else manifest.target_col
    return replace(
        manifest,
        entity_table=table,
        entity_col=entity_column(manifest, database),
        time_col=GRID[1] if manifest.kind == AUTOCOMPLETE else time,
        target_col=target or "target",
    )


def _forecast(manifest: TaskManifest, splits: RelbenchSplits, database: Database) -> _Labels:  # noqa: ARG001 - one of three
    horizon = manifest.timedelta
    assert horizon is not None, "a forecast has a window"
    sql = forecast_sql(manifest)
    if manifest.task_type == "multilabel_classification":
        target = quote(str(manifest.target_col))
        sql = f"SELECT * REPLACE ({_ones(target)} AS {target}) FROM (\n{sql.rstrip().rstrip(';')}\n)"
    return _Labels(sql, horizon, horizon, splits.validate, splits.test)


def _autocomplete(manifest: TaskManifest, splits: RelbenchSplits, database: Database) -> _Labels:
    table, target = str(manifest.entity_table), str(manifest.target_col)
    kind = database.schema[table].column(target).sql_type
    listed = row_cutoffs(database, table, target)
    column = f"e.{quote(target)}"
    known = f"{column} IS NOT NULL" + (f" AND NOT isnan({column})" if kind in _FLOATS else "")
    sql = (
        f"SELECT t.{quote(GRID[1])}, e.{quote(str(manifest.entity_col))}, {_value(manifest, column, kind)} AS {quote(target)}\n"
        f"FROM {quote(GRID[0])} t\n"
        f"JOIN rows.{quote(table)} e ON e._time = epoch_us(t.{quote(GRID[1])}) - 1\n"
        f"WHERE {known}"
    )
    return _Labels(sql, 0, _step(listed), splits.validate + 2, splits.test + 2, tuple(listed.tolist()))


def _external(manifest: TaskManifest, splits: RelbenchSplits, database: Database) -> _Labels:  # noqa: ARG001 - one of three
    folder, time, target = manifest.path.parent, str(manifest.time_col), str(manifest.target_col)
    moments = {split: np.unique(moments_of(stored_split(folder, split), time)) for split in Split}
    for earlier, later in ((Split.TRAIN, Split.VALIDATION), (Split.VALIDATION, Split.TEST)):
        if not len(moments[earlier]) or not len(moments[later]) or moments[earlier][-1] >= moments[later][0]:
            raise TaskError(
                f"the stored {earlier.value} labels do not all lie before those of {later.value}"
                + (
                    f", which begin on {format_time(int(moments[later][0]))}"
                    if len(moments[later])
                    else ", of which there are none"
                ),
                where=str(folder),
                fix="store splits that follow one another in time",
            )
    kind = pq.read_schema(folder / f"{Split.TRAIN.value}.parquet").field(target).type
    column = f"s.{quote(target)}"
    value = column if manifest.recommends else _value(manifest, column, "DOUBLE" if pa.types.is_floating(kind) else "")
    sql = (
        f"-- stored labels: {stored_hash(folder)}\n"
        f"SELECT s.{quote(time)}::TIMESTAMP AS {quote(time)}, s.{quote(str(manifest.entity_col))}, {value} AS {quote(target)}\n"
        f"FROM {quote(STORED)} s SEMI JOIN {quote(GRID[0])} t ON t.{quote(GRID[1])} = s.{quote(time)}::TIMESTAMP"
    )
    listed = np.concatenate(list(moments.values()))
    first = {split: int(found[0]) for split, found in moments.items()}
    times = first[Split.VALIDATION], first[Split.TEST]
    return _Labels(sql, manifest.timedelta or 0, _step(listed), *times, tuple(listed.tolist()))


def _value(manifest: TaskManifest, column: str, kind: str) -> str:
    """A column of labels as rdl takes them: classes in whole numbers where a null made them floating, lists of ones as places."""
    if manifest.task_type == "multilabel_classification":
        return _ones(column)
    return f"{column}::BIGINT" if KINDS[manifest.task_type] is Kind.MULTICLASS and kind in _FLOATS else column


def _ones(column: str) -> str:
    """The places of the ones in a list of 0 and 1."""
    return f"list_filter(range(len({column})), lambda place: {column}[place + 1] = 1)"


def _step(listed: Int) -> int:
    return max(DAY, int(listed[-1] - listed[0]) // _PARTS) if len(listed) else DAY
