"""The commands about the registry: which versions there are, who is champion, and whether anything leaks."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdl.cli.options import AsOf, HomeDir, Json, ProjectDir, TaskName, moment, open_task
from rdl.cli.output import progress, say
from rdl.errors import GateError

if TYPE_CHECKING:
    from rdl.mlops import Version

Named = Annotated[str, typer.Option("--version", help="The version's number; the newest by default.")]
Model = Annotated[str, typer.Option("--model", help="An alias or version of the registered model.")]


def promote(
    task: TaskName,
    version: Named = "",
    force: Annotated[str | None, typer.Option("--force", help="Promote without asking the gate, for this reason.")] = None,
    margin: Annotated[float, typer.Option(help="The gain over the champion, in the metric's units, must be above it.")] = 0.0,
    confidence: Annotated[float, typer.Option(help="How sure it must be that it is.")] = 0.95,
    as_of: AsOf = None,
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_json: Json = False,
) -> None:
    """Make a version champion, if it leaks nothing, loads in a clean process and beats the champion; else exit with 4."""
    from rdl.mlops import GateSettings, find_version, versions
    from rdl.mlops import promote as ask_gate

    with progress():
        database, found = open_task(project, home, task)
        number = version or versions(database.project, found.name)[-1].number
        challenger = find_version(database.project, found.name, number)
        gate = GateSettings(margin, confidence)
        until = None if as_of is None else moment(as_of, database)
        promotion = ask_gate(database.project, database, found, challenger, gate=gate, as_of=until, force=force)
    if not promotion.promoted:
        raise GateError(
            f"{challenger.uri} is not promoted: {promotion.reason}",
            where=f"champion: version {promotion.champion}" if promotion.champion else "",
            fix="keep the champion; or, with a reason that stays on record: --force REASON",
        )
    say(as_json, {"task": found.name, "version": challenger.uri, **promotion.to_json()}, [f"{challenger.uri}: {promotion.reason}"])


def rollback(
    task: TaskName,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stays on record.")] = "",
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_json: Json = False,
) -> None:
    """Give the alias champion back to the version that held it before."""
    from rdl.mlops import rollback as go_back
    from rdl.project import open_project

    found = go_back(open_project(project, home), task, reason)
    say(as_json, {"task": task, **found.to_json()}, [f"version {found.champion} of {task} is champion: {found.reason}"])


def models(task: TaskName, project: ProjectDir = Path(), home: HomeDir = None, as_json: Json = False) -> None:
    """List the versions of a task's model: when they were fitted, what they are worth, and what the gate said of them."""
    from rdl.mlops import versions
    from rdl.mlops.registry import CHAMPION, find_alias
    from rdl.mlops.store import find_store
    from rdl.project import open_project

    opened = open_project(project, home)
    made = versions(opened, task)
    holder = find_alias(find_store(opened).client(), made[0].name, CHAMPION)
    for version in made:
        champion = holder is not None and holder.number == version.number
        say(as_json, _facts(version, champion=champion), _lines(version, champion=champion))


def audit(
    task: TaskName,
    model: Model = "champion",
    as_of: AsOf = None,
    rows: Annotated[int, typer.Option(help="How many predictions are made twice.", min=1)] = 200,
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_json: Json = False,
) -> None:
    """Prove on this very database that nothing leaks: without the later rows, every prediction must stay what it is."""
    from rdl.evaluate import audit as prove
    from rdl.mlops import find_version, load_version
    from rdl.task import mature_cutoffs
    from rdl.timeline import format_time

    with progress():
        database, found = open_task(project, home, task)
        version = find_version(database.project, found.name, model)
        latest = int(mature_cutoffs(found, moment(None, database), database.span)[-1])
        cutoff = latest if as_of is None else moment(as_of, database)
        proof = prove(database, found, load_version(database.project, version), cutoff, rows=rows)
    if not proof.passes:
        raise GateError(
            proof.sentence(), where=f"{version.uri} as of {format_time(cutoff)}", fix="rdl tasks --lint shows the queries"
        )
    facts = {
        "task": found.name,
        "model": version.uri,
        "cutoff": format_time(cutoff),
        "predictions": proof.seeds,
        "hidden": proof.hidden,
    }
    say(as_json, facts, [f"{version.uri}: {proof.sentence()}"])


def _facts(version: "Version", *, champion: bool) -> dict[str, object]:
    metrics = {
        name.removeprefix("rdl.metric."): float(value) for name, value in version.tags.items() if name.startswith("rdl.metric.")
    }
    lineage = {
        name.removeprefix("rdl."): value
        for name, value in sorted(version.tags.items())
        if name.startswith("rdl.") and not name.startswith(("rdl.metric.", "rdl.gate", "rdl.settings"))
    }
    detail = json.loads(version.tags["rdl.gate.detail"]) if "rdl.gate.detail" in version.tags else None
    decided = {"decision": version.tags.get("rdl.gate", ""), "reason": version.tags.get("rdl.gate.reason", ""), "gate": detail}
    return {"version": version.number, "uri": version.uri, "champion": champion, **decided, "metrics": metrics, "lineage": lineage}


def _lines(version: "Version", *, champion: bool) -> list[str]:
    tags = version.tags
    metrics = [
        f"{name.removeprefix('rdl.metric.').replace('.blend.', ' ')} {float(value):.4f}"
        for name, value in sorted(tags.items())
        if name.startswith("rdl.metric.")
    ]
    fitted = (
        f"as of {tags.get('rdl.as_of', '?')}, snapshot {tags.get('rdl.snapshot', '?')[:12]}, rdl {tags.get('rdl.version', '?')}"
    )
    decision = tags.get("rdl.gate", "not judged")
    lines = [f"{version.number:>4}  {decision}{'  <- champion' if champion else ''}", f"      {fitted}"]
    lines += [f"      {', '.join(metrics)}"] if metrics else []
    return lines + ([f"      {tags['rdl.gate.reason']}"] if "rdl.gate.reason" in tags else [])
