"""Making tonight's table: the features of every visible entity at one cutoff, so many at a time that memory stays bounded."""

import json
import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.lib.format import open_memmap

from rdl.database import Database, quote
from rdl.errors import TaskError
from rdl.features.kept.parts import joined
from rdl.features.kept.table import ABOUT, BLOCK, CODES, KEYS, ROW, SUMS, VALUES, TableFacts, block_sums, table_key
from rdl.features.matrix import FeatureMatrix, compute_features
from rdl.features.plan import FeaturePlan
from rdl.task import entity_keys
from rdl.task.seeds import History, Seeds
from rdl.task.task import Task
from rdl.timeline import format_time, visible_sql

log = logging.getLogger(__name__)

BYTES_A_CHUNK = 640 * 2**20
"""What the features of a chunk of entities may take: what a chunk costs beside its entities is paid once for each."""


def materialise(
    database: Database, task: Task, plan: FeaturePlan, as_of: int, history: History, folder: Path, chunk: int | None = None
) -> TableFacts:
    """Write the table of all entities that are visible at `as_of` into `folder`, which is replaced.

    Args:
        database: the rows.
        task: as the model knows it.
        plan: the model's features.
        as_of: microseconds UTC, the cutoff as well.
        history: past labels of the lattice that `as_of` lies on.
        folder: where the table's files go; whoever publishes it sees to it that it appears whole.
        chunk: entities at a time, a multiple of a block; it bounds the memory and changes nothing else. By `BYTES_A_CHUNK` where it
            is not given.

    Raises:
        TaskError: no entity is visible then.
    """
    chunk = chunk or max(BYTES_A_CHUNK // (4 * BLOCK * max(len(plan.features), 1)), 1) * BLOCK
    assert chunk % BLOCK == 0, f"{chunk} is no multiple of {BLOCK}"
    rows = _visible_rows(database, task, as_of)
    if not rows:
        what = f"no row of {task.entity_table} is visible as of {format_time(as_of)}"
        raise TaskError(what, where=str(task.path), fix="ask for a later as_of")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    writer = _Writer(folder, plan, rows)
    for start in range(0, rows, chunk):
        entity = np.arange(start, min(start + chunk, rows), dtype=np.int64)
        seeds = Seeds.at(entity, np.full(len(entity), as_of, dtype=np.int64))
        matrix = database.run(lambda engine, s=seeds: compute_features(plan, engine, s, history))  # type: ignore[misc]
        writer.write(start, matrix)
        log.info("features: %d of %d entities", start + len(entity), rows)
    keys = _write_keys(database, task, folder, rows)
    facts = TableFacts(
        task=task.name,
        key=table_key(database, task, plan, as_of),
        plan=plan.hash,
        as_of=as_of,
        fingerprint=database.fingerprint,
        made_at=time.time_ns() // 1000,
        rows=rows,
        **writer.columns(),  # type: ignore[arg-type]
        keys=keys,
        sums={name: crc32((folder / name).read_bytes()) for name in (SUMS, KEYS) if (folder / name).exists()},
    )
    (folder / ABOUT).write_text(json.dumps(facts.to_json()), encoding="utf-8")
    return facts


class _Writer:
    """The large files, filled from the first row to the last."""

    def __init__(self, folder: Path, plan: FeaturePlan, rows: int) -> None:
        self._folder = folder
        self._numeric = [f for f in plan.features if not f.categorical]
        self._categorical = [f for f in plan.features if f.categorical]
        self._levels: list[tuple[str, ...]] = [() for _ in self._categorical]
        self._rows, self._sums = rows, list[tuple[int, int]]()

    def write(self, start: int, matrix: FeatureMatrix) -> None:
        """The features of the entities from `start` on."""
        codes = np.empty(matrix.codes.shape, dtype=np.int32)
        for j, levels in enumerate(matrix.levels):
            self._levels[j], codes[:, j] = joined(self._levels[j], levels, matrix.codes[:, j])
        for name, values in ((VALUES, matrix.values), (CODES, codes)):
            if values.shape[1]:
                self._put(name, start, values)
        ends = range(0, len(matrix), BLOCK)
        self._sums += [block_sums(matrix.values[i : i + BLOCK], codes[i : i + BLOCK]) for i in ends]

    def columns(self) -> dict[str, object]:
        """Names, families and levels of the columns, after the sums of all blocks are written."""
        np.save(self._folder / SUMS, np.array(self._sums, dtype=np.int64).reshape(-1, 2))
        return {
            "names": tuple(f.name for f in self._numeric),
            "families": tuple(f.family for f in self._numeric),
            "category_names": tuple(f.name for f in self._categorical),
            "category_families": tuple(f.family for f in self._categorical),
            "levels": tuple(self._levels),
        }

    def _put(self, name: str, start: int, values: "np.ndarray[tuple[int, ...], np.dtype[np.float32 | np.int32]]") -> None:
        path = self._folder / name
        if start:
            mapped = np.load(path, mmap_mode="r+", allow_pickle=False)
        else:
            mapped = open_memmap(path, mode="w+", dtype=values.dtype, shape=(self._rows, values.shape[1]))
        mapped[start : start + len(values)] = values
        mapped.flush()  # and with the map go its pages


def _visible_rows(database: Database, task: Task, as_of: int) -> int:
    """How many entities are visible: the first ones, since row ids ascend with time."""
    with database.engine() as engine:
        sql = f"SELECT count(*) AS n FROM rows.{quote(task.entity_table)} WHERE {visible_sql('_time', str(as_of))}"
        return int(engine.numpy(sql)["n"][0])


def _write_keys(database: Database, task: Task, folder: Path, rows: int) -> tuple[str, ...]:
    """The index of keys, sorted, where they are text or whole numbers; the names of its columns."""
    keys = entity_keys(database, task, np.arange(rows, dtype=np.int64)).rename_columns(list(task.entity_columns)).combine_chunks()
    plain = all(pa.types.is_integer(t) or pa.types.is_string(t) or pa.types.is_large_string(t) for t in keys.schema.types)
    if not plain or not rows or any(column.null_count for column in keys.columns):
        return ()
    names = tuple(keys.column_names)
    index = keys.append_column(ROW, pa.array(np.arange(rows, dtype=np.int64)))
    order = pc.sort_indices(index, sort_keys=[(name, "ascending") for name in names])
    with pa.OSFile(str(folder / KEYS), "wb") as sink, pa.ipc.new_file(sink, index.schema) as file:
        for batch in _one(index.take(order)):
            file.write_batch(batch)
    return names


def _one(table: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from table.combine_chunks().to_batches(max_chunksize=max(table.num_rows, 1))
