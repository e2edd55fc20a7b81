"""Smoothing: equal to loops over all pairs of rows, causal, row-stochastic, and with a transpose that is one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from rdl.boost.smoothing import Links, Past, Smoothing


@st.composite
def pasts(draw, rows=None):
    n = rows or draw(st.integers(1, 12))
    few = st.lists(st.integers(-1, 2), min_size=n, max_size=n)
    times = st.lists(st.integers(0, 9), min_size=n, max_size=n)
    moment = np.array(draw(times)) * 10
    return Past(
        np.array(draw(few), dtype=np.int64),
        moment,
        moment + np.array(draw(times)) + 1,
        np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))),
        draw(st.sampled_from([0.05, 3.0, 1000.0])),
    )


def slow_matrix(past: Past) -> np.ndarray:
    """[n, n] by looking at every pair; weights relative to the newest source, so that none vanishes."""
    n = len(past.group)
    found = np.zeros((n, n))
    for i in range(n):
        known = [j for j in range(n) if past.source[j] and past.group[j] == past.group[i] >= 0 and past.ready[j] <= past.moment[i]]
        newest = max((past.ready[j] for j in known), default=0)
        for j in known:
            found[i, j] = np.exp(-(newest - past.ready[j]) / past.tau)
        found[i] /= max(found[i].sum(), 1e-300)
    return found


@given(pasts(), st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test__past__is_what_looking_at_every_pair_says(past, seed):
    slow, values = slow_matrix(past), np.random.default_rng(seed).normal(size=(len(past.group), 2))
    assert np.array_equal(past.reached, slow.sum(axis=1) > 0)
    assert np.allclose(past.mean(values), slow @ values)
    assert np.allclose(past.spread(values), slow.T @ values)


@given(
    st.integers(1, 12).flatmap(lambda n: st.tuples(pasts(n), pasts(n))),
    st.sampled_from([0.0, 0.3, 0.9]),
    st.integers(1, 4),
)
@settings(max_examples=100, deadline=None)
def test__smoothing__keeps_constants_and_has_its_transpose(paths, strength, steps):
    n = len(paths[0].group)
    smoothing = Smoothing(paths, (1.0, 2.0), strength, steps)
    push, pull = smoothing.push(np.eye(n)), smoothing.pull(np.eye(n))
    assert np.allclose(push.sum(axis=1), 1)
    assert (push >= -1e-12).all()
    assert np.allclose(pull, push.T)


def test__smoothing__no_row_learns_from_one_whose_label_was_not_known():
    rng = np.random.default_rng(0)
    cutoff = np.sort(rng.integers(0, 50, 300)) * 10
    past = Past(rng.integers(0, 5, 300), cutoff, cutoff + 30, np.ones(300, dtype=bool), 100.0)
    smoothing = Smoothing((past,), (1.0,), 0.8, 3)
    whole = smoothing.push(np.eye(300))
    later = (past.ready[None, :] > past.moment[:, None]) & ~np.eye(300, dtype=bool)
    assert (whole[later] == 0).all()
    assert (whole[~later] > 0).sum() > 1000


def test__smoothing__of_a_graph__many_steps__are_the_closed_form():
    rng = np.random.default_rng(1)
    links = Links(sparse.csr_array((rng.random((40, 40)) < 0.1) * rng.random((40, 40))))
    matrix = links._matrix.toarray()
    matrix[~links.reached] = np.eye(40)[~links.reached]
    closed = 0.3 * np.linalg.inv(np.eye(40) - 0.7 * matrix)
    assert np.allclose(Smoothing((links,), (1.0,), 0.7, 80).push(np.eye(40)), closed, atol=1e-9)


@pytest.mark.parametrize("strength", [0.4, 0.9])
def test__pull__of_curvatures_bounds_the_loss_from_above(strength):
    rng = np.random.default_rng(2)
    past = Past(rng.integers(0, 3, 60), np.arange(60) * 10, np.arange(60) * 10 + 5, np.ones(60, dtype=bool), 50.0)
    smoothing = Smoothing((past,), (1.0,), strength, 2)
    whole, curvature = smoothing.push(np.eye(60)), rng.random(60)
    bound = np.diag(smoothing.pull(curvature[:, None])[:, 0]) - whole.T @ np.diag(curvature) @ whole
    assert np.linalg.eigvalsh(bound).min() > -1e-9
