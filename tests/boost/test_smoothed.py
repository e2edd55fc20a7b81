"""Graph-boosted trees: the meta loss falls, strength 0 is plain boosting, and on a homophilous graph the smoothing pays."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from rdl.boost import BoostSettings, Matrix
from rdl.boost.losses import loss_of
from rdl.boost.momentum import Ahead, momenta, settled, tree_weights
from rdl.boost.smoothed import Watched, fit_smoothed, margins
from rdl.boost.smoothing import Links, Past, Smoothing
from rdl.task import Kind

QUICK = BoostSettings(
    rounds=60, learning_rate=0.1, max_depth=3, min_child_weight=0.0, subsample=1.0, colsample_bytree=1.0, reg_lambda=1.0, threads=1
)
NONE = Smoothing((), (), 0.0)


def graph(n=1500, seed=0):
    """Nodes of two kinds; neighbours are mostly of the same kind, and columns tell the kind only faintly."""
    rng = np.random.default_rng(seed)
    kind = rng.random(n) < 0.5
    pairs = rng.integers(0, n, (2, 12 * n))
    kept = (kind[pairs[0]] == kind[pairs[1]]) | (rng.random(12 * n) < 0.15)
    a, b = pairs[:, kept & (pairs[0] != pairs[1])]
    weight = sparse.coo_array((np.ones(2 * len(a)), (np.r_[a, b], np.r_[b, a])), shape=(n, n)).tocsr()
    values = rng.normal(size=(n, 6))
    values[:, 0] += 0.8 * kind
    values[:, 1] *= 1 + 0.6 * kind
    matrix = Matrix(values.astype(np.float32), tuple("abcdef"), (False,) * 6)
    return matrix, kind[:, None].astype(float), Links(weight)


def test__meta_loss__falls_in_every_round():
    matrix, target, links = graph()
    for kind, y in (
        (Kind.BINARY, target),
        (Kind.REGRESSION, matrix.values[:, :1].astype(float)),
        (Kind.MULTICLASS, np.c_[target, 1 - target]),
    ):
        loss = loss_of(kind, "mae", y)
        _, _, history = fit_smoothed(matrix, y, Smoothing((links,), (1.0,), 0.8, 5), loss, QUICK, 0, np.ones(len(y)))
        assert (np.diff(history) < 0).all(), kind


def test__strength_0__is_boosting_by_xgboost_itself():
    import xgboost

    matrix, target, links = graph()
    loss = loss_of(Kind.REGRESSION, "rmse", target)
    booster, start, _ = fit_smoothed(matrix, target, Smoothing((links,), (1.0,), 0.0), loss, QUICK, 0, np.ones(len(target)))
    data = xgboost.QuantileDMatrix(matrix.values, label=target[:, 0], max_bin=QUICK.max_bin, nthread=1)
    told = {
        "objective": "reg:squarederror",
        "base_score": float(start[0]),
        "max_depth": 3,
        "learning_rate": 0.1,
        "lambda": 1.0,
        "nthread": 1,
        "min_child_weight": 0.0,
        "max_bin": QUICK.max_bin,
    }
    plain = xgboost.train(told, data, 60).predict(data)
    assert np.allclose(margins(booster, start, matrix, 1)[:, 0], plain, atol=1e-4)


def test__strength_0__of_classes__is_boosting_by_xgboost_itself():
    import xgboost

    matrix, target, _ = graph(600)
    loss = loss_of(Kind.BINARY, "log_loss", target)
    settings = replace(QUICK, min_child_weight=3.0)
    booster, start, _ = fit_smoothed(matrix, target, NONE, loss, settings, 0, np.ones(len(target)))
    data = xgboost.QuantileDMatrix(matrix.values, label=target[:, 0], max_bin=QUICK.max_bin, nthread=1)
    told = {"objective": "binary:logistic", "base_score": float(1 / (1 + np.exp(-start[0]))), "max_depth": 3, "learning_rate": 0.1}
    told |= {"lambda": 1.0, "nthread": 1, "min_child_weight": 3.0, "max_bin": QUICK.max_bin}
    plain = xgboost.train(told, data, 60).predict(data)
    assert np.allclose(loss.finish(margins(booster, start, matrix, 1))[:, 0], plain, atol=1e-3)


def test__homophilous_graph__smoothing_beats_boosting_alone():
    matrix, target, links = graph()
    labelled = np.random.default_rng(3).random(len(target)) < 0.3
    loss, weight = loss_of(Kind.BINARY, "log_loss", target), labelled.astype(float)
    found = {}
    for name, fitted in (("alone", NONE), ("joint", Smoothing((links,), (1.0,), 0.8, 5))):
        booster, start, _ = fit_smoothed(matrix, target, fitted, loss, QUICK, 0, weight)
        f = margins(booster, start, matrix, 1)
        found[name] = roc_auc_score(target[~labelled, 0], fitted.push(f)[~labelled, 0])
    assert found["alone"] < 0.85
    assert found["joint"] > found["alone"] + 0.08


def test__watched_rows__stop_it_and_take_no_part():
    rng = np.random.default_rng(4)
    n = 900
    moment = np.sort(rng.integers(0, 60, n)) * 10
    group, values = rng.integers(0, 40, n), rng.normal(size=(n, 4))
    mood = rng.normal(0, 2, 40)[group]
    target = (rng.random(n) < 1 / (1 + np.exp(-(mood + values[:, 0])))).astype(float)[:, None]
    cut = 700
    matrix = Matrix(values.astype(np.float32), tuple("abcd"), (False,) * 4)
    whole = Past(group, moment, moment + 30, np.arange(n) < cut, 1e9)
    early = replace(whole, group=group[:cut], moment=moment[:cut], ready=whole.ready[:cut], source=whole.source[:cut])
    loss = loss_of(Kind.BINARY, "roc_auc", target)
    settings = replace(QUICK, rounds=300, patience=20, learning_rate=0.5)

    def run(later):
        watched = Watched(matrix.rows(np.arange(cut, n)), later, Smoothing((whole,), (1.0,), 0.5))
        return fit_smoothed(
            matrix.rows(np.arange(cut)), target[:cut], Smoothing((early,), (1.0,), 0.5), loss, settings, 0, np.ones(cut), watched
        )

    booster, start, history = run(target[cut:])
    assert 20 < len(history) < 300
    best = int(np.argmin(history)) + 1
    f = margins(booster, start, matrix, 1, best)
    z = Smoothing((whole,), (1.0,), 0.5).push(f)[cut:]
    assert loss.judge(z, target[cut:]).mean() == pytest.approx(min(history), abs=1e-4)
    other, _, _ = run(1 - target[cut:])
    least = min(other.num_boosted_rounds(), booster.num_boosted_rounds())
    rows = matrix.rows(np.arange(n))
    assert np.array_equal(margins(other, start, rows, 1, least), margins(booster, start, rows, 1, least))


def test__momentum__settled_trees_are_what_every_round_was_scored_by__and_it_gets_there_sooner():
    matrix, target, links = graph(600)
    smoothing = Smoothing((links,), (1.0,), 0.8, 3)
    slow = replace(QUICK, learning_rate=0.03, rounds=40)
    for kind, y in ((Kind.BINARY, target), (Kind.MULTICLASS, np.c_[target, 1 - target])):
        loss, ends = loss_of(kind, "log_loss", y), {}
        for momentum in (False, True):
            booster, start, history = fit_smoothed(matrix, y, smoothing, loss, slow, 0, np.ones(len(y)), momentum=momentum)
            for rounds in (1, 17, 40):
                f = margins(settled(booster, rounds, momentum=momentum), start, matrix, 1)
                assert loss.value(smoothing.push(f), y).mean() == pytest.approx(history[rounds - 1], abs=1e-4), (momentum, rounds)
            ends[momentum] = history[-1]
        assert ends[True] < ends[False] - 0.05
    assert np.allclose(tree_weights(3)[-1], 1)
    assert np.all(np.diff(momenta(30)) > 0)


def test__momentum__a_round_whose_tree_says_nothing_of_the_rows__is_a_round():
    trees, rows = np.array([0.0, 1.0, -2.0, 0.0, 0.5]), Ahead(np.full((1, 1), 3.0))
    for rounds, whole in enumerate(3.0 + np.cumsum(trees), start=1):
        rows.follow(np.full((1, 1), whole))
        assert rows.now.item() == pytest.approx(3.0 + tree_weights(rounds) @ trees[:rounds])


def test__momentum__watched_rows_are_scored_by_what_is_settled():
    matrix, target, _ = graph(900)
    loss, early, late = loss_of(Kind.BINARY, "log_loss", target), np.arange(600), np.arange(600, 900)
    watched = Watched(matrix.rows(late), target[late], NONE)
    told = replace(QUICK, learning_rate=0.03, rounds=200, patience=10)
    booster, start, history = fit_smoothed(
        matrix.rows(early), target[early], NONE, loss, told, 0, np.ones(600), watched, momentum=True
    )
    assert 10 < len(history) < 200
    for rounds in (1, len(history) // 2, len(history)):
        f = margins(settled(booster, rounds, momentum=True), start, matrix.rows(late), 1)
        assert loss.judge(f, target[late]).mean() == pytest.approx(history[rounds - 1], abs=1e-4)
