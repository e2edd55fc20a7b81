"""A file that says that a run lives, and what it is doing: watch its age, and its `status`.

It is replaced whole, at every change and every few seconds in between. That it cannot be written costs a warning, never a run.
"""

import json
import logging
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rdl.process import Process

log = logging.getLogger(__name__)

EVERY_S = 10.0


class Heartbeat:
    """Beats from entering to leaving it.

    Args:
        path: the file.
        facts: what it says besides `beat`, `status`, `unit`, and which process it is.
    """

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        self._path, self._guard, self._over = path, threading.Lock(), threading.Event()
        process = Process.current()
        self._facts = {**facts, "pid": process.pid, "host": process.host, "started": _now(), "status": "running", "unit": ""}
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._warned = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def tell(self, **facts: object) -> None:
        """Change what it says, at once."""
        with self._guard:
            self._facts |= facts
        self._write()

    def _beat(self) -> None:
        self._write()
        while not self._over.wait(EVERY_S):
            self._write()

    def _write(self) -> None:
        with self._guard:
            aside = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                aside.write_text(json.dumps({**self._facts, "beat": _now()}), encoding="utf-8")
                aside.replace(self._path)
            except OSError as error:
                if not self._warned:
                    log.warning("pipeline: no heartbeat: %s", error)
                self._warned = True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
