"""Metrics equal their definitions, and are undefined where they have no meaning."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.task import METRICS, Kind, Labels, Seeds
from rdl.task.metrics import score


def _labels(target: np.ndarray) -> Labels:
    zeros = np.zeros(len(target), dtype=np.int64)
    return Labels(Seeds.at(zeros, zeros), target)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=40))
def test__roc_auc__any_rows__is_the_share_of_ordered_pairs(rows: list[tuple[bool, int]]) -> None:
    target = np.array([float(t) for t, _ in rows])
    prediction = np.array([p / 8 for _, p in rows])
    found = score(Kind.BINARY, _labels(target), prediction, 1.0)["roc_auc"]
    positive, negative = prediction[target == 1], prediction[target == 0]
    if not len(positive) or not len(negative):
        assert math.isnan(found)
        return
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert found == pytest.approx(float(np.mean(pairs)))


def test__log_loss__certain_and_wrong__stays_finite() -> None:
    found = score(Kind.BINARY, _labels(np.array([1.0, 0.0])), np.array([0.0, 0.0]), 1.0)
    assert found["log_loss"] == pytest.approx(-math.log(1e-15) / 2, rel=1e-3)


def test__regression__known_values() -> None:
    found = score(Kind.REGRESSION, _labels(np.array([1.0, 2.0, 3.0])), np.array([1.0, 2.0, 6.0]), 2.0)
    assert found == pytest.approx({"mae": 1.0, "rmse": math.sqrt(3), "r2": 1 - 9 / 2, "nmae": 0.5})


def test__regression__constant_target__has_no_r2() -> None:
    found = score(Kind.REGRESSION, _labels(np.array([2.0, 2.0])), np.array([1.0, 3.0]), 0.0)
    assert math.isnan(found["r2"])
    assert math.isnan(found["nmae"])


@pytest.mark.parametrize("kind", [Kind.BINARY, Kind.REGRESSION])
def test__score__every_kind__gives_every_metric(kind: Kind) -> None:
    found = score(kind, _labels(np.array([0.0, 1.0])), np.array([0.2, 0.9]), 1.0)
    assert tuple(found) == METRICS[kind]
