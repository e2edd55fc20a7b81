"""The blend: weights that sum to one, better than its members, even on few rows, the same for one row as for many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from rdl.boost import Blend, Mixing, blend, fit_blend
from rdl.boost.blend import weighted_median
from rdl.boost.judging import blocks, error_of
from rdl.boost.weighing import ERRORS, candidates
from rdl.task import METRICS, Kind, Labels, Seeds
from rdl.task.metrics import LARGER_IS_BETTER, score


def _binary(n: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two members that each see half of the log-odds, one that sees nothing."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=n), rng.normal(size=n)
    target = (rng.random(n) < 1 / (1 + np.exp(-1.5 * (a + b)))).astype(float)
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    return {"a": sigmoid(1.5 * a), "b": sigmoid(1.5 * b), "noise": sigmoid(rng.normal(size=n))}, target


def test__fit_blend__complementary_members__beats_each_and_drops_noise() -> None:
    members, target = _binary(20_000)
    weights = fit_blend(members, target, Kind.BINARY, "roc_auc").weights
    mixed = blend(members, weights, Kind.BINARY)
    assert all(roc_auc_score(target, mixed) > roc_auc_score(target, p) + 0.05 for p in members.values())
    assert weights["noise"] <= 0.1
    assert weights["a"] == pytest.approx(weights["b"], abs=0.1)


@given(seed=st.integers(0, 1000), n=st.integers(5, 200), metric=st.sampled_from(["mae", "rmse"]))
def test__fit_blend__any_regression__weights_lie_on_the_simplex(seed: int, n: int, metric: str) -> None:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=n) * 10
    members = {name: target + rng.normal(size=n) * scale for name, scale in (("x", 1.0), ("y", 3.0), ("z", 30.0))}
    weights = fit_blend(members, target, Kind.REGRESSION, metric).weights
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-5)
    assert all(w >= 0 for w in weights.values())
    if n >= 50:  # a handful of rows may favour any of them
        assert weights["x"] >= weights["z"]


@settings(max_examples=15)
@given(seed=st.integers(0, 200))
def test__fit_blend__any_binary__is_never_worse_than_the_best_member_by_more_than_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = (rng.random(400) < 0.3).astype(float)
    members = {
        name: 1 / (1 + np.exp(-(target * scale + rng.normal(size=400)))) for name, scale in (("x", 2.0), ("y", 1.0), ("z", 0.1))
    }
    mixed = blend(members, fit_blend(members, target, Kind.BINARY, "roc_auc").weights, Kind.BINARY)
    best = max(roc_auc_score(target, p) for p in members.values())
    assert roc_auc_score(target, mixed) > best - 0.25 * np.sqrt(best * (1 - best) / target.sum()) - 1e-9


def test__fit_blend__few_rows__is_more_even_than_many() -> None:
    rng = np.random.default_rng(0)
    target, noise = rng.normal(size=20), rng.normal(size=(2, 20))
    members = {"good": target + noise[0], "fair": target + 1.4 * noise[1]}
    few = fit_blend(members, target, Kind.REGRESSION, "mae").weights
    many = fit_blend({k: np.tile(v, 500) for k, v in members.items()}, np.tile(target, 500), Kind.REGRESSION, "mae").weights
    assert 0.5 < few["good"] < many["good"]


def test__fit_blend__useless_member__gets_nothing() -> None:
    target = np.linspace(0, 10, 60)
    members = {"good": target + 0.01, "bad": -target}
    assert fit_blend(members, target, Kind.REGRESSION, "mae").weights == {"bad": 0.0, "good": 1.0}


def test__fit_blend__one_class__is_even() -> None:
    found = fit_blend({"a": np.array([0.1]), "b": np.array([0.2])}, np.array([1.0]), Kind.BINARY, "roc_auc")
    assert found.weights == {"a": 0.5, "b": 0.5}


def test__fit_blend__single_member__takes_all() -> None:
    assert fit_blend({"only": np.array([0.2, 0.7])}, np.array([0.0, 1.0]), Kind.BINARY, "roc_auc").weights == {"only": 1.0}


def test__blend__one_row__equals_its_place_among_many() -> None:
    members, _ = _binary(50)
    weights = {"a": 0.5, "b": 0.3, "noise": 0.2}
    whole = blend(members, weights, Kind.BINARY)
    for i in range(50):
        assert blend({k: v[i : i + 1] for k, v in members.items()}, weights, Kind.BINARY)[0] == whole[i]


def test__blend__certain_members__stays_finite() -> None:
    p = blend({"a": np.array([0.0, 1.0]), "b": np.array([1.0, 1.0])}, {"a": 0.5, "b": 0.5}, Kind.BINARY)
    assert np.all((p > 0) & (p < 1))


def _classes(kind: Kind, n: int, seed: int = 0, classes: int = 4) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two members that each see half of what decides, one that sees nothing; all give probabilities."""
    rng = np.random.default_rng(seed)
    a, b, none = rng.normal(size=(3, n, classes)) * 1.5
    if kind is Kind.MULTICLASS:
        target = (a + b + rng.gumbel(size=a.shape)).argmax(axis=1).astype(float)
        said = {name: np.exp(z) / np.exp(z).sum(axis=1, keepdims=True) for name, z in (("a", a), ("b", b), ("noise", none))}
        return said, target
    target = (a + b + rng.logistic(size=a.shape) > 1).astype(float)
    return {name: 1 / (1 + np.exp(1 - z)) for name, z in (("a", a), ("b", b), ("noise", none))}, target


