"""Metrics over classes equal scikit-learn's, leave out what no row can tell, and count unknown classes as wrong."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from rdl.task import METRICS, Kind, Labels, Seeds
from rdl.task.metrics import LARGER_IS_BETTER, score

Worlds = st.tuples(st.integers(2, 5), st.integers(1, 40), st.integers(0, 10_000))
"""Classes, rows, seed."""


def _labels(target: np.ndarray) -> Labels:
    zeros = np.zeros(len(target), dtype=np.int64)
    return Labels(Seeds.at(zeros, zeros), target)


@given(Worlds)
def test__multiclass__any_rows__equal_scikit_learn(world: tuple[int, int, int]) -> None:
    classes, n, seed = world
    draw = np.random.default_rng(seed)
    target = draw.integers(0, classes, n).astype(float)
    p = draw.integers(1, 6, (n, classes)) / 1.0  # ties among them
    p /= p.sum(axis=1, keepdims=True)
    found = score(Kind.MULTICLASS, _labels(target), p, 1.0)
    said = p.argmax(axis=1)
    assert found == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(target, said),
            "macro_f1": metrics.f1_score(target, said, average="macro"),
            "micro_f1": metrics.f1_score(target, said, average="micro"),
            "log_loss": metrics.log_loss(target, p, labels=np.arange(classes)),
        }
    )


@given(Worlds)
def test__multiclass__unknown_classes__are_a_class_that_nobody_predicts(world: tuple[int, int, int]) -> None:
    classes, n, seed = world
    draw = np.random.default_rng(seed)
    target = draw.integers(-1, classes, n).astype(float)
    p = draw.dirichlet(np.ones(classes), n)
    found = score(Kind.MULTICLASS, _labels(target), p, 1.0)
    said = p.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(target, said))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(target, said, average="macro"))
    padded = np.column_stack([np.full(n, 1e-15), p])
    assert found["log_loss"] == pytest.approx(-np.mean(np.log(padded[np.arange(n), target.astype(int) + 1])))


@given(Worlds)
def test__multilabel__any_rows__equal_scikit_learn_where_it_is_defined(world: tuple[int, int, int]) -> None:
    classes, n, seed = world
    draw = np.random.default_rng(seed)
    target = (draw.random((n, classes)) < draw.choice([0.0, 0.3, 0.9, 1.0], classes)).astype(float)
    p = draw.integers(1, 8, (n, classes)) / 8
    found = score(Kind.MULTILABEL, _labels(target), p, 1.0)
    said = p >= 0.5
    occurs = [k for k in range(classes) if target[:, k].any()]
    mixed = [k for k in occurs if not target[:, k].all()]
    expected = {
        "average_precision": [metrics.average_precision_score(target[:, k], p[:, k]) for k in occurs],
        "roc_auc": [metrics.roc_auc_score(target[:, k], p[:, k]) for k in mixed],
        "log_loss": [metrics.log_loss(target[:, k], p[:, k], labels=[0, 1]) for k in range(classes)],
    }
    for name, values in expected.items():
        assert found[name] == pytest.approx(float(np.mean(values)) if values else math.nan, nan_ok=True), name
    if target.any() or said.any():
        assert found["macro_f1"] == pytest.approx(metrics.f1_score(target, said, average="macro", zero_division=np.nan))
        assert found["micro_f1"] == pytest.approx(metrics.f1_score(target, said, average="micro"))


@given(Worlds)
def test__binary__ranks__equal_scikit_learn(world: tuple[int, int, int]) -> None:
    _, n, seed = world
    draw = np.random.default_rng(seed)
    target = np.append(draw.integers(0, 2, n), [0, 1]).astype(float)
    p = draw.integers(0, 9, n + 2) / 8
    found = score(Kind.BINARY, _labels(target), p, 1.0)
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(target, p))
    assert found["average_precision"] == pytest.approx(metrics.average_precision_score(target, p))


def test__multiclass__certain_and_wrong__stays_finite() -> None:
    found = score(Kind.MULTICLASS, _labels(np.array([0.0, 1.0])), np.array([[0.0, 1.0], [0.0, 1.0]]), 1.0)
    assert found["log_loss"] == pytest.approx(-math.log(1e-15) / 2)


def test__multilabel__label_that_never_occurs__changes_no_rank() -> None:
    target, p = np.array([[1.0], [0.0]]), np.array([[0.7], [0.2]])
    alone = score(Kind.MULTILABEL, _labels(target), p, 1.0)
    wider = score(Kind.MULTILABEL, _labels(np.pad(target, ((0, 0), (0, 1)))), np.pad(p, ((0, 0), (0, 1))), 1.0)
    assert {k: wider[k] for k in ("average_precision", "roc_auc", "macro_f1")} == dict.fromkeys(
        ("average_precision", "roc_auc", "macro_f1"), 1.0
    )
    assert wider["log_loss"] == pytest.approx(alone["log_loss"] / 2)


@pytest.mark.parametrize("kind", [Kind.MULTICLASS, Kind.MULTILABEL])
def test__score__every_kind__gives_every_metric(kind: Kind) -> None:
    target = np.array([0.0, 1.0]) if kind is Kind.MULTICLASS else np.eye(2)
    assert tuple(score(kind, _labels(target), np.eye(2) * 0.6 + 0.2, 1.0)) == METRICS[kind]


def test__larger_is_better__every_metric__is_told() -> None:
    assert set(LARGER_IS_BETTER) == {name for names in METRICS.values() for name in names}
