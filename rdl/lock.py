"""One living run at a time: an advisory lock that the kernel gives back when its holder dies.

`flock` ties the lock to an open file, so a killed process cannot leave it locked, no clock or process table has to be trusted,
and the file itself is never removed (removing it would let two runs lock two files of one name). A forked child closes its
copy, so that an orphan does not hold what its dead parent held. The file's text tells who holds it, its start with it, so that no
later process of the same number is taken for the holder; it is there for the message only.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rdl.errors import LockedError, PipelineError
from rdl.process import Process

_held: set[int] = set()
_LOOK_S = 0.05


def _forget() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_forget)


@contextmanager
def locked(path: Path, what: str, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock at `path` while the block runs.

    Args:
        path: the lock's file, made where it is missing.
        what: what is locked, for the message.
        patience: how many seconds to wait for its holder.

    Raises:
        LockedError: another living process, or another thread of this one, holds it, and still does after the wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    _held.add(descriptor)
    try:
        until = time.monotonic() + patience
        while not _taken(descriptor, path, what):
            if time.monotonic() >= until:
                raise LockedError(f"{what} is locked by {_holder(path)}", where=str(path), fix="wait until it ends")
            time.sleep(_LOOK_S)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, _signature())
        yield
    finally:
        if descriptor in _held:
            _held.discard(descriptor)
            os.close(descriptor)


def _taken(descriptor: int, path: Path, what: str) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        fix = "put the home on a file system that knows locks"
        raise PipelineError(f"{what} cannot be locked: {error}", where=str(path), fix=fix) from error
    return True


def _signature() -> bytes:
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({**asdict(Process.current()), "since": moment}).encode()


def _holder(path: Path) -> str:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        since, process = raw.pop("since"), Process(**raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "another run"
    return f"{process} since {since}" if process.alive else "another run"
