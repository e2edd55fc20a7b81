"""Blocks beside each other: threads with an engine each, over the same rows.

The kernels and the database let go of Python's lock, so two blocks take two cores. What is computed does not depend on which thread
computes it, nor on what it runs beside.
"""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from rdl.database import Engine

MOST = 2
"""Blocks at once, at most: each takes memory of its own."""


class Lanes:
    """Runs jobs on up to `count` threads. `prepare` readies every thread's engine; where there is one lane, nothing is started."""

    def __init__(self, engine: Engine, count: int, prepare: Callable[[Engine], None]) -> None:
        self._engine, self._prepare, self._own = engine, prepare, threading.local()
        self._opened: list[Engine] = []
        self._pool = ThreadPoolExecutor(count, "features", self._open) if count > 1 else None
        prepare(engine)

    @property
    def engine(self) -> Engine:
        """The calling thread's engine."""
        found = getattr(self._own, "engine", self._engine)
        assert isinstance(found, Engine)
        return found

    def run(self, jobs: Iterable[Callable[[], None]]) -> None:
        """Do all jobs; those that come first start first. The first error ends it."""
        if self._pool is None:
            for job in jobs:
                job()
            return
        started = [self._pool.submit(job) for job in jobs]
        done, left = wait(started, return_when=FIRST_EXCEPTION)
        for future in left:
            future.cancel()
        wait(started)
        for future in done:
            future.result()

    def close(self) -> None:
        """End the threads and close their engines."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        while self._opened:
            self._opened.pop().close()
        self._pool, self._own = None, threading.local()

    def _open(self) -> None:
        engine = self._engine.beside()
        self._opened.append(engine)
        self._prepare(engine)
        self._own.engine = engine
