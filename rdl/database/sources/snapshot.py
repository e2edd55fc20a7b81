"""What was landed last: `snapshot.json`, the parts it refers to, and the removal of those that nothing refers to any more.

A snapshot is written aside and moved into place, so there is always a whole one. A part, once written, never changes; parts of the
snapshot before stay too, for whoever is reading them, and what was retired or is being written stays for an hour.
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
_GRACE = 3_600.0  # seconds that a part nothing refers to is kept: another process may be about to refer to it, or still be reading
_ABANDONED = 86_400.0  # seconds after which a folder aside belongs to a process that died


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
        previous: the parts of the snapshot before.
    """

    tables: Mapping[str, Landed] = field(default_factory=dict)
    previous: frozenset[str] = frozenset()

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
        return Snapshot({name: _landed(table) for name, table in raw["tables"].items()}, frozenset(raw["previous"]))
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
    """Put a snapshot of `tables` in place of the last one, whose parts it remembers."""
    last = read_snapshot(folder)
    snapshot = Snapshot(tables, last.previous if last.files == Snapshot(tables).files else last.files)
    facts = {
        "format": FORMAT,
        "duckdb": duckdb.__version__,
        "previous": sorted(snapshot.previous),
        "tables": {name: {**asdict(table), "columns": list(table.columns.items())} for name, table in tables.items()},
    }
    aside = folder / f"snapshot.{uuid4().hex}.tmp"
    try:
        aside.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        os.replace(aside, folder / "snapshot.json")
    finally:
        aside.unlink(missing_ok=True)
    for retired in last.files - snapshot.files:
        with suppress(OSError):
            os.utime(folder / retired)  # its hour begins now
    return snapshot


def publish(folder: Path, drafts: list[Draft], beside: tuple[Part, ...] = ()) -> tuple[Part, ...]:
    """Move a table's drafts to their places `beside` other parts of it.

    A file of the same rows that is there already is kept: others may be reading it. Parts of one table that hold the same rows are
    numbered.
    """
    parts: list[Part] = []
    for draft in drafts:
        file, number = draft.part.file, 0
        while file in {part.file for part in (*beside, *parts)}:
            number += 1
            file = f"{draft.part.file.removesuffix('.parquet')}-{number}.parquet"
        target = folder / file
        try:
            os.link(draft.path, target)
        except FileExistsError:
            log.debug("landing: %s is there already", file)
        except OSError:  # a file system without links
            os.replace(draft.path, target)
        os.utime(target)  # nothing refers to it yet
        parts.append(replace(draft.part, file=file))
    return tuple(parts)


def sweep(folder: Path, own: Snapshot) -> None:
    """Remove what neither the snapshot in place nor `own` refers to, once its time of grace is over."""
    kept = {file for snapshot in (own, read_snapshot(folder)) for file in (*snapshot.files, *snapshot.previous)}
    now = time.time()
    for path in folder.glob("*.parquet"):
        with suppress(OSError):  # another process was faster
            if path.name not in kept and now - path.stat().st_mtime > _GRACE:
                path.unlink()
    for path in folder.glob("*.tmp"):
        with suppress(OSError):
            newest = max(p.stat().st_mtime for p in (path, *path.rglob("*")))
            if now - newest > _ABANDONED:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
