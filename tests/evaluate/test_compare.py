"""The paired bootstrap against the metrics of repeated rows, and what it must and must not find."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.evaluate import compare
from rdl.evaluate.weighted import weighted
from rdl.task import METRICS, Kind, Labels, Lists, Seeds
from rdl.task.metrics import LARGER_IS_BETTER, score


def world(kind: Kind, seed: int, rows: int = 60, entities: int = 30) -> tuple[Labels, np.ndarray, np.ndarray]:
    """Labels of `entities` at several cutoffs, and two predictions with ties."""
    draw = np.random.default_rng(seed)
    seeds = Seeds.at(np.arange(rows) % entities, np.arange(rows) // entities)
    if kind is Kind.RECOMMENDATION:
        sizes = draw.integers(0, 4, rows)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        rows_of = np.concatenate([np.sort(draw.choice(12, size, replace=False)) for size in sizes])
        ranked = [np.stack([draw.permutation(12)[:5] for _ in range(rows)]) for _ in range(2)]
        return Labels(seeds, sizes.astype(float), Lists(starts, rows_of.astype(np.int64))), *ranked
    if kind is Kind.MULTICLASS:
        return Labels(seeds, draw.integers(-1, 3, rows).astype(float)), *draw.dirichlet(np.ones(3), (2, rows))
    if kind is Kind.MULTILABEL:
        return Labels(seeds, draw.integers(0, 2, (rows, 3)).astype(float)), *draw.random((2, rows, 3)).round(1)
    target = draw.integers(0, 2, rows) if kind is Kind.BINARY else draw.normal(size=rows)
    return Labels(seeds, target.astype(float)), *draw.random((2, rows)).round(1)


CASES = [(kind, metric) for kind, metrics in METRICS.items() for metric in metrics]


@pytest.mark.parametrize(("kind", "metric"), CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test__weighted__whole_weights__is_the_metric_of_repeated_rows(kind: Kind, metric: str, seed: int) -> None:
    labels, prediction, _ = world(kind, seed)
    weights = np.random.default_rng(seed + 9).integers(0, 3, len(labels))
    rows = np.repeat(np.arange(len(labels)), weights)
    slow = score(kind, labels[rows], prediction[rows], 2.0)[metric]
    assert weighted(kind, metric, labels, prediction, 2.0)(weights) == pytest.approx(slow, abs=1e-12)
    ones = np.ones(len(labels), dtype=np.int64)
    assert weighted(kind, metric, labels, prediction, 2.0)(ones) == pytest.approx(score(kind, labels, prediction, 2.0)[metric])


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test__compare__the_same_prediction_twice__gains_nothing_and_never_beats_itself(kind: Kind, metric: str) -> None:
    labels, prediction, _ = world(kind, 3)
    found = compare(kind, metric, labels, prediction, prediction, resamples=20)
    assert (found.gain, found.low, found.high) == (0.0, 0.0, 0.0)
    assert not found.beats()
    assert found.beats(-0.001)


@pytest.mark.parametrize(("kind", "metric"), CASES)
def test__compare__roles_exchanged__turns_the_interval_round(kind: Kind, metric: str) -> None:
    labels, one, other = world(kind, 4)
    there = compare(kind, metric, labels, one, other, resamples=40)
    back = compare(kind, metric, labels, other, one, resamples=40)
    assert (back.gain, back.low, back.high) == pytest.approx((-there.gain, -there.high, -there.low))
    sign = 1 if LARGER_IS_BETTER[metric] else -1
    assert there.gain == pytest.approx(sign * (there.challenger - there.champion))


@given(st.integers(0, 2**32))
def test__compare__same_seed__same_answer(seed: int) -> None:
    labels, one, other = world(Kind.BINARY, 5)
    found = [compare(Kind.BINARY, "roc_auc", labels, one, other, resamples=10, seed=seed) for _ in range(2)]
    assert found[0] == found[1]


def test__compare__entities_repeat__are_drawn_whole() -> None:
    """A hundred labels of each of forty entities are forty observations: the interval does not shrink with the copies."""
    draw = np.random.default_rng(0)
    target, one, other = draw.normal(size=(3, 40))
    alone = Labels(Seeds.at(np.arange(40), np.zeros(40, dtype=np.int64)), target)
    many = Labels(Seeds.at(np.tile(np.arange(40), 100), np.repeat(np.arange(100), 40)), np.tile(target, 100))
    few = compare(Kind.REGRESSION, "mae", alone, one, other)
    same = compare(Kind.REGRESSION, "mae", many, np.tile(one, 100), np.tile(other, 100))
    assert (same.gain, same.low, same.high) == pytest.approx((few.gain, few.low, few.high))
    assert (same.rows, same.entities, same.cutoffs) == (4000, 40, 100)


def test__compare__no_difference__is_found_one_time_in_twenty() -> None:
    """The promise of the interval: of champions that are as good, about 5 % are beaten by chance."""
    beaten = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        target, one, other = draw.normal(size=(3, 300))
        labels = Labels(Seeds.at(np.arange(300) // 2, np.arange(300) % 2), target)
        beaten += compare(Kind.REGRESSION, "mae", labels, one, other, resamples=100, seed=seed).beats()
    assert 2 <= beaten <= 22


def test__compare__a_clear_gain__is_found_and_told() -> None:
    draw = np.random.default_rng(0)
    target = draw.integers(0, 2, 400).astype(float)
    labels = Labels(Seeds.at(np.arange(400), np.zeros(400, dtype=np.int64)), target)
    found = compare(Kind.BINARY, "roc_auc", labels, target * 0.5 + draw.random(400), draw.random(400))
    assert found.beats(0.1)
    assert "400 labels of 400 entities at 1 cutoff: a gain of +" in found.sentence()


def test__compare__too_little_to_tell__never_beats_and_says_so() -> None:
    labels, one, other = world(Kind.BINARY, 1, rows=12, entities=12)
    few = compare(Kind.BINARY, "roc_auc", labels, one, other)
    assert not few.beats(-1.0)
    assert "too few to tell" in few.sentence()
    labels, one, other = world(Kind.BINARY, 1)
    undefined = compare(Kind.BINARY, "roc_auc", Labels(labels.seeds, np.ones(60)), one, other)
    assert not undefined.beats(-1.0)
    assert "undefined" in undefined.sentence()
    assert undefined.to_json()["low"] is None