CASES = [(kind, metric) for kind in (Kind.MULTICLASS, Kind.MULTILABEL) for metric in METRICS[kind]]


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test__fit_blend__classes__complementary_members__beat_each_and_drop_noise(kind: Kind, metric: str) -> None:
    members, target = _classes(kind, 4_000)
    weights = fit_blend(members, target, kind, metric).weights
    seeds = Seeds.at(np.zeros(len(target), np.int64), np.zeros(len(target), np.int64))
    value = lambda p: score(kind, Labels(seeds, target), p, 1.0)[metric]  # noqa: E731
    sign = 1 if LARGER_IS_BETTER[metric] else -1
    assert all(sign * value(blend(members, weights, kind)) > sign * value(p) for p in members.values())
    assert weights["noise"] <= 0.15
    assert weights["a"] == pytest.approx(weights["b"], abs=0.15)


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test__fit_blend__classes__useless_member__gets_nothing(kind: Kind, metric: str) -> None:
    _, target = _classes(kind, 4_000)
    right = np.eye(4)[target.astype(int)] if kind is Kind.MULTICLASS else target
    wrong = np.roll(right, 1, axis=0)
    assert fit_blend({"good": right * 0.8 + 0.05, "bad": wrong * 0.9 + 0.02}, target, kind, metric).weights["bad"] < 0.5


@pytest.mark.parametrize("kind", [Kind.MULTICLASS, Kind.MULTILABEL])
def test__blend__classes__one_row__equals_its_place_among_many(kind: Kind) -> None:
    for classes in (2, 4, 17):
        members, _ = _classes(kind, 40, classes=classes)
        weights = {"a": 0.5, "b": 0.3, "noise": 0.2}
        whole = blend(members, weights, kind)
        for i in range(40):
            assert np.array_equal(blend({k: v[i : i + 1] for k, v in members.items()}, weights, kind)[0], whole[i])


