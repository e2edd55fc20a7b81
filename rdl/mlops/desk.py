"""A bounded queue of questions before one scorer: what waits is answered together, what is too much is refused at once.

All of it runs in one event loop; only the answering itself has a thread of its own. While one batch is answered the next one
gathers, so the busier the server, the larger the batches.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from rdl.errors import RdlError
from rdl.mlops.answer import Answer, written
from rdl.mlops.live import Live
from rdl.mlops.requests import Question

WAITING = 256
"""Questions that may wait; one more is refused."""
TOGETHER = 256
"""Rows answered together, unless one question alone has more."""
PATIENCE_S = 4.0
"""A question that has waited longer is refused, for who asked has likely gone; so the desk is itself again within five seconds."""


class BusyError(RdlError):
    """More is asked than can be answered."""


@dataclass(frozen=True)
class _Waiting:
    """A question that waits since `since`, and where its answer goes."""

    question: Question
    since: float
    told: "asyncio.Future[bytes]"


class Desk:
    """Takes questions and answers them in the order in which they came.

    Attributes:
        live: what answers.
        limit: how many questions may wait.
        batches: how often the scorer was asked.
    """

    def __init__(self, live: Live, limit: int = WAITING, patience_s: float = PATIENCE_S) -> None:
        self.live, self.limit, self.batches = live, limit, 0
        self._patience_s = patience_s
        self._queue: deque[_Waiting] = deque()
        self._work: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "rdl-answer")

    @property
    def waiting(self) -> int:
        """How many questions wait now."""
        return len(self._queue)

    async def ask(self, question: Question) -> bytes:
        """The answer as JSON: `{"predictions": [one object a row]}`.

        Raises:
            BusyError: too many wait already, or this one has waited too long.
            RdlError: what is wrong with the question.
        """
        if len(self._queue) >= self.limit:
            raise BusyError(f"{self.limit} requests wait already", fix="try again in a second")
        told: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(question, time.monotonic(), told))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._answer_all())
        return await told

    async def _answer_all(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._next():
            self.batches += 1
            try:
                found = await loop.run_in_executor(self._thread, self._answer, [each.question for each in batch])
            except Exception as error:  # each of them is told, and the next batch is answered
                found = [error] * len(batch)
            for each, answer in zip(batch, found, strict=True):
                _tell(each.told, answer)

    def _next(self) -> list[_Waiting]:
        """The questions that are answered together next."""
        batch, rows, now = list[_Waiting](), 0, time.monotonic()
        while self._queue:
            first = self._queue[0]
            if now - first.since > self._patience_s:
                _tell(first.told, BusyError(f"no answer within {self._patience_s:g} s: too much is asked", fix="try again later"))
            elif batch and rows + len(first.question) > TOGETHER:
                break
            elif not first.told.cancelled():
                batch.append(first)
                rows += len(first.question)
            self._queue.popleft()
        return batch

    def _answer(self, questions: Sequence[Question]) -> list[bytes | Exception]:
        return [a if isinstance(a, RdlError) else _written(a) for a in self.live.scorer.answers(questions)]


def _written(answer: Answer) -> bytes | Exception:
    """One answer, or what is wrong with it alone."""
    try:
        return written(answer)
    except (TypeError, ValueError) as error:
        return error


def _tell(told: "asyncio.Future[bytes]", answer: bytes | Exception) -> None:
    if told.cancelled():
        return
    if isinstance(answer, bytes):
        told.set_result(answer)
    else:
        told.set_exception(answer)
