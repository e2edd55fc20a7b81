"""Parquet partitions, `task=churn/as_of=2025-12-21/scores.parquet`: one file a partition, so one rename replaces it.

A reader of the folder finds the last scores or the new ones, never both and never half. DuckDB, Spark and polars read `task` and
`as_of` from the path.
"""

import os
import shutil
import threading
from pathlib import Path

import pyarrow.parquet as pq

from rdl.database.sinks.scores import Published, Scores
from rdl.database.sinks.target import Target
from rdl.database.sources.credentials import expand
from rdl.errors import ProjectError

FILE = "scores.parquet"


def write_partition(scores: Scores, target: Target) -> Published:
    """Replace the partition of the scores' task and as-of.

    Raises:
        ProjectError: the folder cannot be written.
    """
    place = Path(expand(target.place, target.where)).expanduser() / f"task={scores.task}" / f"as_of={scores.as_of}" / FILE
    aside = place.with_name(f".{place.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            rows = _write(scores, aside)
            os.replace(aside, place)
            _flush(place.parent)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise ProjectError(f"cannot write {place}: {error}", where=target.where, fix="name a writable folder") from error
    return Published(str(place), rows)


def _write(scores: Scores, aside: Path) -> int:
    """One file is copied as it is; several become one, with the metadata of the first. The rows."""
    if len(scores.files) == 1:
        shutil.copyfile(scores.files[0], aside)
    else:
        schema = pq.read_schema(scores.files[0])
        with pq.ParquetWriter(aside, schema, compression="zstd") as writer:
            for file in scores.files:
                for batch in pq.ParquetFile(file).iter_batches(100_000):
                    writer.write_batch(batch.cast(schema))
    _flush(aside)
    return int(pq.read_metadata(aside).num_rows)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
