"""Any project as a RelBench v3 folder: the staged rows, the tasks, their label tables.

RelBench names rows by their position: keys become 0, 1, … in the order of time, references become those numbers, and the keys that
were lie in `keys/`. What RelBench has no word for is in the notes, never dropped in silence; what would make its loader fail is
refused. Tables are streamed, and the folder is written aside and moved into place.
"""

import json
import logging
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdl.database import Database
from rdl.errors import RdlError, UsageError
from rdl.project import RelbenchSplits
from rdl.task.catalog import read_catalog
from rdl.task.relbench.export_tables import ExportTable, plan_tables, write_table
from rdl.task.relbench.export_tasks import form_of, holds, write_task
from rdl.task.relbench.folder import find_folder
from rdl.task.relbench.manifest import EXTERNAL, FORECAST
from rdl.task.relbench.yaml_file import write_yaml
from rdl.task.task import Task
from rdl.timeline import format_time

log = logging.getLogger(__name__)

RECORD = "rdl.json"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        tasks: how RelBench gets each task's labels: `forecast` (from SQL, and stored), `autocomplete` (from the rows, and stored),
            `external` (stored alone).
        notes: what RelBench cannot say, and what became of it.
    """

    folder: Path
    tables: tuple[str, ...]
    tasks: dict[str, str]
    notes: tuple[str, ...]


def export_relbench(database: Database, folder: Path, dates: RelbenchSplits | None = None) -> Exported:
    """Write the project's rows and tasks to `folder`, which RelBench loads and rdl opens.

    Args:
        database: the rows.
        folder: new, empty, or an earlier export, which is replaced.
        dates: when validation and test begin; those that most tasks have where none are given.

    Raises:
        UsageError: `folder` holds something else, or no task says when validation and test begin.
        SchemaError: a name or a key cannot be said in RelBench's words.
    """
    catalog = read_catalog(database)
    dates = dates or _dates(database, list(catalog.tasks.values()))
    tables, notes = plan_tables(database.schema)
    notes += [f"task {name}: left out, {error.what}" for name, error in catalog.broken.items()]
    with _aside(folder) as aside:
        for table in tables:
            log.info("export: %s", table.name)
            write_table(database, table, aside)
        _write_manifest(database, tables, dates, aside)
        tasks = _write_tasks(database, list(catalog.tasks.values()), dates, aside, notes)
        _write_record(database, notes, aside)
    return Exported(folder, tuple(table.name for table in tables), tasks, tuple(notes))


def _dates(database: Database, tasks: list[Task]) -> RelbenchSplits:
    folder = find_folder(database.project)
    if folder is not None:
        return folder.splits
    pairs = Counter((task.validate, task.test) for task in tasks)
    if not pairs:
        raise UsageError(
            "no task says when validation and test begin",
            where=str(database.project.root),
            fix="name both dates: --validate 2025-08-01 --test 2025-09-01",
        )
    return RelbenchSplits(*min(pairs, key=lambda pair: (-pairs[pair], pair)))


def _write_manifest(database: Database, tables: tuple[ExportTable, ...], dates: RelbenchSplits, folder: Path) -> None:
    manifest: dict[str, Any] = {
        "name": database.project.name,
        "manifest_version": 1,
        "description": f"{database.project.name}, exported by rdl.",
        "val_timestamp": format_time(dates.validate),
        "test_timestamp": format_time(dates.test),
        "tables": {t.name: {"pkey": t.key, "time_col": t.time, "fkeys": dict(t.references)} for t in tables},
    }
    write_yaml(folder / "manifest.yaml", manifest)


def _write_tasks(database: Database, tasks: list[Task], dates: RelbenchSplits, folder: Path, notes: list[str]) -> dict[str, str]:
    """Every task with its labels; a forecast that does not give the same labels again is written as external."""
    kinds: dict[str, str] = {}
    for task in tasks:
        log.info("export: task %s", task.name)
        try:
            kinds[task.name] = form_of(task, dates)
            left_out = write_task(database, task, kinds[task.name], dates, folder)
            if left_out:
                notes.append(f"task {task.name}: {left_out} labels left out, of {task.entity_table} that come after the test date")
        except RdlError as error:
            shutil.rmtree(folder / "tasks" / task.name, ignore_errors=True)
            del kinds[task.name]
            notes.append(f"task {task.name}: left out, {error.what}")
    with tempfile.TemporaryDirectory(prefix="rdl-") as home:
        for task in tasks:
            if kinds.get(task.name) == FORECAST and not holds(task.name, dates, folder, Path(home)):
                kinds[task.name] = EXTERNAL
                write_task(database, task, EXTERNAL, dates, folder)
    hidden = {column for table in database.schema.tables.values() for column in table.hide}
    for task in (t for t in tasks if t.name in kinds):
        if kinds[task.name] == EXTERNAL:
            notes.append(f"task {task.name}: its labels are stored, and RelBench has no query that makes them again")
        elif read := sorted((hidden | {column for _, column in task.hide}) & set(re.findall(r"\w+", task.label_sql))):
            notes.append(
                f"task {task.name}: RelBench hides {', '.join(read)} from its query too: the stored labels are the ones to use"
            )
    return kinds


def _write_record(database: Database, notes: list[str], folder: Path) -> None:
    lines = [f"# {database.project.name}", "", "Exported by rdl.", "", *(f"- {note}" for note in notes)]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    record = {"project": database.project.name, "snapshot": database.fingerprint, "notes": notes}
    (folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder beside `folder` that takes its place where the body succeeds, and is removed where it does not."""
    if folder.exists() and not (folder.is_dir() and ((folder / RECORD).is_file() or not any(folder.iterdir()))):
        raise UsageError(f"{folder} holds something else", where=str(folder), fix="name a new folder, or an earlier export")
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("tmp", "old"))
    try:
        aside.mkdir()
        yield aside
        if folder.exists():
            os.replace(folder, old)
        os.replace(aside, folder)
    except BaseException:
        if old.exists() and not folder.exists():
            os.replace(old, folder)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
