"""Which process it is: its number alone would also name whoever gets that number next; and the end of those that it started."""

import os
import signal
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process of some machine.

    Attributes:
        started: when it started, in the machine's own count since a start of its own; empty where the system does not tell.
    """

    pid: int
    host: str
    started: str

    @staticmethod
    def current() -> "Process":
        """This process."""
        return Process(os.getpid(), socket.gethostname(), _started(os.getpid()))

    @property
    def alive(self) -> bool:
        """Whether it still runs; of another machine's processes nothing is known, so they are taken to be."""
        if self.host != socket.gethostname():
            return True
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:
            pass  # it is there, and somebody else's
        now = _started(self.pid)
        return not self.started or not now or now == self.started

    def __str__(self) -> str:
        """As messages name it."""
        return f"process {self.pid} on {self.host}"


def end_children() -> None:
    """Kill what this process has started, and what that has, as far as the system tells of them."""
    for child in _below(os.getpid()):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)


def _below(pid: int) -> list[int]:
    """The processes that `pid` has started, those below them first."""
    found = list[int]()
    for told in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError, ValueError):
            found += [each for child in map(int, told.read_text(encoding="utf-8").split()) for each in (*_below(child), child)]
    return found


def _started(pid: int) -> str:
    with suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        if fields[0] in {"Z", "X"}:
            return "ended"  # nobody has asked yet how
        return f"{_boot()}:{fields[19]}"
    return ""


@cache
def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return ""
