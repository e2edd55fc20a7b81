"""The gate before the alias `champion`: who may pass, and why, in words that stay with the version.

A challenger passes where nothing leaks into its predictions, where it loads in a clean process, and where it beats the champion on
the latest mature labels, none of which either was fitted on, by more than the margin: with the confidence of a paired bootstrap
over entities. The first version of a question has nobody to beat. The same data, versions and settings give the same decision.
"""

import logging
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from rdl.database import Database
from rdl.database.version import code_version
from rdl.errors import GateError, ModelFileError, SchemaError, TaskError, UsageError
from rdl.evaluate import Comparison, audit, compare
from rdl.mlops.contender import Contender, aligned, comparable, held_out, labels_of, settings_of, settings_text, with_all_classes
from rdl.mlops.registry import LOADS_BACK, Version, check_loads_back, fetch_package, load_version
from rdl.project import Project
from rdl.task import Task, mature_cutoffs
from rdl.timeline import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rdl.model import Model

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GateSettings:
    """How much better a challenger must be, and how sure.

    Attributes:
        margin: of the task's metric; the gain must be above it. A negative one lets a fresher model in that is surely not worse by
            more than that.
        confidence: with which the gain is above the margin.
        cutoffs: the latest mature ones at most.
        rows: labels at most, whole entities.
        resamples: of the bootstrap.
        seed: of every draw.
    """

    margin: float = 0.0
    confidence: float = 0.95
    cutoffs: int = 3
    rows: int = 20_000
    resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if not isfinite(self.margin) or not 0.5 <= self.confidence < 1 or min(self.cutoffs, self.rows, self.resamples) < 1:
            raise UsageError(f"no gate can be set so: {self}", fix="the margin is a number, confidence lies in [0.5, 1)")


@dataclass(frozen=True)
class Check:
    """One thing that is asked of a challenger: `audit`, `loads` or `better`."""

    name: str
    passes: bool
    said: str


@dataclass(frozen=True)
class Decision:
    """What the gate decided.

    Attributes:
        passes: whether all checks do.
        reason: the sentence of the check that decided.
        checks: in the order in which they were made; what follows a failed one was not asked.
        comparison: of challenger and champion, where they were compared.
    """

    passes: bool
    reason: str
    checks: tuple[Check, ...]
    comparison: Comparison | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        checks = {check.name: {"passes": check.passes, "said": check.said} for check in self.checks}
        compared = None if self.comparison is None else self.comparison.to_json()
        return {"passes": self.passes, "reason": self.reason, "checks": checks, "comparison": compared}


def decide(
    project: Project,
    database: Database,
    task: Task,
    version: Version,
    champion: Version | None,
    as_of: int,
    gate: GateSettings | None = None,
) -> Decision:
    """Judge a registered version against the champion; nothing in the registry changes.

    Args:
        project: whose registry.
        database: the rows.
        task: the question, as its file asks it today.
        version: the challenger.
        champion: who holds the alias; None where nobody does.
        as_of: microseconds UTC: labels that are mature then judge.
        gate: how much better, and how sure.

    Raises:
        SqlError: a query fails.
        UnavailableError, ProjectError: the store does not hand out a version's files.
    """
    gate = gate or GateSettings()
    found: list[Comparison] = []

    def better(model: "Model") -> tuple[bool, str]:
        if champion is None:
            return True, "the first version: there is no champion to beat"
        challenger = Contender(f"version {version.number}", model, settings_of(version.tags))
        try:
            holder = Contender(f"version {champion.number}", load_version(project, champion), settings_of(champion.tags))
        except ModelFileError as error:  # that the store is away says nothing about the champion
            return True, f"the champion, version {champion.number}, does not load: {error.what}"
        passes, reason, comparison = _compare(database, task, challenger, holder, as_of, gate)
        found.extend([comparison] if comparison else [])
        return passes, reason

    checks = list[Check]()
    questions: Mapping[str, Callable[[Model], tuple[bool, str]]] = {
        "loads": lambda _: _loads(project, version),
        "audit": lambda model: _audit(database, task, model, as_of, gate),
        "better": better,
    }
    try:
        model = load_version(project, version)
    except ModelFileError as error:
        checks.append(Check("loads", passes=False, said=str(error)))
    else:
        for name, ask in questions.items():
            checks.append(Check(name, *ask(model)))
            log.info("gate: %s version %s, %s: %s", version.name, version.number, name, checks[-1].said)
            if not checks[-1].passes:
                break
    return Decision(checks[-1].passes, checks[-1].said, tuple(checks), found[0] if found else None)


