"""Offline scores: everyone whom the task asks about at one moment, as a Parquet file that says where it came from.

The file is written aside and moved into place whole, so a reader sees the last good scores or the new ones. The same as_of,
snapshot and model give the same bytes.
"""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rdl.database import Database
from rdl.errors import TaskError, UsageError
from rdl.mlops.requests import PREDICTION, check_as_of
from rdl.project import Project
from rdl.task import Seeds, Task, entity_keys, population_at
from rdl.timeline import format_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rdl.model import Model

log = logging.getLogger(__name__)

CHUNK = 100_000


@dataclass(frozen=True)
class ScoreSummary:
    """What was written.

    Attributes:
        path: the file.
        rows: how many entities.
        as_of: microseconds UTC.
        version: of the registered model, empty where it is none.
        model_as_of: the model was fitted on labels mature then, microseconds UTC.
        snapshot: fingerprint of the database.
        mean: of the predictions.
        low: the smallest.
        high: the largest.
        seconds: wall time.
    """

    path: Path
    rows: int
    as_of: int
    version: str
    model_as_of: int
    snapshot: str
    mean: float
    low: float
    high: float
    seconds: float


def score(
    project: Project,
    database: Database,
    task: Task,
    model: "Model",
    as_of: int,
    out: Path,
    *,
    version: str = "",
    chunk: int = CHUNK,
) -> ScoreSummary:
    """Predict the task's population at `as_of` and write it to `out`.

    Columns: the entity's key, `cutoff` (timestamp), `prediction`; ordered by the entity's row. The file's metadata holds the
    as_of, the model's version and its own as_of, and the snapshot's fingerprint.

    Args:
        project: whose name is written to the metadata.
        database: the snapshot.
        task: the question, with its population.
        model: fitted for this task.
        as_of: microseconds UTC; also the cutoff.
        out: a `.parquet` file, replaced when all is written.
        version: of the registered model.
        chunk: entities at a time, which bounds the memory and changes nothing else.

    Raises:
        UsageError: `out` is no `.parquet` file, or the model is one of another task.
        TimeError: the database cannot speak for `as_of`.
        TaskError: nobody is asked about.
    """
    started = time.monotonic()
    _check(database, task, model, as_of, out)
    people = population_at(database, task, np.array([as_of], dtype=np.int64))
    if not len(people):
        raise TaskError(
            f"the population is empty as of {format_time(as_of)}",
            where=f"{task.path}, population query",
            fix="check the query, or ask for another as_of",
        )
    about = {
        "rdl.project": project.name,
        "rdl.task": task.name,
        "rdl.as_of": format_time(as_of),
        "rdl.model_version": version,
        "rdl.model_as_of": format_time(model.as_of),
        "rdl.snapshot": database.fingerprint,
    }
    prediction = _write(database, task, model, people, out, about, chunk)
    return ScoreSummary(
        path=out,
        rows=len(people),
        as_of=as_of,
        version=version,
        model_as_of=model.as_of,
        snapshot=database.fingerprint,
        mean=float(prediction.mean()),
        low=float(prediction.min()),
        high=float(prediction.max()),
        seconds=time.monotonic() - started,
    )


def _check(database: Database, task: Task, model: "Model", as_of: int, out: Path) -> None:
    if out.suffix != ".parquet":
        raise UsageError(f"cannot write scores to {out}", where="--out", fix="name a file that ends in .parquet")
    if model.task.name != task.name:
        raise UsageError(f"the model answers {model.task.name!r}, not {task.name!r}", fix="score with a model of this task")
    if (model.task.label_sql, model.task.population_sql) != (task.label_sql, task.population_sql):
        log.warning("score: the task's SQL has changed since the model was fitted; the scores answer the older question")
    check_as_of(database, task, as_of)
    if model.as_of > as_of:
        log.warning("score: the model was fitted as of %s, after the %s it scores", format_time(model.as_of), format_time(as_of))


def _write(
    database: Database, task: Task, model: "Model", people: Seeds, out: Path, about: Mapping[str, str], chunk: int
) -> "NDArray[np.float64]":
    """Predict chunk by chunk into a file beside `out`, and move it there; the predictions [n]."""
    keys = entity_keys(database, task, people.entity).column(0).combine_chunks()
    schema = pa.schema(
        [(task.entity_columns[0], keys.type), ("cutoff", pa.timestamp("us")), (PREDICTION, pa.float64())], metadata=dict(about)
    )
    parts = []
    with _aside(out) as path, pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, len(people), chunk):
            seeds = people[start : start + chunk]
            parts.append(model.predict(database, seeds).prediction)
            columns = [keys.slice(start, len(seeds)), pa.array(seeds.cutoff).cast(pa.timestamp("us")), pa.array(parts[-1])]
            writer.write_table(pa.table(columns, schema=schema))
            log.info("score: %d of %d", start + len(seeds), len(people))
    return np.concatenate(parts)


@contextmanager
def _aside(out: Path) -> Iterator[Path]:
    """A file beside `out` that takes its place where the body succeeds, and is removed where it does not."""
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        yield aside
        with aside.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(aside, out)
    finally:
        aside.unlink(missing_ok=True)
