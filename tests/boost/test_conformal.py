"""Intervals and sets hold the truth as often as promised, follow the newest labels, and are wide only where errors are large."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.boost.conformal import ClassSets, Intervals, JointSets, fit_class_sets, fit_intervals, fit_joint_sets
from rdl.boost.drift import GRID, Drift
from rdl.boost.matrix import Matrix
from rdl.boost.window import HALF_CUTOFFS, SAMPLE, Window

scores = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


def matrix(x):
    return Matrix(np.asarray(x, dtype=np.float32).reshape(len(x), -1), ("x",), (False,))


@given(scores, st.lists(st.floats(0.01, 0.99), min_size=2, max_size=5))
@settings(max_examples=60, deadline=None)
def test__window__one_cutoff__is_the_conformal_quantile(values, levels):
    found = Window.of(np.array(values), np.zeros(len(values), dtype=np.int64)).quantiles(sorted(levels))
    ordered, n = np.sort(values), len(values)
    for level, value in zip(sorted(levels), found, strict=True):  # the slow rule: the k-th smallest of n, the new row beyond them
        k = int(np.ceil(level * (n + 1) - (level < 0.5) - 1e-9))
        assert value == ordered[np.clip(k, 1, n) - 1]
    assert (np.diff(found) >= 0).all()


@given(scores, st.integers(1, 59))
@settings(max_examples=40, deadline=None)
def test__window__moved_in_two_steps__is_the_same_as_in_one(values, cut):
    score, cutoff = np.array(values), np.arange(len(values)) // 3
    early = cutoff < cutoff[min(cut, len(values) - 1)]
    if early.any():
        stepped = Window.of(score[early], cutoff[early]).moved(score[~early], cutoff[~early])
        assert np.array_equal(stepped.quantiles([0.1, 0.9]), Window.of(score, cutoff).quantiles([0.1, 0.9]))


def test__window__what_is_older__weighs_less_and_is_forgotten():
    cutoff = np.repeat(np.arange(200), 50)
    window = Window.of(np.where(cutoff < 180, 100.0, 1.0), cutoff)
    assert len(window.moments) < 200
    assert window.quantiles([0.8])[0] == 1.0
    assert Window.of(np.where(cutoff < 180, 100.0, 1.0), np.zeros_like(cutoff)).quantiles([0.8])[0] == 100.0
    assert HALF_CUTOFFS < 20


def test__window__many_rows_of_a_cutoff__are_kept_as_their_ranks():
    score = np.random.default_rng(0).normal(size=50_000)
    window = Window.of(score, np.zeros(len(score), dtype=np.int64))
    assert len(window.moments[0].scores) == SAMPLE
    assert window.rows == len(score)
    assert window.quantiles([0.05, 0.5, 0.95]) == pytest.approx(np.quantile(score, [0.05, 0.5, 0.95]), abs=0.02)
    assert Window.from_json(json.loads(json.dumps(window.to_json()))) == window


def noisy(n, draw):
    """Values whose noise grows with x, and is longer above than below."""
    x = draw.uniform(0, 1, n)
    noise = (0.2 + 3 * x) * draw.exponential(1.0, n)
    return x, noise - (0.2 + 3 * x) * 0.5


def test__intervals__uneven_lopsided_noise__cover_everywhere_and_are_narrow_where_it_is_small():
    draw = np.random.default_rng(0)
    x, residual = noisy(6000, draw)
    found = fit_intervals(matrix(x), residual, np.repeat(np.arange(24), 250), 0, 0, 1)
    assert found.spread is not None
    x, residual = noisy(20_000, draw)
    for level in (0.5, 0.9):
        tail = (1 - level) / 2
        low, high = found.quantiles(np.zeros(len(x)), found.sizes(matrix(x)), (tail, 1 - tail)).T
        inside = (residual >= low) & (residual <= high)
        assert inside.mean() == pytest.approx(level, abs=0.02)
        calm = x < 0.5
        assert inside[calm].mean() == pytest.approx(level, abs=0.1)
        assert (high - low)[calm].mean() < 0.75 * (high - low)[~calm].mean()
        assert np.mean(high) > 1.5 * np.mean(-low)
    copy = Intervals.from_json(json.loads(json.dumps(found.to_json())))
    assert np.array_equal(copy.sizes(matrix(x)), found.sizes(matrix(x)))


def test__intervals__errors_grow__coverage_comes_back_as_labels_become_known():
    draw = np.random.default_rng(1)
    cutoff = np.repeat(np.arange(40), 200)
    residual = draw.normal(size=len(cutoff)) * np.where(cutoff < 20, 1.0, 3.0)
    early, late = cutoff < 20, cutoff >= 30
    still = fit_intervals(matrix(draw.random(early.sum())), residual[early], cutoff[early], 0, 0, 1)
    known = (cutoff >= 20) & ~late
    rolling = still.moved(residual[known], np.ones((known.sum(), 2)), cutoff[known])

    def covered(intervals):
        low, high = intervals.window.quantiles([0.05, 0.95])
        return np.mean((residual[late] >= low) & (residual[late] <= high))

    assert still.spread is None  # there is nothing to tell sizes by
    assert covered(still) < 0.6
    assert covered(rolling) == pytest.approx(0.9, abs=0.05)


@given(st.integers(0, 10_000), st.integers(1, 11))
@settings(max_examples=20, deadline=None)
def test__intervals__moved_in_two_steps__say_the_same_as_in_one(seed, cut):
    draw = np.random.default_rng(seed)
    cutoff, residual, sizes = np.repeat(np.arange(12), 20), draw.normal(size=240) * draw.exponential(), np.ones((240, 2))
    start = Intervals(Window.of(draw.normal(size=100), np.full(100, -1)), None)
    early = cutoff < cut
    order = draw.permutation(240)
    whole = start.moved(residual[order], sizes, cutoff[order])
    stepped = start.moved(residual[early], sizes[early], cutoff[early]).moved(residual[~early], sizes[~early], cutoff[~early])
    asked = np.sort(draw.random(9))
    found = whole.quantiles(np.zeros(1), np.ones((1, 2)), asked)
    assert np.array_equal(found, stepped.quantiles(np.zeros(1), np.ones((1, 2)), asked))
    assert (np.diff(found[0]) >= 0).all()
    assert np.array_equal(Intervals.from_json(json.loads(json.dumps(whole.to_json()))).drift.levels, whole.drift.levels)


def test__intervals__errors_keep_drifting_up__levels_learn_what_the_window_lags_behind():
    draw = np.random.default_rng(3)
    cutoff = np.repeat(np.arange(60), 300)
    residual, even = draw.normal(size=len(cutoff)) + 0.15 * cutoff, np.ones((300, 2))
    start = Intervals(Window.of(residual[cutoff < 10], cutoff[cutoff < 10]), None)

    def outside(learned):
        now, below, above = start, [], []
        for t in range(10, 60):
            new = residual[cutoff == t]
            low, high = now.quantiles(np.zeros(1), even[:1], (0.05, 0.95))[0]
            below.append(np.mean(new < low))
            above.append(np.mean(new > high))
            now = now.moved(new, even, np.full(300, t))
            now = now if learned else replace(now, drift=Drift())
        return np.mean(below[10:]), np.mean(above[10:])

    assert outside(learned=False)[1] > 0.1
    assert outside(learned=True) == pytest.approx((0.05, 0.05), abs=0.015)


def test__drift__windows_that_hold__stay_near_their_levels():
    draw, drift, window = np.random.default_rng(4), Drift(), Window.of(np.random.default_rng(5).normal(size=5000), np.zeros(5000))
    for _ in range(200):
        drift = drift.after(draw.normal(size=400), window)
    assert np.abs(np.array(drift.levels) - GRID).max() < 0.06
    far = Drift()
    for _ in range(200):
        far = far.after(np.full(400, 1e9), window)
    assert far.asked([0.95])[0] < 1.0


def softmax(margin):
    odds = np.exp(margin)
    return odds / odds.sum(axis=1, keepdims=True)


def test__class_sets__overconfident_probabilities__hold_every_class_as_often_as_promised():
    draw = np.random.default_rng(2)
    margin = draw.normal(size=(12_000, 4)) * 1.5 + [1.0, 0.0, 0.0, -1.5]
    target = (draw.random(len(margin))[:, None] > softmax(margin).cumsum(axis=1)).sum(axis=1).astype(float)
    told, cutoff = softmax(3 * margin), np.repeat(np.arange(12), 1000)
    half = 6000
    sets = fit_class_sets(told[:half], target[:half], cutoff[:half])
    for level in (0.8, 0.95):
        possible = sets.possible(told[half:], level)
        held = possible[np.arange(half), target[half:].astype(int)]
        assert held.mean() == pytest.approx(level, abs=0.02)
        for k in range(4):
            assert held[target[half:] == k].mean() == pytest.approx(level, abs=0.04)
        assert possible.any(axis=1).all()
        assert possible.sum(axis=1).mean() < 4
    copy = ClassSets.from_json(json.loads(json.dumps(sets.to_json())))
    assert np.array_equal(copy.possible(told, 0.9), sets.possible(told, 0.9))


def test__class_sets__unknown_class__is_left_out_and_rare_ones_share_a_threshold():
    told = np.tile([[0.7, 0.2, 0.1]], (300, 1))
    target = np.concatenate([np.zeros(200), np.ones(95), [2.0] * 3, [-1.0] * 2])
    sets = fit_class_sets(told, target, np.zeros(300, dtype=np.int64))
    assert set(sets.own) == {0}
    assert sets.possible(told[:1], 0.5).tolist() == [[True, False, False]]


def test__joint_sets__all_labels_at_once__are_right_as_often_as_promised():
    draw = np.random.default_rng(3)
    margin = draw.normal(size=(8000, 5)) * 2
    target = (draw.random(margin.shape) < 1 / (1 + np.exp(-margin))).astype(float)
    told, half = 1 / (1 + np.exp(-margin)), 4000
    sets = fit_joint_sets(told[:half], target[:half], np.repeat(np.arange(8), 500))
    certain, possible = sets.certain_and_possible(told[half:], 0.8)
    assert not (certain & ~possible).any()
    right = ((certain <= (target[half:] == 1)) & ((target[half:] == 1) <= possible)).all(axis=1)
    assert right.mean() == pytest.approx(0.8, abs=0.03)
    each = ((certain <= (target[half:] == 1)) & ((target[half:] == 1) <= possible)).mean()
    assert each > 0.9  # a threshold a label would not do: all of them together are promised
    copy = JointSets.from_json(json.loads(json.dumps(sets.to_json())))
    assert np.array_equal(copy.certain_and_possible(told, 0.8)[0], sets.certain_and_possible(told, 0.8)[0])
