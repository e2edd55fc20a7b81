"""What was inferred of tables that nobody described, kept as it was first found.

Inference looks at rows, and rows change every night: without a pin, tomorrow's rows could turn a key into none and with it every
feature. `rdl schema --write` moves what is pinned into `rdl.toml`, where a person can read and change it.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from rdl.database.declared import Declared, declare, described
from rdl.database.inference import propose
from rdl.database.relation import Relation
from rdl.database.schema import Reference, Semantic
from rdl.database.staging import Staging
from rdl.project import Project

log = logging.getLogger(__name__)


def pinned(project: Project, names: set[str], staging: Callable[[], Staging]) -> dict[str, Declared]:
    """What was inferred of every table in `names` that nobody described; inferred now, where that has not been done.

    `staging` opens the source, and is asked only where something is to be inferred.
    """
    wanted = {name for name in names if not described(project.tables.get(name))}
    if not wanted or not project.database.infer:
        return {}
    path = project.home / "database" / "inferred.json"
    pins = _read(path)
    if wanted <= pins.keys():
        return {name: pins[name] for name in wanted}
    opened = staging()
    found = _infer(project, opened.relations, opened, wanted - pins.keys())
    _write(path, pins | found)
    return {name: pin for name, pin in (pins | found).items() if name in wanted}


def forget_stale(project: Project, pins: Mapping[str, Declared], relations: Mapping[str, Relation]) -> bool:
    """Unpin every table that lost a column which its pin names, or the parent of a reference; whether there was one."""
    stale = {name for name, pin in pins.items() if name in relations and not _holds(pin, relations)}
    if stale:
        log.warning("database: inferred anew, for columns are gone: %s", ", ".join(sorted(stale)))
        path = project.home / "database" / "inferred.json"
        _write(path, {name: pin for name, pin in _read(path).items() if name not in stale})
    return bool(stale)


def _holds(pin: Declared, relations: Mapping[str, Relation]) -> bool:
    columns = {*pin.key, *pin.types, *(c for r in pin.references for c in r.columns), *([pin.time] if pin.time else [])}
    parents = {r.table: r.key for r in pin.references}
    return columns <= relations[pin.name].types.keys() and all(
        parent in relations and set(key) <= relations[parent].types.keys() for parent, key in parents.items()
    )


def _infer(project: Project, relations: Mapping[str, Relation], staging: Staging, wanted: set[str]) -> dict[str, Declared]:
    stated = declare(project, relations)
    proposals = propose(staging.ask, relations, stated)
    accepted = proposals.declared()
    for name in sorted(wanted):
        pin = accepted.get(name, Declared(name))
        references = ", ".join(f"{r.column} -> {r.table}" for r in pin.references) or "none"
        log.info(
            "database: inferred of %s: key %s, time %s, references %s",
            name, ", ".join(pin.key) or "none", pin.time or "none", references,
        )  # fmt: skip
    return {name: accepted.get(name, Declared(name)) for name in wanted}


def _read(path: Path) -> dict[str, Declared]:
    if not path.is_file():
        return {}
    raw: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return {name: _from_json(name, pin) for name, pin in raw.items()}


def _from_json(name: str, raw: Mapping[str, Any]) -> Declared:
    return Declared(
        name=name,
        key=tuple(raw["key"]),
        time=raw["time"],
        references=tuple(Reference(r["column"], r["table"], tuple(r["key"]), tuple(r["parts"])) for r in raw["references"]),
        types={column: Semantic(kind) for column, kind in raw["types"].items()},
    )


def _write(path: Path, pins: Mapping[str, Declared]) -> None:
    facts = {
        name: {"key": p.key, "time": p.time, "references": [asdict(r) for r in p.references], "types": dict(p.types)}
        for name, p in sorted(pins.items())
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    aside.write_text(json.dumps(facts, indent=1), encoding="utf-8")
    aside.replace(path)
