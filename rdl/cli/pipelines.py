"""The commands about pipelines."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from rdl.cli.options import AsOf, Json
from rdl.cli.output import progress, say

if TYPE_CHECKING:
    from rdl.pipeline import StepResult


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

    with progress():
        result = run_pipeline(
            read_pipeline(pipeline), parse_time(as_of) if as_of is not None else None, resume=resume, dry_run=dry_run
        )
    for step in result.steps:
        facts = {"unit": step.unit, "status": step.status.value, "rows": step.rows, "seconds": round(step.seconds, 1)}
        say(as_json, {**facts, "facts": dict(step.facts), "outputs": [str(p) for p in step.outputs]}, _step_lines(step))


def _step_lines(step: "StepResult") -> list[str]:
    lines = [f"{step.unit:<32}{step.status.value:<10}{step.rows:>10,} rows{step.seconds:>9.1f} s"]
    if len(step.outputs) > 1:
        return [*lines, f"    {os.path.commonpath(step.outputs)}"]
    return lines + [f"    {path}" for path in step.outputs]
