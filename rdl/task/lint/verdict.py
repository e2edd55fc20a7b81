"""The findings of a task, from its text and from a run on changed data, and what follows from them before a training."""

import hashlib
import json
import logging
import os
from dataclasses import asdict
from pathlib import Path

from rdl.database import Database
from rdl.database.version import code_version
from rdl.errors import TaskError
from rdl.task.lint.finding import Finding, Rule, Severity
from rdl.task.lint.place import Place, places
from rdl.task.lint.silence import mark_silenced, read_silences
from rdl.task.population import population_gap
from rdl.task.task import Task

log = logging.getLogger(__name__)


def judge(database: Database, task: Task) -> tuple[Finding, ...]:
    """Everything that is wrong with the task's queries, of the text, of the data and of runs on changed data; silenced ones too.

    What the data and the runs showed is kept in the project's home by the hash of the task, the rows and the code, so that it costs
    once. Of a task with stored labels there is nothing to judge.

    Raises:
        TaskError: the task file silences what is no rule, or gives no reason where it must.
        SqlError: a query fails.
    """
    if task.stored:
        return ()
    asked = places(task)
    text = _judge_text(database, task, asked)
    told = {(f.query, f.table) for f in text if f.severity is Severity.ERROR}
    ran = [f for f in _ran(database, task, asked) if (f.query, f.table) not in told and not _said_by_text(f, text)]
    return (*text, *mark_silenced(ran, read_silences(task, asked)))


def lint(database: Database, task: Task) -> tuple[Finding, ...]:
    """What `judge` finds, but for what the task file silences."""
    return tuple(f for f in judge(database, task) if f.silenced is None)


def lint_text(database: Database, task: Task) -> tuple[Finding, ...]:
    """What the texts of the task's queries show, silenced rules left out; nothing is run. A few milliseconds.

    Raises:
        TaskError: the task file silences what is no rule, or gives no reason where it must.
    """
    return () if task.stored else tuple(f for f in _judge_text(database, task, places(task)) if f.silenced is None)


def refuse_leaks(database: Database, task: Task) -> None:
    """Log the task's findings and how its population differs from those scored; refuse to train on a finding that is an error.

    Raises:
        TaskError: a finding is an error and not silenced in the task file.
        SqlError: a query fails.
    """
    _refuse(lint_text(database, task), task)
    found = judge(database, task)
    for finding in found:
        if finding.silenced is not None:
            log.info("lint: %s: %s is silenced: %s", task.path.name, finding.rule.value, finding.silenced)
        elif finding.severity is Severity.WARNING:
            log.warning("lint: %s, line %d: %s (%s)", task.path.name, finding.line, finding.what, finding.rule.value)
    _refuse(tuple(f for f in found if f.silenced is None), task)
    gap = population_gap(database, task)
    if gap is not None:
        known = any(f.rule is Rule.POPULATION_FROM_FUTURE and f.silenced is not None for f in found)
        log.log(logging.INFO if known else logging.WARNING, "%s: %s", task.name, gap.sentence())


def _judge_text(database: Database, task: Task, asked: tuple[Place, ...]) -> tuple[Finding, ...]:
    from rdl.task.lint.static import read_static

    return tuple(mark_silenced(read_static(database.schema, task, asked), read_silences(task, asked)))


def _refuse(found: tuple[Finding, ...], task: Task) -> None:
    for finding in found:
        if finding.severity is Severity.ERROR:
            raise TaskError(
                f"{finding.rule.value}: {finding.what}",
                where=f"{task.path}, line {finding.line}: {finding.text}",
                fix=f"{finding.fix}; or, where it is meant, write in the task file: {finding.silence}",
            )


def _said_by_text(finding: Finding, text: tuple[Finding, ...]) -> bool:
    """Whether the text already told what a run shows: a start before the cutoff, a lag, a population of the future."""
    same = {
        Rule.READS_HISTORY: {Rule.LABEL_NO_START, Rule.LABEL_STARTS_EARLY, Rule.LABEL_PAST},
        Rule.POPULATION_LAG: {Rule.POPULATION_LAG},
        Rule.POPULATION_FROM_FUTURE: {Rule.POPULATION_FROM_FUTURE, Rule.SELECTED_BY_FUTURE},
        Rule.LABEL_CHANGES: {Rule.SELECTED_BY_FUTURE},
    }.get(finding.rule, set())
    return any(f.rule in same and f.table == finding.table for f in text)


def _ran(database: Database, task: Task, asked: tuple[Place, ...]) -> list[Finding]:
    path = database.project.home / "lint" / f"{_key(database, task, asked)}.json"
    if path.is_file():
        return [Finding.from_json(f) for f in json.loads(path.read_text(encoding="utf-8"))]
    from rdl.task.lint.implied import read_implied
    from rdl.task.lint.perturb import read_changed

    found = [*read_implied(database, task, asked), *read_changed(database, task, asked)]
    if all(f.rule is not Rule.RUN_STOPPED for f in found):  # another day there may be time for all of it
        _keep(path, found)
    return found


def _keep(path: Path, found: list[Finding]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    aside.write_text(json.dumps([f.to_json() for f in found]), encoding="utf-8")
    aside.replace(path)


def _key(database: Database, task: Task, asked: tuple[Place, ...]) -> str:
    """The hash of what a run's findings depend on; lines move with the file, so its lines belong to it."""
    facts = {k: v for k, v in asdict(task).items() if k != "path"}
    text = json.dumps([code_version(), database.fingerprint, facts, [p.lines for p in asked]], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
