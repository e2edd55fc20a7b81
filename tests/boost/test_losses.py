"""Losses: their gradients are their slopes, their curvatures bound them, their starts are the best constants."""

import numpy as np
import pytest

from rdl.boost.losses import loss_of
from rdl.task import Kind

CASES = [
    (Kind.BINARY, "roc_auc"),
    (Kind.MULTILABEL, "log_loss"),
    (Kind.MULTICLASS, "accuracy"),
    (Kind.REGRESSION, "mae"),
    (Kind.REGRESSION, "rmse"),
]


def targets(kind, n=400):
    rng = np.random.default_rng(0)
    if kind is Kind.MULTICLASS:
        return np.eye(3)[rng.choice(3, n, p=[0.6, 0.3, 0.1])]
    if kind is Kind.REGRESSION:
        return rng.lognormal(size=(n, 1))
    return (rng.random((n, 2 if kind is Kind.MULTILABEL else 1)) < 0.3).astype(float)


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test__gradient__is_the_slope(kind, metric):
    y = targets(kind)
    loss, rng = loss_of(kind, metric, y), np.random.default_rng(1)
    z, step = rng.normal(0, 3, y.shape), rng.normal(0, 2, y.shape)
    slope = (loss.value(z + 1e-5 * step, y) - loss.value(z - 1e-5 * step, y)) / 2e-5
    assert np.allclose(slope, (loss.gradient(z, y) * step).sum(axis=1), atol=1e-4)


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test__curvature__of_errors_bounds_them__of_probabilities_is_that_of_xgboost(kind, metric):
    y = targets(kind)
    loss, rng = loss_of(kind, metric, y), np.random.default_rng(1)
    z, step = rng.normal(0, 3, y.shape), rng.normal(0, 2, y.shape)
    gradient, curvature = loss.gradient(z, y), loss.curvature(z, y)
    if kind is Kind.REGRESSION:
        bound = loss.value(z, y) + (gradient * step + 0.5 * curvature * step**2).sum(axis=1)
        assert (bound >= loss.value(z + step, y) - 1e-9).all()
        return
    for k in range(y.shape[1]):
        aside = 1e-4 * np.eye(y.shape[1])[k]
        second = (loss.gradient(z + aside, y) - loss.gradient(z - aside, y))[:, k] / 2e-4
        assert np.allclose(curvature[:, k], (2 if kind is Kind.MULTICLASS else 1) * second, atol=1e-4)


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test__start__no_other_constant_is_much_better(kind, metric):
    y = targets(kind)
    loss = loss_of(kind, metric, y)
    start = loss.start(y)
    here = loss.judge(np.tile(start, (len(y), 1)), y).mean()
    for k in range(y.shape[1]):
        for move in (-0.3, 0.3):
            other = start + move * np.eye(y.shape[1])[k]
            assert loss.judge(np.tile(other, (len(y), 1)), y).mean() > here