def test__blend__multiclass__is_the_normalised_geometric_mean() -> None:
    p = blend({"a": np.array([[0.5, 0.3, 0.2]]), "b": np.array([[0.1, 0.1, 0.8]])}, {"a": 0.5, "b": 0.5}, Kind.MULTICLASS)
    expected = np.sqrt([0.05, 0.03, 0.16])
    assert p[0] == pytest.approx(expected / expected.sum())


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), n=st.integers(1, 30), case=st.sampled_from(CASES))
def test__fit_blend__any_classes__weights_lie_on_the_simplex(seed: int, n: int, case: tuple[Kind, str]) -> None:
    """Also where labels never or always occur, or the classes of all rows are unknown."""
    kind, metric = case
    rng = np.random.default_rng(seed)
    target = rng.integers(-1, 3, n).astype(float) if kind is Kind.MULTICLASS else rng.integers(0, 2, (n, 3)).astype(float)
    target *= rng.integers(0, 2)
    members = {name: rng.dirichlet(np.ones(3), n) for name in ("x", "y")}
    weights = fit_blend(members, target, kind, metric).weights
    assert sum(weights.values()) == pytest.approx(1.0)
    assert all(w >= 0 for w in weights.values())
    mixed = blend(members, weights, kind)
    assert np.all((mixed > 0) & (mixed < 1))
    if kind is Kind.MULTICLASS:
        assert mixed.sum(axis=1) == pytest.approx(1.0)


def test__blend__ranked_lists__are_those_of_the_only_weighted_member() -> None:
    lists = {"popular": np.array([[3, 1]]), "ranked": np.array([[2, -1]])}
    assert fit_blend({"ranked": lists["ranked"]}, np.ones(1), Kind.RECOMMENDATION, "map").weights == {"ranked": 1.0}
    mixed = blend(lists, {"popular": 0.0, "ranked": 1.0}, Kind.RECOMMENDATION)
    assert np.array_equal(mixed, lists["ranked"])
    assert mixed.dtype == lists["ranked"].dtype


