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
def test__gradient__is_the_slope__and_the_parabola_is_nowhere_below(kind, metric):
    y = targets(kind)
    loss, rng = loss_of(kind, metric, y), np.random.default_rng(1)
    z, step = rng.normal(0, 3, y.shape), rng.normal(0, 2, y.shape)
    slope = (loss.value(z + 1e-5 * step, y) - loss.value(z - 1e-5 * step, y)) / 2e-5
    gradient, curvature = loss.gradient(z, y), loss.curvature(z, y)
    assert np.allclose(slope, (gradient * step).sum(axis=1), atol=1e-4)
    bound = loss.value(z, y) + (gradient * step + 0.5 * curvature * step**2).sum(axis=1)
    assert (bound >= loss.value(z + step, y) - 1e-9).all()


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
