"""GraphSAGE: trimming changes no number, and the mean is PyG's."""

import numpy as np
import pytest
import torch
from torch_geometric.nn import SAGEConv

from rdl.gnn.naming import module_key
from rdl.gnn.sage import HeteroGraphSage, neighbour_mean
from rdl.graph import Sampler
from rdl.graph.batch import to_hetero_data
from rdl.task import Seeds
from rdl.timeline import DAY
from tests.gnn.shops import make_shops


@pytest.mark.parametrize("layers", [1, 2, 3])
def test__trimming__changes_no_number(layers):
    store = make_shops().store
    seeds = Seeds.at(np.arange(40), np.arange(60, 100) * DAY)
    batch = to_hetero_data(store, Sampler(store, "users", [4, 3, 2][:layers]).sample(seeds))
    torch.manual_seed(0)
    network = HeteroGraphSage(store.metadata(), "users", 8, layers, 0.0)
    encoded = {name: torch.randn(batch[name].num_nodes, 8) for name in batch.node_types}
    trimmed, whole = network(encoded, batch), network(encoded, batch, trim=False)
    assert trimmed.shape == (40, 8)
    torch.testing.assert_close(trimmed, whole, atol=1e-6, rtol=1e-6)


def test__neighbour_mean__is_that_of_pyg_in_any_order_of_edges():
    torch.manual_seed(0)
    x, edges = torch.randn(9, 4), torch.stack([torch.randint(0, 9, (30,)), torch.randint(0, 5, (30,))])
    oracle = SAGEConv(4, 4, root_weight=False, bias=False)
    with torch.no_grad():
        oracle.lin_l.weight.copy_(torch.eye(4))
    mean, count = neighbour_mean(x, edges, 6)
    torch.testing.assert_close(mean, oracle((x, torch.zeros(6, 4)), edges))
    assert count.tolist() == torch.bincount(edges[1], minlength=6).tolist()


def test__module_key__legal_and_distinct():
    names = [("items",), ("a.b",), ("a-b",), ("a", "b"), ("a%2Eb",)]
    keys = [module_key(*name) for name in names]
    assert len(set(keys)) == len(names)
    torch.nn.ModuleDict({key: torch.nn.Identity() for key in keys})
