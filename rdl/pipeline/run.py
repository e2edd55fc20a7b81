"""Run a pipeline: do what is not done, skip what is, and leave the last good thing in place whatever happens.

One run per (pipeline, as-of) at a time. Every unit of work is done in a folder aside, published, and then written into the
ledger; killed anywhere in between, the next run finds the unit not done and does it again, with the same result. A second run
does nothing. When a unit fails, what does not depend on it still runs: one broken task does not cost the others their night.
"""

import logging
import secrets
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rdl.errors import PipelineError, RdlError
from rdl.pipeline.file import Pipeline
from rdl.pipeline.ledger import Ledger, Status
from rdl.pipeline.lock import locked
from rdl.pipeline.plan import builds_on, unit_key, units
from rdl.pipeline.publish import publish
from rdl.pipeline.source import Source, glance, open_source
from rdl.pipeline.step import Context, Done, Step, Unit
from rdl.timeline import format_time, parse_time

log = logging.getLogger(__name__)


class Terminated(SystemExit):
    """SIGTERM arrived; the exit code is 143, as shells expect."""

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


@dataclass(frozen=True)
class StepResult:
    """How one unit of work ended.

    Attributes:
        unit: `train/churn`, for example.
        status: done, skipped, or planned (dry run).
        seconds: wall time that it took in this run.
    """

    unit: str
    status: Status
    rows: int
    outputs: tuple[Path, ...]
    facts: Mapping[str, object]
    seconds: float


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        run: the run's id in the ledger, empty for a dry run.
        as_of: microseconds UTC; None where a dry run could not know it yet.
    """

    run: str
    pipeline: str
    as_of: int | None
    steps: tuple[StepResult, ...]

    @property
    def paths(self) -> dict[str, tuple[Path, ...]]:
        """Files by unit of work, whether they were made now or earlier."""
        return {step.unit: step.outputs for step in self.steps}


def run_pipeline(pipeline: Pipeline, as_of: int | None = None, *, resume: bool = False, dry_run: bool = False) -> RunResult:
    """Bring everything that the pipeline makes up to date at `as_of`.

    Args:
        pipeline: what to run.
        as_of: microseconds UTC; the midnight after the last event by default.
        resume: without an as-of, take that of the pipeline's latest run where it did not finish.
        dry_run: only say what would be done; nothing is written.

    Raises:
        LockedError: another living run of this pipeline and as-of is at work.
        RdlError: the first failure of a step, after everything that does not depend on it has run.
        Terminated, KeyboardInterrupt: the run was told to stop; the ledger says so, and the lock is free.
    """
    if as_of is None and resume:
        left = Ledger.of(pipeline.home).unfinished(pipeline.name)
        as_of = left.as_of if left else None
    if dry_run:
        return _plan(pipeline, as_of)
    try:
        pipeline.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PipelineError(
            f"cannot write the home: {error}", where=str(pipeline.home), fix="set home to a writable folder"
        ) from error
    with _terminable(), ExitStack() as locks:
        locks.enter_context(_lock(pipeline, as_of))
        return _Run(pipeline, as_of, locks).finish()


def _lock(pipeline: Pipeline, as_of: int | None) -> AbstractContextManager[None]:
    word = "latest" if as_of is None else format_time(as_of).replace(":", "-")
    what = f"pipeline {pipeline.name!r} as of {word}"
    return locked(pipeline.home / "locks" / f"{pipeline.name}.{word}.lock", what)


@contextmanager
def _terminable() -> Iterator[None]:
    """Turn SIGTERM into an exception while the block runs; only the main thread may do so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Run:
    """One run, from its first line in the ledger to its last."""

    def __init__(self, pipeline: Pipeline, as_of: int | None, locks: ExitStack) -> None:
        self._pipeline, self._as_of, self._locks = pipeline, as_of, locks
        self._ledger = Ledger.of(pipeline.home)
        self._id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        self._source: Source | None = None
        self._done: dict[Unit, Done] = {}
        self._missing: set[Unit] = set()
        self._failures: list[Exception] = []
        self._results: list[StepResult] = []

    def finish(self) -> RunResult:
        """Do every unit, and close the run in the ledger however it ends."""
        self._clean(self._ledger.start_run(self._id, self._pipeline.name, self._as_of, _now()))
        try:
            for unit, step in units(self._pipeline):
                self._one(unit, step)
        except BaseException as error:
            stopped = isinstance(error, (KeyboardInterrupt, SystemExit))
            self._ledger.end_run(self._id, Status.INTERRUPTED if stopped else Status.FAILED, _now(), _line(error))
            raise
        finally:
            self._clean((self._id,))
        if self._failures:
            self._ledger.end_run(self._id, Status.FAILED, _now(), _line(self._failures[0]))
            raise self._failures[0]
        self._ledger.end_run(self._id, Status.DONE, _now())
        return RunResult(self._id, self._pipeline.name, self._as_of, tuple(self._results))

    def _clean(self, runs: tuple[str, ...]) -> None:
        for run in runs:
            shutil.rmtree(self._pipeline.home / "aside" / run, ignore_errors=True)

    def _one(self, unit: Unit, step: Step) -> None:
        if any(builds_on(unit, step, other) for other in self._missing):
            self._missing.add(unit)
            self._ledger.note_step(self._id, unit, "", Status.BLOCKED, _now())
            log.warning("pipeline: %s is blocked", unit)
            return
        source = self._open() if step.reads_rows else None
        started, key = _now(), ""
        try:
            upstream = tuple(done for other, done in self._done.items() if builds_on(unit, step, other))
            key = unit_key(unit, step, self._pipeline, source, {str(done.unit): done.key for done in upstream})
            found = self._ledger.done(unit, key)
            if found is None:
                aside = self._pipeline.home / "aside" / self._id / str(unit).replace("/", "-")
                self._keep(self._work(step, Context(self._pipeline, unit, key, aside, upstream, source)), Status.DONE, started)
            else:
                self._ledger.note_step(self._id, unit, key, Status.SKIPPED, started)
                self._keep(found, Status.SKIPPED, started)
        except Exception as error:
            self._fail(unit, key, error)

    def _fail(self, unit: Unit, key: str, error: Exception) -> None:
        self._missing.add(unit)
        self._failures.append(error)
        self._ledger.note_step(self._id, unit, key, Status.FAILED, _now(), _line(error))
        log.error("pipeline: %s failed: %s", unit, error, exc_info=None if isinstance(error, RdlError) else error)

    def _open(self) -> Source:
        """The project, opened on first use; the lock of the as-of that it tells is then taken as well."""
        if self._source is None:
            self._source = open_source(self._pipeline, self._as_of)
            if self._as_of is None:
                self._as_of = self._source.as_of
                self._locks.enter_context(_lock(self._pipeline, self._as_of))
                self._clean(self._ledger.date_run(self._id, self._pipeline.name, self._as_of, _now()))
        return self._source

    def _work(self, step: Step, context: Context) -> Done:
        log.info("pipeline: %s", context.unit)
        self._ledger.start_step(self._id, context.unit, context.key, _now())
        context.aside.mkdir(parents=True)
        outcome = step.run(context)
        outputs = publish(context.aside, step.place(context))
        done = Done(context.unit, context.key, outcome.rows, outputs, outcome.facts)
        self._ledger.finish_step(self._id, done, _now())
        return done

    def _keep(self, done: Done, status: Status, started: int) -> None:
        self._done[done.unit] = done
        seconds = (_now() - started) / 1e6
        log.info("pipeline: %s %s (%.1f s)", done.unit, status, seconds)
        self._results.append(StepResult(str(done.unit), status, done.rows, done.outputs, done.facts, seconds))


