"""From the rows of a table to its arrays on disk, block by block: what is in memory does not grow with the table.

Rows are written in the order of their ids. They come so as a rule; where they do not, they are asked for again, sorted.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rdl.database import Column, Engine
from rdl.errors import GraphError
from rdl.graph.embedder import embed_texts
from rdl.graph.files import ArrayFile, array_path, read_nodes
from rdl.graph.hashing import hash_elements, hash_values, hash_words
from rdl.graph.layout import Layout, is_list, is_text
from rdl.graph.tables import KINDS, TOKENS, NodeTable, empty_columns, fill_column, shapes

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

BLOCK = 131_072
"""Rows in memory at once."""

Arrays = dict[str, npt.NDArray[Any]]


def keep_rows(folder: Path, place: int, engine: Engine, layout: Layout, old: NodeTable | None, digest: str) -> NodeTable:
    """Write a table's arrays as number `place`: the rows of `old`, then those that the database has more.

    Returns the table as read back. Raises GraphError unless row ids are dense.
    """
    first = old.rows if old else 0
    for ordered in (False, True):
        lost = dict.fromkeys((c.name for c in (*layout.columns["numeric"], *layout.columns["vector"])), 0)
        if _write(folder, place, layout, old, _blocks(engine, layout, first, lost, ordered=ordered)):
            break
    else:
        raise GraphError("row ids are not dense", where=f"table {layout.table.name}", fix="ingest the database again")
    for name, count in (old.infinite if old else {}).items():
        lost[name] += count
    return read_nodes(folder, place, layout.names, {name: count for name, count in lost.items() if count}, digest)


def _write(
    folder: Path, place: int, layout: Layout, old: NodeTable | None, blocks: Iterator[tuple[npt.NDArray[np.int64], Arrays]]
) -> bool:
    """Whether the blocks came in order, so that all is written."""
    rows, at = layout.table.rows, old.rows if old else 0
    expected = shapes(rows, layout.names, len(layout.references))
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(ArrayFile(array_path(folder, f"table{place:03d}", name), dtype, shape))
            for name, (dtype, shape) in expected.items()
        }
        for name, array in old.arrays().items() if old else ():
            files[name].append(array)
        for row, arrays in blocks:
            if row[0] != at or row[-1] != at + len(row) - 1 or np.any(row[1:] <= row[:-1]):
                return False
            for name, file in files.items():
                file.append(arrays[name])
            at += len(row)
    return at == rows


def _blocks(
    engine: Engine, layout: Layout, first: int, lost: dict[str, int], *, ordered: bool
) -> Iterator[tuple[npt.NDArray[np.int64], Arrays]]:
    """Row ids and arrays of one block after the other; `lost` counts the infinities that became NaN."""
    if first == layout.table.rows:
        return
    for batch in engine.batches(layout.rows_sql(first, ordered=ordered), BLOCK):
        if batch.num_rows:
            yield _numbers(batch, "row"), _arrays(batch, layout, lost)


def _arrays(batch: "pa.RecordBatch", layout: Layout, lost: dict[str, int]) -> Arrays:
    rows = batch.num_rows
    keys = np.empty((rows, len(layout.references)), np.int32)
    for place in range(keys.shape[1]):
        keys[:, place] = _numbers(batch, f"key{place}")
    arrays = {"time": _numbers(batch, "time"), "keys": keys}
    for kind in KINDS:
        columns = layout.columns[kind]
        if kind == "vector":
            arrays[kind] = _vectors(batch, layout, lost)
            continue
        arrays[kind] = empty_columns(kind, rows, len(columns))
        for place, column in enumerate(columns):
            count = fill_column(arrays[kind], place, _READERS[kind](batch, f"{kind}{place}", layout.table.name, column))
            if count:
                lost[column.name] += count
    return arrays


def _vectors(batch: "pa.RecordBatch", layout: Layout, lost: dict[str, int]) -> npt.NDArray[np.float32]:
    """The vector columns [rows, numbers] side by side; NaN where a list is null or of another length."""
    parts = [np.empty((batch.num_rows, 0), np.float32)]
    for place, column in enumerate(layout.columns["vector"]):
        width, lists = layout.widths[column.name], batch.column(f"vector{place}")
        if layout.embedder is not None and is_text(column):
            parts.append(embed_texts(layout.embedder, lists))
            continue
        values, offsets = _flat(lists)
        found = np.full((batch.num_rows, width), np.nan, np.float32)
        whole = (np.diff(offsets) == width) & ~lists.is_null().to_numpy(zero_copy_only=False)
        index = offsets[:-1][whole][:, None] + np.arange(width)
        found[whole] = values.to_numpy(zero_copy_only=False).astype(np.float32)[index]
        wrong = np.isinf(found)
        found[wrong] = np.nan
        lost[column.name] += int(wrong.sum())
        parts.append(found)
    return np.concatenate(parts, axis=1)


def _flat(lists: "pa.Array") -> tuple["pa.Array", npt.NDArray[np.int64]]:
    """The elements of all lists, and where each list begins and ends among them; a null list is empty."""
    import pyarrow as pa

    given = lists if pa.types.is_large_list(lists.type) else lists.cast(pa.large_list(lists.type.value_type))
    lengths = given.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    return given.flatten(), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _numbers(batch: "pa.RecordBatch", name: str, _table: str = "", _column: Column | None = None) -> npt.NDArray[Any]:
    values: npt.NDArray[Any] = batch.column(name).to_numpy(zero_copy_only=False)
    return values


def _categories(batch: "pa.RecordBatch", name: str, table: str, column: Column) -> npt.NDArray[np.uint32]:
    import pyarrow as pa

    return hash_values(table, column.name, pa.chunked_array([batch.column(name)]))


def _words(batch: "pa.RecordBatch", name: str, table: str, column: Column) -> npt.NDArray[np.uint32]:
    import pyarrow as pa

    if is_list(column):
        return hash_elements(table, column.name, *_flat(batch.column(name)), TOKENS)
    return hash_words(table, column.name, pa.chunked_array([batch.column(name)]), TOKENS)


_READERS: dict[str, Callable[["pa.RecordBatch", str, str, Column], npt.NDArray[Any]]] = {
    "numeric": _numbers,
    "category": _categories,
    "timestamp": _numbers,
    "text": _words,
}
