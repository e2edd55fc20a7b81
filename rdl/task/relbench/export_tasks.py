"""Tasks in RelBench's form: their label tables, and one SELECT over `timestamps` with `{timedelta}` where that gives them again.

Sets of classes become lists of 0 and 1, a place for each class in their own order, which the manifest's description names.
"""

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rdl.database import Database, open_database, quote
from rdl.errors import RdlError, TaskError
from rdl.project import RelbenchSplits, open_project
from rdl.task.catalog import find_task
from rdl.task.classes import known
from rdl.task.cutoffs import Split, split_cutoffs
from rdl.task.labels import labels_at, split_labels
from rdl.task.relbench.manifest import AUTOCOMPLETE, EXTERNAL, FORECAST, GRID, KINDS
from rdl.task.relbench.tables import rows_upto
from rdl.task.relbench.yaml_file import write_yaml
from rdl.task.seeds import Labels, Lists
from rdl.task.settle import with_classes
from rdl.task.task import Kind, Task
from rdl.timeline import format_duration

log = logging.getLogger(__name__)

_TYPES = {kind: word for word, kind in KINDS.items()}
_ASKED = (Kind.BINARY, Kind.REGRESSION, Kind.MULTICLASS)  # whose labels hold no keys, and are one value
_FILE_NAME = re.compile(r"[\w][\w. -]*")
_HORIZON = re.compile(r"\$horizon\b", re.IGNORECASE)


def write_task(database: Database, task: Task, kind: str, dates: RelbenchSplits, folder: Path) -> int:
    """Write the manifest and the three label tables of a task to `folder/tasks/NAME`.

    Returns:
        How many labels are left out because RelBench's database, which ends at the test date, lacks their entity.

    Raises:
        TaskError: the task's name is no folder's, it has no time, or a split is empty.
        SqlError: a query fails.
    """
    if not _FILE_NAME.fullmatch(task.name):
        raise TaskError(f"{task.name!r} is no folder name", where=str(task.path), fix="name it in plain words")
    if task.static:
        raise TaskError("RelBench has no tasks without time", where=str(task.path), fix="give it horizon, validate and test")
    task = _settled(database, task)
    place = folder / "tasks" / task.name
    tables, count, left_out = _label_tables(database, task, dates)
    empty = next((split.value for split, table in tables.items() if not table.num_rows), None)
    if empty is not None:
        raise TaskError(
            f"no {empty} label is of rows that RelBench's database, which ends at the test date, holds",
            where=str(task.path),
            fix="set the test date later",
        )
    place.mkdir(parents=True, exist_ok=True)
    for split, table in tables.items():
        pq.write_table(table, place / f"{split.value}.parquet")
    write_yaml(place / "manifest.yaml", _manifest(database, task, kind, dates, count))
    return left_out


def holds(name: str, dates: RelbenchSplits, folder: Path, home: Path) -> bool:
    """Whether rdl, which opens `folder` afresh, gets from the task's SQL the labels that are stored beside it."""
    try:
        database = open_database(open_project(folder, home))
        task = _settled(database, find_task(database, name))
        tables, _, _ = _asked_tables(database, task, dates)
    except RdlError as error:
        log.info("export: %s: %s", name, error.what)
        return False
    return all(table.equals(pq.read_table(folder / "tasks" / name / f"{split.value}.parquet")) for split, table in tables.items())


def _settled(database: Database, task: Task) -> Task:
    """The task with all the classes that its labels name."""
    return with_classes(database, task, database.span[1] + 2 + task.last_read(0))


def _label_tables(database: Database, task: Task, dates: RelbenchSplits) -> tuple[dict[Split, pa.Table], int, int]:
    """The label table of every split; how many validation or test cutoffs there are at most; rows left out."""
    if task.path.suffix != ".yaml":
        return _asked_tables(database, task, dates)
    names = _columns(database, task)
    labels = {split: split_labels(database, task, split) for split in Split}
    most = max(len(split_cutoffs(task, split, database.span)) for split in (Split.VALIDATION, Split.TEST))
    return {split: _label_table(task, found, names) for split, found in labels.items()}, most, 0


def _asked_tables(database: Database, task: Task, dates: RelbenchSplits) -> tuple[dict[Split, pa.Table], int, int]:
    """The same, asked of the label query for all splits at once."""
    cutoffs = {split: split_cutoffs(task, split, database.span) for split in Split}
    labels, _ = labels_at(database, task, np.unique(np.concatenate(list(cutoffs.values()))))
    there = _upto(database, task, labels, dates)
    names = _columns(database, task)
    tables = {split: _label_table(task, there[np.isin(there.seeds.cutoff, own)], names) for split, own in cutoffs.items()}
    most = max(len(own) for split, own in cutoffs.items() if split is not Split.TRAIN)
    return tables, most, len(labels) - len(there)


def form_of(task: Task, dates: RelbenchSplits) -> str:
    """How RelBench may get the task's labels: from a column of each row, from SQL at the dataset's dates, or stored alone."""
    if task.fixed:
        return AUTOCOMPLETE if task.autocomplete else EXTERNAL
    asked = task.kind in _ASKED and len(task.entity_columns) == 1
    return FORECAST if asked and (task.validate, task.test) == (dates.validate, dates.test) else EXTERNAL


