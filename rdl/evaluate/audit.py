"""Does anything at or after the cutoff reach a prediction? Proved on the database at hand, with the model at hand.

The rows of the future are taken away, everybody is asked about again, and every prediction must be the same to the last bit that
matters: in the real database the future stands beside the past, and only the law of time keeps it out. What decides the
population and the label is read by the lint, whose errors count here too.
"""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rdl.database import Database
from rdl.database.until import until
from rdl.errors import RdlError
from rdl.task import Seeds, Task, population_at
from rdl.task.draw import drawn
from rdl.task.lint import Severity, lint
from rdl.timeline import format_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rdl.model import Model

log = logging.getLogger(__name__)

ROWS = 200
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        cutoff: microseconds UTC: what is visible then was kept.
        seeds: how many predictions were made twice.
        hidden: how many rows of the database were taken away.
        findings: sentences, each of them a leak; none where nothing leaks.
    """

    cutoff: int
    seeds: int
    hidden: int
    findings: tuple[str, ...]

    @property
    def passes(self) -> bool:
        """Whether nothing leaks."""
        return not self.findings

    def sentence(self) -> str:
        """What was found."""
        if self.findings:
            return f"leaks: {'; '.join(self.findings)}"
        if not self.seeds:
            return "no finding in the queries; there is no later row whose absence could be seen"
        return f"{self.seeds} predictions of {format_time(self.cutoff)} stay as they are without the {self.hidden:,} later rows"


def audit(database: Database, task: Task, model: "Model", cutoff: int, *, rows: int = ROWS, seed: int = 0) -> Audit:
    """Predict the population of one cutoff with and without the rows that are not visible then.

    Args:
        database: the rows.
        task: the question, as its file asks it today.
        model: fitted; when does not matter, for its weights stay the same.
        cutoff: microseconds UTC; the more rows lie behind it, the more can be seen.
        rows: entities at most, drawn by a hash.
        seed: of the draw.

    Raises:
        SqlError: a query fails.
    """
    findings = [f"{f.rule.value}: {f.what}" for f in lint(database, task) if f.severity is Severity.ERROR]
    if task.static or (task.autocomplete and task.fixed):  # no time, or a row that completes itself: without it nothing is asked
        return Audit(cutoff, 0, 0, tuple(findings))
    with until(database, cutoff) as past:
        hidden = sum(t.rows - past.schema[n].rows for n, t in database.schema.tables.items())
        if not hidden:
            return Audit(cutoff, 0, 0, tuple(findings))
        moment = np.array([cutoff], dtype=np.int64)
        everyone, earlier = (population_at(one, task, moment).entity for one in (database, past))
        if not np.array_equal(everyone, earlier):
            findings.append(
                f"the population of {format_time(cutoff)} is {len(earlier)} without the later rows, not {len(everyone)}"
            )
        entity = _sample(np.intersect1d(everyone, earlier), cutoff, rows, seed)
        findings += _changed(database, past, model, Seeds.at(entity, np.full(len(entity), cutoff, dtype=np.int64)))
    log.info("audit: %d predictions, %d rows hidden, %d findings", len(entity), hidden, len(findings))
    return Audit(cutoff, len(entity), hidden, tuple(findings))


def _sample(entity: "NDArray[np.int64]", cutoff: int, rows: int, seed: int) -> "NDArray[np.int64]":
    order = np.argsort(drawn(entity, np.full(len(entity), cutoff), seed), kind="stable")
    return np.sort(entity[order[:rows]])


def _changed(database: Database, past: Database, model: "Model", seeds: Seeds) -> list[str]:
    """One sentence a member whose predictions change, and one where it cannot predict at all."""
    if not len(seeds):
        return []
    there = model.predict(database, seeds)
    try:
        then = model.predict(past, seeds)
    except RdlError as error:
        return [f"without the later rows the model does not predict: {error.what}"]
    pairs = {**{n: (p, then.members[n]) for n, p in there.members.items()}, "the blend": (there.prediction, then.prediction)}
    return [f"{name} changes {count} of {len(seeds)} predictions" for name, pair in pairs.items() if (count := _differ(*pair))]


def _differ(one: "NDArray[Any]", other: "NDArray[Any]") -> int:
    """How many rows of [n, …] differ."""
    same = np.isclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    return int((~same.reshape(len(one), -1).all(axis=1)).sum())
