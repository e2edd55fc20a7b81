"""The commands about pipelines: run one now, for many as-ofs, or by itself."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdl.cli.options import AsOf, Json
from rdl.cli.output import progress, say
from rdl.errors import UsageError

if TYPE_CHECKING:
    from rdl.pipeline import StepResult

PipelineName = Annotated[str, typer.Argument(metavar="PIPELINE", help="A pipeline file, or the name of a shipped one: demo.")]


def run(
    pipeline: PipelineName,
    as_of: AsOf = None,
    resume: Annotated[bool, typer.Option("--resume", help="Take up the latest run where it did not finish.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: Json = False,
) -> None:
    """Run a pipeline: what is done is skipped, what changed is redone. With --json the log is JSON too, on standard error."""
    from rdl.pipeline import read_pipeline, run_pipeline
    from rdl.timeline import parse_time

    moment = parse_time(as_of) if as_of is not None else None
    try:
        with progress(as_json):
            result = run_pipeline(read_pipeline(pipeline), moment, resume=resume, dry_run=dry_run)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    for step in result.steps:
        facts = {"unit": step.unit, "status": step.status.value, "rows": step.rows, "seconds": round(step.seconds, 1)}
        made = {"cpu": round(step.cpu, 1), "facts": dict(step.facts), "outputs": [str(p) for p in step.outputs]}
        say(as_json, facts | made, _step_lines(step))


def backfill(
    pipeline: PipelineName,
    start: Annotated[str, typer.Option("--from", help="The first as-of, UTC.")],
    stop: Annotated[str, typer.Option("--to", help="The last as-of, UTC.")],
    every: Annotated[str, typer.Option("--every", help="From one as-of to the next.")] = "1 day",
    parallel: Annotated[int, typer.Option("--parallel", help="Nights at a time, each a process.", min=1)] = 1,
    as_json: Json = False,
) -> None:
    """Run a pipeline for many as-ofs, the oldest first; what is done is skipped, and one that fails does not stop the others."""
    from rdl.pipeline import read_pipeline
    from rdl.pipeline.backfill import STOP_S, backfill_apart, nights, rdl_run
    from rdl.pipeline.backfill import backfill as one_by_one
    from rdl.pipeline.stop import terminable
    from rdl.timeline import format_time

    found, as_ofs, failed = read_pipeline(pipeline), nights(start, stop, every), 0
    try:
        with progress(as_json), terminable(STOP_S):
            apart = backfill_apart(as_ofs, lambda as_of: rdl_run(pipeline, as_of), parallel)
            for night in apart if parallel > 1 else one_by_one(found, as_ofs):
                failed = failed or night.exit_code
                facts = {"as_of": format_time(night.as_of), "exit_code": night.exit_code, "error": night.error}
                said = "done" if night.exit_code == 0 else f"failed with code {night.exit_code}: {night.error}"
                say(as_json, facts, [f"{facts['as_of']:<22}{said}"])
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    if failed:
        raise SystemExit(failed)


def schedule(
    scheduler: Annotated[str, typer.Argument(help="cron, systemd or kubernetes.")],
    pipeline: PipelineName,
    at: Annotated[str, typer.Option("--at", help="Time of the day, UTC.")] = "02:15",
    every: Annotated[str, typer.Option("--every", help="hour, day, week (Monday) or month (the first).")] = "day",
    image: Annotated[str, typer.Option("--image", help="Kubernetes: the container image, with rdl in its PATH.")] = "rdl:latest",
    claim: Annotated[str, typer.Option("--claim", help="Kubernetes: the volume claim with this folder.")] = "rdl-project",
    out: Annotated[Path | None, typer.Option("--out", help="A folder to write the files to; printed by default.")] = None,
) -> None:
    """Print what runs a pipeline every night from this folder: a crontab line, a systemd timer, or a Kubernetes CronJob."""
    from rdl.pipeline import read_pipeline
    from rdl.pipeline import schedule as make

    try:
        kind, often = make.Scheduler(scheduler), make.Every(every)
    except ValueError as error:
        known = [*make.Scheduler, *make.Every]
        raise UsageError(str(error), where="rdl schedule", fix=f"known are: {', '.join(known)}") from None
    when = make.schedule(read_pipeline(pipeline).name, pipeline, at, often, Path.cwd())
    if kind is make.Scheduler.KUBERNETES:
        files = make.kubernetes(when, image, claim)
    else:
        files = make.crontab(when) if kind is make.Scheduler.CRON else make.systemd(when)
    for name, text in files.items():
        if out is None:
            print(f"# {name}\n{text}")
            continue
        out.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text, encoding="utf-8")
        print(out / name)


def _step_lines(step: "StepResult") -> list[str]:
    lines = [f"{step.unit:<32}{step.status.value:<10}{step.rows:>10,} rows{step.seconds:>9.1f} s{step.cpu:>9.1f} CPU-s"]
    if len(step.outputs) > 1:
        return [*lines, f"    {os.path.commonpath(step.outputs)}"]
    return lines + [f"    {path}" for path in step.outputs]
