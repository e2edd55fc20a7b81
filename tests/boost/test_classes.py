"""XGBoost where the answer is among classes: shapes hold whatever occurs, probabilities are ones, and cost knows a bound."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.boost import (
    DEFAULTS,
    BoostSettings,
    FittedBoost,
    Matrix,
    best_rounds,
    default_settings,
    fit_boost,
    learning_curve,
    select_columns,
)
from rdl.boost.settings import FASTEST, FEW
from rdl.task import Kind

SMALL = BoostSettings(
    rounds=30, seeds=2, learning_rate=0.2, max_depth=3, min_child_weight=1.0, colsample_bytree=1.0, reg_lambda=1.0, threads=1
)
METRIC = {Kind.MULTICLASS: "accuracy", Kind.MULTILABEL: "average_precision"}
Classed = pytest.mark.parametrize("kind", list(METRIC))


def _data(kind: Kind, classes: int = 4, n: int = 500, seed: int = 0) -> tuple[Matrix, np.ndarray]:
    """A number and a category that decide, one that does not; [n, classes] of 0 and 1."""
    draw = np.random.default_rng(seed)
    x, noise = draw.normal(size=(2, n))
    category = draw.integers(0, classes, n)
    pull = 2.0 * (category[:, None] == np.arange(classes)) + x[:, None] * np.linspace(-2, 2, classes)
    holes = np.where(draw.random(n) < 0.1, np.nan, x)
    matrix = Matrix(np.column_stack([holes, noise, category]).astype(np.float32), ("x", "noise", "category"), (False, False, True))
    if kind is Kind.MULTILABEL:
        return matrix, (pull + draw.logistic(size=pull.shape) > 1).astype(float)
    return matrix, np.eye(classes)[(pull + draw.gumbel(size=pull.shape)).argmax(axis=1)]


def _loss(kind: Kind, target: np.ndarray, p: np.ndarray) -> float:
    if kind is Kind.MULTICLASS:
        return float(-np.log(p[target == 1]).mean())
    return float(-np.log(np.where(target == 1, p, 1 - p)).mean())


@Classed
def test__fit_boost__classes__beat_their_shares(kind: Kind) -> None:
    matrix, target = _data(kind)
    later, truth = _data(kind, seed=1)
    fitted = fit_boost(matrix, target, kind, METRIC[kind], SMALL, 0)
    p = fitted.predict(later)
    assert p.shape == truth.shape
    assert _loss(kind, truth, p) < 0.85 * _loss(kind, truth, np.broadcast_to(target.mean(axis=0), truth.shape))
    if kind is Kind.MULTICLASS:
        assert p.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    share = fitted.importance()
    assert share["x"] + share["category"] > 0.7


@Classed
@settings(max_examples=10)
@given(classes=st.integers(1, 6), absent=st.sets(st.integers(0, 5)), n=st.integers(1, 30))
def test__fit_boost__class_that_occurs_in_no_row__is_improbable_and_breaks_nothing(
    kind: Kind, classes: int, absent: set[int], n: int
) -> None:
    classes += kind is Kind.MULTICLASS
    matrix, target = _data(kind, classes, n)
    gone = sorted(k for k in absent if k < classes - 1)
    target[:, gone] = 0.0
    if kind is Kind.MULTICLASS:
        target[target.sum(axis=1) == 0, -1] = 1.0
    few = BoostSettings(rounds=3, seeds=1, threads=1, min_child_weight=0.0)
    p = fit_boost(matrix, target, kind, METRIC[kind], few, 0).predict(matrix)
    assert p.shape == target.shape
    assert np.isfinite(p).all()
    assert (p[:, gone] > 0).all()
    assert (p[:, gone] <= 1 / (n + 1) + 0.1).all()


@Classed
def test__learning_curve__class_only_in_later_rows__is_scored(kind: Kind) -> None:
    matrix, target = _data(kind)
    early = np.flatnonzero(target[:, 2] == 0)
    curve = learning_curve((matrix.rows(early), target[early]), (matrix, target), kind, METRIC[kind], SMALL, 0)
    rounds = best_rounds([curve])
    p = curve.predict(rounds)
    assert p.shape == target.shape
    assert _loss(kind, target, p.clip(1e-15, 1 - 1e-15)) == pytest.approx(-curve.scores[rounds - 1], rel=1e-3)


@Classed
def test__predict__one_row__equals_its_place_among_many(kind: Kind) -> None:
    matrix, target = _data(kind)
    fitted = fit_boost(matrix, target, kind, METRIC[kind], SMALL, 0)
    whole = fitted.predict(matrix)
    for i in (0, 7, 499):
        assert np.array_equal(fitted.predict(matrix.rows(np.array([i])))[0], whole[i])


@Classed
@pytest.mark.parametrize("classes", [2, 4])
def test__save_load__predicts_identically(kind: Kind, classes: int, tmp_path: Path) -> None:
    matrix, target = _data(kind, classes)
    fitted = fit_boost(matrix, target, kind, METRIC[kind], SMALL, 0)
    fitted.save(tmp_path)
    loaded = FittedBoost.load(tmp_path)
    assert np.array_equal(loaded.predict(matrix), fitted.predict(matrix))
    assert loaded.importance() == fitted.importance()


@Classed
def test__select_columns__keeps_what_any_class_needs(kind: Kind) -> None:
    matrix, target = _data(kind)
    few = BoostSettings(columns=2, min_child_weight=1.0, colsample_bytree=1.0, threads=1)
    assert select_columns(matrix, target, kind, METRIC[kind], few, 0) == (0, 2)


@Classed
@given(classes=st.integers(1, 100))
def test__default_settings__many_classes__cost_little_more_than_few(kind: Kind, classes: int) -> None:
    one, found = DEFAULTS[kind], default_settings(kind, classes)
    trees = classes * found.rounds * found.seeds
    assert trees <= 12_000
    assert found.learning_rate <= FASTEST
    assert found.rounds * found.learning_rate == pytest.approx(one.rounds * one.learning_rate, rel=0.01)
    assert found.seeds == (one.seeds if classes <= FEW else 1)
    assert classes > FEW or found == one


@pytest.mark.parametrize(("metric", "better"), [("rmse", "squared"), ("r2", "squared"), ("mae", "absolute"), ("nmae", "absolute")])
def test__fit_boost__value__is_fitted_to_its_metric(metric: str, better: str) -> None:
    """Where two thirds of the rows are 0 and the rest 9, the mean is 3 and the median 0."""
    matrix = Matrix(np.ones((300, 1), np.float32), ("x",), (False,))
    p = fit_boost(matrix, np.resize([0.0, 0.0, 9.0], 300), Kind.REGRESSION, metric, SMALL, 0).predict(matrix)
    assert p == pytest.approx(3.0 if better == "squared" else 0.0, abs=0.1)
