"""Quantiles by XGBoost: right ones, in order, the same bits, files without code."""

from pathlib import Path

import numpy as np
import pytest

from rdl.boost import BoostSettings, Matrix, best_rounds
from rdl.boost.quantiles import FittedQuantiles, fit_quantiles, pinball, quantile_curve
from rdl.errors import ModelFileError

SMALL = BoostSettings(rounds=60, seeds=2, learning_rate=0.2, max_depth=3, min_child_weight=5.0, colsample_bytree=1.0, threads=1)
LEVELS = (0.9, 0.1, 0.5)


def _data(seed: int, n: int = 3_000) -> tuple[Matrix, np.ndarray]:
    """A value whose spread grows with the feature."""
    rng = np.random.default_rng(seed)
    x = rng.random(n)
    values = np.column_stack([x, rng.normal(size=n)]).astype(np.float32)
    return Matrix(values, ("x", "noise"), (False, False)), x + x * rng.normal(size=n)


def test__fit_quantiles__spread_that_varies__covers_later_rows_as_asked_and_never_crosses() -> None:
    fitted = fit_quantiles(*_data(0), LEVELS, SMALL, 0)
    later, target = _data(1)
    found = fitted.predict(later)
    assert fitted.levels == (0.1, 0.5, 0.9)
    assert np.all(np.diff(found, axis=1) >= 0)
    assert np.mean(target[:, None] <= found, axis=0) == pytest.approx([0.1, 0.5, 0.9], abs=0.05)
    wide, narrow = (found[mask, 2] - found[mask, 0] for mask in (later.values[:, 0] > 0.8, later.values[:, 0] < 0.2))
    assert wide.mean() > 3 * narrow.mean()


def test__quantile_curve__stops_where_later_rows_say() -> None:
    curve = quantile_curve(_data(0), _data(1), LEVELS, SMALL, 0)
    rounds = best_rounds([curve])
    found = curve.predict(rounds)
    assert found.shape == (3_000, 3)
    flat = np.quantile(_data(0)[1], [0.1, 0.5, 0.9])
    target = _data(1)[1]
    sorted_levels = (0.1, 0.5, 0.9)
    assert pinball(found, target, sorted_levels).mean() < 0.95 * pinball(flat[None, :], target, sorted_levels).mean()


def test__save__quantiles__come_back_with_the_same_bits(tmp_path: Path) -> None:
    matrix, target = _data(0, 300)
    fitted = fit_quantiles(matrix, target, LEVELS, SMALL, 0)
    fitted.save(tmp_path)
    assert np.array_equal(FittedQuantiles.load(tmp_path).predict(matrix), fitted.predict(matrix))
    assert fitted.importance()["x"] > 0.5
    (tmp_path / "trees-1.ubj").unlink()
    with pytest.raises(ModelFileError):
        FittedQuantiles.load(tmp_path)


def test__predict__other_columns__is_refused() -> None:
    matrix, target = _data(0, 300)
    with pytest.raises(ValueError, match="other columns"):
        fit_quantiles(matrix, target, (0.5,), SMALL, 0).predict(matrix.columns([1, 0]))