def _drifting(n: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Two members that rank alike well together; `b` moves its level from cutoff to cutoff."""
    rng = np.random.default_rng(seed)
    cutoff = np.sort(rng.integers(0, 20, n))
    a, b = rng.normal(size=(2, n))
    target = (rng.random(n) < 1 / (1 + np.exp(-2 * (a + b)))).astype(float)
    return {"a": 1 / (1 + np.exp(-2 * a)), "b": 1 / (1 + np.exp(-2 * b))}, target, cutoff


@pytest.mark.parametrize("name", [c.name for c in candidates(Kind.BINARY, "roc_auc", 2)])
def test__candidates__of_ranks__each_beats_its_members_or_is_the_best_of_them(name: str) -> None:
    members, target, _ = _drifting(3_000, 0)
    (candidate,) = [c for c in candidates(Kind.BINARY, "roc_auc", 2) if c.name == name]
    weights, mixing = candidate.fit(_rows(members, target, Kind.BINARY, "roc_auc"))
    named = Mixing(mixing.way, mixing.found, {"ab"[int(k)]: v for k, v in mixing.reference.items()}, mixing.ranks, mixing.values)
    mixed = blend(members, dict(zip("ab", weights, strict=True)), Kind.BINARY, named)
    gain = 0.0 if name == "single" else 0.04
    assert weights.sum() == pytest.approx(1.0)
    assert roc_auc_score(target, mixed) >= max(roc_auc_score(target, p) for p in members.values()) + gain
    assert np.all((mixed > 0) & (mixed < 1))
    if mixing.way == "rank":  # ranks are given back as probabilities that are no less apt than those of the means
        assert mixed.mean() == pytest.approx(target.mean(), abs=0.03)


def _rows(members: dict[str, np.ndarray], target: np.ndarray, kind: Kind, metric: str) -> object:
    from rdl.boost.blend import inner
    from rdl.boost.weighing import _Rows

    margins = np.stack([inner(p, kind) for p in members.values()], axis=-1)
    return _Rows(margins, target, np.arange(len(target)) % 10, kind, metric)


def test__blend__ranks__one_row_equals_its_place_among_many_and_order_is_kept_beyond_the_reference() -> None:
    members, target, _ = _drifting(500, 0)
    (candidate,) = [c for c in candidates(Kind.BINARY, "roc_auc", 2) if c.name == "ranks"]
    _, mixing = candidate.fit(_rows(members, target, Kind.BINARY, "roc_auc"))
    named = Mixing.from_json(
        Mixing("rank", "ranks", dict(zip("ab", mixing.reference.values(), strict=True)), mixing.ranks, mixing.values).to_json()
    )
    weights = {"a": 0.6, "b": 0.4}
    later = {"a": np.linspace(0.0001, 0.9999, 80), "b": np.linspace(0.001, 0.9999, 80)}
    whole = blend(later, weights, Kind.BINARY, named)
    assert np.all(np.diff(whole) > 0)
    for i in range(80):
        assert blend({k: v[i : i + 1] for k, v in later.items()}, weights, Kind.BINARY, named)[0] == whole[i]


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), n=st.integers(1, 10), members=st.integers(1, 5))
def test__weighted_median__any_values__has_half_of_the_weight_on_either_side(seed: int, n: int, members: int) -> None:
    rng = np.random.default_rng(seed)
    values, shares = rng.normal(size=(n, members)), rng.dirichlet(np.ones(members))
    found = weighted_median(values, shares)
    below, above = (values < found[:, None] - 1e-12) @ shares, (values > found[:, None] + 1e-12) @ shares
    assert np.all(below <= 0.5 + 1e-6)
    assert np.all(above <= 0.5 + 1e-6)


def test__fit_blend__one_member_far_off__is_left_to_the_median() -> None:
    """Of three members one is wild now and then: absolute errors like their median better than any mean of them, clearly so."""
    rng = np.random.default_rng(0)
    n = 3_000
    target = rng.normal(size=n)
    members = {}
    for i, name in enumerate(("x", "y", "z")):
        wild = (np.arange(n) % 3 == i) & (rng.random(n) < 0.6)
        members[name] = target + rng.normal(size=n) * 0.1 + wild * rng.normal(size=n) * 30
    found = fit_blend(members, target, Kind.REGRESSION, "mae", np.arange(n) // 50)
    assert found.mixing.way == "median"
    mixed = blend(members, found.weights, Kind.REGRESSION, found.mixing)
    mean = blend(members, found.weights, Kind.REGRESSION)
    assert np.abs(mixed - target).mean() < 0.5 * np.abs(mean - target).mean()


def test__fit_blend__chance__keeps_the_default() -> None:
    """Members that are alike: whatever candidate is ahead on later rows is ahead by luck."""
    for seed in range(5):
        members, target, cutoff = _drifting(600, seed)
        assert fit_blend(members, target, Kind.BINARY, "roc_auc", cutoff).mixing.found == "least squares"


def test__fit_blend__later_rows__are_what_candidates_are_judged_on() -> None:
    """One member is right on the scale, the other in rank only, and hugely so: the default clings to the first."""
    rng = np.random.default_rng(0)
    n = 6_000
    z = rng.normal(size=n)
    target = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(float)
    members = {"rank": 1 / (1 + np.exp(-(z * 0.3 - 4))), "noise": np.clip(target.mean() + rng.normal(size=n) * 0.3, 0.01, 0.99)}
    found = fit_blend(members, target, Kind.BINARY, "roc_auc", np.arange(n) // 100)
    assert found.mixing.found != "least squares"
    alone = roc_auc_score(target, members["rank"])
    assert roc_auc_score(target, blend(members, found.weights, Kind.BINARY, found.mixing)) > alone - 0.01


def test__error_of__mean_of_blocks__is_the_classical_one() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=2_000)
    found = error_of(lambda kept: float(values[kept].mean()), blocks(np.arange(2_000)))
    assert found == pytest.approx(values.std() / np.sqrt(2_000), rel=0.4)
    assert error_of(lambda kept: 0.0, np.zeros(9, dtype=np.int64)) == float("inf")
    assert ERRORS > 2
    assert isinstance(fit_blend({"a": values, "b": values}, values, Kind.REGRESSION, "mae"), Blend)
