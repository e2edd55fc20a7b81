"""Robust stacking: what a layer reads is out of fold, rows see only their past, and shuffled labels teach nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from rdl.boost import BoostSettings, Matrix
from rdl.boost.smoothing import Past, Smoothing
from rdl.boost.stacking import (
    ALPHA,
    STEPS,
    FittedStack,
    Learners,
    Learning,
    fit_stack,
    out_of_fold,
    propagated,
    side_by_side,
    time_blocks,
    widened,
)
from rdl.task import Kind

QUICK = BoostSettings(
    rounds=12, learning_rate=0.3, max_depth=3, min_child_weight=1.0, subsample=1.0, colsample_bytree=1.0, seeds=1, threads=1
)
DEEP = replace(QUICK, rounds=20, max_depth=7)
HORIZON = 10


def world(n, seed=0, told=0.5):
    """Rows of entities over time: a mood of the entity that only other rows tell, and columns that tell a little."""
    rng = np.random.default_rng(seed)
    cutoff = np.sort(rng.integers(0, 40, n)) * HORIZON
    entity = rng.integers(0, max(n // 25, 1), n)
    values = rng.normal(size=(n, 8))
    mood = rng.normal(0, 1.5, entity.max() + 1)[entity]
    values[:, 1] += 0.7 * mood
    target = (rng.random(n) < 1 / (1 + np.exp(-(mood + told * values[:, 0])))).astype(float)
    return Matrix(values.astype(np.float32), tuple("abcdefgh"), (False,) * 8), target, entity, cutoff


def learning(matrix, target, cutoff, count=4):
    return Learning(matrix, target, None, time_blocks(cutoff, cutoff + HORIZON, count))


def smoothing(entity, cutoff, source, tau=1e9):
    return Smoothing((Past(entity, cutoff, cutoff + HORIZON, source, tau),), (1.0,), ALPHA)


def learners(*settings, kind=Kind.BINARY):
    return Learners(settings or (QUICK,), kind, "roc_auc", 0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 30)), min_size=1, max_size=60), st.integers(1, 6))
def test__time_blocks__hold_whole_cutoffs__and_know_only_what_was_known(rows, count):
    cutoff = np.array([c * 10 for c, _ in rows])
    ready = cutoff + np.array([r for _, r in rows])
    blocks = time_blocks(cutoff, ready, count)
    assert len(blocks) < max(count, 2)
    seen = np.concatenate([np.array([], dtype=int), *(b.rows for b in blocks)])
    assert len(np.unique(seen)) == len(seen)
    for block in blocks:
        first = cutoff[block.rows].min()
        assert (ready[block.known] <= first).all()
        assert set(np.flatnonzero(np.isin(cutoff, cutoff[block.rows]))) == set(block.rows)
        assert first > cutoff.min()


def test__out_of_fold__a_row_s_own_label_and_all_later_ones_change_nothing():
    matrix, target, _, cutoff = world(800)
    rows = learning(matrix, target, cutoff)
    found = out_of_fold(rows, matrix, learners(QUICK, DEEP))
    assert found.shape == (800, 2)
    assert np.array_equal(np.isfinite(found).all(axis=1), rows.predicted)
    assert 0.6 < rows.predicted.mean() < 0.85
    for block in rows.blocks:
        changed = np.where(cutoff + HORIZON > cutoff[block.rows].min(), 1 - target, target)
        again = out_of_fold(replace(rows, target=changed), matrix, learners(QUICK, DEEP))
        assert np.array_equal(found[block.rows], again[block.rows])


def test__propagated__is_the_formula__and_null_without_a_prediction():
    _, _, entity, cutoff = world(300)
    source = cutoff >= 100
    prediction = np.where(source[:, None], np.random.default_rng(1).normal(size=(300, 2)), np.nan)
    known = (entity[:, None] == entity) & (cutoff + HORIZON <= cutoff[:, None]) & source
    weight = np.where(known, np.exp(-(cutoff[:, None] - cutoff) / 50), 0)
    own = weight.sum(axis=1) == 0
    mix = np.where(own[:, None], np.eye(300), weight / np.where(own, 1, weight.sum(axis=1))[:, None])[np.ix_(source, source)]
    found = propagated(prediction, smoothing(entity, cutoff, source, 50.0))
    assert np.isnan(found[~source]).all()
    z = first = prediction[source]
    for step in range(STEPS[-1] + 1):
        if step in STEPS:
            place = STEPS.index(step)
            assert np.allclose(found[source, 2 * place : 2 * place + 2], z)
        z = (1 - ALPHA) * first + ALPHA * mix @ z


def test__predict__later_rows__do_not_see_each_other__and_each_layer_answers():
    matrix, target, entity, cutoff = world(900)
    past, later = np.flatnonzero(cutoff < 300), np.flatnonzero(cutoff >= 300)
    rows = learning(matrix.rows(past), target[past], cutoff[past])
    source = np.zeros(900, dtype=bool)
    source[past] = rows.predicted
    order = np.r_[past, later]

    def over(index):
        return smoothing(entity[index], cutoff[index], source[index])

    stack = fit_stack(rows, over(past), learners(QUICK, DEEP), 2)
    each = stack.predict_each(matrix.rows(later), over(order))
    assert [len(stack.layers), len(stack.known), len(each)] == [3, 2, 3]
    alone = [stack.predict(matrix.rows(later[i : i + 1]), over(np.r_[past, later[i]]))[0] for i in range(0, len(later), 40)]
    assert np.allclose(alone, each[-1][::40])
    fewer = fit_stack(rows, over(past), learners(QUICK, DEEP), 1)
    assert np.allclose(fewer.predict(matrix.rows(later), over(order)), each[1])
    assert roc_auc_score(target[later], each[1]) > roc_auc_score(target[later], each[0]) + 0.02


def test__save__several_classes__load_is_the_same(tmp_path):
    matrix, target, entity, cutoff = world(400)
    rows = learning(matrix, np.c_[target, 1 - target], cutoff)
    over = smoothing(entity, cutoff, rows.predicted)
    stack = fit_stack(rows, over, learners(QUICK, DEEP, kind=Kind.MULTICLASS), 1)
    stack.save(tmp_path)
    again = FittedStack.load(tmp_path, 2, 2, stack.known)
    twice = {name: np.tile(getattr(over.paths[0], name), 2) for name in ("group", "moment", "ready")}
    whole = replace(over, paths=[replace(over.paths[0], source=np.r_[rows.predicted, np.zeros(400, dtype=bool)], **twice)])
    assert np.array_equal(again.predict(matrix, whole), stack.predict(matrix, whole))
    assert stack.predict(matrix, whole).shape == (400, 2)
    assert any(name.startswith("stack") for name in stack.importance())
    assert sum(stack.importance().values()) == pytest.approx(1)


def shuffled_skill(n, seed, bagged):
    """AUROC of a second layer's out-of-fold predictions of labels that nothing can tell.

    Not bagged, the first layer predicts the rows that it was fitted on.
    """
    matrix, target, entity, cutoff = world(n, seed)
    target = np.random.default_rng(seed + 100).permutation(target)
    rows = learning(matrix, target, cutoff)
    first = out_of_fold(rows, matrix, learners(DEEP))
    if not bagged:
        first = side_by_side([learner.predict(matrix) for learner in learners(DEEP).fit(rows, matrix)])
    read = widened(matrix, propagated(first, smoothing(entity, cutoff, rows.predicted if bagged else np.ones(n, dtype=bool))))
    second = out_of_fold(rows, read, learners(QUICK))
    return roc_auc_score(target[rows.predicted], second[rows.predicted, 0])


def test__shuffled_labels__a_small_stack_has_no_skill__unbagged_it_seems_to():
    assert abs(np.mean([shuffled_skill(2500, seed, bagged=True) for seed in range(2)]) - 0.5) < 0.03
    assert shuffled_skill(2500, 0, bagged=False) > 0.65


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test__shuffled_labels__10_000_rows__no_skill__unbagged_it_seems_to(seed):
    assert shuffled_skill(10_000, seed, bagged=True) == pytest.approx(0.5, abs=0.02)
    assert shuffled_skill(10_000, seed, bagged=False) > 0.6