def _upto(database: Database, task: Task, labels: Labels, dates: RelbenchSplits) -> Labels:
    """The labels of rows and about rows that are in RelBench's database, which ends at the test date, and of known classes."""
    labels = labels[(labels.seeds.entity < rows_upto(database, task.entity_table, dates.test)) & known(task, labels.target)]
    if labels.lists is None:
        return labels
    lists = labels.lists
    there = lists.rows < rows_upto(database, str(task.target_table), dates.test)
    starts = np.concatenate([[0], np.cumsum(there)])[lists.starts]
    kept = Lists(starts, lists.rows[there])
    return Labels(labels.seeds, kept.sizes.astype(np.float64), kept)[kept.sizes > 0]


def _columns(database: Database, task: Task) -> tuple[str, str, str]:
    """What the label table calls time, entity and target; an autocomplete's are those of its table."""
    entity = task.entity_columns[0] if len(task.entity_columns) == 1 else "entity"
    time = database.schema[task.entity_table].time if task.autocomplete and task.fixed else None
    return time or task.cutoff_column, entity, task.label_column


def _label_table(task: Task, labels: Labels, names: tuple[str, str, str]) -> pa.Table:
    """Time, entity's position, target; in RelBench's order."""
    late = 1 if task.autocomplete and task.fixed else 0  # a row's own label belongs to the microsecond after its time
    columns = pa.array(labels.seeds.cutoff - late, pa.timestamp("us")), pa.array(labels.seeds.entity), _targets(task, labels)
    return pa.table(dict(zip(names, columns, strict=True)))


def _targets(task: Task, labels: Labels) -> pa.Array:
    """[n] 0 or 1, values, classes, lists of 0 and 1, or lists of positions."""
    if task.kind is Kind.BINARY:
        return pa.array(labels.target.astype(np.int64))
    if task.kind is Kind.REGRESSION:
        return pa.array(labels.target)
    if task.kind is Kind.MULTICLASS:
        return pa.array(list(task.classes)).take(pa.array(labels.target.astype(np.int64)))
    if task.kind is Kind.MULTILABEL:
        places = [task.classes.index(c) for c in sorted(task.classes)]
        return pa.array(labels.target[:, places].astype(np.int64).tolist(), pa.list_(pa.int64()))
    assert labels.lists is not None
    return pa.ListArray.from_arrays(pa.array(labels.lists.starts, pa.int32()), pa.array(labels.lists.rows))


def _manifest(database: Database, task: Task, kind: str, dates: RelbenchSplits, count: int) -> dict[str, Any]:
    time, entity, target = _columns(database, task)
    facts: dict[str, Any] = {"name": task.name, "kind": kind, "task_type": _TYPES[task.kind]}
    if task.kind is Kind.RECOMMENDATION:
        facts |= {"src_entity_table": task.entity_table, "src_entity_col": entity}
        facts |= {"dst_entity_table": task.target_table, "dst_entity_col": target, "eval_k": task.top, "time_col": time}
    elif kind == AUTOCOMPLETE:
        facts |= {"entity_table": task.entity_table, "target_col": target}
    else:
        facts |= {"entity_table": task.entity_table, "entity_col": entity, "target_col": target, "time_col": time}
    if task.kind is Kind.MULTILABEL:
        facts["description"] = f"The places of a target are the classes {', '.join(map(str, sorted(task.classes)))}."
    if 0 < task.horizon <= dates.test - dates.validate:  # RelBench refuses a longer one
        facts["timedelta"] = format_duration(task.horizon)
    if count > 1 and not task.fixed and task.kind is not Kind.RECOMMENDATION:  # RelBench ranks at one cutoff a split
        facts["num_eval_timestamps"] = count
    hidden = [[t.name, c] for t in database.schema.tables.values() for c in t.hide] + [list(pair) for pair in task.hide]
    if kind == AUTOCOMPLETE:  # RelBench takes the target out by itself
        hidden.remove([task.entity_table, task.label_column])
    if hidden:
        facts["remove_columns"] = hidden
    if kind == FORECAST:
        facts["sql"] = relbench_sql(task)
    return {**facts, "manifest_version": 1}


def relbench_sql(task: Task) -> str:
    """The task's queries as the one that RelBench runs: only known entities of the population, only known labels."""
    if task.grid == GRID:
        return task.label_sql
    cutoff, entity, label = (quote(c) for c in (task.cutoff_column, task.entity_columns[0], task.label_column))
    kind = {Kind.BINARY: "BIGINT", Kind.REGRESSION: "DOUBLE"}.get(task.kind)
    value = f"l.{label}" if kind is None else f"CAST(l.{label} AS {kind}) AS {label}"
    table, column = task.grid
    parts = [f"{quote(table)} AS (SELECT {quote(GRID[1])} AS {quote(column)} FROM {quote(GRID[0])})"]
    asked = f"WHERE l.{label} IS NOT NULL AND l.{entity} IN (SELECT {entity} FROM {quote(task.entity_table)})"
    if task.population_sql is not None:
        parts.append(f"_population AS (\n{task.population_sql}\n)")
        asked += f"\n  AND (l.{cutoff}, l.{entity}) IN (SELECT ({cutoff}, {entity}) FROM _population)"
    parts.append(f"_label AS (\n{task.label_sql}\n)")
    sql = f"WITH {', '.join(parts)}\nSELECT l.{cutoff}, l.{entity}, {value}\nFROM _label l\n{asked}"
    return _HORIZON.sub("INTERVAL '{timedelta}'", sql)
