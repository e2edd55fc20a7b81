"""XGBoost as rdl uses it: nulls and categories, chosen rounds, identical bits, files without code."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rdl.boost import (
    BoostSettings,
    FittedBoost,
    Matrix,
    best_rounds,
    default_settings,
    fit_boost,
    learning_curve,
    recency_weight,
    with_rounds,
)
from rdl.errors import ModelFileError
from rdl.task import Kind

SMALL = BoostSettings(rounds=40, seeds=2, learning_rate=0.2, max_depth=3, min_child_weight=1.0, colsample_bytree=1.0)


def _data(n: int = 600, seed: int = 0) -> tuple[Matrix, np.ndarray, np.ndarray]:
    """A number with holes that carry meaning, a category, noise; a binary and a numeric target."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n).astype(np.float32)
    holes = rng.random(n) < 0.2
    category = rng.integers(0, 6, n).astype(np.float32)
    noise = rng.normal(size=n).astype(np.float32)
    effect = np.where(holes, 2.0, x) + np.where(category == 3, 2.0, 0.0)
    values = np.column_stack([np.where(holes, np.nan, x), noise, category]).astype(np.float32)
    matrix = Matrix(values, ("x", "noise", "category"), (False, False, True))
    return matrix, (effect + rng.normal(size=n) * 0.3 > 0.5).astype(float), effect


def test__fit_boost__nulls_and_categories__are_learned() -> None:
    matrix, binary, _ = _data()
    fitted = fit_boost(matrix, binary, Kind.BINARY, "roc_auc", SMALL, 0)
    later, truth, _ = _data(seed=1)
    p = fitted.predict(later)
    assert np.all((p > 0) & (p < 1))
    assert np.mean((p > 0.5) == (truth > 0.5)) > 0.9
    share = fitted.importance()
    assert share["x"] + share["category"] > 0.9
    assert sum(share.values()) == pytest.approx(1.0)


def test__fit_boost__same_seed__gives_identical_bits() -> None:
    matrix, binary, _ = _data()
    first, second = (fit_boost(matrix, binary, Kind.BINARY, "roc_auc", SMALL, 7).predict(matrix) for _ in range(2))
    assert np.array_equal(first, second)
    other = fit_boost(matrix, binary, Kind.BINARY, "roc_auc", SMALL, 8).predict(matrix)
    assert not np.array_equal(first, other)


def test__predict__one_row__equals_its_place_among_many() -> None:
    matrix, _, effect = _data()
    fitted = fit_boost(matrix, effect, Kind.REGRESSION, "mae", SMALL, 0)
    whole = fitted.predict(matrix)
    for i in (0, 5, 599):
        assert fitted.predict(matrix.rows(np.array([i])))[0] == whole[i]


def test__predict__other_columns__is_refused() -> None:
    matrix, _, effect = _data()
    fitted = fit_boost(matrix, effect, Kind.REGRESSION, "rmse", SMALL, 0)
    with pytest.raises(ValueError, match="other columns"):
        fitted.predict(matrix.columns([1, 0, 2]))


def test__predict__unseen_category__does_not_fail() -> None:
    matrix, binary, _ = _data()
    fitted = fit_boost(matrix, binary, Kind.BINARY, "roc_auc", SMALL, 0)
    odd = matrix.values[:3].copy()
    odd[:, 2] = [6, 6, np.nan]
    assert np.isfinite(fitted.predict(Matrix(odd, matrix.names, matrix.categorical))).all()


def test__save_load__predicts_identically(tmp_path: Path) -> None:
    matrix, binary, _ = _data()
    fitted = fit_boost(matrix, binary, Kind.BINARY, "roc_auc", SMALL, 0)
    fitted.save(tmp_path)
    assert {p.suffix for p in tmp_path.iterdir()} == {".json", ".ubj"}
    loaded = FittedBoost.load(tmp_path)
    assert np.array_equal(loaded.predict(matrix), fitted.predict(matrix))
    assert loaded.importance() == fitted.importance()


@pytest.mark.parametrize("broken", ["boost.json", "trees-1.ubj"])
def test__load__truncated_file__is_refused(tmp_path: Path, broken: str) -> None:
    matrix, binary, _ = _data(100)
    fit_boost(matrix, binary, Kind.BINARY, "roc_auc", SMALL, 0).save(tmp_path)
    path = tmp_path / broken
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelFileError, match="unreadable XGBoost member"):
        FittedBoost.load(tmp_path)


def test__best_rounds__noise_after_signal__stops_early() -> None:
    matrix, binary, _ = _data(300)
    later, truth, _ = _data(300, seed=3)
    rng = np.random.default_rng(0)
    flipped = np.where(rng.random(300) < 0.35, 1 - binary, binary)
    settings = with_rounds(
        BoostSettings(learning_rate=0.5, max_depth=8, min_child_weight=0.1, reg_lambda=0.0, colsample_bytree=1.0, patience=150), 150
    )
    curve = learning_curve((matrix, flipped), (later, truth), Kind.BINARY, "log_loss", settings, 0)
    rounds = best_rounds([curve])
    assert rounds < 60
    assert curve.scores[rounds - 1] > curve.scores[-1]
    assert len(curve.predict(rounds)) == 300


def test__learning_curve__prediction__is_that_of_the_first_rounds() -> None:
    matrix, _, effect = _data()
    curve = learning_curve((matrix, effect), (matrix, effect), Kind.REGRESSION, "rmse", SMALL, 0)
    error = float(np.sqrt(np.mean((curve.predict(10) - effect) ** 2)))
    assert error == pytest.approx(-curve.scores[9], rel=1e-4)


def test__recency_weight__half_life__halves() -> None:
    year = int(365.25 * 86_400e6)
    weight = recency_weight(np.array([0, year, 2 * year], dtype=np.int64), 1.0)
    assert weight is not None
    assert weight.tolist() == pytest.approx([3 / 7, 6 / 7, 12 / 7])
    assert recency_weight(np.array([0], dtype=np.int64), None) is None


def test__fit_boost__few_rows_of_a_rare_answer__grows_trees_all_the_same() -> None:
    """A leaf must hold no more than a share of what all rows tell: else nothing of 300 rows would be learned by default."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(300, 3)).astype(np.float32)
    target = (values[:, 0] > 1.3).astype(np.float64)
    settings = replace(default_settings(Kind.BINARY, 0), rounds=60, seeds=1, colsample_bytree=1.0, threads=1)
    matrix = Matrix(values, ("x", "y", "z"), (False,) * 3)
    found = fit_boost(matrix, target, Kind.BINARY, "roc_auc", settings, 0).predict(matrix)
    assert found[target == 1].min() > found[target == 0].mean()
