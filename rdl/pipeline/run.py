"""Run a pipeline: do what is not done, skip what is, and leave the last good thing in place whatever happens.

One run per (pipeline, as-of) at a time. Every unit of work is done in a folder aside, published, and then written into the
ledger; killed anywhere in between, the next run finds the unit not done and does it again, with the same result. A second run
does nothing. When a unit fails, what does not depend on it still runs: one broken task does not cost the others their night.
"""

import logging
import secrets
import shutil
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path

from rdl.errors import PipelineError, RdlError
from rdl.lock import locked
from rdl.pipeline.attempt import Meter, patient, perform
from rdl.pipeline.dry_run import dry_run as plan
from rdl.pipeline.file import Pipeline
from rdl.pipeline.heartbeat import Heartbeat
from rdl.pipeline.hook import describe, tell_failure
from rdl.pipeline.ledger import Ledger, Status
from rdl.pipeline.plan import declared, reads, unit_key, units, waits_for
from rdl.pipeline.publish import publish
from rdl.pipeline.ready import when_ready
from rdl.pipeline.result import RunResult, StepResult
from rdl.pipeline.source import Source, open_source
from rdl.pipeline.step import Context, Done, Step, Unit
from rdl.pipeline.stop import Stopping, Terminated, terminable
from rdl.timeline import format_time, parse_time

log = logging.getLogger(__name__)


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
    if dry_run:
        return plan(pipeline, _resumed(pipeline, as_of, resume))
    with terminable() as stopping, ExitStack() as locks:
        run: _Run | None = None
        try:
            _make_home(pipeline)
            as_of = _resumed(pipeline, as_of, resume)
            locks.enter_context(_lock(pipeline, as_of))
            run = _Run(pipeline, as_of, locks, stopping)
            return run.finish()
        except (Exception, Terminated) as error:
            stopping.disarm()
            _tell(pipeline, as_of, run.id if run is not None else None, error)
            raise


def _resumed(pipeline: Pipeline, as_of: int | None, resume: bool) -> int | None:
    """The as-of to run: the one that is asked for, or that of the latest run where it did not finish."""
    left = Ledger.of(pipeline.home).unfinished(pipeline.name) if as_of is None and resume else None
    return left.as_of if left is not None else as_of


def _make_home(pipeline: Pipeline) -> None:
    try:
        pipeline.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PipelineError(
            f"cannot write the home: {error}", where=str(pipeline.home), fix="set home to a writable folder"
        ) from error


def _tell(pipeline: Pipeline, as_of: int | None, run: str | None, error: BaseException) -> None:
    """Call the failure hook; somebody who presses ^C knows already."""
    facts = {
        "pipeline": pipeline.name,
        "as_of": format_time(as_of) if as_of is not None else None,
        "run": run,
        "home": str(pipeline.home),
        **describe(error),
    }
    tell_failure(pipeline.operations.on_failure, facts, pipeline.path)


def _lock(pipeline: Pipeline, as_of: int | None) -> AbstractContextManager[None]:
    word = "latest" if as_of is None else format_time(as_of).replace(":", "-")
    what = f"pipeline {pipeline.name!r} as of {word}"
    return locked(pipeline.home / "locks" / f"{pipeline.name}.{word}.lock", what)


