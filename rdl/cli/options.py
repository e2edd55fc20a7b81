"""The options that several commands share, and what they name: the project, its database, a task, a moment."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rdl.database import Database
    from rdl.task import Task

ProjectDir = Annotated[Path, typer.Option("--project", help="The project folder.", show_default="this folder")]
HomeDir = Annotated[Path | None, typer.Option("--home", help="Where rdl keeps what it makes; .rdl in the project by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="A UTC time such as 2025-08-01; the end of the data by default.")]
Seed = Annotated[int, typer.Option("--seed", help="Every random number follows from it.")]
TaskName = Annotated[str, typer.Argument(help="The task's name.")]


def open_named(project: Path, home: Path | None) -> "Database":
    """The database of the project folder that the options name."""
    from rdl.database import open_database
    from rdl.project import open_project

    return open_database(open_project(project, home))


def open_task(project: Path, home: Path | None, name: str) -> "tuple[Database, Task]":
    """The database of the project folder that the options name, and one of its tasks."""
    from rdl.task import find_task

    database = open_named(project, home)
    return database, find_task(database, name)


def moment(text: str | None, database: "Database") -> int:
    """The moment asked for with --as-of, or the first at which every row is visible."""
    from rdl.timeline import parse_time

    return parse_time(text) if text is not None else database.span[1] + 1