def _loads(project: Project, version: Version) -> tuple[bool, str]:
    """Whether the version loads and answers in a clean process; asked once for each version and code."""
    if version.tags.get(LOADS_BACK) == code_version():
        return True, "loaded and answered its example in a clean process when it was registered"
    try:
        check_loads_back(project, fetch_package(project, version), version.uri)
    except ModelFileError as error:
        return False, error.what
    return True, "loads and answers its example in a clean process"


def _audit(database: Database, task: Task, model: "Model", as_of: int, gate: GateSettings) -> tuple[bool, str]:
    """The leak audit at the latest mature cutoff: behind it lie rows that must not matter."""
    try:
        cutoff = int(mature_cutoffs(task, as_of, database.span)[-1])
        found = audit(database, task, model, cutoff, seed=gate.seed)
    except (TaskError, SchemaError) as error:
        return False, f"cannot be audited: {error.what}"
    return found.passes, found.sentence()


def _compare(
    database: Database, task: Task, challenger: Contender, champion: Contender, as_of: int, gate: GateSettings
) -> tuple[bool, str, Comparison | None]:
    """Whether the challenger is better by more than the margin, and why."""
    if not comparable(task, champion.model):
        return True, f"the champion, {champion.name}, answers another question", None
    if champion.model.as_of > max(as_of, challenger.model.as_of):
        at = format_time(champion.model.as_of)
        return False, f"the champion, {champion.name}, was fitted as of {at}, later than the challenger", None
    try:
        cutoffs = held_out(database, task, champion, as_of, gate.cutoffs)
        first = int(cutoffs[0])
        if _same(task, challenger, champion, first):
            said = f"the settings are those of {champion.name}, which has seen all labels that are mature: nothing tells them apart"
            return gate.margin < 0, f"{said}; {_margin(gate)}", None
        comparison = _judged(database, task, (challenger, champion), cutoffs, gate)
    except (TaskError, GateError) as error:
        return False, f"cannot be compared: {error.what}", None
    except SchemaError as error:
        return True, f"the champion, {champion.name}, does not answer: {error.what}", None
    passes = comparison.beats(gate.margin)
    verdict = "beats" if passes else "does not beat"
    who = f"{challenger.how(task, first)}; {champion.how(task, first)}"
    reason = f"{challenger.name} {verdict} {champion.name}: {comparison.sentence()}; {_margin(gate)}. {who}."
    return passes, reason, comparison


def _same(task: Task, challenger: Contender, champion: Contender, first: int) -> bool:
    """Whether settings answer for both, and they are the same: then so are the predictions."""
    if challenger.settings is None or champion.settings is None:
        return False
    both = not challenger.answers_itself(task, first) and not champion.answers_itself(task, first)
    return both and settings_text(challenger.settings) == settings_text(champion.settings)


def _judged(database: Database, task: Task, pair: tuple[Contender, Contender], cutoffs: Any, gate: GateSettings) -> Comparison:
    models = tuple(one.before(database, task, int(cutoffs[0])) for one in pair)
    whole = with_all_classes(task, models)
    labels = labels_of(database, whole, cutoffs, gate.rows, gate.seed)
    answers = [aligned(whole, model, model.predict(database, labels.seeds).prediction) for model in models]
    return compare(
        task.kind,
        task.metric,
        labels,
        answers[0],
        answers[1],
        float(models[0].facts["target_std"]),
        resamples=gate.resamples,
        confidence=gate.confidence,
        seed=gate.seed,
    )


def _margin(gate: GateSettings) -> str:
    return f"the margin is {gate.margin:g}"
