"""Sampling: the same rows whatever their order, and newer ones as much more readily as is stated."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.task import Labels, Seeds, sample_labels
from rdl.task.sample import OLDEST, recency_weights
from rdl.timeline import DAY


def labels_of(entities: int, cutoffs: int) -> Labels:
    seeds = Seeds.at(np.tile(np.arange(entities), cutoffs), np.repeat(np.arange(cutoffs) * 30 * DAY, entities))
    return Labels(seeds, np.arange(len(seeds), dtype=np.float64))


@settings(max_examples=30)
@given(st.integers(1, 60), st.integers(1, 6), st.integers(0, 400), st.integers(0, 2**32))
def test__sample__is_the_same_whatever_the_order_of_rows(entities, cutoffs, rows, seed):
    labels = labels_of(entities, cutoffs)
    shuffled = labels[np.random.default_rng(seed).permutation(len(labels))]
    found, other = sample_labels(labels, rows, seed), sample_labels(shuffled, rows, seed)
    assert len(found) == min(rows, len(labels))
    assert set(found.target) == set(other.target)
    assert (np.diff(found.target) > 0).all(), "in their order"


def test__sample__draws_the_oldest_a_quarter_as_readily_as_the_newest():
    labels = labels_of(40_000, 3)
    found = sample_labels(labels, 4_000, seed=1)
    _, sizes = np.unique(found.seeds.cutoff, return_counts=True)
    assert np.allclose(sizes / sizes[-1], [OLDEST, OLDEST**0.5, 1], atol=0.05)
    assert abs(np.mean(found.seeds.entity) / 20_000 - 1) < 0.05, "and every entity alike"


def test__another_seed__is_another_sample():
    labels = labels_of(1000, 2)
    assert set(sample_labels(labels, 100, 0).target) != set(sample_labels(labels, 100, 1).target)


def test__weights__of_one_cutoff_are_one():
    assert recency_weights(np.array([5, 5])).tolist() == [1.0, 1.0]
