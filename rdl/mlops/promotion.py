"""The alias `champion` moves here only: through the gate, by force with a reason, or back to the champion before.

Every decision is written on the version it is about, as tags and as a line of its description; the registered model remembers who
held the alias before, so that a rollback finds the way.

A version is judged without a lock, for that may take minutes. Then, under one, it is looked again who is champion: where that is
another by now, the version is judged against that one. Two machines that share a server share no lock: between the look and the
move, which are one request apart, the other may move the alias, and the later move counts.
"""

import json
import logging
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rdl.database import Database
from rdl.errors import GateError, UsageError
from rdl.lock import locked
from rdl.mlops.gate import Decision, GateSettings, decide
from rdl.mlops.registry import CHAMPION, Version, find_alias, find_version, load_version, versions
from rdl.mlops.store import Store, find_store, safe_name
from rdl.project import Project
from rdl.task import Task
from rdl.timeline import parse_time

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

DECISION, REASON, DETAIL = "rdl.gate", "rdl.gate.reason", "rdl.gate.detail"
PROMOTED, REFUSED, FORCED, ROLLED_BACK, RESTORED = "promoted", "refused", "forced", "rolled back", "restored"
BEFORE = "rdl.champions"
"""The tag of a registered model with the versions that held the alias, the present one last."""
REMEMBERED = 100
PATIENCE_S = 60.0
"""How long to wait for another who is moving the alias, which takes a few requests."""
_LONGEST = 4_800  # of a tag's value


@dataclass(frozen=True)
class Promotion:
    """What was decided about a version, and why; `champion` is the version that holds the alias now."""

    promoted: bool
    reason: str
    champion: str
    decision: Decision | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data, with every check of the gate where it was asked."""
        asked = {} if self.decision is None else self.decision.to_json()
        return {**asked, "promoted": self.promoted, "reason": self.reason, "champion": self.champion}


def promote(
    project: Project,
    database: Database,
    task: Task,
    version: Version,
    *,
    gate: GateSettings | None = None,
    as_of: int | None = None,
    force: str | None = None,
) -> Promotion:
    """Move the alias `champion` to `version` if the gate lets it pass; write the decision on the version either way.

    Args:
        project: whose registry.
        database: the rows.
        task: the question.
        version: the challenger.
        gate: how much better it must be, and how sure.
        as_of: microseconds UTC: labels that are mature then judge; by default, at the end of the data.
        force: promote without asking the gate, for this reason.

    Raises:
        UsageError: force without a reason.
        SqlError: a query fails.
        LockedError: another process has been moving the alias for a minute.
    """
    if force is not None and not force.strip():
        raise UsageError("no reason is given", where="--force", fix="say in a few words why the gate is not asked")
    store = find_store(project)
    client = store.client()
    if force is not None:
        with _turn(store, version.name):
            holder = find_alias(client, version.name, CHAMPION)
            return _moved(client, version, holder, FORCED, f"forced: {force.strip()}", None)
    until = database.span[1] + 1 if as_of is None else min(as_of, database.span[1] + 1)
    while True:
        holder = find_alias(client, version.name, CHAMPION)
        number = holder.number if holder else ""
        if number == version.number:
            return Promotion(promoted=True, reason="it is the champion already", champion=number)
        if version.tags.get(DECISION) == ROLLED_BACK:
            reason = f"it was rolled back ({version.tags.get(REASON, '')}); --force brings it back"
            return Promotion(promoted=False, reason=reason, champion=number)
        decision = decide(project, database, task, version, holder, until, gate)
        with _turn(store, version.name):
            now = find_alias(client, version.name, CHAMPION)
            if (now.number if now else "") == number:
                return _settled(client, version, holder, decision)
        log.info("%s: another version became champion meanwhile; version %s is judged again", version.name, version.number)


def _settled(client: "MlflowClient", version: Version, holder: Version | None, decision: Decision) -> Promotion:
    """Do what was decided."""
    if decision.passes:
        return _moved(client, version, holder, PROMOTED, decision.reason, decision)
    _write(client, version, REFUSED, decision.reason, decision)
    return Promotion(promoted=False, reason=decision.reason, champion=holder.number if holder else "", decision=decision)


def rollback(project: Project, task_name: str, reason: str = "") -> Promotion:
    """Give the alias back to the champion before; both versions say so.

    Raises:
        UsageError: nothing is registered.
        GateError: there was no champion before.
        LockedError: another process has been moving the alias for a minute.
    """
    store = find_store(project)
    known = {version.number: version for version in versions(project, task_name)}
    client = store.client()
    with _turn(store, safe_name(task_name)):
        return _back(client, find_version(project, task_name), known, f": {reason.strip()}" if reason.strip() else "")


def _back(client: "MlflowClient", holder: Version, known: Mapping[str, Version], said: str) -> Promotion:
    line = _line_before(client, holder, known)
    if not line:
        raise GateError(
            f"version {holder.number} of {holder.name} is the first champion",
            where=f"tag {BEFORE}",
            fix="promote another version: rdl promote TASK --version N",
        )
    back = known[line[-1]]
    client.set_registered_model_alias(holder.name, CHAMPION, back.number)
    client.set_registered_model_tag(holder.name, BEFORE, ",".join(line))
    _write(client, holder, ROLLED_BACK, f"rolled back to version {back.number}{said}", None)
    _write(client, back, RESTORED, f"champion again in place of version {holder.number}{said}", None)
    log.info("%s: rolled back from version %s to %s", holder.name, holder.number, back.number)
    return Promotion(promoted=True, reason=f"rolled back from version {holder.number}{said}", champion=back.number)


def _turn(store: Store, name: str) -> AbstractContextManager[None]:
    """One at a time looks who is champion and moves the alias, of all who share the store's folder of locks."""
    return locked(store.locks / f"champion.{name}.lock", f"the champion of {name}", PATIENCE_S)


