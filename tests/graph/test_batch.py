"""Batches are what PyG's own modules expect, and show nothing that is not visible."""

import numpy as np
import pytest
import torch
from torch_geometric.nn import HeteroConv, SAGEConv
from torch_geometric.utils import trim_to_layer

from rdl.graph import GraphStore, NodeTable, Sampler
from rdl.graph.batch import iterate_batches, to_hetero_data
from rdl.graph.tables import NULL_TIMESTAMP, TOKENS
from rdl.task import Seeds
from rdl.timeline import ALWAYS, DAY, NEVER


@pytest.fixture
def store():
    rng = np.random.default_rng(0)

    def columns(rows):
        return {
            "numeric": {"a": rng.random(rows), "b": rng.random(rows)},
            "category": {"c": rng.integers(1, 2**32, rows)},
            "timestamp": {"d": rng.integers(0, 100 * DAY, rows)},
            "text": {"e": rng.integers(1, 9, (rows, TOKENS))},
        }

    tables = {
        "customers": NodeTable.of(np.sort(rng.integers(0, 50, 40)) * DAY, columns(40)),
        "products": NodeTable.of([ALWAYS] * 30, columns(30)),
        "orders": NodeTable.of([*np.sort(rng.integers(0, 100, 399)) * DAY, NEVER], columns(400)),
    }
    references = {
        ("orders", "customer", "customers"): rng.integers(-1, 40, 400),
        ("orders", "product", "products"): rng.integers(-1, 30, 400),
    }
    return GraphStore.from_arrays(tables, references)


def seeds(count=64):
    rng = np.random.default_rng(1)
    return Seeds.at(rng.integers(0, 40, count), rng.integers(0, 100, count) * DAY)


def test__batch__every_node__carries_its_row(store):
    some = seeds()
    subgraph = Sampler(store, "customers", [4, 3]).sample(some)
    data = to_hetero_data(store, subgraph)
    data.validate(raise_on_error=True)
    for name, table in store.tables.items():
        nodes, rows = data[name], subgraph.nodes[name]
        kept = np.ones(len(rows), bool)
        if name == "customers":
            kept[: len(some)] = subgraph.root_visible
        np.testing.assert_array_equal(nodes.n_id, rows)
        np.testing.assert_array_equal(nodes.x_num[kept], table.numeric[rows[kept]])
        np.testing.assert_array_equal(nodes.x_cat[kept], table.category[rows[kept]])
        np.testing.assert_array_equal(nodes.x_ts[kept], table.timestamp[rows[kept]])
        np.testing.assert_array_equal(nodes.x_text[kept], table.text[rows[kept]])
        age = (some.cutoff[subgraph.batch[name]] - table.time[rows]) / DAY if name != "products" else np.full(len(rows), np.nan)
        np.testing.assert_array_equal(nodes.age[kept], age[kept].astype(np.float32))
        assert nodes.age_known[kept].all() == (name != "products")
    for edge, (source, destination) in subgraph.edges.items():
        assert data[edge].edge_index.tolist() == [source.tolist(), destination.tolist()]
    assert data["customers"].batch_size == len(some)


def test__batch__an_entity_not_yet_visible__has_null_columns(store):
    some = seeds()
    data = to_hetero_data(store, Sampler(store, "customers", [4]).sample(some))["customers"]
    hidden = torch.from_numpy(store.tables["customers"].time[some.entity] >= some.cutoff)
    assert 0 < hidden.sum() < len(hidden)
    np.testing.assert_array_equal(data.root_visible, ~hidden)
    roots = slice(len(some))
    assert data.x_num[roots][hidden].isnan().all()
    assert (data.x_cat[roots][hidden] == 0).all()
    assert (data.x_ts[roots][hidden] == NULL_TIMESTAMP).all()
    assert (data.x_text[roots][hidden] == 0).all()
    assert data.age[roots][hidden].isnan().all()
    assert not data.age_known[roots][hidden].any()


def test__batch__stale_database__ages_run_to_the_cutoff(store):
    stale = Seeds(np.array([5]), np.array([90 * DAY]), np.array([60 * DAY]))
    data = to_hetero_data(store, Sampler(store, "customers", [-1]).sample(stale))
    assert data["orders"].age.min() > 30


def test__batch__trimmed_by_hops__gives_pyg_the_same_roots(store):
    torch.manual_seed(0)
    data = to_hetero_data(store, Sampler(store, "customers", [5, 5, 5]).sample(seeds()))
    x = {name: data[name].x_num.nan_to_num() for name in store.tables}
    layers = [HeteroConv({e: SAGEConv(2, 2) for e in store.edge_types}, aggr="sum") for _ in range(3)]

    def run(trim):
        hidden, edges = x, data.edge_index_dict
        for depth, layer in enumerate(layers):
            if trim:
                nodes = {n: data[n].num_sampled_nodes for n in store.tables}
                sampled = {e: data[e].num_sampled_edges for e in store.edge_types}
                hidden, edges, _ = trim_to_layer(depth, nodes, sampled, hidden, edges)
            hidden = layer(hidden, edges)
        return hidden["customers"][: data["customers"].batch_size]

    torch.testing.assert_close(run(trim=True), run(trim=False))


@pytest.mark.parametrize("shuffle_seed", [None, 3])
def test__iterate__any_order__brings_every_seed_once_with_its_own_neighbours(store, shuffle_seed):
    sampler, some = Sampler(store, "customers", [3, 3]), seeds(50)
    met = []
    for data in iterate_batches(store, sampler, some, 16, shuffle_seed=shuffle_seed):
        root = data["customers"]
        alone = sampler.sample(some[root.input_id.numpy()])
        np.testing.assert_array_equal(root.n_id[: root.batch_size], some.entity[root.input_id])
        np.testing.assert_array_equal(data["orders"].n_id, alone.nodes["orders"])
        met.append(root.input_id)
    order = torch.cat(met).tolist()
    assert sorted(order) == list(range(50))
    assert (order == sorted(order)) == (shuffle_seed is None)


def test__iterate__no_seeds_or_stopped_early__ends_quietly(store):
    sampler = Sampler(store, "customers", [3])
    assert list(iterate_batches(store, sampler, seeds(0), 16)) == []
    stream = iterate_batches(store, sampler, seeds(50), 8)
    next(stream)
    stream.close()


def test__iterate__an_error_in_the_thread__reaches_the_caller(store):
    with pytest.raises(Exception, match="no row 99"):
        list(iterate_batches(store, Sampler(store, "customers", [3]), Seeds.at(np.array([99]), np.array([1])), 4))
