"""What `rdl tasks --lint` prints: what is wrong with each task's queries, by line."""

from typing import TYPE_CHECKING

import typer

from rdl.cli.output import progress, say
from rdl.errors import DataError, RdlError

if TYPE_CHECKING:
    from rdl.database import Database
    from rdl.task import Task
    from rdl.task.lint import Finding
    from rdl.task.population import PopulationGap


def print_lint(database: "Database", as_json: bool) -> None:
    """Lint every task of the project.

    Raises:
        typer.Exit: with the code for bad data, where a finding is an error or a task cannot be asked.
    """
    from rdl.task.catalog import read_catalog
    from rdl.task.lint import Severity

    catalog = read_catalog(database)
    bad = bool(catalog.broken)
    for name, error in catalog.broken.items():
        say_broken(name, error, as_json)
    for task in catalog.tasks.values():
        try:
            found, gap = _lint(database, task)
        except DataError as error:
            bad = True
            say_broken(task.name, error, as_json)
            continue
        bad |= any(finding.severity is Severity.ERROR and finding.silenced is None for finding in found)
        facts = {
            "task": task.name,
            "file": str(task.path),
            "findings": [finding.to_json() for finding in found],
            "population_gap": None if gap is None else gap.to_json(),
        }
        said = [line for finding in found for line in _lines(finding)]
        told = [] if gap is None else [f"  warning: {gap.sentence()}"]
        say(as_json, facts, [_head(task, found), *said, *told])
    if bad:
        raise typer.Exit(DataError.exit_code)


def _lint(database: "Database", task: "Task") -> "tuple[tuple[Finding, ...], PopulationGap | None]":
    from rdl.task.lint import judge
    from rdl.task.population import population_gap

    with progress():
        return judge(database, task), population_gap(database, task)


def _head(task: "Task", found: "tuple[Finding, ...]") -> str:
    count = sum(finding.silenced is None for finding in found)
    said = "clean" if not count else "1 finding" if count == 1 else f"{count} findings"
    said += f", {len(found) - count} silenced" if len(found) > count else ""
    return f"{task.name}: {said} ({task.path})"


def _lines(finding: "Finding") -> list[str]:
    if finding.silenced is not None:
        return [f"  line {finding.line}, {finding.query}: silenced: {finding.what} [{finding.rule.value}]: {finding.silenced}"]
    return [
        f"  line {finding.line}, {finding.query}: {finding.severity.value}: {finding.what} [{finding.rule.value}]",
        f"      {finding.text}",
        f"      fix: {finding.fix}; where it is meant: {finding.silence}",
    ]


def say_broken(name: str, error: RdlError, as_json: bool) -> None:
    """Say why a task cannot be asked."""
    facts = {"task": name, "error": type(error).__name__, "what": error.what, "where": error.where, "fix": error.fix}
    say(as_json, facts, [f"{name}: cannot be asked", *(f"  {line}" for line in str(error).splitlines())])
