"""The commands about models: fit, backtest, score, serve."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdl.cli.options import AsOf, HomeDir, Json, ProjectDir, Seed, TaskName, moment, open_task
from rdl.cli.output import progress, say
from rdl.cli.promises import Grades, Intervals, Quantiles, promise_lines, read_grades, read_shares
from rdl.errors import UsageError

if TYPE_CHECKING:
    from rdl.evaluate import Evaluation, Regime
    from rdl.model import FitSettings
    from rdl.task import Task

TRIALS = 40
Budget = Annotated[str | None, typer.Option("--budget", help="Wall time that fitting may take, such as '5 minutes' or 5m.")]
Members = Annotated[
    str | None, typer.Option("--members", help="Members or groups, separated by commas: entity, features, sage, boost, gnn.")
]
BlendBy = Annotated[
    str,
    typer.Option(
        "--blend-by",
        metavar="COLUMN",
        help="Weigh members apart by the value of a categorical feature, or by `horizon`: how old the database is.",
    ),
]
Tune = Annotated[bool, typer.Option("--tune", help="Look for settings of the boosted trees on the folds, by Optuna (rdl[tune]).")]
Trials = Annotated[int | None, typer.Option(help=f"How many configurations --tune tries; {TRIALS} by default.", min=1)]
Version = Annotated[str, typer.Option("--model", help="An alias or version of the registered model.")]


def train(
    task: TaskName,
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_of: AsOf = None,
    seed: Seed = 0,
    budget: Budget = None,
    members: Members = None,
    blend_by: BlendBy = "",
    tune: Tune = False,
    trials: Trials = None,
    intervals: Intervals = None,
    grades: Grades = None,
    as_json: Json = False,
) -> None:
    """Fit on every label that is mature, log the model, register it, and make the first version champion."""
    from rdl.mlops import log_run, promote, register
    from rdl.mlops.store import find_store
    from rdl.model import fit_model, save_model
    from rdl.model.tuning import tuned_lines
    from rdl.timeline import format_time

    with progress():
        database, found = open_task(project, home, task)
        find_store(database.project)  # what is wrong with it is said before the fit
        settings = _settings(seed, budget, members, blend_by, intervals, grades, _trials(tune, trials))
        until = moment(as_of, database)
        model = fit_model(database, found, until, settings)
        folder = database.project.home / "models" / found.name / format_time(until).replace(":", "-")
        save_model(model, folder)
        run = log_run(database.project, database, found, model, settings=settings)
        version = register(database.project, found, run)
        promotion = promote(database.project, database, found, version)
    facts = {
        "task": found.name,
        "as_of": format_time(until),
        "rows": model.facts["rows"],
        "weights": dict(model.weights),
        "tuning": {name: choice["tuning"] for name, choice in model.choices.members.items() if "tuning" in choice},
        "model": str(folder),
        "version": version.uri,
        "champion": promotion.champion,
        "reason": promotion.reason,
    }
    blended = ", ".join(f"{n} {w:.2f}" for n, w in model.weights.items())
    champion = "is champion" if promotion.promoted else "is not champion"
    lines = [
        f"{found.name} fitted on {facts['rows']:,} labels as of {facts['as_of']}: {blended}",
        *_answers(model.task),
        *tuned_lines(model.choices.members),
        f"  model    {folder}",
        f"  version  {version.uri} {champion}: {promotion.reason}",
    ]
    say(as_json, facts, lines)


def evaluate(
    task: TaskName,
    regime: Annotated[
        list[str] | None,
        typer.Option("--regime", help="frozen, fresh or rolling; may be repeated; by default all."),
    ] = None,
    project: ProjectDir = Path(),
    home: HomeDir = None,
    seed: Seed = 0,
    budget: Budget = None,
    members: Members = None,
    blend_by: BlendBy = "",
    tune: Tune = False,
    trials: Trials = None,
    intervals: Intervals = None,
    grades: Grades = None,
    refit_every: Annotated[
        int | None, typer.Option(help="Rolling: fit anew at every so many test cutoffs; a quarter of them by default.", min=1)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Predictions of the test split, as Parquet.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="The report page, as HTML.")] = None,
    as_json: Json = False,
) -> None:
    """Backtest: fit as the regime says, predict the test split, print the metrics of every member and the blend."""
    from rdl.evaluate import evaluate as backtest
    from rdl.evaluate import regimes_for, write_report

    named = [_regime(name) for name in regime or ()]
    with progress():
        database, chosen = open_task(project, home, task)
        regimes = named or regimes_for(chosen)
        if out is not None and len(regimes) > 1:
            raise UsageError("--out holds one regime's predictions", where="rdl evaluate", fix="name one regime with --regime")
        settings = _settings(seed, budget, members, blend_by, intervals, grades, _trials(tune, trials))
        found = [backtest(database, chosen, name, settings, refit_every) for name in regimes]
        if out is not None:
            found[0].write_predictions(out)
        if report is not None:
            write_report(report, database, chosen, found)
    for evaluation in found:
        say(as_json, evaluation.to_json(), _table(evaluation, chosen))
    for path in (out, report):
        if path is not None and not as_json:
            print(f"wrote {path}")


def score(
    task: TaskName,
    out: Annotated[str, typer.Option("--out", help="A .parquet file, or a table: file.duckdb#churn, postgresql://…/shop#churn.")],
    as_of: AsOf = None,
    model: Version = "champion",
    intervals: Intervals = None,
    quantiles: Quantiles = None,
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_json: Json = False,
) -> None:
    """Predict the task's population at a cutoff with a registered model; a run that was killed goes on where it was."""
    from rdl.database.sinks import is_table, parse_target, publish_scores
    from rdl.mlops import find_version, load_version
    from rdl.mlops import score as predict
    from rdl.timeline import format_time

    with progress():
        database, found = open_task(project, home, task)
        version = find_version(database.project, found.name, model)
        loaded = load_version(database.project, version)
        levels, more = read_shares(intervals, "--intervals"), read_shares(quantiles, "--quantiles")
        loaded = loaded if levels is None and more is None else loaded.telling(levels, more)
        table = parse_target(out, task, "--out") if is_table(out) else None
        file = database.project.home / "aside" / f"scores-{os.getpid()}.parquet" if table else Path(out)
        summary = predict(database.project, database, loaded.task, loaded, moment(as_of, database), file, version=version.number)
        if table:
            try:
                out = publish_scores([file], loaded.task.entity_columns, table).place
            finally:
                file.unlink(missing_ok=True)
    facts = {"task": task, "as_of": format_time(summary.as_of), "rows": summary.rows, "model": version.uri, "out": out}
    said = f"{summary.rows:,} predictions as of {facts['as_of']} by {version.uri}"
    lines = [said, *(f"  {sentence}" for sentence in summary.summary.sentences()), f"  scores   {out}"]
    say(as_json, {**facts, **summary.summary.to_json()}, lines)


