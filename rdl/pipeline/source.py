"""The project as a run sees it: opened once, at one as-of.

Where no as-of is asked for it is the midnight that follows the last event: tonight, as seen from the end of the data. Labels that
look past the last event are not known yet, whatever the clock says, so fitting stops at the earlier of the two.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from rdl.database import Database, open_database
from rdl.database.database import reopen_database
from rdl.errors import PipelineError
from rdl.pipeline.file import Pipeline
from rdl.project import Project, open_project
from rdl.task import Task, find_task, list_tasks
from rdl.timeline import ALWAYS, DAY


@dataclass(frozen=True)
class Source:
    """An opened project at one as-of.

    Attributes:
        as_of: microseconds UTC: rows before it are visible, and the population is asked about at it.
    """

    project: Project
    database: Database
    as_of: int

    @cached_property
    def fit_as_of(self) -> int:
        """The latest moment up to which labels are known: the as-of, or the end of the data where that is earlier."""
        return min(self.as_of, self.database.span[1] + 1)

    def task(self, name: str) -> Task:
        """The task called `name`."""
        return find_task(self.database, name)


def open_source(pipeline: Pipeline, as_of: int | None) -> Source:
    """Open the pipeline's project, reading its rows where that has not been done.

    Raises:
        ProjectError, SchemaError, SqlError: the project or its data is wrong.
        PipelineError: no as-of is given and no table has a time.
    """
    project = open_project(pipeline.project, pipeline.home)
    database = open_database(project)
    return Source(project, database, as_of if as_of is not None else _tonight(database, pipeline))


def reopen_source(pipeline: Pipeline, as_of: int, path: Path, fingerprint: str) -> Source:
    """The project on the rows that this run has read into `path`, though the source may hold others by now.

    Raises:
        ProjectError: the rows are gone, or the project cannot be read any more.
    """
    project = open_project(pipeline.project, pipeline.home)
    return Source(project, reopen_database(project, path, fingerprint), as_of)


def _tonight(database: Database, pipeline: Pipeline) -> int:
    """The midnight after the last event; the moment after it where a task looks ahead by less than that is away."""
    end = database.span[1]
    if end in {0, ALWAYS}:
        raise PipelineError("the data has no last event to start from", where=str(pipeline.project), fix="give --as-of")
    midnight = (end // DAY + 1) * DAY
    tasks = list_tasks(database)
    reach = min((max(task.horizon, task.every) for name, task in tasks.items() if name in pipeline.tasks), default=DAY)
    return midnight if midnight <= end + reach else end + 1


@contextmanager
def glance(pipeline: Pipeline, as_of: int | None) -> Iterator[Source]:
    """`open_source` without a trace in the project's home: rows that were never read are read into a folder that is removed."""
    with tempfile.TemporaryDirectory(prefix="rdl-") as name:
        shadow = Path(name)
        (shadow / "database").mkdir()
        for file in (pipeline.home / "database").glob("*"):
            if file.suffix in {".duckdb", ".json"}:
                (shadow / "database" / file.name).symlink_to(file)
        source = open_source(replace(pipeline, home=shadow), as_of)
        yield replace(source, project=replace(source.project, home=pipeline.home))
