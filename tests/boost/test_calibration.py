"""Calibration finds the stretch and shift that probabilities were bent by, keeps ranks, and leaves alone what is right."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, roc_auc_score

from rdl.boost.calibration import Calibration, fit_calibration
from rdl.task import Kind


def world(kind, slope, shift, n=6000, seed=0):
    """True margins, targets drawn from them, and predictions whose margins are too flat or steep and off by a shift."""
    rng = np.random.default_rng(seed)
    classes = {Kind.BINARY: 1, Kind.MULTILABEL: 2, Kind.MULTICLASS: 3}[kind]
    margin, cutoff = rng.normal(0, 1.5, (n, classes)), rng.integers(0, 6, n)
    told = (margin - shift * np.arange(classes, 0, -1)) / slope
    if kind is Kind.MULTICLASS:
        true = np.exp(margin) / np.exp(margin).sum(axis=1, keepdims=True)
        target = (rng.random(n)[:, None] > true.cumsum(axis=1)).sum(axis=1).astype(float)
        return np.exp(told) / np.exp(told).sum(axis=1, keepdims=True), target, cutoff
    target = (rng.random((n, classes)) < 1 / (1 + np.exp(-margin))).astype(float)
    prediction = 1 / (1 + np.exp(-told))
    return (prediction[:, 0], target[:, 0], cutoff) if kind is Kind.BINARY else (prediction, target, cutoff)


@pytest.mark.parametrize("kind", [Kind.BINARY, Kind.MULTILABEL, Kind.MULTICLASS])
@pytest.mark.parametrize(("slope", "shift"), [(0.5, 0.0), (2.0, 0.7)])
def test__fit__finds_what_the_probabilities_were_bent_by(kind, slope, shift):
    prediction, target, cutoff = world(kind, slope, shift)
    found = fit_calibration(prediction, target, cutoff, kind)
    assert found.slope == pytest.approx(slope, rel=0.08)
    if kind is not Kind.MULTICLASS:  # there only differences of shifts are told
        assert found.shift == pytest.approx(shift * np.arange(len(found.shift), 0, -1), abs=0.16)
    after = found.apply(prediction, kind)
    assert after.shape == prediction.shape
    if kind is Kind.MULTICLASS:
        assert np.allclose(after.sum(axis=1), 1)
        assert log_loss(target, after) < log_loss(target, prediction) - 0.01
    if kind is Kind.BINARY:
        assert roc_auc_score(target, after) == pytest.approx(roc_auc_score(target, prediction), abs=1e-12)
        told = np.digitize(after, np.quantile(after, [0.2, 0.4, 0.6, 0.8]))
        assert all(abs(after[told == b].mean() - target[told == b].mean()) < 0.03 for b in range(5))


def test__fit__nothing_wrong__changes_next_to_nothing():
    prediction, target, cutoff = world(Kind.BINARY, 1.0, 0.0)
    found = fit_calibration(prediction, target, cutoff, Kind.BINARY)
    assert found is None or np.abs(found.apply(prediction, Kind.BINARY) - prediction).max() < 0.03


def test__fit__what_helped_once_and_hurts_later__is_left_alone():
    prediction, target, cutoff = world(Kind.BINARY, 1.0, 1.5)
    late = cutoff > np.median(cutoff)
    honest = world(Kind.BINARY, 1.0, 0.0)
    prediction[late], target[late] = honest[0][late], honest[1][late]
    assert fit_calibration(prediction, target, cutoff, Kind.BINARY) is None


@pytest.mark.parametrize("rows", [2, 10])
def test__fit__few_rows__stays_close_to_what_is(rows):
    prediction, target = np.full(rows, 0.3), np.ones(rows)
    found = fit_calibration(prediction, target, np.arange(rows), Kind.BINARY)
    assert found.apply(prediction, Kind.BINARY).max() < 0.4


def test__fit__where_it_means_nothing__is_none():
    values = np.arange(10.0)
    assert fit_calibration(values, values, np.arange(10), Kind.REGRESSION) is None
    assert fit_calibration(np.full(10, 0.5), np.ones(10), np.zeros(10), Kind.BINARY) is None


def test__apply__certain_predictions__stay_probabilities():
    found = Calibration(2.0, (0.3,)).apply(np.array([0.0, 1.0]), Kind.BINARY)
    assert ((found >= 0) & (found <= 1)).all()


def bent(n=8000, seed=4):
    """Probabilities that no slope and shift mend: their log-odds are right below zero and three times too large above."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(0, 1.5, n)
    target = (rng.random(n) < 1 / (1 + np.exp(-margin))).astype(float)
    return 1 / (1 + np.exp(-np.where(margin > 0, 3 * margin, margin))), target, rng.integers(0, 6, n)


def test__fit__bent_otherwise_than_a_slope_can__is_mended_by_isotonic_regression_and_keeps_every_rank():
    prediction, target, cutoff = bent()
    found = fit_calibration(prediction, target, cutoff, Kind.BINARY)
    assert found.knots
    fresh, answer, _ = bent(seed=5)
    after = found.apply(fresh, Kind.BINARY)
    assert log_loss(answer, after) < log_loss(answer, fresh) - 0.02
    order = np.argsort(fresh)
    rises = np.diff(after[order]) > 0
    assert rises[np.diff(np.clip(fresh[order], 1e-6, 1 - 1e-6)) > 1e-9].all()
    assert roc_auc_score(answer, after) == pytest.approx(roc_auc_score(answer, fresh), abs=1e-3)
    assert Calibration.from_json(found.to_json()) == found


def test__fit__too_few_rows_for_isotonic_regression__is_a_slope_and_a_shift():
    prediction, target, cutoff = bent(n=1500)
    assert fit_calibration(prediction, target, cutoff, Kind.BINARY).knots == ()
