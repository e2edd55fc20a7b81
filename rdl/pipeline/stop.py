"""Told to stop: the work in hand is asked to end, and ended where it does not.

Python runs a signal's handler between two of its own instructions: a long statement of the database, a round of boosting or a
compiled kernel lets it wait for as long as it takes, and where a library swallows what the handler raises, the signal is lost. So
it also reaches a thread, by the pipe that the system's own handler writes to. The thread waits, and then ends the process with all
that it has started, after its last words. Only compiled work that never lets go of Python's lock would hold it up.
"""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from rdl.process import end_children

log = logging.getLogger(__name__)

GRACE_S = 10.0
"""How long a run that was told to stop may take to do so."""
WORDS_S = 30.0
"""How long the last words may take: a ledger that somebody holds, a hook that hangs."""


class Terminated(SystemExit):
    """SIGTERM arrived; the exit code is 143, as shells expect."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


class Stopping:
    """The hard end of a process that was told to stop, and does not.

    Attributes:
        told: what the first signal raised, whatever has become of that since.
        last_words: called before the hard end.
    """

    def __init__(self, grace: float) -> None:
        self.told: Terminated | KeyboardInterrupt | None = None
        self.last_words: Callable[[], None] = lambda: None
        self._grace, self._guard, self._over = grace, threading.Lock(), False

    def check(self) -> None:
        """Raise again what was raised and got lost.

        Raises:
            Terminated, KeyboardInterrupt: the process was told to stop.
        """
        if self.told is not None:
            raise self.told

    def disarm(self) -> None:
        """From now on the process ends by itself; where it is being ended, this waits for it."""
        with self._guard:
            self._over = True

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the signals that Python handles."""
        hears, tells = socket.socketpair()
        tells.setblocking(False)
        watcher = threading.Thread(target=self._watch, args=(hears,), name="stopping", daemon=True)
        before = signal.set_wakeup_fd(tells.fileno(), warn_on_full_buffer=False)
        watcher.start()
        try:
            yield
        finally:
            self.disarm()
            signal.set_wakeup_fd(before)
            tells.close()
            watcher.join()
            hears.close()

    def _watch(self, hears: socket.socket) -> None:
        """End the process when SIGTERM has come and its grace is over, or SIGTERM comes again."""
        until: float | None = None
        while until is None or time.monotonic() < until:
            hears.settimeout(None if until is None else max(0.001, until - time.monotonic()))
            with suppress(TimeoutError):
                heard = hears.recv(1)
                if not heard:
                    return
                if heard[0] == signal.SIGTERM:
                    until = 0.0 if until is not None else time.monotonic() + self._grace
        with self._guard:
            if not self._over:
                self._end()

    def _end(self) -> NoReturn:
        words = threading.Thread(target=self._say, daemon=True)
        words.start()
        words.join(WORDS_S)
        end_children()
        os._exit(128 + signal.SIGTERM)

    def _say(self) -> None:
        log.warning("told to stop, and ended in the middle of its work")
        self.last_words()
        sys.stderr.flush()


@contextmanager
def terminable(grace: float = GRACE_S) -> Iterator[Stopping]:
    """Turn the first SIGTERM into `Terminated` while the block runs, and remember it; only the main thread may do so.

    Whoever is still in the block when the grace is over, or when a second one comes, is ended with the same exit code.

    Args:
        grace: seconds.
    """
    stopping = Stopping(grace)
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return

    def terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        if stopping.told is None:
            stopping.told = Terminated()
            raise stopping.told

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
        stopping.told = KeyboardInterrupt()
        raise stopping.told

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, terminate)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    try:
        with stopping.listening():
            yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _deafen() -> None:
    """A forked child would write what it is told to its parent's pipe."""
    with suppress(ValueError):
        signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_deafen)
