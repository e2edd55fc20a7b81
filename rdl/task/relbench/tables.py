"""The label tables of a RelBench task, row for row those of RelBench's own loader: stored where it stores them, computed where not.

RelBench's words hold here: the database "up to" a time includes that time, an entity beyond the database up to the test date is
dangling, and rows stand in the order of (time, entity).
"""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rdl.database import Database, quote
from rdl.errors import TaskError
from rdl.project import RelbenchSplits
from rdl.task.cutoffs import Split
from rdl.task.relbench.folder import find_folder
from rdl.task.relbench.manifest import AUTOCOMPLETE, EXTERNAL, GRID, TaskManifest, forecast_sql
from rdl.task.seeds import Int
from rdl.timeline import SECOND, to_datetime


def label_table(
    database: Database, manifest: TaskManifest, split: Split, splits: RelbenchSplits | None = None, *, regenerate: bool = False
) -> pa.Table:
    """The label table of one split, as RelBench's `task.get_table(split, mask_input_cols=False)` gives it.

    Args:
        database: the rows that the labels come from.
        manifest: the task.
        split: which table.
        splits: the dataset's dates; those of the project where none are given.
        regenerate: compute the labels even where they are stored.

    Returns:
        The time, the entity (or the source and the list of destinations), the target; ordered by time and entity.

    Raises:
        TaskError: an external task stores no such table, the split is empty, or the columns are not those declared.
        SqlError: the manifest's SQL fails.
    """
    stored = manifest.path.with_name(f"{split.value}.parquet")
    if stored.is_file() and (not regenerate or manifest.kind == EXTERNAL):
        return _checked(_read(stored), manifest)
    if manifest.kind == EXTERNAL:
        raise TaskError(
            f"external labels are stored, not computed, and {stored.name} is not there", where=str(manifest.path), fix="fetch it"
        )
    if splits is None:
        folder = find_folder(database.project)
        assert folder is not None, "a manifest belongs to a RelBench dataset"
        splits = folder.splits
    make = _autocompleted if manifest.kind == AUTOCOMPLETE else _forecast
    return _ordered(_checked(make(database, manifest, split, splits), manifest), manifest)


