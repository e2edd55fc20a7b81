"""Negatives are visible, are none to be avoided, and are as likely as said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.errors import GraphError, UsageError
from rdl.graph import GraphStore, NodeTable
from rdl.graph.negatives import NONE, NegativeSampler
from rdl.task import Seeds
from rdl.timeline import ALWAYS, visible

ITEM = ("orders", "item", "items")


def shop(items, orders, item):
    tables = {"users": NodeTable.of([ALWAYS] * 9), "items": NodeTable.of(items), "orders": NodeTable.of(orders)}
    return GraphStore.from_arrays(tables, {ITEM: np.array(item, np.int64)})


@settings(max_examples=50)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=8).map(sorted),
    st.data(),
    st.sampled_from(["items", ITEM]),
    st.integers(0, 9),
)
def test__negatives__are_visible_and_not_avoided_and_none_only_where_nothing_is_left(items, data, target, seed):
    count = data.draw(st.integers(1, 8))
    item = data.draw(st.lists(st.integers(-1, len(items) - 1), min_size=count, max_size=count))
    orders = sorted(data.draw(st.lists(st.integers(0, 5), min_size=count, max_size=count)))
    store = shop(items, orders, item)
    as_of = np.array(data.draw(st.lists(st.integers(0, 6), min_size=1, max_size=5)), np.int64)
    avoid = [data.draw(st.lists(st.integers(0, len(items) - 1), max_size=4)) for _ in as_of]
    seeds = Seeds.at(np.arange(len(as_of)), as_of)
    found = NegativeSampler(store, target, seed).sample(seeds, 6, avoid)
    for i, moment in enumerate(as_of.tolist()):
        linked = {row for row, time in zip(item, orders, strict=True) if row >= 0 and time < moment}
        known = set(np.flatnonzero(visible(np.array(items), moment)).tolist())
        left = (known if target == "items" else known & linked) - set(avoid[i])
        assert set(found[i].tolist()) <= (left or {NONE})
        np.testing.assert_array_equal(NegativeSampler(store, target, seed).sample(seeds[np.array([i])], 6, [avoid[i]])[0], found[i])


@pytest.mark.parametrize("target", ["items", ITEM])
def test__negatives__are_as_likely_as_said(target):
    item = np.repeat(np.arange(10), np.arange(1, 11))
    sampler = NegativeSampler(shop([ALWAYS] * 10, np.arange(len(item)), item), target, 3)
    seeds = Seeds.at(np.zeros(2000, np.int64), np.arange(100, 2100))
    drawn = np.bincount(sampler.sample(seeds, 10, [[4]] * 2000).ravel(), minlength=10)
    share = np.ones(10) if target == "items" else np.bincount(item)
    expected = np.where(np.arange(10) == 4, 0, share)
    expected = 20_000 * expected / expected.sum()
    some = expected > 0
    assert drawn[4] == 0
    assert ((drawn - expected)[some] ** 2 / expected[some]).sum() < 26.1  # chi-square, 8 degrees, p = 0.001


def test__negatives__what_does_not_exist__is_refused():
    store = shop([1], [1], [0])
    with pytest.raises(UsageError, match="no reference"):
        NegativeSampler(store, ("orders", "user", "users"))
    with pytest.raises(GraphError, match="no table 'things'"):
        NegativeSampler(store, "things")
    with pytest.raises(UsageError, match="1 lists to avoid for 2 seeds"):
        NegativeSampler(store, "items").sample(Seeds.at(np.zeros(2, np.int64), np.ones(2, np.int64)), 1, [[0]])
