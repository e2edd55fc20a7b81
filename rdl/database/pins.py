"""What was inferred of tables that nobody described, kept as it was first found.

Inference looks at rows, and rows change every night: without a pin, tomorrow's rows could turn a key into none and with it every
feature. `rdl schema --write` moves what is pinned into `rdl.toml`, where a person can read and change it.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from rdl.database.declared import Declared, declare, described
from rdl.database.inference import propose
from rdl.database.relation import Relation
from rdl.database.schema import Reference
from rdl.database.staging import Staging
from rdl.project import Project

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pin:
    """What was inferred of a table, and the dates and times that it had then: another one makes the question new."""

    declared: Declared
    times: tuple[str, ...]

    def holds(self, relations: Mapping[str, Relation]) -> bool:
        """Whether the table still has every column that is named, the parents that are referenced, and no other times."""
        table, types = self.declared, relations[self.declared.name].types
        named = {*table.key, *(c for r in table.references for c in r.columns)}
        parents = {r.table: set(r.key) for r in table.references}
        return (
            self.times == _times(types)
            and named <= types.keys()
            and all(parent in relations and key <= relations[parent].types.keys() for parent, key in parents.items())
        )


def pinned(project: Project, names: set[str], staging: Callable[[], Staging]) -> dict[str, Declared]:
    """What was inferred of every table in `names` that nobody described; inferred now, where that has not been done.

    `staging` opens the source, and is asked only where something is to be inferred.
    """
    wanted = {name for name in names if not described(project.tables.get(name))}
    if not wanted or not project.database.infer:
        return {}
    pins = _read(project)
    if not wanted <= pins.keys():
        pins |= _infer(project, staging(), wanted - pins.keys())
        _write(project, pins)
    return {name: pin.declared for name, pin in pins.items() if name in wanted}


def forget_stale(project: Project, relations: Mapping[str, Relation]) -> bool:
    """Unpin every table that is no longer what its pin was inferred from; whether there was one."""
    pins = _read(project)
    stale = {name for name, pin in pins.items() if name in relations and not pin.holds(relations)}
    if stale:
        log.warning("database: inferred anew, for columns came or went: %s", ", ".join(sorted(stale)))
        _write(project, {name: pin for name, pin in pins.items() if name not in stale})
    return bool(stale)


def _times(types: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(column for column, kind in types.items() if kind.startswith(("DATE", "TIMESTAMP"))))


def _infer(project: Project, staging: Staging, wanted: set[str]) -> dict[str, Pin]:
    relations = staging.relations
    accepted = propose(staging.ask, relations, declare(project, relations, partial=True)).declared()
    found = {}
    for name in sorted(wanted & relations.keys()):
        pin = accepted.get(name, Declared(name))
        said = (
            ", ".join(pin.key) or "none",
            pin.time or "none",
            ", ".join(f"{r.column} -> {r.table}" for r in pin.references) or "none",
        )
        log.info("database: inferred of %s: key %s, time %s, references %s", name, *said)
        found[name] = Pin(pin, _times(relations[name].types))
    return found


def _place(project: Project) -> Path:
    return project.home / "database" / "inferred.json"


def _read(project: Project) -> dict[str, Pin]:
    try:
        raw: dict[str, dict[str, Any]] = json.loads(_place(project).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return {name: Pin(_declared(name, pin), tuple(pin["times"])) for name, pin in raw.items()}


def _declared(name: str, raw: Mapping[str, Any]) -> Declared:
    references = tuple(Reference(r["column"], r["table"], tuple(r["key"]), tuple(r["parts"])) for r in raw["references"])
    return Declared(name, tuple(raw["key"]), raw["time"], references=references)


def _write(project: Project, pins: Mapping[str, Pin]) -> None:
    facts = {}
    for name, pin in sorted(pins.items()):
        table = pin.declared
        references = [asdict(r) for r in table.references]
        facts[name] = {"key": table.key, "time": table.time, "references": references, "times": pin.times}
    path = _place(project)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    aside.write_text(json.dumps(facts, indent=1), encoding="utf-8")
    aside.replace(path)
