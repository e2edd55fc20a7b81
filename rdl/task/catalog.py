"""Which tasks a project has."""

import re
from dataclasses import replace
from pathlib import Path

from rdl.database import Database
from rdl.errors import TaskError, nearest
from rdl.project import Project
from rdl.task.relbench import read_manifest
from rdl.task.task import Task
from rdl.task.taskfile import read_task_file


def list_tasks(database: Database) -> dict[str, Task]:
    """Every task of the project by name.

    Raises:
        TaskError: a task file is wrong, or two files name the same task.
    """
    project = database.project
    tasks: dict[str, Task] = {}
    for path in task_paths(project):
        task = read_manifest(project, path) if path.suffix == ".yaml" else read_task_file(path, _entity_keys(database))
        task = replace(task, lag=_lag(database, task))
        if task.name in tasks:
            raise TaskError(f"two tasks are called {task.name!r}", where=f"{tasks[task.name].path} and {path}", fix="rename one")
        tasks[task.name] = task
    return tasks


def find_task(database: Database, name: str) -> Task:
    """The task called `name`.

    Raises:
        TaskError: there is none.
    """
    tasks = list_tasks(database)
    if name not in tasks:
        raise TaskError(f"no task {name!r} in this project", where=str(database.project.root), fix=nearest(name, tasks))
    return tasks[name]


def task_paths(project: Project) -> list[Path]:
    """The files that hold tasks."""
    if project.relbench:
        return sorted(project.root.glob("tasks/*/manifest.yaml"))
    return sorted(project.root.glob("sql/tasks/**/*.sql"))


def _lag(database: Database, task: Task) -> int:
    """The longest lag of the tables that the label query names, read as words so that none is missed."""
    words = {word.lower() for word in re.findall(r"\w+", task.label_sql)}
    return max(
        (t.lag for t in database.schema.tables.values() if words >= {w.lower() for w in re.findall(r"\w+", t.name)}), default=0
    )


def _entity_keys(database: Database) -> dict[str, str]:
    return {name: table.key[0] for name, table in database.schema.tables.items() if len(table.key) == 1}