def serve(
    task: TaskName,
    host: str = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5001,
    model: Version = "champion",
    waiting: Annotated[int, typer.Option(help="Requests that may wait; one more gets status 429.", min=1)] = 256,
    project: ProjectDir = Path(),
    home: HomeDir = None,
) -> None:
    """Start a server on a registered model; POST entity keys to /invocations, all columns of them; GET /health."""
    import logging

    from rdl.mlops import serve as start
    from rdl.project import open_project

    logging.getLogger("rdl.features").setLevel(logging.WARNING)  # a line a request says nothing
    with progress():
        start(open_project(project, home), task, host, port, model, waiting)


def _trials(tune: bool, trials: int | None) -> int | None:
    """How many configurations to try, None for no tuning."""
    if trials is not None and not tune:
        raise UsageError("--trials says how long to tune", where="--trials", fix="add --tune")
    return (trials or TRIALS) if tune else None


def _settings(
    seed: int,
    budget: str | None,
    members: str | None,
    blend_by: str,
    intervals: str | None,
    grades: str | None,
    trials: int | None,
) -> "FitSettings":
    from rdl.model import FitSettings, resolve_members
    from rdl.timeline import SECOND, parse_duration

    names = resolve_members([m.strip() for m in members.split(",")]) if members is not None else ()
    seconds = parse_duration(budget) / SECOND if budget is not None else None
    levels, wanted = read_shares(intervals, "--intervals"), read_grades(grades)
    return FitSettings(
        seed=seed, budget_s=seconds, members=names, blend_by=blend_by, intervals=levels, grades=wanted, trials=trials
    )


def _regime(name: str) -> "Regime":
    from rdl.errors import nearest
    from rdl.evaluate import Regime

    try:
        return Regime(name)
    except ValueError:
        raise UsageError(f"unknown regime {name!r}", where="--regime", fix=nearest(name, [r.value for r in Regime])) from None


def _answers(task: "Task") -> list[str]:
    """What the model answers with, where that is not a number."""
    if task.kind.classed:
        shown, more = task.classes[:5], len(task.classes) - 5
        return [f"  classes  {', '.join(map(str, shown))}{f' and {more} more' if more > 0 else ''}"]
    return [f"  ranks    {task.top} rows of {task.target_table}"] if task.target_table is not None else []


def _table(evaluation: "Evaluation", task: "Task") -> list[str]:
    """Members and blend side by side."""
    from rdl.evaluate import BLEND

    names = [*(n for n in evaluation.metrics if n != BLEND), BLEND]
    columns = list(evaluation.metrics[BLEND])
    place = "split at random" if task.static else f"at {evaluation.cutoffs} cutoffs"
    head = f"{evaluation.task}, {evaluation.regime.value}: {evaluation.rows:,} test rows {place}, {evaluation.seconds:.0f} s"
    lines = [head, f"  {'member':<12}{'weight':>8}" + "".join(f"{evaluation.called(c):>20}" for c in columns)]
    for name in names:
        weight = "" if name == BLEND else f"{evaluation.weights.get(name, 0.0):.2f}"
        lines.append(f"  {name:<12}{weight:>8}" + "".join(_figure(evaluation.metrics[name][c]) for c in columns))
    return lines + promise_lines(evaluation)


def _figure(value: float) -> str:
    return f"{value:>20.4f}" if value == value else f"{'undefined':>20}"  # noqa: PLR0124 (NaN)
