"""The `rdl` command: arguments in, one call, text out.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad data, 4 gate not passed, 5 locked by another run. Results go to standard output,
progress to standard error: a live line on a terminal, plain lines elsewhere. `--json` prints one JSON object a line.
"""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdl.errors import RdlError, UsageError

if TYPE_CHECKING:
    from rdl.database import Database
    from rdl.evaluate import Evaluation
    from rdl.model import FitSettings
    from rdl.task import Task

app = typer.Typer(
    help="Turn a relational database into predictions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ProjectDir = Annotated[Path, typer.Option("--project", help="The project folder.", show_default="this folder")]
HomeDir = Annotated[Path | None, typer.Option("--home", help="Where rdl keeps what it makes; .rdl in the project by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="A UTC time such as 2025-08-01; the end of the data by default.")]
Seed = Annotated[int, typer.Option("--seed", help="Every random number follows from it.")]
Budget = Annotated[str | None, typer.Option("--budget", help="Wall time that fitting may take, such as '5 minutes' or 5m.")]
Members = Annotated[
    str | None, typer.Option("--members", help="Members or groups, separated by commas: entity, features, sage, boost, gnn.")
]


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to make the project.")] = Path("shop"),
    rows: Annotated[int, typer.Option(help="Order rows.", min=100)] = 200_000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make the demo shop: a project with data, two tasks and planted causes."""
    from rdl.database.demo import write_demo

    with _progress():
        summary = write_demo(folder, rows, seed)
    rows_of = {name: int(count) for name, count in summary.rows.items()}
    _say(
        as_json, {"project": str(folder), "rows": rows_of}, [f"made {folder}", *(f"  {n:<16}{c:>12,}" for n, c in rows_of.items())]
    )


@app.command()
def check(project: ProjectDir = Path(), home: HomeDir = None, as_json: Json = False) -> None:
    """Read the database and say what was found in it."""
    from dataclasses import asdict

    with _progress():
        database = _open(project, home)
    for name, report in sorted(database.report.items()):
        table = database.schema[name]
        line = f"{name}: {report.rows:,} rows, key {', '.join(table.key) or 'none'}, time {table.time or 'none'}"
        found = [f"{n:,} dangling {column} (read as null)" for column, n in report.dangling.items()]
        found += [f"{report.null_times:,} null times (never visible)"] if report.null_times else []
        found += [f"not read: {', '.join(report.unread)}"] if report.unread else []
        _say(as_json, {"table": name, **asdict(report)}, [line, *(f"  {f}" for f in found)])


@app.command()
def tasks(project: ProjectDir = Path(), home: HomeDir = None, as_json: Json = False) -> None:
    """List the tasks with the labels of each split."""
    from rdl.task import Split, list_tasks, split_labels
    from rdl.timeline import format_duration

    with _progress():
        database = _open(project, home)
        found = list_tasks(database)
    for task in found.values():
        splits = {split.value: split_labels(database, task, split) for split in Split}
        facts = {name: {"rows": len(labels), "mean": float(labels.target.mean())} for name, labels in splits.items()}
        head = f"{task.name}: {task.kind.value} on {task.entity_table}, {format_duration(task.horizon)} ahead, {task.metric}"
        lines = [f"  {name:<6}{f['rows']:>10,} labels, mean {f['mean']:.4g}" for name, f in facts.items()]
        _say(as_json, {"task": task.name, "kind": task.kind.value, "splits": facts}, [head, *lines])


@app.command()
def train(
    task: Annotated[str, typer.Argument(help="The task's name.")],
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_of: AsOf = None,
    seed: Seed = 0,
    budget: Budget = None,
    members: Members = None,
    as_json: Json = False,
) -> None:
    """Fit on every label that is mature, log the model, register it, and make the first version champion."""
    from rdl.mlops import log_run, promote, register
    from rdl.model import fit_model, save_model
    from rdl.timeline import format_time

    with _progress():
        database, found = _task(project, home, task)
        settings = _settings(seed, budget, members)
        moment = _as_of(as_of, database)
        model = fit_model(database, found, moment, settings)
        folder = database.project.home / "models" / found.name / format_time(moment).replace(":", "-")
        save_model(model, folder)
        run = log_run(database.project, database, found, model, settings=settings)
        version = register(database.project, found, run)
        promotion = promote(database.project, found, version)
    facts = {
        "task": found.name,
        "as_of": format_time(moment),
        "rows": model.facts["rows"],
        "weights": dict(model.weights),
        "model": str(folder),
        "version": version.uri,
        "champion": promotion.champion,
        "reason": promotion.reason,
    }
    blended = ", ".join(f"{n} {w:.2f}" for n, w in model.weights.items())
    champion = "is champion" if promotion.promoted else "is not champion"
    lines = [
        f"{found.name} fitted on {facts['rows']:,} labels as of {facts['as_of']}: {blended}",
        f"  model    {folder}",
        f"  version  {version.uri} {champion}: {promotion.reason}",
    ]
    _say(as_json, facts, lines)


@app.command()
def evaluate(
    task: Annotated[str, typer.Argument(help="The task's name.")],
    regime: Annotated[list[str] | None, typer.Option("--regime", help="frozen, fresh or rolling; may be repeated.")] = None,
    project: ProjectDir = Path(),
    home: HomeDir = None,
    seed: Seed = 0,
    budget: Budget = None,
    members: Members = None,
    refit_every: Annotated[
        int | None, typer.Option(help="Rolling: fit anew at every so many test cutoffs; a quarter of them by default.", min=1)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Predictions of the test split, as Parquet.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="The report page, as HTML.")] = None,
    as_json: Json = False,
) -> None:
    """Backtest: fit as the regime says, predict the test split, print the metrics of every member and the blend."""
    from rdl.evaluate import Regime, write_report
    from rdl.evaluate import evaluate as backtest

    regimes = [_regime(name) for name in regime or [r.value for r in Regime]]
    if out is not None and len(regimes) > 1:
        raise UsageError("--out holds one regime's predictions", where="rdl evaluate", fix="name one regime with --regime")
    with _progress():
        database, chosen = _task(project, home, task)
        settings = _settings(seed, budget, members)
        found = [backtest(database, chosen, name, settings, refit_every) for name in regimes]
        if out is not None:
            found[0].write_predictions(out)
        if report is not None:
            write_report(report, database, chosen, found)
    for evaluation in found:
        _say(as_json, evaluation.to_json(), _table(evaluation))
    for path in (out, report):
        if path is not None and not as_json:
            print(f"wrote {path}")


@app.command()
def score(
    task: Annotated[str, typer.Argument(help="The task's name.")],
    out: Annotated[Path, typer.Option("--out", help="A .parquet file.")],
    as_of: AsOf = None,
    model: Annotated[str, typer.Option("--model", help="An alias or version of the registered model.")] = "champion",
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_json: Json = False,
) -> None:
    """Predict the task's population at a cutoff with a registered model."""
    from rdl.mlops import find_version, load_version
    from rdl.mlops import score as predict
    from rdl.timeline import format_time

    with _progress():
        database, found = _task(project, home, task)
        version = find_version(database.project, found.name, model)
        loaded = load_version(database.project, version)
        summary = predict(database.project, database, loaded.task, loaded, _as_of(as_of, database), out, version=version.number)
    facts = {"task": task, "as_of": format_time(summary.as_of), "rows": summary.rows, "model": version.uri, "out": str(out)}
    spread = f"mean {summary.mean:.4g}, {summary.low:.4g} to {summary.high:.4g}"
    said = f"{summary.rows:,} predictions as of {facts['as_of']} by {version.uri}: {spread}"
    _say(as_json, {**facts, "mean": summary.mean}, [said, f"  scores   {out}"])


@app.command()
def serve(
    task: Annotated[str, typer.Argument(help="The task's name.")],
    host: str = "127.0.0.1",
    port: int = 5001,
    model: Annotated[str, typer.Option("--model", help="An alias or version of the registered model.")] = "champion",
    project: ProjectDir = Path(),
    home: HomeDir = None,
) -> None:
    """Start MLflow's server on a registered model; POST entity keys to /invocations."""
    from rdl.mlops import serve as start
    from rdl.project import open_project

    start(open_project(project, home), task, host, port, model)


@app.command()
def run(
    pipeline: Annotated[str, typer.Argument(help="A pipeline file, or the name of a shipped one: demo.")],
    as_of: AsOf = None,
    resume: Annotated[bool, typer.Option("--resume", help="Take up the latest run where it did not finish.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Run a pipeline: what is done is skipped, what changed is redone."""
    from rdl.pipeline import read_pipeline, run_pipeline
    from rdl.timeline import parse_time

    with _progress():
        result = run_pipeline(
            read_pipeline(pipeline), parse_time(as_of) if as_of is not None else None, resume=resume, dry_run=dry_run
        )
    for step in result.steps:
        facts = {"unit": step.unit, "status": step.status.value, "rows": step.rows, "seconds": round(step.seconds, 1)}
        _say(as_json, {**facts, "facts": dict(step.facts), "outputs": [str(p) for p in step.outputs]}, _step_lines(step))


def main() -> None:
    """Run the command; errors that rdl can name become one message and their own exit code."""
    try:
        app(standalone_mode=True)
    except RdlError as error:
        if "--json" in sys.argv:
            print(json.dumps({"error": type(error).__name__, "what": error.what, "where": error.where, "fix": error.fix}))
        else:
            print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None


def _open(project: Path, home: Path | None) -> "Database":
    from rdl.database import open_database
    from rdl.project import open_project

    return open_database(open_project(project, home))


def _task(project: Path, home: Path | None, name: str) -> "tuple[Database, Task]":
    from rdl.task import find_task

    database = _open(project, home)
    return database, find_task(database, name)


def _settings(seed: int, budget: str | None, members: str | None) -> "FitSettings":
    from rdl.model import MEMBERS, FitSettings, resolve_members
    from rdl.timeline import SECOND, parse_duration

    names = resolve_members([m.strip() for m in members.split(",")]) if members is not None else MEMBERS
    seconds = parse_duration(budget) / SECOND if budget is not None else None
    return FitSettings(seed=seed, budget_s=seconds, members=names)


def _as_of(text: str | None, database: "Database") -> int:
    """The moment asked for, or the first at which every row is visible."""
    from rdl.timeline import parse_time

    return parse_time(text) if text is not None else database.span[1] + 1


def _regime(name: str) -> Any:
    from rdl.errors import nearest
    from rdl.evaluate import Regime

    try:
        return Regime(name)
    except ValueError:
        raise UsageError(f"unknown regime {name!r}", where="--regime", fix=nearest(name, [r.value for r in Regime])) from None


def _table(evaluation: "Evaluation") -> list[str]:
    """Members and blend side by side."""
    from rdl.evaluate import BLEND

    names = [*(n for n in evaluation.metrics if n != BLEND), BLEND]
    columns = list(evaluation.metrics[BLEND])
    size = f"{evaluation.rows:,} test rows at {evaluation.cutoffs} cutoffs, {evaluation.seconds:.0f} s"
    head = f"{evaluation.task}, {evaluation.regime.value}: {size}"
    lines = [head, f"  {'member':<12}{'weight':>8}" + "".join(f"{c:>20}" for c in columns)]
    for name in names:
        weight = "" if name == BLEND else f"{evaluation.weights.get(name, 0.0):.2f}"
        lines.append(f"  {name:<12}{weight:>8}" + "".join(f"{evaluation.metrics[name][c]:>20.4f}" for c in columns))
    return lines


def _step_lines(step: Any) -> list[str]:
    lines = [f"{step.unit:<32}{step.status.value:<10}{step.rows:>10,} rows{step.seconds:>9.1f} s"]
    if len(step.outputs) > 1:
        return [*lines, f"    {os.path.commonpath(step.outputs)}"]
    return lines + [f"    {path}" for path in step.outputs]


def _say(as_json: bool, facts: dict[str, Any], lines: list[str]) -> None:
    print(json.dumps(facts) if as_json else "\n".join(lines))


@contextmanager
def _progress() -> Iterator[None]:
    """Show what `rdl` logs: the latest line with a spinner on a terminal, plain lines elsewhere."""
    logger = logging.getLogger("rdl")
    logger.setLevel(logging.INFO)
    if not sys.stderr.isatty():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        shown = bar.add_task("starting", total=None)

        class _Latest(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                bar.update(shown, description=record.getMessage())

        latest = _Latest()
        logger.addHandler(latest)
        try:
            yield
        finally:
            logger.removeHandler(latest)


if __name__ == "__main__":
    main()
