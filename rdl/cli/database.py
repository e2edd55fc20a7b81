"""The commands about the rows: make some, read them, say what was found."""

from pathlib import Path
from typing import Annotated

import typer

from rdl.cli.options import HomeDir, Json, ProjectDir, Seed, open_named
from rdl.cli.output import progress, say


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
    """Read the database and say what was found in it."""
    from dataclasses import asdict

    with progress():
        database = open_named(project, home)
    for name, report in sorted(database.report.items()):
        table = database.schema[name]
        line = f"{name}: {report.rows:,} rows, key {', '.join(table.key) or 'none'}, time {table.time or 'none'}"
        found = [f"{n:,} dangling {column} (read as null)" for column, n in report.dangling.items()]
        found += [f"{report.null_times:,} null times (never visible)"] if report.null_times else []
        found += [f"not read: {', '.join(report.unread)}"] if report.unread else []
        say(as_json, {"table": name, **asdict(report)}, [line, *(f"  {f}" for f in found)])
