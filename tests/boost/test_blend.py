"""The blend: weights of the simplex, better than its members, shrunk on few rows, the same for one row as for many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from rdl.boost import blend, fit_blend
from rdl.task import Kind


def _binary(n: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two members that each see half of the log-odds, one that sees nothing."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.normal(size=n)
    target = (rng.random(n) < 1 / (1 + np.exp(-1.5 * (a + b)))).astype(float)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    return {"a": sigmoid(1.5 * a), "b": sigmoid(1.5 * b), "noise": sigmoid(rng.normal(size=n))}, target


def test__fit_blend__complementary_members__beats_each_and_drops_noise() -> None:
    members, target = _binary(20_000)
    weights = fit_blend(members, target, Kind.BINARY, "roc_auc")
    mixed = blend(members, weights, Kind.BINARY)
    assert all(roc_auc_score(target, mixed) > roc_auc_score(target, p) + 0.05 for p in members.values())
    assert weights["noise"] <= 0.1
    assert weights["a"] == pytest.approx(weights["b"], abs=0.1)


@given(seed=st.integers(0, 1000), n=st.integers(5, 200), metric=st.sampled_from(["mae", "rmse"]))
def test__fit_blend__any_regression__weights_lie_on_the_simplex(seed: int, n: int, metric: str) -> None:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=n) * 10
    members = {name: target + rng.normal(size=n) * scale for name, scale in (("x", 1.0), ("y", 3.0), ("z", 30.0))}
    weights = fit_blend(members, target, Kind.REGRESSION, metric)
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-5)
    assert all(w >= 0 for w in weights.values())
    assert weights["x"] >= weights["z"]


@settings(max_examples=15)
@given(seed=st.integers(0, 200))
def test__fit_blend__any_binary__is_never_worse_than_the_best_member_by_more_than_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = (rng.random(400) < 0.3).astype(float)
    members = {
        name: 1 / (1 + np.exp(-(target * scale + rng.normal(size=400)))) for name, scale in (("x", 2.0), ("y", 1.0), ("z", 0.1))
    }
    mixed = blend(members, fit_blend(members, target, Kind.BINARY, "roc_auc"), Kind.BINARY)
    best = max(roc_auc_score(target, p) for p in members.values())
    assert roc_auc_score(target, mixed) > best - 0.25 * np.sqrt(best * (1 - best) / target.sum()) - 1e-9


def test__fit_blend__few_rows__is_more_even_than_many() -> None:
    target, noise = np.zeros(20), np.resize([1.0, -2.0, 0.5, -1.0], 20)
    members = {"good": noise, "fair": 1.4 * noise}
    few = fit_blend(members, target, Kind.REGRESSION, "mae")
    many = fit_blend({k: np.tile(v, 500) for k, v in members.items()}, np.tile(target, 500), Kind.REGRESSION, "mae")
    assert 0.5 < few["good"] < many["good"]


def test__fit_blend__useless_member__gets_nothing() -> None:
    target = np.linspace(0, 10, 60)
    members = {"good": target + 0.01, "bad": -target}
    assert fit_blend(members, target, Kind.REGRESSION, "mae") == {"bad": 0.0, "good": 1.0}


def test__fit_blend__one_class__is_even() -> None:
    assert fit_blend({"a": np.array([0.1]), "b": np.array([0.2])}, np.array([1.0]), Kind.BINARY, "roc_auc") == {"a": 0.5, "b": 0.5}


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
