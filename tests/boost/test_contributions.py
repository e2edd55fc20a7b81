"""What features add to a margin: it sums to the margin, for every kind, with nulls and categories."""

import numpy as np
import pytest

from rdl.boost import BoostSettings, Matrix, fit_boost
from rdl.task import Kind

SETTINGS = BoostSettings(rounds=12, seeds=1, threads=1, learning_rate=0.3, min_child_weight=1.0)


def examples(kind, rows=300):
    draw = np.random.default_rng(3)
    values = draw.normal(size=(rows, 3)).astype(np.float32)
    values[:, 2] = draw.integers(0, 5, rows)
    values[::7, 0] = np.nan
    score = np.nan_to_num(values[:, 0]) + (values[:, 2] == 2)
    target = {
        Kind.BINARY: (score > 0.5).astype(float),
        Kind.REGRESSION: score.astype(float),
        Kind.MULTICLASS: np.eye(3)[np.digitize(score, [0, 1])],
        Kind.MULTILABEL: np.stack([score > 0, score > 1], axis=1).astype(float),
    }[kind]
    return Matrix(values, ("a", "noise", "c"), (False, False, True)), target


@pytest.mark.parametrize("kind", [Kind.BINARY, Kind.REGRESSION, Kind.MULTICLASS, Kind.MULTILABEL])
def test__contributions__sum__is_the_margin(kind):
    matrix, target = examples(kind)
    metric = {Kind.REGRESSION: "rmse", Kind.MULTICLASS: "accuracy", Kind.MULTILABEL: "f1_macro"}.get(kind, "roc_auc")
    fitted = fit_boost(matrix, target, kind, metric, SETTINGS, 0)
    effects = fitted.contributions(matrix)
    margin = effects.sum(axis=2)
    assert effects.shape == (300, target.shape[1] if target.ndim > 1 else 1, 4)
    if kind is Kind.MULTICLASS:
        found = np.exp(margin) / np.exp(margin).sum(axis=1, keepdims=True)
    else:
        found = margin if kind is Kind.REGRESSION else 1 / (1 + np.exp(-margin))
    assert found.reshape(target.shape) == pytest.approx(fitted.predict(matrix), abs=1e-5)
    told = np.abs(effects[:, :, :3]).mean(axis=(0, 1))
    assert told[1] < told[[0, 2]].min()
