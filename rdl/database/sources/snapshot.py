"""What was landed last: `snapshot.json`, the parts it refers to, and the removal of those that nothing refers to any more.

A snapshot is written aside and moved into place, so there is always a whole one. A part, once written, is not touched again. One
that a new snapshot no longer refers to stays for two days: what reads the snapshot before, in another process, may take that long.
"""

import json
import logging
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb

from rdl.database.sources.parts import Draft, Part

log = logging.getLogger(__name__)

FORMAT = 1
_GRACE = 2 * 86_400.0  # seconds for which a file that nothing refers to is kept


@dataclass(frozen=True)
class Landed:
    """One table as it was landed.

    Attributes:
        columns: stated type by column, in order.
        watermark: the column that orders the parts' rows, None where none was declared.
        key: the columns that name a row, which the source enforces or the project declares; () where there are none.
        unique: whether they do, so that a row read anew may take the place of an earlier one.
        read: when, as ISO text in UTC.
    """

    columns: Mapping[str, str]
    watermark: str | None
    key: tuple[str, ...]
    unique: bool
    read: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Snapshot:
    """All tables as they were landed together.

    Attributes:
        retired: earlier parts that are still there, and when they were left out, in seconds since 1970.
    """

    tables: Mapping[str, Landed] = field(default_factory=dict)
    retired: Mapping[str, float] = field(default_factory=dict)

    @property
    def files(self) -> frozenset[str]:
        """The parts of every table, from the landing's folder."""
        return frozenset(part.file for table in self.tables.values() for part in table.parts)


def read_snapshot(folder: Path) -> Snapshot:
    """The last snapshot in `folder`; an empty one where there is none, or none that this version can read."""
    path = folder / "snapshot.json"
    if not path.is_file():
        return Snapshot()
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if (raw["format"], raw["duckdb"]) != (FORMAT, duckdb.__version__):  # hashes are the version's own
            log.info("landing: the snapshot is of another version; all tables are read whole")
            return Snapshot()
        retired = {str(file): float(when) for file, when in raw["retired"].items()}
        return Snapshot({name: _landed(table) for name, table in raw["tables"].items()}, retired)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("landing: the snapshot %s is not readable (%r); all tables are read whole", path.name, error)
        return Snapshot()


def _landed(raw: Mapping[str, Any]) -> Landed:
    parts = tuple(_part(part) for part in raw["parts"])
    columns = {str(name): str(kind) for name, kind in raw["columns"]}
    return Landed(columns, raw["watermark"], tuple(raw["key"]), bool(raw["unique"]), raw["read"], parts)


def _part(raw: Mapping[str, Any]) -> Part:
    rows, forward, backward = raw["content"]
    return Part(raw["file"], (int(rows), int(forward), int(backward)), raw["low"], raw["high"], int(raw["unordered"]))


def write_snapshot(folder: Path, tables: Mapping[str, Landed]) -> Snapshot:
    """Put a snapshot of `tables` in place of the last one; what only that one refers to is retired."""
    last = read_snapshot(folder)
    files, now = Snapshot(tables).files, time.time()
    gone = {**dict.fromkeys(last.files, now), **last.retired}
    retired = {file: when for file, when in sorted(gone.items()) if file not in files and (folder / file).is_file()}
    facts = {
        "format": FORMAT,
        "duckdb": duckdb.__version__,
        "retired": retired,
        "tables": {name: {**asdict(table), "columns": list(table.columns.items())} for name, table in tables.items()},
    }
    aside = folder / f"snapshot.{uuid4().hex}.tmp"
    try:
        aside.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        os.replace(aside, folder / "snapshot.json")
    finally:
        aside.unlink(missing_ok=True)
    return Snapshot(tables, retired)


def publish(folder: Path, drafts: list[Draft]) -> tuple[Part, ...]:
    """Move a table's drafts to their places, under names that no other file has."""
    parts = []
    for draft in drafts:
        stem, number = draft.part.file.removesuffix(".parquet"), 0
        while not _move(draft.path, folder / f"{stem}-{number}.parquet"):
            number += 1
        parts.append(replace(draft.part, file=f"{stem}-{number}.parquet"))
    return tuple(parts)


def _move(path: Path, target: Path) -> bool:
    """Give a file another name, unless that is taken."""
    try:
        os.link(path, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without links
        if target.exists():
            return False
        os.replace(path, target)
    return True


def sweep(folder: Path, own: Snapshot) -> None:
    """Remove what neither the snapshot in place nor `own` refers to, once its time of grace is over."""
    other = read_snapshot(folder)
    kept, retired = own.files | other.files, {**other.retired, **own.retired}
    oldest = time.time() - _GRACE
    for path in folder.glob("*.parquet"):
        with suppress(OSError):  # another process was faster
            if path.name not in kept and retired.get(path.name, path.stat().st_mtime) < oldest:
                path.unlink()
    for path in folder.glob("*.tmp"):
        with suppress(OSError):
            if max(p.stat().st_mtime for p in (path, *path.rglob("*"))) < oldest:  # of a process that died
                shutil.rmtree(path) if path.is_dir() else path.unlink()
