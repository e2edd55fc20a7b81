"""Do one unit of work: within its time limit, again where something was away, and at a known cost."""

import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rdl.errors import LockedError, UnavailableError
from rdl.pipeline.child import run_apart
from rdl.pipeline.operations import RunSection
from rdl.pipeline.step import Context, Outcome, Step

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass
class Meter:
    """What work has cost until now.

    Attributes:
        attempts: how often it was begun.
    """

    attempts: int = 0
    _before: float = 0.0

    def __post_init__(self) -> None:
        self._before = cpu_seconds()

    @property
    def cpu(self) -> float:
        """Seconds of processors since the meter was made, of this process and of those that it has started and that have ended."""
        return cpu_seconds() - self._before


def cpu_seconds() -> float:
    """User and system time of this process and of its children that have ended."""
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system


def perform(step: Step, context: Context, how: RunSection, meter: Meter) -> Outcome:
    """Run a step in an empty folder aside; in a process of its own where it has a time limit.

    Raises:
        TimeLimitError: it took too long.
        RdlError: what the step raised, after the last retry.
    """

    def once() -> Outcome:
        shutil.rmtree(context.aside, ignore_errors=True)
        context.aside.mkdir(parents=True)
        limit = how.limit_of(step.name)
        return run_apart(step, context, limit) if limit is not None else step.run(context)

    return patient(once, str(context.unit), how, meter)


def patient(once: Callable[[], T], what: str, how: RunSection, meter: Meter) -> T:
    """What `once` returns; where a source or a sink is away or in use it is called again, after ever longer pauses."""
    while True:
        meter.attempts += 1
        try:
            return once()
        except (UnavailableError, LockedError) as error:
            if meter.attempts > how.retries:
                raise
            pause = how.pause(meter.attempts)
            log.warning("pipeline: %s: %s; again in %.0f s (%d of %d)", what, error.what, pause, meter.attempts, how.retries)
            time.sleep(pause)
