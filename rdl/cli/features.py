"""`rdl features`: what a task's models read, in words, with what each feature is worth once a model is trained, and its SQL."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdl.cli.options import AsOf, HomeDir, Json, ProjectDir, TaskName, moment, open_task
from rdl.cli.output import progress, say
from rdl.cli.tonight import make_table, table_lines, tables
from rdl.errors import UsageError

if TYPE_CHECKING:
    from rdl.database import Database
    from rdl.features import FeaturePlan
    from rdl.model import Model
    from rdl.task import Task


def features(
    task: TaskName,
    sql: Annotated[str | None, typer.Option("--sql", metavar="FEATURE", help="Print the SQL of one feature instead.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="An alias or version of the registered model.")] = None,
    materialise: Annotated[bool, typer.Option("--materialise", help="Make the table of all entities at --as-of first.")] = False,
    as_of: AsOf = None,
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_json: Json = False,
) -> None:
    """List the features of the trained model, the weightiest first, or those that a fit would choose among; and tonight's table."""
    from rdl.features import feature_sql
    from rdl.model.search import told

    with progress():
        database, found = open_task(project, home, task)
        trained = _trained(database, found, model)
        plan = trained.plan if trained else _proposed(database, found)
        if materialise:
            make_table(database, task, trained, moment(as_of, database))
        tonight = tables(database, task, trained)
    if sql is not None:
        text = feature_sql(plan, sql)
        say(as_json, {"task": task, "feature": sql, "sql": text}, [text])
        return
    shares = trained.importance() if trained else {}
    trials = trained.choices.trials if trained else ()
    facts = {
        "task": task,
        "trained": trained is not None,
        "plan": plan.to_json(),
        "importance": shares,
        "trials": trials,
        "tonight": tonight,
    }
    head, *lines = _lines(task, plan, shares, trained is not None)
    say(as_json, facts, [head, *told(trials), *table_lines(tonight), *lines])


def _trained(database: "Database", task: "Task", which: str | None) -> "Model | None":
    """The registered model that is named; the champion, or None, where none is."""
    from rdl.mlops import find_version, load_version

    try:
        return load_version(database.project, find_version(database.project, task.name, which or "champion"))
    except UsageError:
        if which is not None:
            raise
        return None


def _proposed(database: "Database", task: "Task") -> "FeaturePlan":
    from rdl.model import FitSettings, propose_features
    from rdl.task import with_classes

    as_of = database.span[1] + 1
    return propose_features(database, with_classes(database, task, as_of), as_of, FitSettings())


def _lines(name: str, plan: "FeaturePlan", shares: dict[str, float], trained: bool) -> list[str]:
    head = f"{name}: {len(plan.features)} features" + ("" if trained else ", of which a fit keeps those it gains most from")
    families = ", ".join(f"{sum(f.family == family for f in plan.features)} {family}" for family in plan.families)
    said = {f.name: f.provenance for f in plan.features}
    ordered = [*shares, *(f.name for f in plan.features if f.name not in shares)]
    width = max((len(n) for n in ordered), default=0)
    rows = [f"  {_share(shares.get(n), trained)}{n:<{width}}  {said.get(n, '')}".rstrip() for n in ordered]
    left = [f"  {o.what}{f' ({o.features} features)' if o.features else ''}: {o.why}" for o in plan.omitted]
    said_left = ["left out:", *left] if left else []
    return [head, f"  {families}" if families else "  what is said of candidates stands beside each of them", *rows, *said_left]


def _share(share: float | None, trained: bool) -> str:
    if not trained:
        return ""
    return "        " if share is None else f"{share:>6.2%}  "