class _Run:
    """One run, from its first line in the ledger to its last."""

    def __init__(self, pipeline: Pipeline, as_of: int | None, locks: ExitStack, stopping: Stopping) -> None:
        self._pipeline, self._as_of, self._locks = pipeline, as_of, locks
        self._ledger = Ledger.of(pipeline.home)
        self.id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        self._source: Source | None = None
        self._done: dict[Unit, Done] = {}
        self._missing: set[Unit] = set()
        self._failures: list[Exception] = []
        self._results: list[StepResult] = []
        told = pipeline.operations.run.heartbeat
        path = Path(told) if told is not None else pipeline.home / "heartbeats" / f"{pipeline.name}.json"
        facts = {"pipeline": pipeline.name, "run": self.id, "as_of": format_time(as_of) if as_of is not None else None}
        self._heart = Heartbeat(path, facts)
        self._stopping = stopping
        stopping.last_words = self._cut_off

    def finish(self) -> RunResult:
        """Do every unit, and close the run in the ledger however it ends."""
        self._clean(self._ledger.start_run(self.id, self._pipeline.name, self._as_of, _now()))
        with self._heart:
            try:
                for unit, step in units(self._pipeline):
                    self._stopping.check()
                    self._one(unit, step)
            except BaseException as caught:
                error = self._stopping.told or caught
                stopped = isinstance(error, (KeyboardInterrupt, SystemExit))
                self._end(Status.INTERRUPTED if stopped else Status.FAILED, error)
                raise error from (caught if error is not caught else None)
            finally:
                self._clean((self.id,))
            if self._failures:
                self._end(Status.FAILED, self._failures[0])
                raise self._failures[0]
            self._end(Status.DONE)
        return RunResult(self.id, self._pipeline.name, self._as_of, tuple(self._results))

    def _cut_off(self) -> None:
        """Write down that the run is ended in the middle of its work; called beside it, and the process ends after it."""
        self._end(Status.INTERRUPTED, Terminated())
        self._clean((self.id,))
        _tell(self._pipeline, self._as_of, self.id, Terminated())

    def _end(self, status: Status, error: BaseException | None = None) -> None:
        line = _line(error) if error is not None else None
        self._ledger.end_run(self.id, status, _now(), line)
        self._heart.tell(status=status.value, unit="", error=line)

    def _clean(self, runs: tuple[str, ...]) -> None:
        for run in runs:
            shutil.rmtree(self._pipeline.home / "aside" / run, ignore_errors=True)

    def _one(self, unit: Unit, step: Step) -> None:
        if any(waits_for(unit, step, other) for other in self._missing):
            self._missing.add(unit)
            self._ledger.note_step(self.id, unit, "", Status.BLOCKED, _now())
            log.warning("pipeline: %s is blocked", unit)
            return
        started, key, meter = _now(), "", Meter()
        source = self._open() if step.reads_rows else None
        try:
            upstream = tuple(done for other, done in self._done.items() if reads(unit, step, other))
            inputs = declared(unit, step, self._pipeline, source)
            key = unit_key(unit, step, self._pipeline, source, {str(done.unit): done.key for done in upstream}, inputs)
            found = self._ledger.done(unit, key)
            if found is None:
                aside = self._pipeline.home / "aside" / self.id / str(unit).replace("/", "-")
                context = Context(self._pipeline, unit, key, aside, upstream, source, inputs)
                self._keep(self._work(step, context, meter), Status.DONE, started, meter.cpu)
            else:
                self._ledger.note_step(self.id, unit, key, Status.SKIPPED, started)
                self._keep(found, Status.SKIPPED, started)
        except Exception as error:
            self._stopping.check()  # the database says that it was interrupted, not by what
            self._fail(unit, key, error, meter)

    def _fail(self, unit: Unit, key: str, error: Exception, meter: Meter) -> None:
        self._missing.add(unit)
        self._failures.append(error)
        self._ledger.note_step(self.id, unit, key, Status.FAILED, _now(), _line(error), cpu=meter.cpu, attempts=meter.attempts)
        log.error("pipeline: %s failed: %s", unit, error, exc_info=None if isinstance(error, RdlError) else error)

    def _open(self) -> Source:
        """The project, opened on first use; the lock of the as-of that it tells is then taken as well."""
        if self._source is None:
            self._source = when_ready(self._look, self._pipeline, self._as_of, lambda words: self._heart.tell(unit=words))
            if self._as_of is None:
                self._as_of = self._source.as_of
                self._locks.enter_context(_lock(self._pipeline, self._as_of))
                self._clean(self._ledger.date_run(self.id, self._pipeline.name, self._as_of, _now()))
                self._heart.tell(as_of=format_time(self._as_of))
        return self._source

    def _look(self) -> Source:
        how = self._pipeline.operations.run
        return patient(lambda: open_source(self._pipeline, self._as_of), "the source", how, Meter())

    def _work(self, step: Step, context: Context, meter: Meter) -> Done:
        log.info("pipeline: %s", context.unit)
        self._heart.tell(unit=str(context.unit))
        self._ledger.start_step(self.id, context.unit, context.key, _now())
        outcome = perform(step, context, self._pipeline.operations.run, meter)
        outputs = publish(context.aside, step.place(context))
        done = Done(context.unit, context.key, outcome.rows, outputs, outcome.facts)
        self._ledger.finish_step(self.id, done, _now(), meter.cpu, meter.attempts)
        return done

    def _keep(self, done: Done, status: Status, started: int, cpu: float = 0.0) -> None:
        self._done[done.unit] = done
        seconds = (_now() - started) / 1e6
        log.info("pipeline: %s %s (%.1f s)", done.unit, status, seconds)
        self._results.append(StepResult(str(done.unit), status, done.rows, done.outputs, done.facts, seconds, cpu))


def _now() -> int:
    return parse_time(datetime.now(UTC))


def _line(error: BaseException) -> str:
    """An error as the ledger keeps it."""
    return f"{type(error).__name__}: {error}"
