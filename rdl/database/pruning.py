"""What is kept in a project's home to save work, and how it stays within its limit: what was not used for longest goes first.

All of it can be made again: features, fits, graphs, checkpoints. What the latest model of a task was made from stays, and so does
the newest table of tonight's features of each task; what was used within the last hour may be in use, by this process or another.
What killed processes left half made goes whatever the limit, once nobody has touched it for two days.
"""

import json
import logging
import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rdl.project import Project
from rdl.timeline import ALWAYS

log = logging.getLogger(__name__)

GRACE_S = 3600.0
ABANDONED_S = 48 * 3600.0
TONIGHT = "tonight"
SCORING = "scoring"
_FITTED = ("fits", "graph", "checkpoints/*")
_KINDS = (*_FITTED, "features/parts", "features/lineage", f"{TONIGHT}/*", SCORING)
_HALF_MADE = ("aside", "tmp")
_NEEDED = "needed"


@dataclass(frozen=True)
class Entry:
    """A file or folder that goes as one.

    Attributes:
        used: when it was last used, seconds since 1970.
        size: bytes.
    """

    path: Path
    used: float
    size: int


@dataclass(frozen=True)
class _Note:
    """What a task's latest model needs: paths inside the home."""

    moment: int = ALWAYS
    paths: tuple[str, ...] = ()


def mark_used(path: Path) -> None:
    """Note that what stands at `path` is in use."""
    with suppress(OSError):
        os.utime(path)


@contextmanager
def needed(project: Project, name: str, moment: int) -> Iterator[None]:
    """Keep the fits, graphs and checkpoints that the body uses or makes, until it runs under this name at a later moment."""
    started = time.time() - 1.0  # file systems may be coarse
    yield
    note = project.home / _NEEDED / f"{name}.json"
    if _noted(note).moment > moment:
        return
    used = [entry.path for entry in _entries(project.home, _FITTED) if entry.used >= started]
    facts = {"moment": moment, "paths": sorted(path.relative_to(project.home).as_posix() for path in used)}
    note.parent.mkdir(parents=True, exist_ok=True)
    aside = note.with_name(f".{note.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    aside.write_text(json.dumps(facts), encoding="utf-8")
    aside.replace(note)


def prune(project: Project) -> tuple[Path, ...]:
    """Remove what was left half made, and what was not used for longest until the rest is within the limit; of that, what was."""
    home = project.home
    for entry in _entries(home, _HALF_MADE):
        if entry.used < time.time() - ABANDONED_S:
            _remove(entry.path)
    entries = sorted(_entries(home, _KINDS), key=lambda entry: entry.used)
    excess = sum(entry.size for entry in entries) - project.keep.bytes
    if excess <= 0:
        return ()
    safe = {home / path for note in (home / _NEEDED).glob("*.json") for path in _noted(note).paths} | _newest(
        entries, home / TONIGHT
    )
    old = [entry for entry in entries if entry.used < time.time() - GRACE_S and entry.path not in safe]
    removed = []
    for entry in old:
        if excess <= 0:
            break
        _remove(entry.path)
        excess -= entry.size
        removed.append(entry.path)
    if removed:
        log.info("keep: removed %d of %d kept files to stay within %s", len(removed), len(entries), project.keep.limit)
    return tuple(removed)


def _entries(home: Path, kinds: Iterable[str]) -> Iterator[Entry]:
    """Everything that is kept; what another process removes meanwhile is left out."""
    for kind in kinds:
        for path in home.glob(f"{kind}/*"):
            with suppress(FileNotFoundError):
                files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
                size = sum(file.stat().st_size for file in files)
                yield Entry(path, max(p.stat().st_mtime for p in (path, *files)), size)


def _newest(entries: list[Entry], folder: Path) -> set[Path]:
    """The entry used last in each folder inside `folder`; `entries` are in the order of their use."""
    return set({entry.path.parent: entry.path for entry in entries if entry.path.is_relative_to(folder)}.values())


def _noted(note: Path) -> _Note:
    try:
        return _Note(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return _Note()


def _remove(path: Path) -> None:
    """A folder is moved away first, so that nobody finds half of it."""
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    gone = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.gone")
    with suppress(OSError):
        path.replace(gone)
        shutil.rmtree(gone, ignore_errors=True)
