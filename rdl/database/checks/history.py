"""What earlier runs read: the profiles of the last one, and the number of rows of the last fifty.

Every file is written aside and moved into place. A file that cannot be read is as good as none: the history only ever compares.
"""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from rdl.database.checks.profile import Profile, Profiles

log = logging.getLogger(__name__)

KEPT = 50
_FORMAT = 1
_LATEST = "profiles.json"


@dataclass(frozen=True)
class Past:
    """One run: what it read, when (microseconds UTC), and how many rows every table had."""

    fingerprint: str
    read_at: int
    rows: Mapping[str, int]


@dataclass(frozen=True)
class History:
    """The profiles of the last run, None where there is none, and all runs that are remembered, the oldest first."""

    profiles: Profiles | None
    past: tuple[Past, ...]


def remember(folder: Path, profiles: Profiles, fingerprint: str, read_at: int) -> None:
    """Add a run; the same database is not remembered twice in a row, and only the last fifty are kept."""
    past = _past(folder)
    if past and past[-1][1].fingerprint == fingerprint and (folder / _LATEST).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    number = past[-1][0] + 1 if past else 0
    tables = {name: table.to_json() for name, table in sorted(profiles.items())}
    _write(folder / _LATEST, {"format": _FORMAT, "fingerprint": fingerprint, "tables": tables})
    rows = {name: table.rows for name, table in sorted(profiles.items())}
    _write(folder / f"{number:08d}.json", {"format": _FORMAT, "fingerprint": fingerprint, "read_at": read_at, "rows": rows})
    for old, _ in past[: max(len(past) + 1 - KEPT, 0)]:
        (folder / f"{old:08d}.json").unlink(missing_ok=True)


def recall(folder: Path) -> History:
    """What `remember` kept."""
    past = tuple(run for _, run in _past(folder))
    raw = _read(folder / _LATEST)
    try:
        profiles = None if raw is None else {name: Profile.from_json(table) for name, table in raw["tables"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        log.warning("database: the profiles of the last run are not readable: %r", error)
        profiles = None
    return History(profiles, past)


def _past(folder: Path) -> list[tuple[int, Past]]:
    """Every run that is readable, with its number, the oldest first."""
    found = []
    for file in sorted(folder.glob("[0-9]*.json")):
        raw = _read(file)
        if raw is not None and file.stem.isdecimal():
            found.append((int(file.stem), Past(raw["fingerprint"], raw["read_at"], raw["rows"])))
    return found


def _read(file: Path) -> dict[str, Any] | None:
    """What a file of this format holds; None where there is no such file."""
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("database: %s is not readable: %s", file.name, error)
        return None
    return raw if isinstance(raw, dict) and raw.get("format") == _FORMAT else None


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    aside = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    try:
        aside.write_text(json.dumps(facts, indent=1, sort_keys=True), encoding="utf-8")
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)
