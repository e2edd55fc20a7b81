"""The queue before a scorer: order, batches, refusals, recovery; and the change from one scorer to the next."""

import asyncio
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from rdl.mlops.answer import Answer
from rdl.mlops.desk import BusyError, Desk
from rdl.mlops.live import Live
from rdl.mlops.requests import Question
from rdl.task.asked import RequestError


@dataclass
class Slow:
    """A scorer that answers when it is let, and notes what it was asked together."""

    name: int = 0
    asked: list = field(default_factory=list)
    let: threading.Event = field(default_factory=threading.Event)
    version: str = "1"
    tables: tuple = ()
    warmed: bool = False

    def answers(self, questions):
        self.asked.append([question.columns["key"][0] for question in questions])
        assert self.let.wait(10)
        return [self._answer(question) for question in questions]

    def _answer(self, question):
        if question.columns["key"][0] < 0:
            return RequestError("negative")
        return Answer(question.columns, np.zeros(len(question), dtype=np.int64), np.full(len(question), self.name), {})

    def warm(self):
        self.warmed = True


def key(value, rows=1):
    return Question({"key": [value] * rows})


def desk_of(scorer, **settings):
    return Desk(Live(scorer, lambda _: None), **settings)


def run(work):
    return asyncio.run(asyncio.wait_for(work, 20))


async def started(desk, questions):
    """Ask without waiting for the answers: the first question is under way, the others wait."""
    tasks = [asyncio.create_task(desk.ask(questions[0]))]
    while not desk.batches:
        await asyncio.sleep(0.005)
    tasks += [asyncio.create_task(desk.ask(question)) for question in questions[1:]]
    while desk.waiting < len(questions) - 1:
        await asyncio.sleep(0.005)
    return tasks


def test__ask__while_one_is_answered__the_others_are_answered_together():
    async def work():
        desk = desk_of(slow := Slow())
        tasks = await started(desk, [key(i) for i in range(6)])
        slow.let.set()
        told = await asyncio.gather(*tasks)
        assert [f'"key":{i}'.encode() in answer for i, answer in enumerate(told)] == [True] * 6
        assert slow.asked == [[0], [1, 2, 3, 4, 5]]

    run(work())


def test__ask__many_rows__do_not_share_a_batch_beyond_its_size():
    async def work():
        desk = desk_of(slow := Slow())
        tasks = await started(desk, [key(0), key(1, 200), key(2, 56), key(3), key(4, 999)])
        slow.let.set()
        await asyncio.gather(*tasks)
        assert slow.asked == [[0], [1, 2], [3], [4]]

    run(work())


def test__ask__one_bad_question__leaves_the_others_alone():
    async def work():
        desk = desk_of(slow := Slow())
        tasks = await started(desk, [key(0), key(1), key(-1), key(2)])
        slow.let.set()
        told = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(answer, bytes) for answer in told] == [True, True, False, True]
        assert isinstance(told[2], RequestError)

    run(work())


def test__ask__more_than_may_wait__is_refused_at_once_and_later_is_not():
    async def work():
        desk = desk_of(slow := Slow(), limit=3)
        tasks = await started(desk, [key(i) for i in range(4)])
        with pytest.raises(BusyError, match="3 requests wait already"):
            await desk.ask(key(9))
        slow.let.set()
        assert all(isinstance(answer, bytes) for answer in await asyncio.gather(*tasks))
        assert isinstance(await desk.ask(key(10)), bytes)

    run(work())


def test__ask__waited_too_long__is_refused_without_an_answer_being_made():
    async def work():
        desk = desk_of(slow := Slow(), patience_s=0.05)
        tasks = await started(desk, [key(0), key(1), key(2)])
        await asyncio.sleep(0.1)
        fresh = asyncio.create_task(desk.ask(key(3)))
        await asyncio.sleep(0.01)
        slow.let.set()
        told = await asyncio.gather(*tasks, fresh, return_exceptions=True)
        assert [type(answer) for answer in told] == [bytes, BusyError, BusyError, bytes]
        assert slow.asked == [[0], [3]]

    run(work())


def test__ask__scorer_fails__is_told_and_the_next_one_is_answered():
    class Failing(Slow):
        def answers(self, questions):
            if questions[0].columns["key"][0] == 0:
                raise MemoryError
            return super().answers(questions)

    async def work():
        desk = desk_of(slow := Failing())
        slow.let.set()
        with pytest.raises(MemoryError):
            await desk.ask(key(0))
        assert isinstance(await desk.ask(key(1)), bytes)

    run(work())


def test__look__newer_scorer__answers_only_when_it_is_warm_and_drops_nothing():
    async def work():
        old, new = Slow(1), Slow(2)
        new.let.set()
        live = Live(old, lambda current: new if current is old else None)
        desk = Desk(live)
        tasks = await started(desk, [key(i) for i in range(3)])
        assert live.look()
        assert new.warmed
        old.let.set()
        await asyncio.gather(*tasks)
        assert (old.asked, new.asked) == ([[0]], [[1, 2]])
        assert not live.look()

    run(work())


@pytest.mark.parametrize("error", [RequestError("no such version"), OSError("gone")])
def test__look__newer_one_cannot_be_opened__the_old_one_answers_and_the_problem_is_told(error):
    errors = [error]

    def renew(_):
        if errors:
            raise errors.pop()

    live = Live(old := Slow(), renew)
    assert not live.look()
    assert live.scorer is old
    assert str(error) in live.problem
    assert not live.look()
    assert live.problem == ""


def test__watch__looks_until_it_is_closed():
    seen = []
    live = Live(Slow(), lambda _: seen.append(1), poll_s=0.01)
    live.watch()
    deadline = time.monotonic() + 5
    while not seen and time.monotonic() < deadline:
        time.sleep(0.01)
    live.close()
    assert seen
