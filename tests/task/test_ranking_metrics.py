"""Metrics of ranked lists: equal to loops over ranks, and to RelBench's own."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from relbench import metrics as relbench_metrics

from rdl.task import Labels, Lists, Seeds
from rdl.task.ranking_metrics import ranked_hits, score_ranking

WORLD = st.lists(
    st.tuples(
        st.sets(st.integers(0, 12), max_size=8),
        st.permutations(range(13)).map(lambda p: p[:5]),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=12,
)


def labels_of(lists):
    sizes = [len(rows) for rows in lists]
    flat = np.array([r for rows in lists for r in sorted(rows)], dtype=np.int64)
    entity = np.arange(len(lists), dtype=np.int64)
    return Labels(Seeds.at(entity, entity), np.array(sizes, dtype=float), Lists(np.cumsum([0, *sizes]), flat))


def slow(right, ranked):
    """The metrics of one seed, one rank at a time."""
    k, found, precision, gain, first = len(ranked), 0, 0.0, 0.0, 0.0
    for rank, row in enumerate(ranked, start=1):
        if row in right:
            found += 1
            precision += found / rank
            gain += 1 / math.log2(rank + 1)
            first = first or 1 / rank
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(right)) + 1))
    return {
        "map": precision / min(k, len(right)),
        "ndcg": gain / ideal,
        "recall": found / len(right),
        "precision": found / k,
        "mrr": first,
    }


@given(WORLD)
def test__score_ranking__any_lists__equal_loops(world):
    lists, ranked = [w[0] for w in world], [[r if i < w[2] else -1 for i, r in enumerate(w[1])] for w in world]
    found = score_ranking(labels_of(lists), np.array(ranked, dtype=float))
    each = [slow(right, rows) for right, rows in zip(lists, ranked, strict=True) if right]
    for name, value in found.items():
        if each:
            assert value == pytest.approx(np.mean([e[name] for e in each]), abs=1e-12)
        else:
            assert math.isnan(value)


@given(WORLD.filter(lambda world: any(w[0] for w in world)))
def test__score_ranking__map__is_relbenchs_to_the_bit(world):
    lists, ranked = [w[0] for w in world], np.array([w[1] for w in world])
    isin = np.stack([np.isin(row, np.array(sorted(right))) for row, right in zip(ranked, lists, strict=True)])
    expected = relbench_metrics.map(isin, np.array([len(right) for right in lists]))
    assert score_ranking(labels_of(lists), ranked)["map"] == expected


def test__score_ranking__perfect_list_shorter_than_k__is_one():
    found = score_ranking(labels_of([{3, 5}]), np.array([[5, 3, -1, -1]]))
    assert found == {"map": 1.0, "ndcg": 1.0, "recall": 1.0, "precision": 0.5, "mrr": 1.0}


def test__ranked_hits__no_row_known__hits_nothing():
    assert not ranked_hits(labels_of([set(), {2}]).lists, np.array([[-1, 2], [-1, -1]])).any()