def _plan(pipeline: Pipeline, as_of: int | None) -> RunResult:
    """What a run would do. Work on rows that are not there yet, because a step before would make them, counts as not done."""
    ledger, keys, results = Ledger.of(pipeline.home), dict[Unit, str](), list[StepResult]()
    with ExitStack() as stack:
        source, unknown = None, False
        for unit, step in units(pipeline):
            found = None
            if step.reads_rows and source is None and not unknown:
                source = stack.enter_context(glance(pipeline, as_of))
            if not (step.reads_rows and unknown):
                upstream = {str(other): key for other, key in keys.items() if builds_on(unit, step, other)}
                keys[unit] = unit_key(unit, step, pipeline, source, upstream)
                found = ledger.done(unit, keys[unit])
            unknown = unknown or (not step.reads_rows and found is None)
            status = Status.PLANNED if found is None else Status.SKIPPED
            rows, outputs, facts = (0, (), {}) if found is None else (found.rows, found.outputs, found.facts)
            results.append(StepResult(str(unit), status, rows, outputs, facts, 0.0))
        return RunResult("", pipeline.name, source.as_of if source else as_of, tuple(results))


def _now() -> int:
    return parse_time(datetime.now(UTC))


def _line(error: BaseException) -> str:
    """An error as the ledger keeps it."""
    return f"{type(error).__name__}: {error}"
