"""Tasks in RelBench's form: one SELECT over `timestamps` with `{timedelta}`, and the label tables it gives."""

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
from rdl.task.cutoffs import Split, split_cutoffs
from rdl.task.labels import labels_at
from rdl.task.relbench.manifest import FORECAST, GRID
from rdl.task.relbench.tables import rows_upto
from rdl.task.relbench.yaml_file import write_yaml
from rdl.task.seeds import Labels
from rdl.task.task import Kind, Task
from rdl.timeline import format_duration

log = logging.getLogger(__name__)

_TYPES = {Kind.BINARY: "binary_classification", Kind.REGRESSION: "regression"}
_FILE_NAME = re.compile(r"[\w][\w. -]*")
_HORIZON = re.compile(r"\$horizon\b", re.IGNORECASE)


def write_task(database: Database, task: Task, kind: str, dates: RelbenchSplits, folder: Path) -> int:
    """Write the manifest and the three label tables of a task to `folder/tasks/NAME`.

    Returns:
        How many labels are left out because RelBench's database, which ends at the test date, lacks their entity.

    Raises:
        TaskError: the task's name is no folder's, its kind is none of RelBench's, or a split is empty.
        SqlError: a query fails.
    """
    if not _FILE_NAME.fullmatch(task.name):
        raise TaskError(f"{task.name!r} is no folder name", where=str(task.path), fix="name it in plain words")
    if task.kind not in _TYPES:
        raise TaskError(f"kind {task.kind.value!r} is not exported", where=str(task.path), fix="export binary or regression")
    place = folder / "tasks" / task.name
    tables, count, left_out = _label_tables(database, task, dates)
    place.mkdir(parents=True, exist_ok=True)
    for split, table in tables.items():
        pq.write_table(table, place / f"{split.value}.parquet")
    write_yaml(place / "manifest.yaml", _manifest(database, task, kind, dates, count))
    return left_out


def holds(name: str, dates: RelbenchSplits, folder: Path, home: Path) -> bool:
    """Whether rdl, which opens `folder` afresh, gets from the task's SQL the labels that are stored beside it."""
    try:
        database = open_database(open_project(folder, home))
        tables, _, _ = _label_tables(database, find_task(database, name), dates)
    except RdlError as error:
        log.info("export: %s: %s", name, error.what)
        return False
    return all(table.equals(pq.read_table(folder / "tasks" / name / f"{split.value}.parquet")) for split, table in tables.items())


def _label_tables(database: Database, task: Task, dates: RelbenchSplits) -> tuple[dict[Split, pa.Table], int, int]:
    """The label table of every split, asked for at once; how many validation or test cutoffs there are at most; rows left out."""
    cutoffs = {split: split_cutoffs(task, split, database.span) for split in Split}
    labels, _ = labels_at(database, task, np.unique(np.concatenate(list(cutoffs.values()))))
    known = labels[labels.seeds.entity < rows_upto(database, task.entity_table, dates.test)]
    tables = {split: _label_table(task, known[np.isin(known.seeds.cutoff, own)]) for split, own in cutoffs.items()}
    most = max(len(own) for split, own in cutoffs.items() if split is not Split.TRAIN)
    return tables, most, len(labels) - len(known)


def _label_table(task: Task, labels: Labels) -> pa.Table:
    """Time, entity's position, target; in RelBench's order."""
    target = labels.target.astype(np.int64) if task.kind is Kind.BINARY else labels.target
    return pa.table(
        {
            task.cutoff_column: pa.array(labels.seeds.cutoff, pa.timestamp("us")),
            task.entity_columns[0]: pa.array(labels.seeds.entity),
            task.label_column: pa.array(target),
        }
    )


def _manifest(database: Database, task: Task, kind: str, dates: RelbenchSplits, count: int) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": task.name,
        "kind": kind,
        "task_type": _TYPES[task.kind],
        "entity_table": task.entity_table,
        "entity_col": task.entity_columns[0],
        "target_col": task.label_column,
        "time_col": task.cutoff_column,
    }
    if task.horizon <= dates.test - dates.validate:  # RelBench refuses a longer one
        facts["timedelta"] = format_duration(task.horizon)
    if count > 1:
        facts["num_eval_timestamps"] = count
    hidden = [[t.name, c] for t in database.schema.tables.values() for c in t.hide] + [list(pair) for pair in task.hide]
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
    kind = "BIGINT" if task.kind is Kind.BINARY else "DOUBLE"
    table, column = task.grid
    parts = [f"{quote(table)} AS (SELECT {quote(GRID[1])} AS {quote(column)} FROM {quote(GRID[0])})"]
    asked = f"WHERE l.{label} IS NOT NULL AND l.{entity} IN (SELECT {entity} FROM {quote(task.entity_table)})"
    if task.population_sql is not None:
        parts.append(f"_population AS (\n{task.population_sql}\n)")
        asked += f"\n  AND (l.{cutoff}, l.{entity}) IN (SELECT ({cutoff}, {entity}) FROM _population)"
    parts.append(f"_label AS (\n{task.label_sql}\n)")
    sql = f"WITH {', '.join(parts)}\nSELECT l.{cutoff}, l.{entity}, CAST(l.{label} AS {kind}) AS {label}\nFROM _label l\n{asked}"
    return _HORIZON.sub("INTERVAL '{timedelta}'", sql)
