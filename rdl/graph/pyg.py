"""The whole graph as PyG knows graphs: a `FeatureStore` and a `GraphStore` over the mapped files, and one `HeteroData`.

Both stores are read-only: they answer False where PyG would put or remove. Attributes and edge types bear the names that batches
use (see `rdl.graph.batch`). Nothing here knows of cutoffs; `time` is among the attributes for samplers that do.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import EdgeAttr, FeatureStore, HeteroData, TensorAttr
from torch_geometric.data import GraphStore as EdgeStore
from torch_geometric.data.graph_store import EdgeLayout

from rdl.graph.store import GraphStore
from rdl.graph.tables import EdgeType, Link, NodeTable

Rows = slice | np.ndarray[Any, Any]

_READ: dict[str, Callable[[NodeTable, Rows], np.ndarray[Any, Any]]] = {
    "x_num": lambda table, rows: table.numeric[rows],
    "x_cat": lambda table, rows: table.category[rows].astype(np.int64),
    "x_ts": lambda table, rows: table.timestamp[rows],
    "x_text": lambda table, rows: table.text[rows].astype(np.int64),
    "x_vec": lambda table, rows: table.vector[rows],
    "time": lambda table, rows: table.time[rows],
}


class TableFeatures(FeatureStore):
    """Columns by (table, attribute): only the rows asked for are read, so the graph may be larger than memory.

    `store["users", "x_num", index]` is a tensor of a table's rows, `index` being a slice, an array or tensor of row ids, or None
    for all of them.
    """

    def __init__(self, store: GraphStore) -> None:
        super().__init__()
        self.__dict__["_rows"] = store

    def get_all_tensor_attrs(self) -> list[TensorAttr]:
        """Every attribute of every table."""
        return [TensorAttr(group_name=name, attr_name=attribute) for name in self._rows.tables for attribute in _READ]

    def _get_tensor(self, attr: TensorAttr) -> Tensor | None:
        if attr.group_name not in self._rows.tables or attr.attr_name not in _READ:
            return None
        index = attr.index
        rows: Any = slice(None) if index is None else index if isinstance(index, slice) else np.asarray(index)
        found = _READ[attr.attr_name](self._rows.table(attr.group_name), rows)
        return torch.from_numpy(np.array(found))  # its own: files are mapped read-only

    def _get_tensor_size(self, attr: TensorAttr) -> tuple[int, ...] | None:
        if attr.group_name not in self._rows.tables or attr.attr_name not in _READ:
            return None
        table = self._rows.table(attr.group_name)
        return (table.rows, *_READ[attr.attr_name](table, slice(0)).shape[1:])

    def _put_tensor(self, tensor: Any, attr: TensorAttr) -> bool:  # noqa: ARG002 - PyG's signature
        return False

    def _remove_tensor(self, attr: TensorAttr) -> bool:  # noqa: ARG002 - PyG's signature
        return False

    def __len__(self) -> int:
        return len(self._rows.tables) * len(_READ)


class LinkEdges(EdgeStore):
    """Both directions of every reference, as CSC sorted by (destination, time), or as COO."""

    def __init__(self, store: GraphStore) -> None:
        super().__init__()
        self.__dict__["_rows"] = store
        self.__dict__["_links"] = {edge: link for link in store.links for edge in (link.upward, link.downward)}

    def get_all_edge_attrs(self) -> list[EdgeAttr]:
        """One CSC an edge type, with the numbers of source and destination rows."""
        tables = self._rows.tables
        return [EdgeAttr(e, EdgeLayout.CSC, True, (tables[e[0]].rows, tables[e[2]].rows)) for e in self._rows.edge_types]

    def _get_edge_index(self, edge_attr: EdgeAttr) -> tuple[Tensor, Tensor] | None:
        if edge_attr.edge_type not in self._links or edge_attr.layout == EdgeLayout.CSR:
            return None
        source, ends = edges_of(self._rows, edge_attr.edge_type, self._links[edge_attr.edge_type])
        if edge_attr.layout == EdgeLayout.COO:
            ends = torch.arange(len(ends) - 1).repeat_interleave(ends.diff())
        return source, ends

    def _put_edge_index(self, edge_index: Any, edge_attr: EdgeAttr) -> bool:  # noqa: ARG002 - PyG's signature
        return False

    def _remove_edge_index(self, edge_attr: EdgeAttr) -> bool:  # noqa: ARG002 - PyG's signature
        return False


def edges_of(store: GraphStore, edge: EdgeType, link: Link) -> tuple[Tensor, Tensor]:
    """The edges of one type as CSC: int64[edges] sources grouped by destination, and int64[destinations + 1] ends of the groups."""
    if edge == link.upward:
        return torch.from_numpy(link.csc.rows.astype(np.int64)), torch.from_numpy(link.csc.offsets.astype(np.int64))
    parent = store.table(link.child).keys[:, link.place]
    known = parent >= 0
    ends = np.concatenate([[0], np.cumsum(known)]).astype(np.int64)
    return torch.from_numpy(parent[known].astype(np.int64)), torch.from_numpy(ends)


def whole_graph(store: GraphStore) -> HeteroData:
    """All rows and edges in memory.

    Tables have every attribute of `TableFeatures` and `num_nodes`, edge types `edge_index` int64[2, e] sorted by destination.
    """
    data, columns, edges = HeteroData(), TableFeatures(store), LinkEdges(store)
    for name, table in store.tables.items():
        data[name].num_nodes = table.rows
        for attribute in _READ:
            data[name][attribute] = columns[name, attribute, None]
    for edge in store.edge_types:
        data[edge].edge_index = torch.stack(edges.get_edge_index(edge_type=edge, layout="coo"))
    return data
