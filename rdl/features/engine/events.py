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
from rdl.features.engine import kernels
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
        table = np.full(int(self.keys[-1]) + 1, -1, dtype=np.int32)
        table[self.keys] = np.arange(len(self.keys), dtype=np.int32)
        return table

    def slots(self, key: Int) -> NDArray[np.int32]:
        """The slot of each key [n], -1 where it is none of them."""
        if self._table is not None:
            return kernels.look_up(self._table, key)
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
        columns: by name, float64 or int8 [n] in order.
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
        """A numeric column [n] in order, NaN for null."""
        return self.columns[column].astype(np.float64, copy=False)

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


def read_events(engine: Engine, sql: str, keys: Keys, most: int, numbers: Sequence[str], natives: Sequence[str]) -> Events:
    """The rows of `keys` among what `sql` (events.sql) yields, which are at most `most`."""
    reader = engine.batches(sql, BATCH)
    kinds = {"_slot": np.dtype(np.int32), "_time": np.dtype(np.int64), "_row": np.dtype(np.int32)}
    kinds.update((name, number_kind(reader.schema.field(name).type)) for name in numbers)
    columns = {name: np.empty(most, dtype=kind) for name, kind in kinds.items()}  # pages that are never written take no memory
    tables: list[pa.RecordBatch] = []
    rows = 0
    for batch in reader:
        slot = keys.slots(batch.column("_key").to_numpy())
        last = rows
        for name, column in columns.items():
            values = slot if name == "_slot" else batch.column(name).to_numpy(zero_copy_only=False)
            last = kernels.append(slot, values, column, rows)
        if natives:
            own = batch.select(natives)
            tables.append(own if last - rows == len(slot) else own.filter(pa.array(slot >= 0)))
        rows = last
    own_schema = pa.schema([reader.schema.field(name) for name in natives])
    for name in kinds:
        columns[name] = columns[name][:rows]
    return _in_order(columns, pa.Table.from_batches(tables, own_schema), len(keys.keys))


def number_kind(type_: pa.DataType) -> np.dtype[Any]:
    """How a column of numbers is held; Arrow's own answer would load pandas beside a running query."""
    return np.dtype(np.int8 if type_ == pa.int8() else np.float64)


def events_of(columns: dict[str, NDArray[Any]], natives: pa.Table, keys: Keys) -> Events:
    """The rows of `keys` among rows that were read whole: `_key`, `_time`, `_row`, numbers (all changed) and native columns."""
    slot = keys.slots(columns.pop("_key"))
    if slot.min(initial=0) < 0:
        if natives.column_names:
            natives = natives.filter(pa.array(slot >= 0))
        for name, column in (*columns.items(), ("_slot", slot)):
            rows = kernels.append(slot, column, column, 0)  # in place; the slots themselves come last
            columns[name] = column[:rows]
        slot = columns.pop("_slot")
    return _in_order({"_slot": slot, **columns}, natives, len(keys.keys))


def _in_order(columns: dict[str, NDArray[Any]], natives: pa.Table, slots: int) -> Events:
    """Takes the columns out of the dictionary one by one, so that few are held twice."""
    slot, row, mended = columns.pop("_slot"), columns.pop("_row"), None
    if not bool(np.all(row[1:] >= row[:-1])):
        mended = np.argsort(row, kind="stable").astype(np.int32)
        slot = slot[mended]
    del row
    start, order = kernels.group_rows(slot, slots)
    del slot
    order = order if mended is None else mended[order]
    time = _taken(columns.pop("_time"), order)
    kernels.order_times(start, order, time)
    for name in tuple(columns):
        columns[name] = _taken(columns.pop(name), order)
    return Events(start, time, order, columns, natives)


def _taken(values: NDArray[Any], order: NDArray[np.int32]) -> NDArray[Any]:
    out = np.empty(len(order), dtype=values.dtype)
    kernels.take(values, order, out)
    return out
