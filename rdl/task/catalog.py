"""Which tasks a project has. A task file that is wrong hides no other: it is kept with its error, which asking for it raises."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rdl.database import Database
from rdl.errors import RdlError, TaskError, nearest
from rdl.project import Project
from rdl.task.relbench.folder import RelbenchFolder, find_folder
from rdl.task.relbench.manifest import read_manifest
from rdl.task.relbench.trained import manifest_task
from rdl.task.task import Task
from rdl.task.taskfile import read_task_file
from rdl.timeline import DAY

_PARTS = 100  # into so many the time of the data is divided, to measure the past where labels look at no time ahead
_NAMED = re.compile(r"^\s*(?:task\s*=|name:)\s*[\"']?([^\"'\n]+?)[\"']?\s*(?:#.*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Catalog:
    """The tasks of a project.

    Attributes:
        tasks: those that can be asked, by name.
        broken: why the others cannot, by the name in their file, or the file's own name.
    """

    tasks: Mapping[str, Task]
    broken: Mapping[str, RdlError]


def read_catalog(database: Database) -> Catalog:
    """Every task file of the project, read.

    Raises:
        ProjectError: the project's `relbench://` source cannot be had.
    """
    folder = find_folder(database.project)
    tasks: dict[str, Task] = {}
    broken: dict[str, RdlError] = {}
    for path in _sql_files(database.project) + (folder.manifests if folder else []):
        try:
            task = _read(database, folder, path)
        except RdlError as error:
            broken[_name(path)] = error
            continue
        twin = tasks.get(task.name)
        if twin is not None:
            what = f"two tasks are called {task.name!r}"
            broken[task.name] = TaskError(what, where=f"{twin.path} and {path}", fix="rename one")
        tasks[task.name] = task
    return Catalog({name: task for name, task in tasks.items() if name not in broken}, broken)


def list_tasks(database: Database) -> dict[str, Task]:
    """Every task of the project that can be asked, by name; `read_catalog` tells of the others."""
    return dict(read_catalog(database).tasks)


def find_task(database: Database, name: str) -> Task:
    """The task called `name`.

    Raises:
        TaskError: there is none, or its file is wrong.
    """
    catalog = read_catalog(database)
    if name in catalog.broken:
        raise catalog.broken[name]
    if name not in catalog.tasks:
        known = (*catalog.tasks, *catalog.broken)
        raise TaskError(f"no task {name!r} in this project", where=str(database.project.root), fix=nearest(name, known))
    return catalog.tasks[name]


def _read(database: Database, folder: RelbenchFolder | None, path: Path) -> Task:
    if path.suffix == ".yaml":
        assert folder is not None
        task = manifest_task(read_manifest(path), folder.splits, database)
    else:
        task = read_task_file(path, database.schema)
    if task.fixed:  # what is known at a cutoff of its own is known then
        return task
    return _after_all_rows(database, task) if task.static else replace(task, lag=_lag(database, task))


def _after_all_rows(database: Database, task: Task) -> Task:
    """A static task with its one cutoff."""
    first, last = database.span
    return replace(task, validate=last + 1, test=last + 1, every=max(DAY, (last - first) // _PARTS))


def _sql_files(project: Project) -> list[Path]:
    return [] if project.relbench else sorted(project.root.glob("sql/tasks/**/*.sql"))


def _name(path: Path) -> str:
    """What a file that cannot be read calls its task, as well as it can be seen."""
    try:
        match = _NAMED.search(path.read_text(encoding="utf-8-sig", errors="replace"))
    except OSError:
        match = None
    if match:
        return match.group(1)
    return path.parent.name if path.suffix == ".yaml" else path.stem


def _lag(database: Database, task: Task) -> int:
    """The longest lag of the tables that the label query names, read as words so that none is missed."""
    words = {word.lower() for word in re.findall(r"\w+", task.label_sql)}
    return max(
        (t.lag for t in database.schema.tables.values() if words >= {w.lower() for w in re.findall(r"\w+", t.name)}), default=0
    )
