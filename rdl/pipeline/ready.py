"""Whether rows and known labels reach as far as `[ready]` asks, and patience until they do.

How far is counted back from the as-of that was asked for, or from now where none was: a run that takes its as-of from the data
would else find any data fresh.
"""

import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from rdl.database import Database, quote
from rdl.errors import NotReadyError, PipelineError, TaskError, nearest
from rdl.pipeline.file import Pipeline
from rdl.pipeline.operations import ReadySection, seconds
from rdl.pipeline.source import Source
from rdl.task import mature_cutoffs
from rdl.timeline import ALWAYS, NEVER, format_time, parse_duration, parse_time

log = logging.getLogger(__name__)


def when_ready(look: Callable[[], Source], pipeline: Pipeline, asked: int | None, tell: Callable[[str], None]) -> Source:
    """The project once it is ready; it is opened anew, and so read anew, every time that it is looked at.

    Args:
        look: opens the project.
        pipeline: whose `[ready]` counts.
        asked: the as-of that was asked for, microseconds UTC.
        tell: is told what is waited for.

    Raises:
        NotReadyError: the wait is over, and it is not.
        PipelineError: `[ready]` names a table that there is not, or that has no time.
    """
    wanted, begun = pipeline.operations.ready, time.monotonic()
    patience, every = seconds(wanted.wait), seconds(wanted.every)
    while True:
        source = look()
        lacks = list(_lacks(source, pipeline, asked if asked is not None else parse_time(datetime.now(UTC))))
        if not lacks:
            return source
        left = patience - (time.monotonic() - begun)
        if left <= 0:
            waited = f" after waiting {wanted.wait}" if patience else ""
            fix = "run again when the rows have arrived, or set [ready] wait"
            raise NotReadyError(f"not ready{waited}: {'; '.join(lacks)}", where=f"{pipeline.path}, [ready]", fix=fix)
        log.warning("pipeline: waiting, for %.0f s at most: %s", left, "; ".join(lacks))
        tell(f"waiting: {'; '.join(lacks)}")
        time.sleep(min(every, left))


def _lacks(source: Source, pipeline: Pipeline, reference: int) -> Iterator[str]:
    """What is late, in words."""
    wanted = pipeline.operations.ready
    where = f"{pipeline.path}, [ready]"
    if wanted.fresh is not None:
        for name, last in _ends(source.database, wanted, where):
            if last < reference - parse_duration(wanted.fresh):
                end = "has no rows" if last == ALWAYS else f"ends {format_time(last)}"
                yield f"{name} {end}, more than {wanted.fresh} before {format_time(reference)}"
    if wanted.labels is not None:
        for name in pipeline.tasks:
            newest = _newest_label(source, name)
            if newest is None or newest < reference - parse_duration(wanted.labels):
                known = f"of {format_time(newest)}" if newest is not None else "of too few cutoffs"
                yield f"the newest known labels of {name} are {known}, more than {wanted.labels} before {format_time(reference)}"


def _ends(database: Database, wanted: ReadySection, where: str) -> Iterator[tuple[str, int]]:
    """The last event of every table that is named, or of all together."""
    if not wanted.tables:
        yield "the data", database.span[1]
        return
    timed = [name for name, table in database.schema.tables.items() if table.time is not None]
    for name in wanted.tables:
        if name not in timed:
            raise PipelineError(f"[ready] names {name!r}, which is no table with a time", where=where, fix=nearest(name, timed))
        sql = f"SELECT coalesce(max(_time), {ALWAYS}) AS last FROM rows.{quote(name)} WHERE _time < {NEVER}"
        with database.engine() as engine:
            yield name, int(engine.numpy(sql)["last"][0])


def _newest_label(source: Source, name: str) -> int | None:
    """The last cutoff whose label is known; None where too few are."""
    task = source.task(name)
    try:
        return int(mature_cutoffs(task, source.fit_as_of, source.database.span)[-1])
    except TaskError:
        return None
