"""PyG's own calls on the whole graph find what the tables hold."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch_geometric.data import HeteroData
from torch_geometric.data.remote_backend_utils import num_nodes
from torch_geometric.nn import HeteroConv, SAGEConv
from torch_geometric.utils import to_dense_adj

from rdl.graph import GraphStore, NodeTable
from rdl.graph.pyg import LinkEdges, TableFeatures, whole_graph
from rdl.graph.tables import TOKENS
from rdl.timeline import ALWAYS
from tests.graph.worlds import worlds

EDGE = ("orders", "customer", "customers")
BACK = ("customers", "rev_customer", "orders")


@pytest.fixture
def store(tmp_path):
    orders = NodeTable.of(
        [1, 2, 2, 3],
        {
            "numeric": {"price": [1.5, np.nan, 2.0, 3.0]},
            "category": {"status": [7, 0, 2**32 - 1, 9]},
            "text": {"note": np.arange(4 * TOKENS).reshape(4, TOKENS)},
            "vector": {"look": [[1, 2], [3, 4], [5, 6], [7, 8]]},
        },
    )
    tables = {"customers": NodeTable.of([ALWAYS] * 3), "orders": orders}
    return GraphStore.from_arrays(tables, {EDGE: [2, -1, 0, 2]}).save(tmp_path / "graph")


def test__features__any_index__are_the_rows(store):
    features, table = TableFeatures(store), store.tables["orders"]
    for index in (None, slice(1, 3), torch.tensor([3, 0, 3]), np.array([2])):
        rows = slice(None) if index is None else np.asarray(index) if not isinstance(index, slice) else index
        np.testing.assert_array_equal(features["orders", "x_num", index], table.numeric[rows])
        np.testing.assert_array_equal(features["orders", "x_cat", index], table.category[rows])
        np.testing.assert_array_equal(features["orders", "x_vec", index], table.vector[rows])
        np.testing.assert_array_equal(features["orders", "time", index], table.time[rows])
    assert features.get_tensor(group_name="orders", attr_name="x_text", index=slice(0, 2)).shape == (2, 1, TOKENS)
    assert features.view(group_name="orders").x_num[torch.tensor([0])].tolist() == [[1.5]]
    assert features.get_tensor_size(group_name="orders", attr_name="x_vec") == (4, 2)
    assert {a.attr_name for a in features.get_all_tensor_attrs()} == {"x_num", "x_cat", "x_ts", "x_text", "x_vec", "time"}


def test__stores__are_read_only(store):
    assert not TableFeatures(store).put_tensor(torch.zeros(4, 1), group_name="orders", attr_name="x_num", index=None)
    assert not TableFeatures(store).remove_tensor(group_name="orders", attr_name="x_num", index=None)
    edges = LinkEdges(store)
    assert not edges.put_edge_index((torch.zeros(1), torch.zeros(1)), edge_type=EDGE, layout="coo")
    assert not edges.remove_edge_index(edge_type=EDGE, layout="coo")


def test__edges__in_every_layout__are_the_references(store):
    edges = LinkEdges(store)
    row, col, _ = edges.coo()
    assert (row[EDGE].tolist(), col[EDGE].tolist()) == ([2, 0, 3], [0, 2, 2])
    assert (row[BACK].tolist(), col[BACK].tolist()) == ([2, 0, 2], [0, 2, 3])
    row, ends, _ = edges.csc()
    assert (row[EDGE].tolist(), ends[EDGE].tolist()) == ([2, 0, 3], [0, 1, 1, 3])
    assert (row[BACK].tolist(), ends[BACK].tolist()) == ([2, 0, 2], [0, 1, 1, 2, 3])
    ends, col, _ = edges.csr([EDGE])
    assert (ends[EDGE].tolist(), col[EDGE].tolist()) == ([0, 1, 1, 2, 3], [2, 0, 2])
    with pytest.raises(KeyError):
        edges.get_edge_index(edge_type=("a", "b", "c"), layout="csc")
    assert num_nodes(TableFeatures(store), edges, "orders") == 4


@settings(max_examples=15)
@given(worlds())
def test__whole_graph__any_world__has_every_reference_both_ways(world):
    store = world.store()
    data = whole_graph(store)
    assert isinstance(data, HeteroData)
    assert data.metadata() == store.metadata()
    for (child, column, parent), keys in world.references.items():
        expected = sorted((row, key) for row, key in enumerate(keys) if key >= 0)
        assert sorted(zip(*data[child, column, parent].edge_index.tolist(), strict=True)) == expected
        back = data[parent, f"rev_{column}", child].edge_index
        assert sorted(zip(*back.flip(0).tolist(), strict=True)) == expected


def test__whole_graph__runs_through_a_pyg_network(store):
    data = whole_graph(store)
    data.validate(raise_on_error=True)
    x = {"customers": torch.ones(3, 2), "orders": data["orders"].x_vec}
    found = HeteroConv({EDGE: SAGEConv((2, 2), 4), BACK: SAGEConv((2, 2), 4)})(x, data.edge_index_dict)
    assert {name: v.shape for name, v in found.items()} == {"customers": (3, 4), "orders": (4, 4)}
    assert to_dense_adj(data[EDGE].edge_index).sum() == 3
