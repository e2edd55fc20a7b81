"""The fact rows of some keys of a block, read once and brought into the order that features are told in.

The database is asked for plain columns; which rows belong to the keys at hand, and their order by (key, time, row id), is decided
here. A table's rows come in the order of their ids, and ids ascend with time, so grouping by key is one counting sort; where a scan
or a chain of references disturbs that order, it is mended and never trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Engine
from rdl.features import kernels
from rdl.timeline import ALWAYS

Int = NDArray[np.int64]
Float = NDArray[np.float64]

BATCH = 262_144
DENSE = 2**28
"""Keys below this are looked up in an array as long as the largest."""


@dataclass(frozen=True)
class Keys:
    """The distinct keys [k] of a bucket, ascending; a key's place among them is its slot."""

    keys: Int

    @cached_property
    def _table(self) -> NDArray[np.int32] | None:
        if len(self.keys) == 0 or self.keys[0] < 0 or self.keys[-1] >= DENSE:
            return None
        table = np.full(int(self.keys[-1]) + 2, -1, dtype=np.int32)
        table[self.keys] = np.arange(len(self.keys), dtype=np.int32)
        return table

    def slots(self, key: Int) -> NDArray[np.int32]:
        """The slot of each key [n], -1 where it is none of them."""
        if self._table is not None:
            return self._table[np.clip(key, -1, len(self._table) - 1)]  # place -1 is the last, which is no key's
        place = np.searchsorted(self.keys, key)
        found = self.keys[np.minimum(place, len(self.keys) - 1)] == key if len(self.keys) else np.zeros(len(key), dtype=np.bool_)
        return np.where(found, place, -1).astype(np.int32)


@dataclass(frozen=True)
class Events:
    """Rows of the slots of a bucket.

    Attributes:
        start: int64 [slots + 1], where each slot's rows start.
        time: int64 [n] in order.
        order: int32 [n], where the rows in order stand among those that were read.
        columns: by name, as read: float64 or int8 arrays [n].
        natives: the table's own columns [n], as read.
    """

    start: Int
    time: Int
    order: NDArray[np.int32]
    columns: dict[str, NDArray[Any]]
    natives: pa.Table

    def __len__(self) -> int:
        return len(self.order)

    @property
    def longest(self) -> int:
        """Rows of the slot that has the most."""
        return int(np.diff(self.start).max(initial=0))

    def number(self, column: str) -> Float:
        """A numeric column [n] as read, NaN for null."""
        return self.columns[column].astype(np.float64, copy=False)

    def ordered(self, column: str) -> Float:
        """A numeric column [n] in order."""
        out = np.empty(len(self), dtype=np.float64)
        kernels.take(self.number(column), self.order, out)
        return out

    @cached_property
    def gap(self) -> Int:
        """Microseconds since the slot's row before [n], in order; `MISSING` for the first and after a static one."""
        gap = np.full(len(self), kernels.MISSING, dtype=np.int64)
        before = self.time[:-1]
        gap[1:] = np.where(before == ALWAYS, kernels.MISSING, self.time[1:] - np.where(before == ALWAYS, 0, before))
        gap[self.start[:-1][self.start[:-1] < len(self)]] = kernels.MISSING
        return gap

    def codes(self, native: str) -> NDArray[np.int32]:
        """A native column's distinct values as codes [n] in order, -1 for null."""
        encoded = self.natives[native].combine_chunks().dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
        return codes[self.order]


def read_events(engine: Engine, sql: str, keys: Keys, numbers: Sequence[str], natives: Sequence[str]) -> Events:
    """The rows of `keys` among what `sql` (events.sql) yields."""
    names = ("_slot", "_time", "_row", *numbers)
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in names}
    tables: list[pa.RecordBatch] = []
    reader = engine.batches(sql, BATCH)
    for batch in reader:
        slot = keys.slots(batch.column("_key").to_numpy())
        inside = slot >= 0
        whole = bool(inside.all())
        parts["_slot"].append(slot if whole else slot[inside])
        for name in names[1:]:
            values = batch.column(name).to_numpy(zero_copy_only=False)
            parts[name].append(values.copy() if whole else values[inside])
        if natives:
            own = batch.select(natives)
            tables.append(own if whole else own.filter(pa.array(inside)))
    columns = {name: _joined(parts.pop(name), name) for name in names}
    return _in_order(
        columns, pa.Table.from_batches(tables, pa.schema([reader.schema.field(name) for name in natives])), len(keys.keys)
    )


def _joined(parts: list[NDArray[Any]], name: str) -> NDArray[Any]:
    if not parts:
        return np.empty(0, dtype={"_slot": np.int32, "_time": np.int64, "_row": np.int64}.get(name, np.float64))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _in_order(columns: dict[str, NDArray[Any]], natives: pa.Table, slots: int) -> Events:
    slot, time, row = columns.pop("_slot"), columns.pop("_time"), columns.pop("_row")
    mended = None
    if not bool(np.all(row[1:] >= row[:-1])):
        mended = np.argsort(row, kind="stable").astype(np.int32)
        slot, time = slot[mended], time[mended]
    start, order = kernels.group_rows(slot, slots)
    ordered = np.empty(len(order), dtype=np.int64)
    kernels.take(time, order, ordered)
    kernels.order_times(start, order, ordered)
    return Events(start, ordered, order if mended is None else mended[order], columns, natives)
