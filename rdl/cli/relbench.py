"""The commands that write for RelBench: a project as its folder, predictions as its submission."""

from pathlib import Path
from typing import Annotated

import typer

from rdl.cli.options import HomeDir, Json, ProjectDir, TaskName, open_named
from rdl.cli.output import progress, say

app = typer.Typer(help="Write the project or its predictions in another's form.", no_args_is_help=True)

_Date = "the date most tasks have by default"


@app.command()
def relbench(
    folder: Annotated[Path, typer.Argument(help="A new folder, or an earlier export, which is replaced.")],
    project: ProjectDir = Path(),
    home: HomeDir = None,
    validate: Annotated[str | None, typer.Option("--validate", help="When validation begins.", show_default=_Date)] = None,
    test: Annotated[str | None, typer.Option("--test", help="When testing begins.", show_default=_Date)] = None,
    as_json: Json = False,
) -> None:
    """Write the project as a RelBench v3 folder: rows, tasks, label tables."""
    from rdl.errors import UsageError
    from rdl.project import RelbenchSplits
    from rdl.task.relbench.export import export_relbench
    from rdl.timeline import parse_time

    if (validate is None) != (test is None):
        raise UsageError("only one of the two dates is given", where="--validate, --test", fix="give both, or neither")
    dates = RelbenchSplits(parse_time(validate), parse_time(test)) if validate is not None and test is not None else None
    with progress():
        done = export_relbench(open_named(project, home), folder, dates)
    facts = {"folder": str(folder), "tables": list(done.tables), "tasks": done.tasks, "notes": list(done.notes)}
    lines = [f"{folder}: {len(done.tables)} tables"]
    lines += [f"  task {name}: {kind}" for name, kind in done.tasks.items()]
    lines += [f"  note: {note}" for note in done.notes]
    say(as_json, facts, lines)


@app.command()
def predictions(
    task: TaskName,
    file: Annotated[Path, typer.Argument(help="Predictions of the test split: entity key, cutoff, prediction, as Parquet.")],
    out: Annotated[Path, typer.Option("--out", help="A folder, in which RelBench finds the file by its name; or a .csv file.")],
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_json: Json = False,
) -> None:
    """Write predictions of a RelBench task as its submission's CSV."""
    from rdl.errors import UsageError
    from rdl.project import read_yaml
    from rdl.task import Split
    from rdl.task.relbench.folder import find_folder
    from rdl.task.relbench.predictions import relbench_predictions, submission_name, write_submission
    from rdl.task.relbench.tables import label_table

    with progress():
        database = open_named(project, home)
        folder = find_folder(database.project)
        if folder is None:
            raise UsageError("the project is no RelBench dataset", where=str(project), fix="export it: rdl export relbench DIR")
        manifest = folder.task(task)
        table = label_table(database, manifest, Split.TEST)
        dataset = str(read_yaml(folder.root / "manifest.yaml")["name"])
        path = out if out.suffix == ".csv" else out / submission_name(dataset, manifest.name)
        write_submission(path, relbench_predictions(file, manifest, table), manifest, table)
    say(as_json, {"out": str(path), "rows": table.num_rows}, [f"{path}: {table.num_rows:,} predictions"])
