"""Fact rows dealt out by key in one pass over their table, so that buckets of keys are read one by one and the table only once.

A run of rows is brought into the order of buckets as it comes and kept like that: a bucket is a slice of every run, in the order in
which the rows came. Runs stay in memory while they are few; then they go to a file without a name, which is gone when it is closed.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine
from rdl.errors import RdlError
from rdl.features.engine import moves
from rdl.features.engine.events import number_kind

Int = NDArray[np.int64]
Columns = dict[str, NDArray[Any]]

RUN = 2**20
"""Rows that are dealt out at once."""
ROOM = 2**28
"""Bytes that runs may take in memory."""


class Spill:
    """Rows in `count` buckets: bucket b has those whose key leaves b when it is divided by `count`; `_key` is the quotient then."""

    def __init__(self, count: int, kinds: Mapping[str, np.dtype[Any]], natives: pa.Schema, folder: Path) -> None:
        self.count, self._kinds, self._natives, self._folder = count, kinds, natives, folder
        self._starts: list[Int] = []
        self._runs: list[Columns] = []
        self._own: list[pa.RecordBatch] = []
        self._bytes = 0
        self._file: IO[bytes] | None = None
        self._own_file: IO[bytes] | None = None
        self._writer: pa.RecordBatchFileWriter | None = None
        self._reader: pa.RecordBatchFileReader | None = None

    @property
    def bytes(self) -> int:
        """What all rows take."""
        return self._bytes

    def add(self, batch: pa.RecordBatch) -> None:
        """Deal out a run of rows."""
        key, n = batch.column("_key").to_numpy(), len(batch)
        start, place = np.empty(self.count + 1, dtype=np.int64), np.empty(n, dtype=np.int32)
        run = {name: np.empty(n, dtype=kind) for name, kind in self._kinds.items()}
        moves.deal(key, self.count, start, place, run["_key"])
        for name, column in run.items():
            if name != "_key":
                moves.put(batch.column(name).to_numpy(zero_copy_only=False), place, column)
        own = batch.select(self._natives.names)
        if self._natives.names:
            order = np.empty(n, dtype=np.int32)
            moves.put(np.arange(n, dtype=np.int32), place, order)
            own = own.take(pa.array(order))
        self._starts.append(start)
        self._runs.append(run)
        self._own.append(own)
        self._bytes += sum(column.nbytes for column in run.values()) + own.nbytes
        if self._bytes > ROOM:
            self._write()

    def read(self, bucket: int) -> tuple[Columns, pa.Table]:
        """The rows of a bucket: what the kernels read, and the table's own columns. No rows are added after that."""
        sizes = [int(start[bucket + 1] - start[bucket]) for start in self._starts]
        columns = {name: np.empty(sum(sizes), dtype=kind) for name, kind in self._kinds.items()}
        at = base = 0
        for i, (start, size) in enumerate(zip(self._starts, sizes, strict=True)):
            for name, column in columns.items():
                into = column[at : at + size]
                if self._file is None:
                    into[:] = self._runs[i][name][start[bucket] : start[bucket + 1]]
                else:
                    self._fill(into, base + column.itemsize * int(start[bucket]))
                    base += column.itemsize * int(start[-1])
            at += size
        own = [self._slice(i, bucket) for i in range(len(sizes))] if self._natives.names else []
        return columns, pa.Table.from_batches(own, self._natives)

    def close(self) -> None:
        """Let go of memory and files."""
        self._runs, self._own, self._starts = [], [], []
        for file in (self._file, self._own_file):
            if file is not None:
                file.close()

    def _slice(self, run: int, bucket: int) -> pa.RecordBatch:
        if self._own_file is None:
            first, end = (int(place) for place in self._starts[run][bucket : bucket + 2])
            return self._own[run].slice(first, end - first)
        if self._reader is None:
            assert self._writer is not None
            self._writer.close()
            self._reader = pa.ipc.open_file(self._own_file)
        return self._reader.get_batch(run * self.count + bucket)

    def _write(self) -> None:
        """The runs that are in memory, to the files."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115  (closed by `close`)
            for run in self._runs:
                for column in run.values():
                    column.tofile(self._file)
            if self._natives.names:
                self._write_own()
        except OSError as error:
            self.close()
            raise RdlError(
                f"fact rows cannot be kept aside: {error.strerror or error}", where=str(self._folder), fix="make room there"
            ) from error
        self._runs, self._own = [], []

    def _write_own(self) -> None:
        if self._own_file is None:
            self._own_file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  (closed by `close`)
            self._writer = pa.ipc.new_file(self._own_file, self._natives)
        assert self._writer is not None
        first = len(self._starts) - len(self._own)
        for i, own in enumerate(self._own):
            start = self._starts[first + i]
            for b in range(self.count):
                self._writer.write_batch(own.slice(int(start[b]), int(start[b + 1] - start[b])))

    def _fill(self, into: NDArray[Any], offset: int) -> None:
        """Read an array from the file."""
        assert self._file is not None
        if len(into) and os.preadv(self._file.fileno(), [into.view(np.uint8).data], offset) != into.nbytes:
            raise RdlError("fact rows that were kept aside are cut short", where=str(self._folder), fix="run the command again")


def deal_out(engine: Engine, sql: str, count: int, key: "np.dtype[Any]", numbers: Sequence[str], natives: Sequence[str]) -> Spill:
    """All rows that `sql` (events.sql) yields, in `count` buckets; quotients of keys fit the type `key`."""
    reader = engine.batches(sql, RUN)
    kinds: dict[str, np.dtype[Any]] = {"_key": key, "_time": np.dtype(np.int64), "_row": np.dtype(np.int32)}
    kinds.update((name, number_kind(reader.schema.field(name).type)) for name in numbers)
    spill = Spill(count, kinds, pa.schema([reader.schema.field(name) for name in natives]), engine.temp)
    for batch in reader:
        spill.add(batch)
    return spill
