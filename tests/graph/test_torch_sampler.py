"""The sampler in torch takes exactly what the compiled one takes; its batches are the same."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.gnn.batches import with_times
from rdl.graph import GraphStore, NodeTable, Sampler
from rdl.graph.batch import to_hetero_data
from rdl.graph.tables import TOKENS
from rdl.graph.torch_sampler import TorchSampler, draw
from rdl.task import Seeds
from rdl.timeline import ALWAYS, DAY, NEVER
from tests.graph.worlds import worlds_and_seeds

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]


def same(a, b):
    assert a.root_visible.tolist() == b.root_visible.tolist()
    assert a.num_sampled_nodes == b.num_sampled_nodes
    assert a.num_sampled_edges == b.num_sampled_edges
    for name, rows in a.nodes.items():
        assert rows.tolist() == b.nodes[name].tolist()
        assert a.batch[name].tolist() == b.batch[name].tolist()
    for edge, ends in a.edges.items():
        assert [x.tolist() for x in ends] == [x.tolist() for x in b.edges[edge]]


@settings(max_examples=25)
@given(
    worlds_and_seeds(),
    st.lists(st.sampled_from([-1, 0, 1, 2]), max_size=4),
    st.sampled_from(["uniform", "last"]),
    st.sampled_from([None, 2]),
)
def test__any_schema__is_sampled_as_by_the_compiled_sampler(drawn, fanouts, strategy, window):
    world, seeds = drawn
    sampler = Sampler(world.store(), "t0", fanouts, strategy=strategy, seed=7, window=window)
    same(sampler.sample(seeds), TorchSampler(sampler, "cpu").sample(seeds))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("count", "most"), [(20, 5), (130, 128), (800, 700)])
def test__many_children__the_same_are_drawn(device, count, most):
    tables = {"customers": NodeTable.of([ALWAYS]), "orders": NodeTable.of(np.arange(count))}
    store = GraphStore.from_arrays(tables, {("orders", "customer", "customers"): np.zeros(count, np.int32)})
    sampler = Sampler(store, "customers", [most], seed=-3)
    seeds = Seeds.at(np.zeros(9, np.int64), np.arange(count - 4, count + 5))
    same(sampler.sample(seeds), TorchSampler(sampler, device).sample(seeds))


def test__draws__without_replacement_and_within_the_count():
    count = torch.tensor([6, 7, 100_000])
    picks = draw(count, 5, torch.tensor([1, 2, 3]))
    assert all(len(set(row)) == 5 and min(row) >= 0 and max(row) < n for row, n in zip(picks.tolist(), count.tolist(), strict=True))


@pytest.mark.parametrize("device", DEVICES)
def test__batch__is_that_of_the_compiled_sampler(device):
    rng = np.random.default_rng(0)

    def columns(rows):
        return {
            "numeric": {"a": rng.random(rows)},
            "category": {"c": rng.integers(1, 2**32, rows)},
            "timestamp": {"d": rng.integers(0, 100 * DAY, rows)},
            "text": {"e": rng.integers(0, 2**32, (rows, TOKENS))},
            "vector": {"f": rng.random((rows, 3))},
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
    store = GraphStore.from_arrays(tables, references)
    seeds = Seeds.at(rng.integers(0, 40, 64), rng.integers(0, 100, 64) * DAY)
    sampler = Sampler(store, "customers", [4, 3])
    expected = with_times(store, to_hetero_data(store, sampler.sample(seeds)))
    found = TorchSampler(sampler, device).batch(seeds).to("cpu")
    assert found.metadata() == expected.metadata()
    for kind in (*expected.node_types, *expected.edge_types):
        assert set(found[kind].keys()) == set(expected[kind].keys())
        for name, value in expected[kind].items():
            if isinstance(value, torch.Tensor):
                torch.testing.assert_close(found[kind][name], value, rtol=0, atol=0, equal_nan=True)
            else:
                assert found[kind][name] == value
