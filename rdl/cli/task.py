"""The commands about one task: `rdl task compile`."""

from pathlib import Path
from typing import Annotated

import typer

from rdl.cli.options import HomeDir, Json, ProjectDir, open_named
from rdl.cli.output import progress, say

app = typer.Typer(help="Write a task.", no_args_is_help=True)


@app.callback()
def _task() -> None:
    """Commands that make task files; a callback keeps `compile` a word of its own."""


@app.command("compile")
def compile_(
    sentence: Annotated[str, typer.Argument(metavar="'PREDICT …'", help="The sentence.")],
    name: Annotated[str | None, typer.Option("--name", help="The task's name; made of the sentence by default.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Write the file into the project's sql/tasks/.")] = False,
    validate: Annotated[str | None, typer.Option("--validate", help="First validation cutoff.")] = None,
    test: Annotated[str | None, typer.Option("--test", help="First test cutoff.")] = None,
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_json: Json = False,
) -> None:
    """Print the task file that a PREDICT sentence stands for."""
    from rdl.task.predict import compile_sentence, write_task
    from rdl.timeline import parse_time

    dates = [None if text is None else parse_time(text) for text in (validate, test)]
    with progress():
        database = open_named(project, home)
        compiled = compile_sentence(sentence, database, name, *dates)
        path = write_task(database, compiled) if write else None
    facts = {"task": compiled.name, "kind": compiled.kind, "sql": compiled.text}
    say(as_json, {**facts, "path": str(path) if path else None}, [f"wrote {path}" if path else compiled.text.rstrip()])
