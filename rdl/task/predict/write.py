"""A compiled task, put where the project's tasks stand."""

import os
import re
from pathlib import Path

from rdl.database import Database
from rdl.errors import TaskError
from rdl.task.catalog import list_tasks
from rdl.task.predict.compile import Compiled
from rdl.task.taskfile import read_task_file

_NAME = re.compile(r"\w[\w-]*")


def write_task(database: Database, compiled: Compiled) -> Path:
    """Write the file to `sql/tasks/NAME.sql`, once the code that reads task files has read it.

    Raises:
        TaskError: the project's tasks are RelBench's, or the name is no file's or is taken.
    """
    project = database.project
    if project.relbench:
        raise TaskError(
            "a RelBench folder holds no SQL files of tasks", where=str(project.root), fix="print the task, without --write"
        )
    if not _NAME.fullmatch(compiled.name):
        raise TaskError(f"{compiled.name!r} is no name of a task", fix="use letters, digits, _ and -: --name churn")
    path = project.root / "sql" / "tasks" / f"{compiled.name}.sql"
    if path.exists() or compiled.name in list_tasks(database):
        raise TaskError(f"there is a task {compiled.name!r} already", where=str(path), fix="choose another one with --name")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.{os.getpid()}.tmp")
    aside.write_text(compiled.text, encoding="utf-8")
    try:
        read_task_file(aside, database.schema)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
    return path
