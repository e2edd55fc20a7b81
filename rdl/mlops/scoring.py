"""Offline scores: everyone whom the task asks about at one moment, as a Parquet file that says where it came from.

The file is written aside and moved into place whole, so a reader sees the last good scores or the new ones. The same as_of,
snapshot and model give the same bytes, however many parts they were made in. Each part is kept once it is made, so a run that is
killed and started again goes on from the last one.
"""

import json
import logging
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rdl.database import Database
from rdl.errors import TaskError, UsageError
from rdl.mlops.kept_parts import KeptParts, scores_key
from rdl.mlops.requests import check_as_of
from rdl.mlops.summary import Summary
from rdl.project import Project
from rdl.task import Seeds, Task, answer_columns, entity_keys, population_at
from rdl.timeline import format_time

if TYPE_CHECKING:
    from rdl.features import FeatureTable
    from rdl.model import Model

log = logging.getLogger(__name__)

ROWS_A_GROUP = 100_000
_URL = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)


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
        summary: what the predictions come to.
        seconds: wall time.
    """

    path: Path
    rows: int
    as_of: int
    version: str
    model_as_of: int
    snapshot: str
    summary: Summary
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
    chunk: int | None = None,
) -> ScoreSummary:
    """Predict the task's population at `as_of` and write it to `out`.

    Columns: the entity's key, `cutoff` (timestamp), and the answer (`prediction`, and `probabilities` where there are classes);
    ordered by the entity's row. The file's metadata holds the as_of, the model's version and its own as_of, the snapshot's
    fingerprint, and the classes as JSON.

    Args:
        project: whose name is written to the metadata.
        database: the snapshot.
        task: the question, with its population.
        model: fitted for this task.
        as_of: microseconds UTC; also the cutoff.
        out: a `.parquet` file, replaced when all is written.
        version: of the registered model.
        chunk: entities at a time, about, which bounds the memory and changes nothing else; by memory where it is not given.

    Raises:
        UsageError: `out` is no `.parquet` file that can be written, or the model is one of another task.
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
    if model.task.kind.classed:
        about["rdl.classes"] = json.dumps(model.task.classes)
    summary = _write(database, model, people, out, about, version, chunk)
    return ScoreSummary(
        path=out,
        rows=len(people),
        as_of=as_of,
        version=version,
        model_as_of=model.as_of,
        snapshot=database.fingerprint,
        summary=summary,
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
    _require_writable(out)
    if model.as_of > as_of:
        log.warning("score: the model was fitted as of %s, after the %s it scores", format_time(model.as_of), format_time(as_of))


def _require_writable(out: Path) -> None:
    """Look before the work, not after it."""
    fix = "name a file in a folder that can be written"
    if _URL.match(str(out)) or out.is_dir():
        raise UsageError(f"cannot write scores to {out}: it is no file on this machine", where="--out", fix=fix)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise UsageError(f"cannot write scores to {out}: {error.strerror}", where="--out", fix=fix) from None


def _write(
    database: Database, model: "Model", people: Seeds, out: Path, about: Mapping[str, str], version: str, chunk: int | None
) -> Summary:
    """Predict part by part, and write them in the order of the population into a file beside `out` that is moved there."""
    from rdl.model.parts import predict_parts

    task, kept = model.task, KeptParts(database, scores_key(database, model, people, version), len(people))
    left = kept.left
    if len(left):
        for index, told in predict_parts(model, database, people[left], _tonight(database, model, people), chunk):
            kept.add(left[index], answer_columns(database, task, told.prediction, told.beside))
            log.info("score: %d of %d", len(people) - len(kept.left), len(people))
    answer = kept.whole()
    keys = entity_keys(database, task, people.entity).rename_columns(list(task.entity_columns))
    columns = {**_by_name(keys), "cutoff": pa.array(people.cutoff, pa.timestamp("us")), **_by_name(answer)}
    with _aside(out) as path:
        table = pa.table(columns).replace_schema_metadata(dict(about))
        pq.write_table(table, path, compression="zstd", row_group_size=ROWS_A_GROUP)
    kept.clear()
    groups = (answer.slice(start, ROWS_A_GROUP).combine_chunks() for start in range(0, len(answer), ROWS_A_GROUP))
    return reduce(add, (Summary.of(task.kind, {name: c.chunk(0) for name, c in _by_name(group).items()}) for group in groups))


def _by_name(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return dict(zip(table.column_names, table.columns, strict=True))


def _tonight(database: Database, model: "Model", people: Seeds) -> "FeatureTable | None":
    """Tonight's features, where they were made for this model, these rows and this moment."""
    tables = [table for table in model.tables(database) if table.covers(people).any()]
    if not tables:
        return None
    log.info("score: features are read from the table of %s", format_time(tables[-1].facts.as_of))
    return tables[-1]


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
