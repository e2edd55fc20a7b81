"""The ranking learner: it finds what is right in a group, repeats itself, and is read back to the bit."""

from dataclasses import replace

import numpy as np
import pytest

from rdl.boost.ranking import STEP, FittedRanking, Groups, RankingCurve, RankSettings, best_look, fit_ranking, ranking_curve
from rdl.errors import ModelFileError

QUICK = RankSettings(rounds=30, learning_rate=0.3, max_depth=3, min_child_weight=1.0, seeds=2, threads=1)


def groups_of(seed, n=60, size=12):
    """Groups where the candidate with the largest first feature is right; the second is noise, the third a null."""
    draw = np.random.default_rng(seed)
    values = draw.normal(size=(n, size, 3)).astype(np.float32)
    values[:, :, 2] = np.nan
    right = (values[:, :, 0] == values[:, :, 0].max(axis=1, keepdims=True)).astype(np.float32)
    return Groups(values.reshape(-1, 3), right.reshape(-1), np.full(n, size))


def found(groups, scores):
    """The share of groups whose best score is the right candidate's."""
    right = groups.right.reshape(len(groups.sizes), -1)
    return float(np.mean(np.take_along_axis(right, scores.reshape(right.shape).argmax(axis=1)[:, None], axis=1)))


@pytest.mark.parametrize("objective", ["binary:logistic", "rank:ndcg", "rank:map"])
def test__fit_ranking__any_objective__finds_what_is_right_and_repeats_itself(objective):
    settings, later = replace(QUICK, objective=objective), groups_of(2)
    first, second = (fit_ranking(groups_of(1), ("a", "b", "c"), settings, 20, seed=5) for _ in range(2))
    assert found(later, first.predict(later.values)) > 0.7  # by chance it would be one of twelve
    assert np.array_equal(first.predict(later.values), second.predict(later.values))
    assert next(iter(first.importance())) == "a"
    assert sum(first.importance().values()) == pytest.approx(1.0)


def test__ranking_curve__looks_after_every_step_and_stops_when_nothing_is_gained():
    later = groups_of(2)
    curve = ranking_curve(groups_of(1), later.values, QUICK, 5, lambda scores: found(later, scores))
    assert len(curve.measured) == QUICK.rounds // STEP
    assert curve.measured[-1] == found(later, curve.scores[-1])
    idle = ranking_curve(groups_of(1), later.values, replace(QUICK, rounds=100, patience=2), 5, lambda scores: 0.5)
    assert len(idle.measured) == 3


def test__ranking_curve__scores_of_a_look__order_as_the_first_rounds_do():
    later, one = groups_of(2), replace(QUICK, seeds=1)
    curve = ranking_curve(groups_of(1), later.values, one, 5, lambda scores: found(later, scores))
    fitted = fit_ranking(groups_of(1), ("a", "b", "c"), one, 2 * STEP, seed=5).predict(later.values)
    apart = curve.scores[1] - fitted
    assert np.ptp(apart) < 1e-4  # the margins differ by a constant


def test__best_look__is_that_of_the_folds_together_as_far_as_all_came():
    curves = [RankingCurve(np.array([0.1, 0.4, 0.3, 0.9]), ()), RankingCurve(np.array([0.3, 0.3, 0.2]), ())]
    assert best_look(curves) == 1


def test__fitted_ranking__saved_and_loaded__is_the_same(tmp_path):
    fitted, later = fit_ranking(groups_of(1), ("a", "b", "c"), QUICK, 10, seed=5), groups_of(3)
    fitted.save(tmp_path / "r")
    again = FittedRanking.load(tmp_path / "r")
    assert (again.names, again.settings) == (fitted.names, fitted.settings)
    assert np.array_equal(again.predict(later.values), fitted.predict(later.values))
    (tmp_path / "r" / "trees-1.ubj").write_bytes(b"{")
    with pytest.raises(ModelFileError, match="unreadable XGBoost member"):
        FittedRanking.load(tmp_path / "r")
