"""What was run, and how it ended, as the ledger has it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rdl.cli.options import HomeDir, Json, ProjectDir
from rdl.cli.output import say
from rdl.errors import UsageError, nearest

if TYPE_CHECKING:
    from rdl.pipeline import Ledger, RunRecord, StepRecord


def runs(
    run: Annotated[str | None, typer.Argument(help="A run's id, the start of one, or 'last': shows its steps.")] = None,
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", help="A pipeline: only its runs, from the home that it names.")
    ] = None,
    project: ProjectDir = Path(),
    home: HomeDir = None,
    limit: Annotated[int, typer.Option("--limit", help="Runs to list.", min=1)] = 20,
    as_json: Json = False,
) -> None:
    """List what was run, the newest first; or show one run: its steps, times, rows, cost and errors."""
    from rdl.pipeline import Ledger, read_pipeline

    found = read_pipeline(pipeline) if pipeline is not None else None
    place = home or (found.home if found is not None else project / ".rdl")
    ledger, name = Ledger.of(place.absolute()), found.name if found is not None else None
    if run is None:
        listed = ledger.runs(limit, name)
        for record in listed:
            say(as_json, _run_facts(ledger, record), [_run_line(ledger, record)])
        if not listed and not as_json:
            print(f"no run yet in {place}: rdl run PIPELINE.toml")
        return
    record = _find(ledger, run, name, place)
    if not as_json:
        print("\n".join([_run_line(ledger, record), *_error_lines(record.error, "  ")]))
    for step in ledger.steps(record.id):
        say(as_json, _step_facts(step), [_step_line(step), *_error_lines(step.error, "      ")])


def _find(ledger: "Ledger", word: str, pipeline: str | None, place: Path) -> "RunRecord":
    records = ledger.runs(-1, pipeline)
    fitting = records[:1] if word == "last" else tuple(record for record in records if record.id.startswith(word))
    if len(fitting) != 1:
        what = f"{len(fitting)} runs are called {word!r}" if fitting else f"no run {word!r}"
        fix = nearest(word, [record.id for record in records[:10]])
        raise UsageError(what, where=str(place / "ledger.db"), fix=f"name one of rdl runs; {fix}")
    return fitting[0]


def _run_facts(ledger: "Ledger", record: "RunRecord") -> dict[str, Any]:
    from rdl.timeline import SECOND, format_time

    steps = ledger.steps(record.id)
    return {
        "run": record.id,
        "pipeline": record.pipeline,
        "as_of": format_time(record.as_of) if record.as_of is not None else None,
        "status": record.status.value,
        "started": format_time(record.started),
        "ended": format_time(record.ended) if record.ended is not None else None,
        "seconds": (record.ended - record.started) / SECOND if record.ended is not None else None,
        "cpu": round(sum(step.cpu or 0.0 for step in steps), 2),
        "steps": {status: sum(step.status == status for step in steps) for status in sorted({step.status.value for step in steps})},
        "error": record.error,
    }


def _run_line(ledger: "Ledger", record: "RunRecord") -> str:
    facts = _run_facts(ledger, record)
    took = f"{facts['seconds']:,.0f} s" if facts["seconds"] is not None else ""
    steps = ", ".join(f"{count} {status}" for status, count in facts["steps"].items())
    head = f"{record.id}  {record.pipeline:<16} {facts['as_of'] or '-':<20} {facts['status']:<12}"
    return f"{head}{facts['started'][:19]:<21}{took:>9}{facts['cpu']:>10,.1f} CPU-s  {steps}".rstrip()


def _step_facts(step: "StepRecord") -> dict[str, Any]:
    from rdl.timeline import SECOND, format_time

    return {
        "unit": step.unit,
        "status": step.status.value,
        "key": step.key,
        "started": format_time(step.started),
        "ended": format_time(step.ended) if step.ended is not None else None,
        "seconds": (step.ended - step.started) / SECOND if step.ended is not None else None,
        "cpu": step.cpu,
        "attempts": step.attempts,
        "rows": step.rows,
        "outputs": [str(path) for path in step.outputs],
        "facts": dict(step.facts),
        "error": step.error,
    }


def _step_line(step: "StepRecord") -> str:
    facts = _step_facts(step)
    rows = f"{step.rows:,} rows" if step.rows is not None else ""
    took = f"{facts['seconds']:,.1f} s" if facts["seconds"] is not None else ""
    cost = f"{step.cpu:,.1f} CPU-s" if step.cpu is not None else ""
    tries = f"  {step.attempts} attempts" if step.attempts is not None and step.attempts > 1 else ""
    return f"  {step.unit:<32}{facts['status']:<12}{rows:>16}{took:>12}{cost:>16}{tries}".rstrip()


def _error_lines(error: str | None, indent: str) -> list[str]:
    return [f"{indent}{line}" for line in (error or "").splitlines()]
