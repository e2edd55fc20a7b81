"""The findings of a task, from its text and from a run on changed data, and what follows from them before a training."""

import hashlib
import json
import logging
import os
from dataclasses import asdict
from pathlib import Path

from rdl.database import Database
from rdl.errors import TaskError
from rdl.task.lint.finding import Finding, Rule, Severity
from rdl.task.lint.place import allowed, places
from rdl.task.population import population_gap
from rdl.task.task import Task

log = logging.getLogger(__name__)

_FORMAT = "lint 1"


def lint_text(database: Database, task: Task) -> tuple[Finding, ...]:
    """What the texts of the task's queries show; nothing is run. A few milliseconds."""
    from rdl.task.lint.static import read_static

    return _kept(read_static(database.schema, task, places(task)), task)


def lint(database: Database, task: Task) -> tuple[Finding, ...]:
    """Everything that is wrong with the task's queries, of the text and of runs on changed data, silenced rules left out.

    What the runs found is kept in the project's home by the hash of the task and the rows, so that it costs once.

    Raises:
        SqlError: a query fails.
    """
    text = lint_text(database, task)
    told = {(f.query, f.table) for f in text if f.severity is Severity.ERROR}
    ran = [f for f in _ran(database, task) if (f.query, f.table) not in told and not _said_by_text(f, text)]
    return (*text, *_kept(ran, task))


def refuse_leaks(database: Database, task: Task) -> None:
    """Log the task's findings and how its population differs from those scored; refuse to train on a finding that is an error.

    Raises:
        TaskError: a finding is an error and not silenced in the task file.
        SqlError: a query fails.
    """
    _refuse(lint_text(database, task), task)
    found = lint(database, task)
    for finding in found:
        if finding.severity is Severity.WARNING:
            log.warning("lint: %s, line %d: %s (%s)", task.path.name, finding.line, finding.what, finding.rule.value)
    _refuse(found, task)
    gap = None if Rule.POPULATION_FROM_FUTURE.value in allowed(task) else population_gap(database, task)
    if gap is not None:
        log.warning("%s: %s", task.name, gap.sentence())


def _refuse(found: tuple[Finding, ...], task: Task) -> None:
    for finding in found:
        if finding.severity is Severity.ERROR:
            raise TaskError(
                f"{finding.rule.value}: {finding.what}",
                where=f"{task.path}, line {finding.line}: {finding.text}",
                fix=f"{finding.fix}; or, where it is meant, write in the task file: {finding.silence}",
            )


def _kept(found: list[Finding], task: Task) -> tuple[Finding, ...]:
    silenced = allowed(task)
    return tuple(f for f in found if f.rule.value not in silenced)


def _said_by_text(finding: Finding, text: tuple[Finding, ...]) -> bool:
    """Whether the text already told what a run shows: a start before the cutoff, a lag, a population of the future."""
    same = {
        Rule.READS_HISTORY: {Rule.LABEL_NO_START, Rule.LABEL_STARTS_EARLY, Rule.LABEL_PAST},
        Rule.POPULATION_LAG: {Rule.POPULATION_LAG},
        Rule.POPULATION_FROM_FUTURE: {Rule.POPULATION_FROM_FUTURE, Rule.SELECTED_BY_FUTURE},
        Rule.LABEL_CHANGES: {Rule.SELECTED_BY_FUTURE},
    }.get(finding.rule, set())
    return any(f.rule in same and f.table == finding.table for f in text)


def _ran(database: Database, task: Task) -> list[Finding]:
    path = database.project.home / "lint" / f"{_key(database, task)}.json"
    if path.is_file():
        return [Finding.from_json(f) for f in json.loads(path.read_text(encoding="utf-8"))]
    from rdl.task.lint.perturb import read_changed

    found = read_changed(database, task, places(task))
    _keep(path, found)
    return found


def _keep(path: Path, found: list[Finding]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    aside.write_text(json.dumps([f.to_json() for f in found]), encoding="utf-8")
    aside.replace(path)


def _key(database: Database, task: Task) -> str:
    """The hash of what a run's findings depend on; lines move with the file, so its lines belong to it."""
    facts = {k: v for k, v in asdict(task).items() if k != "path"}
    lines = [place.lines for place in places(task)]
    text = json.dumps([_FORMAT, database.fingerprint, facts, lines], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
