"""The blend: weights of the simplex, better than its members, shrunk on few rows, the same for one row as for many."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.boost import blend, fit_blend
from rdl.task import Kind


def _binary(n: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two members that each see half of the log-odds, one that sees nothing."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.normal(size=n)
    target = (rng.random(n) < 1 / (1 + np.exp(-1.5 * (a + b)))).astype(float)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    return {"a": sigmoid(1.5 * a), "b": sigmoid(1.5 * b), "noise": sigmoid(rng.normal(size=n))}, target


def _loss(target: np.ndarray, p: np.ndarray) -> float:
    return float(-np.mean(target * np.log(p) + (1 - target) * np.log1p(-p)))


def test__fit_blend__complementary_members__beats_each_and_drops_noise() -> None:
    members, target = _binary(20_000)
    weights = fit_blend(members, target, Kind.BINARY, "roc_auc")
    mixed = blend(members, weights, Kind.BINARY)
    assert all(_loss(target, mixed) < _loss(target, p) for p in members.values())
    assert weights["noise"] < 0.05
    assert weights["a"] == pytest.approx(weights["b"], abs=0.05)


@given(seed=st.integers(0, 1000), n=st.integers(5, 200), metric=st.sampled_from(["mae", "rmse"]))
def test__fit_blend__any_regression__weights_lie_on_the_simplex(seed: int, n: int, metric: str) -> None:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=n) * 10
    members = {name: target + rng.normal(size=n) * scale for name, scale in (("x", 1.0), ("y", 3.0), ("z", 9.0))}
    weights = fit_blend(members, target, Kind.REGRESSION, metric)
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-5)
    assert all(w >= 0 for w in weights.values())
    assert weights["x"] >= weights["z"]


def test__fit_blend__few_rows__stays_near_equal_weights_among_those_used() -> None:
    members, target = _binary(30)
    used = [w for w in fit_blend(members, target, Kind.BINARY, "roc_auc").values() if w > 0]
    assert all(abs(w - 1 / len(used)) < 0.1 for w in used)


def test__fit_blend__useless_member__gets_nothing_however_few_the_rows() -> None:
    target = np.linspace(0, 10, 60)
    members = {"good": target + 0.01, "bad": -target}
    assert fit_blend(members, target, Kind.REGRESSION, "mae") == {"bad": 0.0, "good": 1.0}


def test__fit_blend__single_member__takes_all() -> None:
    assert fit_blend({"only": np.array([0.2, 0.7])}, np.array([0.0, 1.0]), Kind.BINARY, "roc_auc") == {"only": 1.0}


def test__blend__one_row__equals_its_place_among_many() -> None:
    members, _ = _binary(50)
    weights = {"a": 0.5, "b": 0.3, "noise": 0.2}
    whole = blend(members, weights, Kind.BINARY)
    for i in range(50):
        assert blend({k: v[i : i + 1] for k, v in members.items()}, weights, Kind.BINARY)[0] == whole[i]


def test__blend__certain_members__stays_finite() -> None:
    p = blend({"a": np.array([0.0, 1.0]), "b": np.array([1.0, 1.0])}, {"a": 0.5, "b": 0.5}, Kind.BINARY)
    assert np.all((p > 0) & (p < 1))
