"""Laid-out trees predict what XGBoost predicts, bit by bit."""

from dataclasses import replace

import numpy as np
import pytest

from rdl.boost import BoostSettings, Matrix, fit_boost, learner
from rdl.boost.forest import UnfitError, lay_out
from rdl.task import Kind

SETTINGS = BoostSettings(rounds=12, learning_rate=0.3, max_depth=4, min_child_weight=1.0, seeds=2, max_bin=32, max_cat_to_onehot=4)


def drawn(rows: int, seed: int = 0) -> Matrix:
    """Numbers with ties and nulls, a category of few values and one of many."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 5)).astype(np.float32)
    values[:, 1] = np.round(values[:, 1])
    values[:, 3] = rng.integers(0, 3, rows)
    values[:, 4] = rng.integers(0, 40, rows)
    values[rng.random(values.shape) < 0.15] = np.nan
    return Matrix(values, ("a", "b", "c", "few", "many"), (False, False, False, True, True))


def target(matrix: Matrix, kind: Kind) -> np.ndarray:
    signal = np.nan_to_num(matrix.values[:, 0]) + (np.nan_to_num(matrix.values[:, 4]) % 3) + np.isnan(matrix.values[:, 1])
    if kind is Kind.MULTICLASS:
        return np.eye(3)[np.digitize(signal, [0.5, 1.5])]
    return (signal > 1.0).astype(float) if kind is Kind.BINARY else signal.astype(float)


@pytest.mark.parametrize(("kind", "metric"), [(Kind.BINARY, "auroc"), (Kind.REGRESSION, "mae"), (Kind.MULTICLASS, "log_loss")])
def test__forest__many_rows__tell_what_xgboost_tells(kind: Kind, metric: str):
    known = drawn(700)
    fitted = fit_boost(known, target(known, kind), kind, metric, SETTINGS, seed=3)
    rows = drawn(1300, seed=1)  # no multiple of the rows that are asked at once
    rows.values[:40, 4] = 47  # a category that no tree knows
    at = known.values[0, 0]
    rows.values[40:80, 0] = np.nextafter(at, np.float32(9)), *[at] * 39
    own = [np.asarray(booster.predict(learner.to_predict(rows, 2))) for booster in fitted.boosters]
    for threads in (1, 3):
        found = lay_out(fitted.boosters).predict(rows.values, threads)
        assert all(np.array_equal(a, b) for a, b in zip(found, own, strict=True))


def test__forest__values_on_thresholds__go_where_xgboost_sends_them():
    known = drawn(700)
    fitted = fit_boost(known, target(known, Kind.BINARY), Kind.BINARY, "auroc", SETTINGS, seed=0)
    forest = lay_out(fitted.boosters)
    edges = forest.layout.edges[np.flatnonzero(forest.layout.columns == 0)[0]]
    rows = drawn(len(edges) * 3, seed=2)
    rows.values[:, 0] = np.concatenate([edges, np.nextafter(edges, np.float32(-9)), np.nextafter(edges, np.float32(9))])
    own = [booster.predict(learner.to_predict(rows, 2)) for booster in fitted.boosters]
    assert all(np.array_equal(a, b) for a, b in zip(forest.predict(rows.values, 2), own, strict=True))


def test__forest__deep_trees__are_left_to_xgboost():
    known = drawn(700)
    deep = replace(SETTINGS, max_depth=9, min_child_weight=0.0, rounds=3)
    fitted = fit_boost(known, target(known, Kind.REGRESSION), Kind.REGRESSION, "mae", deep, seed=0)
    with pytest.raises(UnfitError, match="levels"):
        lay_out(fitted.boosters)


@pytest.mark.parametrize("wrong", [False, True])
def test__predict__many_rows__are_checked_against_xgboost(monkeypatch: pytest.MonkeyPatch, *, wrong: bool):
    known = drawn(700)
    fitted = fit_boost(known, target(known, Kind.BINARY), Kind.BINARY, "auroc", SETTINGS, seed=0)
    few = fitted.predict(known)
    monkeypatch.setattr(learner, "MANY", 100)
    if wrong:
        assert fitted._forest is not None
        fitted._forest.layout.value[:] += 1
    assert np.array_equal(fitted.predict(known), few)
