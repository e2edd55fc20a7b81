"""Learners of other libraries: what they learn, the same bits, files without pickle; skipped where they are not installed."""

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from rdl.boost import BoostSettings, Matrix
from rdl.boost.estimators import ESTIMATORS, Estimator, Learned
from rdl.boost.estimators.in_context import MOST_ROWS, InContext
from rdl.boost.rounds import best_round
from rdl.errors import ModelFileError, UsageError
from rdl.task import Kind

SMALL = BoostSettings(
    rounds=40, patience=10, seeds=2, learning_rate=0.2, max_depth=3, min_child_weight=1.0, colsample_bytree=1.0, threads=1
)
CASES = [(Kind.BINARY, "roc_auc"), (Kind.MULTICLASS, "accuracy"), (Kind.REGRESSION, "mae"), (Kind.REGRESSION, "rmse")]


class _Classifier(KNeighborsClassifier):
    """Stands for an in-context learner: it keeps rows, and takes a seed."""

    def __init__(self, random_state: int) -> None:
        super().__init__(15)
        self.random_state = random_state


class _Regressor(KNeighborsRegressor):
    def __init__(self, random_state: int) -> None:
        super().__init__(15)
        self.random_state = random_state

    def predict(self, values: np.ndarray, output_type: str) -> np.ndarray:
        assert output_type in {"mean", "median"}
        return np.asarray(super().predict(values))


@pytest.fixture(params=["lightgbm", "catboost", "stand-in"])
def estimator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Estimator:
    if request.param != "stand-in":
        pytest.importorskip(request.param)
        return ESTIMATORS[request.param]
    module = ModuleType("context")
    module.Classifier, module.Regressor = _Classifier, _Regressor  # type: ignore[attr-defined]
    module.__spec__ = find_spec("json")
    monkeypatch.setitem(sys.modules, "context", module)
    return InContext("context", "Classifier", "Regressor")


def _rows(kind: Kind, metric: str, seed: int = 0, n: int = 600) -> Learned:
    """Three numbers, a hole where it does no harm, a category; the third of three classes is rare."""
    rng = np.random.default_rng(seed)
    values = np.column_stack([rng.normal(size=(n, 2)), rng.integers(0, 4, n)]).astype(np.float32)
    effect = values[:, 0] + np.where(values[:, 2] == 1, 2.0, 0.0)
    place = np.digitize(effect, [0.5, 2.0])
    target = {Kind.BINARY: (effect > 0.5).astype(float), Kind.MULTICLASS: np.eye(4)[place], Kind.REGRESSION: effect}[kind]
    return Learned(Matrix(values, ("x", "noise", "c"), (False, False, True)), target, np.ones(n), kind, metric)


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test__estimator__every_kind__learns_and_comes_back_with_the_same_bits(
    estimator: Estimator, kind: Kind, metric: str, tmp_path: Path
) -> None:
    rows, later = _rows(kind, metric), _rows(kind, metric, seed=1)
    run = estimator.fold(rows, later, SMALL, 0)
    rounds, _ = best_round([run.scores], [len(later.matrix)])
    assert run.predict(rounds).shape == later.target.shape
    fitted = estimator.fit(rows, replace(SMALL, rounds=rounds), 0)
    found = fitted.predict(later.matrix)
    assert found.shape == later.target.shape
    if kind is Kind.REGRESSION:
        assert np.corrcoef(found, later.target)[0, 1] > 0.9
    else:
        right = found.argmax(axis=1) == later.label if kind is Kind.MULTICLASS else (found > 0.5) == later.label
        assert np.mean(right) > 0.85
    if kind is Kind.MULTICLASS:  # a class that no row has is there, and gets nothing
        assert found.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
        assert found[:, 3].max() < 0.05
    again = estimator.fit(rows, replace(SMALL, rounds=rounds), 0)
    assert np.array_equal(again.predict(later.matrix), found)
    fitted.save(tmp_path)
    loaded = estimator.load(tmp_path)
    assert np.array_equal(loaded.predict(later.matrix), found)
    assert loaded.predict(later.matrix.rows(np.array([7])))[0] == pytest.approx(found[7])
    with pytest.raises(ValueError, match="other columns"):
        loaded.predict(later.matrix.columns([1, 0, 2]))
    assert estimator.name == "context" or set(list(fitted.importance())[:2]) == {"x", "c"}


def test__load__damaged_file__is_refused(estimator: Estimator, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError):
        estimator.load(tmp_path)
    estimator.fit(_rows(Kind.BINARY, "roc_auc"), SMALL, 0).save(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ModelFileError):
        estimator.load(tmp_path)


def test__in_context__many_rows__are_drawn_by_weight() -> None:
    rows = _rows(Kind.BINARY, "roc_auc", n=MOST_ROWS + 500)
    weight = np.where(np.arange(len(rows.matrix)) < 500, 0.0, 1.0)
    kept = InContext("context", "Classifier", "Regressor").fit(replace(rows, weight=weight), SMALL, 0)
    assert np.array_equal(kept.values, rows.matrix.values[500:])


@pytest.mark.parametrize("name", ["catboost", "tabicl", "tabpfn", "lightgbm"])
def test__require__missing_library__names_the_extra(name: str) -> None:
    if find_spec(name) is not None:
        ESTIMATORS[name].require()
        return
    with pytest.raises(UsageError, match=rf"rdl\[{name}\]"):
        ESTIMATORS[name].require()
    with pytest.raises(UsageError, match=name):
        ESTIMATORS[name].load(Path())
