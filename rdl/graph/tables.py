"""The arrays a graph is made of: the rows of a table (`NodeTable`) and one foreign key, read both ways (`Link`).

A row is a node and its row id the node's id. Rows ascend in time, so that what is visible at any instant is a prefix;
`check_order` proves it over the whole array.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from rdl.errors import GraphError
from rdl.graph.csc import REBUILD, Csc, check_csc, check_references, first_unordered
from rdl.timeline import NEVER

EdgeType = tuple[str, str, str]
"""(source table, relation, destination table), as PyG names it: messages flow from source to destination."""

NULL_TIMESTAMP = NEVER
"""The value of a null in a timestamp column."""

TOKENS = 8
"""How many words of a text, or elements of a list, are kept."""

KINDS: Mapping[str, tuple[type, int]] = {
    "numeric": (np.float32, 2),
    "category": (np.uint32, 2),
    "timestamp": (np.int64, 2),
    "text": (np.uint32, 3),
    "vector": (np.float32, 2),
}
"""The dtype and the number of dimensions of each kind of column array."""


@dataclass(frozen=True, eq=False)
class NodeTable:
    """The rows of one table.

    Attributes:
        time: int64[rows], microseconds UTC, ascending; ALWAYS for static rows, NEVER for null times.
        numeric: float32[rows, k] of numeric and boolean columns, NaN where null or infinite.
        category: uint32[rows, k] stable hashes of (table, column, value), 0 where null.
        timestamp: int64[rows, k] microseconds UTC, `NULL_TIMESTAMP` where null.
        text: uint32[rows, k, TOKENS] stable hashes of a text's lower-case words or of a list's elements, padded with 0.
        vector: float32[rows, d] given embeddings side by side, NaN where null.
        keys: int32[rows, references], the parent's row id in each foreign key of the table, -1 for none. They lie side by
            side because sampling reads them together.
        names: the column names of each kind, in the order of its array; that of a vector once for each of its numbers.
        infinite: how many infinities became NaN, by column.
        digest: what tells these rows from others in the database they were read from; "" where they were not read from one.
    """

    time: npt.NDArray[np.int64]
    numeric: npt.NDArray[np.float32]
    category: npt.NDArray[np.uint32]
    timestamp: npt.NDArray[np.int64]
    text: npt.NDArray[np.uint32]
    vector: npt.NDArray[np.float32]
    keys: npt.NDArray[np.int32]
    names: Mapping[str, tuple[str, ...]]
    infinite: Mapping[str, int] = field(default_factory=dict)
    digest: str = ""

    @classmethod
    def of(cls, time: npt.ArrayLike, columns: Mapping[str, Mapping[str, npt.ArrayLike]] | None = None) -> "NodeTable":
        """A table without keys, from its times and its columns by kind and name: `{"numeric": {"price": [...]}}`.

        Vectors are given as `{"vector": {"picture": [[...], ...]}}`.
        """
        times = np.ascontiguousarray(time, dtype=np.int64)
        given = columns or {}
        arrays: dict[str, npt.NDArray[Any]] = {"keys": np.empty((len(times), 0), np.int32)}
        infinite: dict[str, int] = {}
        names = {kind: tuple(given.get(kind, {})) for kind in KINDS}
        vectors = [np.asarray(v, np.float32) for v in given.get("vector", {}).values()]  # [rows, numbers] each
        arrays["vector"] = np.concatenate([np.empty((len(times), 0), np.float32), *vectors], axis=1)
        names["vector"] = tuple(n for n, v in zip(names["vector"], vectors, strict=True) for _ in range(v.shape[1]))
        for kind in (kind for kind in KINDS if kind != "vector"):
            named = given.get(kind, {})
            arrays[kind] = empty_columns(kind, len(times), len(named))
            for place, (name, values) in enumerate(named.items()):
                lost = fill_column(arrays[kind], place, np.asarray(values))
                infinite.update({name: lost} if lost else {})
        return cls(times, names=names, infinite=infinite, digest="", **arrays)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.time)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("names", "infinite", "digest")}

    def check_shapes(self, name: str) -> None:
        """Raise GraphError unless dtypes and shapes are as stated."""
        for array, (dtype, shape) in shapes(self.rows, self.names, self.keys.shape[-1]).items():
            _expect(getattr(self, array), dtype, shape, f"table {name}, {array}")

    def check_order(self, name: str) -> None:
        """Raise GraphError unless the rows ascend in time."""
        place = first_unordered(self.time)
        if place >= 0:
            raise GraphError(
                f"row {place} is earlier than the row before it", where=f"table {name}", fix="number rows in time order"
            )


@dataclass(frozen=True, eq=False)
class Link:
    """One foreign key `child.column -> parent`, read both ways.

    The key itself is column `place` of the child's `keys`; `csc` is its inverse, sorted by (time, row id).
    """

    child: str
    column: str
    parent: str
    place: int
    csc: Csc

    @property
    def upward(self) -> EdgeType:
        """Children send messages to their parent; a parent's neighbours are its children."""
        return (self.child, self.column, self.parent)

    @property
    def downward(self) -> EdgeType:
        """A parent sends messages to its children; a child's neighbour is its parent."""
        return (self.parent, f"rev_{self.column}", self.child)

    @property
    def name(self) -> str:
        """How messages name this link."""
        return f"reference {self.child}.{self.column} -> {self.parent}"

    def check_shapes(self, tables: Mapping[str, NodeTable]) -> None:
        """Raise GraphError unless the arrays fit the tables they join."""
        if not 0 <= self.place < tables[self.child].keys.shape[1]:
            raise GraphError(f"no key column {self.place}", where=self.name, fix=REBUILD)
        _expect(self.csc.offsets, np.int32, (tables[self.parent].rows + 1,), self.name)
        _expect(self.csc.rows, np.int32, (len(self.csc.rows),), self.name)

    def check_order(self, tables: Mapping[str, NodeTable]) -> None:
        """Raise GraphError unless the key stays inside its parent and the whole CSC is sorted."""
        child = tables[self.child]
        check_references(child.keys[:, self.place], tables[self.parent].rows, self.name)
        check_csc(self.csc, child.time, self.name)


def shapes(rows: int, names: Mapping[str, tuple[str, ...]], references: int) -> dict[str, tuple[type, tuple[int, ...]]]:
    """The dtype and shape of every array of a table of so many rows and references, with columns of these names by kind."""
    kinds = {kind: (dtype, (rows, len(names[kind]), TOKENS)[:dimensions]) for kind, (dtype, dimensions) in KINDS.items()}
    return {"time": (np.int64, (rows,)), **kinds, "keys": (np.int32, (rows, references))}


def empty_columns(kind: str, rows: int, columns: int) -> npt.NDArray[Any]:
    """An array for `columns` columns of a kind, to be filled."""
    dtype, dimensions = KINDS[kind]
    return np.empty((rows, columns, TOKENS)[:dimensions], dtype)


def fill_column(array: npt.NDArray[Any], place: int, values: npt.NDArray[Any]) -> int:
    """Write one column; return how many of its infinities became NaN (numeric columns only)."""
    if array.dtype != np.float32:
        array[:, place] = values
        return 0
    with np.errstate(over="ignore"):
        array[:, place] = values
    infinite = np.isinf(array[:, place])
    array[infinite, place] = np.nan
    return int(infinite.sum())


def _expect(array: npt.NDArray[Any], dtype: type, shape: tuple[int, ...], where: str) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise GraphError(f"expected {np.dtype(dtype)}{list(shape)}, got {array.dtype}{list(array.shape)}", where=where, fix=REBUILD)