def champion_at(project: Project, task_name: str, as_of: int) -> Version | None:
    """The champion that may score at `as_of`: the present one, or of those before it the latest that was fitted by then.

    So a night that is repeated after newer models were promoted is scored by the champion that it had. None where there is none.
    """
    store, name = find_store(project), safe_name(task_name)
    if not store.exists:
        return None
    client = store.client()
    holder = find_alias(client, name, CHAMPION)
    if holder is None or _fitted(project, holder) <= as_of:
        return holder
    known = {version.number: version for version in versions(project, task_name)}
    line = [known[number] for number in reversed(_line_before(client, holder, known))]
    return next((version for version in line if _fitted(project, version) <= as_of), None)


def _fitted(project: Project, version: Version) -> int:
    """The as-of of a version's model, microseconds UTC."""
    text = version.tags.get("rdl.as_of")
    return parse_time(text) if text is not None else load_version(project, version).as_of


def _line_before(client: "MlflowClient", holder: Version, known: Collection[str]) -> list[str]:
    """Who held the alias before `holder`, as far as they are still there, oldest first."""
    line = [number for number in past_champions(client, holder.name) if number in known]
    if holder.number in line:  # what stands behind it was left by somebody who died
        line = line[: len(line) - 1 - line[::-1].index(holder.number)]
    return line


def past_champions(client: "MlflowClient", name: str) -> list[str]:
    """The versions that held the alias, oldest first, the present one last."""
    tags = client.get_registered_model(name).tags or {}
    return [number for number in tags.get(BEFORE, "").split(",") if number]


def _moved(
    client: "MlflowClient", version: Version, holder: Version | None, how: str, reason: str, decision: Decision | None
) -> Promotion:
    """Move the alias, and write down who held it, why it moved, and what was found."""
    line = past_champions(client, version.name) or ([holder.number] if holder else [])
    if not line or line[-1] != version.number:
        line.append(version.number)
    client.set_registered_model_tag(version.name, BEFORE, ",".join(line[-REMEMBERED:]))
    client.set_registered_model_alias(version.name, CHAMPION, version.number)
    _write(client, version, how, reason, decision)
    return Promotion(promoted=True, reason=reason, champion=version.number, decision=decision)


def _write(client: "MlflowClient", version: Version, how: str, reason: str, decision: Decision | None) -> None:
    """The decision as tags of the version, and as one more line of its description."""
    client.set_model_version_tag(version.name, version.number, DECISION, how)
    client.set_model_version_tag(version.name, version.number, REASON, reason[:_LONGEST])
    if decision is not None:
        client.set_model_version_tag(version.name, version.number, DETAIL, _detail(decision))
    known = client.get_model_version(version.name, version.number).description or ""
    line = reason if reason.startswith(how) else f"{how}: {reason}"
    client.update_model_version(version.name, version.number, "\n".join(filter(None, [known, f"- {line}"]))[-_LONGEST:])
    log.info("%s version %s %s", version.name, version.number, line)


def _detail(decision: Decision) -> str:
    """The decision as JSON that a tag has room for: without the sentences, where they are too long."""
    whole = decision.to_json()
    text = json.dumps(whole)
    if len(text) <= _LONGEST:
        return text
    checks = {name: {"passes": check["passes"]} for name, check in whole["checks"].items()}
    return json.dumps({"passes": whole["passes"], "checks": checks, "comparison": whole["comparison"]})