def _read(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise TaskError(f"unreadable label table: {error}", where=str(path), fix="fetch it again") from error


def _checked(table: pa.Table, manifest: TaskManifest) -> pa.Table:
    wanted = (manifest.time_col, manifest.entity_col, manifest.src_entity_col, manifest.dst_entity_col)
    for column in filter(None, wanted):
        if column not in table.column_names:
            raise TaskError(
                f"the label table lacks the column {column!r}: it has {', '.join(table.column_names)}",
                where=str(manifest.path),
                fix="name the columns as the manifest does",
            )
    return table


def _forecast(database: Database, manifest: TaskManifest, split: Split, splits: RelbenchSplits) -> pa.Table:
    cutoffs = _cutoffs(manifest, split, splits, database.span)
    sql = forecast_sql(manifest)
    if split is not Split.TEST:
        sql = f"WITH {_upto(database, splits.test)} SELECT * FROM (\n{sql.rstrip().rstrip(';')}\n)"
    grid = {GRID[0]: pa.table({GRID[1]: pa.array(cutoffs, pa.timestamp("us"))})}
    with database.sandbox() as sandbox:
        found = sandbox.select(sql, f"{manifest.path}, sql", grid, {"horizon": timedelta(microseconds=manifest.timedelta or 0)})
    return _without_dangling(database, _checked(found, manifest), manifest, splits.test)


def _cutoffs(manifest: TaskManifest, split: Split, splits: RelbenchSplits, span: tuple[int, int]) -> Int:
    """The timestamps [k] of a split."""
    window, count = manifest.timedelta or 1, manifest.num_eval_timestamps
    if split is Split.TRAIN:
        found = np.arange(splits.validate - window, span[0] - 1, -window, dtype=np.int64)
    else:
        start, stop = (splits.validate, splits.test) if split is Split.VALIDATION else (splits.test, span[1])
        found = np.arange(start, stop - window + 1, window, dtype=np.int64)[:count]
    if not len(found):
        raise TaskError(
            f"the {split.value} split has no timestamp whose window ends in time",
            where=str(manifest.path),
            fix="set the dataset's dates so that every split has room for timedelta",
        )
    return found


def _upto(database: Database, moment: int) -> str:
    """Common table expressions that stand for every table with a time, cut off after `moment`."""
    text = to_datetime(moment).isoformat(sep=" ")
    views = [
        f"{quote(t.name)} AS (SELECT * FROM main.{quote(t.name)} WHERE {quote(t.time)} <= TIMESTAMP '{text}')"
        for t in database.schema.tables.values()
        if t.time is not None
    ]
    return ", ".join(views or ['"_none" AS (SELECT 1)'])


def _autocompleted(database: Database, manifest: TaskManifest, split: Split, splits: RelbenchSplits) -> pa.Table:
    """Every row of the entity table in the split's time, with its target; without a key, rows are named by their position."""
    table = database.schema[str(manifest.entity_table)]
    target = table.column(str(manifest.target_col)).name
    if table.time is None:
        raise TaskError(f"table {table.name!r} has no time to split by", where=str(manifest.path), fix="name its time_col")
    start, end = {
        Split.TRAIN: (database.span[0] - SECOND, splits.validate),
        Split.VALIDATION: (splits.validate, splits.test),
        Split.TEST: (splits.test, database.span[1]),
    }[split]
    key = quote(table.key[0]) if table.key else '_row AS "primary_key"'
    known = f"{quote(target)} IS NOT NULL"
    if table.column(target).sql_type in {"DOUBLE", "FLOAT"}:
        known += f" AND NOT isnan({quote(target)})"
    with database.engine() as engine:
        return engine.arrow(
            f"SELECT {quote(table.time)}, {key}, {quote(target)} FROM rows.{quote(table.name)} "
            f"WHERE _time - {table.lag} > {start} AND _time - {table.lag} <= {end} AND {known} ORDER BY _row"
        )


def _without_dangling(database: Database, table: pa.Table, manifest: TaskManifest, test: int) -> pa.Table:
    """The rows whose entities are in the database up to the test date."""
    if not manifest.recommends:
        count = rows_upto(database, str(manifest.entity_table), test)
        return table.filter(pc.invert(pc.fill_null(pc.greater_equal(table[manifest.entity_col], count), fill_value=False)))
    source = rows_upto(database, str(manifest.src_entity_table), test)
    target = rows_upto(database, str(manifest.dst_entity_table), test)
    column = str(manifest.dst_entity_col)
    lists = [sorted(d for d in row if d is not None and d < target) for row in table[column].to_pylist()]
    place = table.column_names.index(column)
    table = table.set_column(place, column, pa.array(lists, table.schema.field(place).type))
    known = pc.fill_null(pc.less(table[manifest.src_entity_col], source), fill_value=True)
    return table.filter(pc.and_(known, pc.greater(pc.list_value_length(table[column]), 0)))


def rows_upto(database: Database, name: str, moment: int) -> int:
    """Rows of a table up to and including `moment`, microseconds UTC; all of a static one."""
    table = database.schema[name]
    law = "true" if table.time is None else f"_time - {table.lag} <= {moment}"
    with database.engine() as engine:
        return int(engine.numpy(f"SELECT count(*) AS n FROM rows.{quote(name)} WHERE {law}")["n"][0])


def _ordered(table: pa.Table, manifest: TaskManifest) -> pa.Table:
    """Ordered by time, then entity or source; rows without one come last, as pandas puts them."""
    entity = manifest.src_entity_col if manifest.recommends else (manifest.entity_col or table.column_names[1])
    time = manifest.time_col or table.column_names[0]
    return table.sort_by([(time, "ascending"), (str(entity), "ascending")])
