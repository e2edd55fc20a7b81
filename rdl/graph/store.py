"""The temporal heterogeneous graph: every table a node type, every foreign key two edge types.

A `GraphStore` is immutable. It is made from arrays, or opened from a folder of memory-mapped files in milliseconds; workers
that open the same folder share its pages.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rdl.errors import GraphError, nearest
from rdl.graph.csc import MOST_ROWS, build_csc, check_references
from rdl.graph.files import keep_link, keep_nodes, read_folder, write_meta, written_aside
from rdl.graph.tables import EdgeType, Link, NodeTable


@dataclass(frozen=True, eq=False)
class GraphStore:
    """Tables by name and the links between them; `key` names the content, `folder` the files where there are any."""

    tables: Mapping[str, NodeTable]
    links: tuple[Link, ...]
    key: str = ""
    folder: Path | None = None

    @classmethod
    def from_arrays(
        cls, tables: Mapping[str, NodeTable], references: Mapping[EdgeType, npt.ArrayLike], key: str = ""
    ) -> "GraphStore":
        """A graph from its tables and key columns.

        `references` maps (child table, column, parent table) to the parent's row id of every child row, -1 for none.
        Raises GraphError when rows are not in time order or a key points outside its parent.
        """
        for child, column, parent in references:
            for name in (child, parent):
                if name not in tables:
                    raise GraphError(f"no table {name!r}", where=f"{child}.{column}", fix=nearest(name, tables))
        keyed = {name: replace(table, keys=_key_columns(name, table, references)) for name, table in tables.items()}
        store = cls(keyed, link_tables(keyed, list(references)), key)
        store.check_shapes()
        store.check_order()
        return store

    @classmethod
    def open(cls, folder: Path | str, *, verify: bool = False) -> "GraphStore":
        """Map the files of a saved graph, read-only.

        Checks the manifest, sizes, dtypes and shapes; `verify` also reads every byte against its checksum. Raises
        GraphError for a folder that is missing, truncated, altered or of another version.
        """
        place = Path(folder)
        key, tables, links = read_folder(place, verify=verify)
        store = cls(tables, links, key, place)
        store.check_shapes()
        return store

    def save(self, folder: Path | str) -> "GraphStore":
        """Write the graph to `folder` (aside, then moved into place whole); return it as opened from there."""
        target = Path(folder)
        with written_aside(target) as aside:
            tables = {n: keep_nodes(aside, i, t) for i, (n, t) in enumerate(self.tables.items())}
            links = tuple(keep_link(aside, i, x) for i, x in enumerate(self.links))
            write_meta(aside, self.key, tables, links)
        return GraphStore.open(target)

    def check_shapes(self) -> None:
        """Raise GraphError unless dtypes and shapes are as stated and every edge type has its own name."""
        for name, table in self.tables.items():
            table.check_shapes(name)
        for link in self.links:
            link.check_shapes(self.tables)
        edges = self.edge_types
        if len(set(edges)) < len(edges):
            twice = next(e for e in edges if edges.count(e) > 1)
            raise GraphError(f"two references make the same edge type {twice}", fix="rename one of the columns")

    def check_order(self) -> None:
        """Raise GraphError unless every table and every link, over the whole array, is in time order."""
        for name, table in self.tables.items():
            table.check_order(name)
        for link in self.links:
            link.check_order(self.tables)

    @property
    def node_types(self) -> list[str]:
        """The tables' names."""
        return list(self.tables)

    @property
    def edge_types(self) -> list[EdgeType]:
        """Both directions of every link: children to parent, then parent to children."""
        return [edge for link in self.links for edge in (link.upward, link.downward)]

    def metadata(self) -> tuple[list[str], list[EdgeType]]:
        """Node types and edge types, as PyG's heterogeneous modules take them."""
        return self.node_types, self.edge_types

    def table(self, name: str) -> NodeTable:
        """The table called `name`; raises GraphError when there is none."""
        if name not in self.tables:
            raise GraphError(f"no table {name!r} in the graph", fix=nearest(name, self.tables))
        return self.tables[name]


def link_tables(tables: Mapping[str, NodeTable], references: Sequence[EdgeType]) -> tuple[Link, ...]:
    """Sort every key column by parent. A table's key columns stand in the order in which `references` names them."""
    links, placed = [], Counter[str]()
    for child, column, parent in references:
        place = placed[child]
        placed[child] += 1
        check_references(tables[child].keys[:, place], tables[parent].rows, f"reference {child}.{column} -> {parent}")
        csc = build_csc(tables[child].keys[:, place], tables[parent].rows, tables[child].time)
        links.append(Link(child, column, parent, place, csc))
    return tuple(links)


def _key_columns(name: str, table: NodeTable, references: Mapping[EdgeType, npt.ArrayLike]) -> npt.NDArray[np.int32]:
    """The keys of a table side by side; GraphError for a column of another length or beyond int32."""
    columns = {edge: np.asarray(keys) for edge, keys in references.items() if edge[0] == name}
    keys = np.empty((table.rows, len(columns)), np.int32)
    for place, ((child, column, parent), values) in enumerate(columns.items()):
        where = f"reference {child}.{column} -> {parent}"
        if values.shape != (table.rows,):
            raise GraphError(f"{list(values.shape)} keys for {table.rows} rows", where=where, fix="give one a row")
        check_references(values, MOST_ROWS, where)
        keys[:, place] = values
    return keys
