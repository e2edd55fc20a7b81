"""The commands about the rows: make some, read them, say what was found."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from rdl.cli.options import HomeDir, Json, ProjectDir, Seed, open_named
from rdl.cli.output import progress, say

_WIDE = 120  # characters a line, where there is no terminal to say how many


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to make the project.")] = Path("shop"),
    rows: Annotated[int, typer.Option(help="Order rows.", min=100)] = 200_000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make the demo shop: a project with data, two tasks and planted causes."""
    from rdl.database.demo import write_demo

    with progress():
        summary = write_demo(folder, rows, seed)
    rows_of = {name: int(count) for name, count in summary.rows.items()}
    said = [f"made {folder}", *(f"  {n:<16}{c:>12,}" for n, c in rows_of.items())]
    say(as_json, {"project": str(folder), "rows": rows_of}, said)


def check(project: ProjectDir = Path(), home: HomeDir = None, as_json: Json = False) -> None:
    """Read the database and say what is wrong with it."""
    from rdl.database.checks.report import lines, report, rows

    with progress():
        database = open_named(project, home)
    if as_json:
        for table in rows(database.schema, database.findings):
            note = database.notes.get(table["table"])
            say(as_json, {**table, **({"note": note} if note else {})}, [])
        return
    for name, note in sorted(database.notes.items()):
        print(f"{name}: {note}")
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(report(database.schema, database.findings))
    else:
        print("\n".join(lines(database.schema, database.findings, _WIDE)))
