"""Run a pipeline for many as-ofs: the oldest first, several at once if asked, and none in the way of the others.

Every night is a run like any other, with its lock and its lines in the ledger. Nights that are done do nothing, so a backfill that
was stopped is taken up by running it again.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rdl.errors import RdlError, UsageError
from rdl.pipeline.file import Pipeline
from rdl.pipeline.hook import describe
from rdl.pipeline.run import run_pipeline
from rdl.timeline import format_time, parse_duration, parse_time

GRACE_S = 30.0
"""How long a night that was told to stop may take to do so."""
STOP_S = GRACE_S + 10.0
"""And how long all of them may."""
MOST = 10_000


@dataclass(frozen=True)
class Night:
    """How the run of one as-of ended.

    Attributes:
        as_of: microseconds UTC.
        exit_code: what `rdl run` would have ended with; 0 is done.
        error: the first line of what went wrong.
    """

    as_of: int
    exit_code: int
    error: str = ""


def nights(start: str, stop: str, every: str) -> tuple[int, ...]:
    """The as-ofs from `start` through `stop`, `every` so long, in microseconds UTC.

    Raises:
        TimeError: a time or the duration cannot be read.
        UsageError: there are none, or more than anybody means.
    """
    first, last, step = parse_time(start), parse_time(stop), parse_duration(every)
    if step == 0 or last < first:
        raise UsageError(f"no as-of from {start} to {stop} every {every}", where="rdl backfill", fix="begin before the end")
    if (last - first) // step >= MOST:
        raise UsageError(f"more than {MOST:,} as-ofs", where="rdl backfill", fix="choose a longer --every, or a shorter span")
    return tuple(range(first, last + 1, step))


def backfill(pipeline: Pipeline, as_ofs: Sequence[int]) -> Iterator[Night]:
    """Run the nights one after the other; one that fails is told of, and the next begins."""
    for as_of in as_ofs:
        try:
            run_pipeline(pipeline, as_of)
        except Exception as error:
            if not isinstance(error, RdlError):
                yield Night(as_of, 1, f"{type(error).__name__}: {error}")
                continue
            yield Night(as_of, int(describe(error)["exit_code"]), error.what)
        else:
            yield Night(as_of, 0)


def rdl_run(name: str, as_of: int) -> list[str]:
    """The command that runs one night in a process of its own."""
    return [sys.executable, "-m", "rdl.cli", "run", name, "--as-of", format_time(as_of)]


def backfill_apart(as_ofs: Sequence[int], command: Callable[[int], list[str]], parallel: int) -> Iterator[Night]:
    """Run the nights as processes, `parallel` at a time; they come as they end, and end when this does.

    Args:
        as_ofs: microseconds UTC.
        command: what runs one night, and says why it failed on standard error.
        parallel: at least 1.
    """
    waiting, running = list(as_ofs), dict[int, subprocess.Popen[str]]()
    try:
        while waiting or running:
            while waiting and len(running) < parallel:
                as_of = waiting.pop(0)
                running[as_of] = subprocess.Popen(  # noqa: S603 -- our own command, run by our own interpreter
                    command(as_of), stdout=subprocess.DEVNULL, text=True, start_new_session=True
                )
            ended = [as_of for as_of, process in running.items() if process.poll() is not None]
            for as_of in ended:
                code = running.pop(as_of).returncode
                yield Night(as_of, code if code >= 0 else 128 - code, "" if code == 0 else "see the log above, and rdl runs")
            if not ended:
                time.sleep(0.1)
    finally:
        _stop(list(running.values()))


def _stop(processes: Sequence["subprocess.Popen[str]"]) -> None:
    """Let every run end cleanly, and end it where it does not."""
    for process in processes:
        process.terminate()
    until = time.monotonic() + GRACE_S
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, until - time.monotonic()))
        if process.poll() is None:
            process.kill()
            process.wait()
