"""Every kind of answer: what it says before training, what it loses, how its predictions are judged."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from rdl.errors import TaskError
from rdl.gnn.answer import Answer, make_answer
from rdl.task import Kind

DRAW = np.random.default_rng(0)
TARGETS = {
    Kind.BINARY: (DRAW.random(200) < 0.3).astype(np.float64),
    Kind.REGRESSION: DRAW.normal(7, 3, 200),
    Kind.MULTICLASS: DRAW.choice(3, 200, p=[0.6, 0.3, 0.1]).astype(np.float64),
    Kind.MULTILABEL: (DRAW.random((200, 3)) < [0.6, 0.3, 0.1]).astype(np.float64),
}
CLASSES = {Kind.BINARY: 0, Kind.REGRESSION: 0, Kind.MULTICLASS: 3, Kind.MULTILABEL: 3}
KINDS = list(TARGETS)


def answer_to(kind, **more):
    return make_answer(kind, TARGETS[kind], CLASSES[kind], **more)


def outputs(answer, rows=200):
    """Some outputs [rows, width] of a network."""
    return torch.from_numpy(np.random.default_rng(1).normal(size=(rows, answer.width)))


@pytest.mark.parametrize("kind", KINDS)
def test__base__is_what_the_training_labels_say_on_average(kind):
    answer = answer_to(kind)
    said = answer.finish(torch.from_numpy(answer.base())[None]).numpy()
    assert said.shape == (1, *answer.shape)
    share = np.eye(3)[TARGETS[kind].astype(int)] if kind is Kind.MULTICLASS else TARGETS[kind]
    np.testing.assert_allclose(said[0], share.mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test__base__no_constant_has_a_smaller_loss(kind):
    answer = answer_to(kind, metric="rmse" if kind is Kind.REGRESSION else None)
    target = torch.from_numpy(answer.target(TARGETS[kind]))
    base = torch.from_numpy(answer.base()).float().expand(len(target), -1).clone().requires_grad_()
    answer.loss(base, target).backward()
    np.testing.assert_allclose(base.grad.sum(0).numpy(), 0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test__loss_of_classes__is_the_cross_entropy_of_the_predictions(kind):
    answer, target = answer_to(kind), TARGETS[kind]
    found = answer.finish(outputs(answer)).numpy()
    columns = (target[:, None], found[:, None]) if kind is Kind.BINARY else (target, found)
    if kind is Kind.REGRESSION:
        expected = np.abs(target - found).mean() / target.std()
    elif kind is Kind.MULTICLASS:
        expected = log_loss(target, found, labels=[0, 1, 2])
    else:
        expected = np.mean([log_loss(t, p, labels=[0.0, 1.0]) for t, p in zip(*(c.T for c in columns), strict=True)])
    assert float(answer.loss(outputs(answer), torch.from_numpy(answer.target(target)))) == pytest.approx(expected, rel=1e-5)


def test__one_of_classes__rows_sum_to_one():
    found = answer_to(Kind.MULTICLASS).finish(outputs(answer_to(Kind.MULTICLASS)) * 50).numpy()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)


def test__class_that_no_training_label_has__gets_a_small_probability():
    for kind in (Kind.MULTICLASS, Kind.MULTILABEL):
        target = np.zeros(9) if kind is Kind.MULTICLASS else np.zeros((9, 2))
        answer = make_answer(kind, target, 2)
        said = answer.finish(torch.from_numpy(answer.base())[None])[0]
        assert 0 < said[1] < 1e-3


def test__score_of_a_number__follows_the_metric():
    target, found = np.array([0.0, 0.0, 6.0]), np.array([0.0, 3.0, 0.0])
    by_metric = {metric: answer_to(Kind.REGRESSION, metric=metric).score(target, found) for metric in ("mae", "rmse", "r2", "nmae")}
    root = -np.sqrt(15.0)
    assert by_metric == pytest.approx({"mae": -3.0, "rmse": root, "r2": root, "nmae": -3.0})


def test__score_of_classes__counts_an_unknown_one_as_wrong():
    answer = answer_to(Kind.MULTICLASS)
    found = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    assert answer.score(np.array([1.0, 2.0]), found) == pytest.approx(np.log([0.5, 0.8]).mean())
    assert answer.score(np.array([1.0, -1.0]), found) == pytest.approx(np.log([0.5, 1e-15]).mean())


@settings(max_examples=25)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats(0.01, 0.99), st.floats(0.01, 0.99)), min_size=2, max_size=20))
def test__score_of_sets__is_the_mean_auroc_of_the_classes_that_tell_seeds_apart(rows):
    target, found = np.array(rows, np.float64)[:, :2], np.array(rows)[:, 2:]
    pairs = list(zip(target.T, found.T, strict=True))
    ranked = [roc_auc_score(t, p) for t, p in pairs if 0 < t.mean() < 1]
    expected = np.mean(ranked) if ranked else -np.mean([log_loss(t, p, labels=[0.0, 1.0]) for t, p in pairs])
    assert answer_to(Kind.MULTILABEL).score(target, found) == pytest.approx(expected)


@pytest.mark.parametrize("kind", KINDS)
def test__json__gives_the_same_answer(kind):
    answer = answer_to(kind)
    assert Answer.from_json(json.loads(json.dumps(answer.to_json()))) == answer


@pytest.mark.parametrize(
    "change", [{"mean": []}, {"spread": [1.0]}, {"kind": "recommendation"}, {"mean": None}, {"mean": ["a", "b", "c"]}]
)
def test__json_that_is_no_answer__is_an_error(change):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Answer.from_json({**answer_to(Kind.MULTICLASS).to_json(), **change})


@pytest.mark.parametrize(
    ("kind", "target", "message"),
    [
        (Kind.MULTICLASS, np.array([0.0, -1.0]), "-1 among them"),
        (Kind.MULTICLASS, np.array([0.0, 3.0]), "3 among them"),
        (Kind.MULTILABEL, np.zeros((4, 2)), r"shape \(4, 2\), expected \(4, 3\)"),
        (Kind.MULTILABEL, np.zeros(4), r"expected \(4, 3\)"),
        (Kind.BINARY, np.zeros((4, 1)), r"expected \(4,\)"),
        (Kind.REGRESSION, np.array([1.0, np.nan]), "nan among them"),
        (Kind.RECOMMENDATION, np.array([1.0]), "do not answer recommendation"),
    ],
)
def test__targets_of_another_kind__are_refused(kind, target, message):
    with pytest.raises(TaskError, match=message):
        make_answer(kind, target, 3)


def test__metric__is_part_of_the_answer():
    assert answer_to(Kind.REGRESSION) == replace(answer_to(Kind.REGRESSION, metric="rmse"), metric="mae")
