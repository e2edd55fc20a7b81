"""Curves of reliability: bins, errors and scores against plain sums, chance against drawn answers, words and drawings."""

import json
from dataclasses import asdict, replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.evaluate.curve import reliability_figures
from rdl.evaluate.reliability import ALL, LEVELS, LIKELIEST, Reliability, find_reliability, make_curve
from rdl.evaluate.strict import without_nan
from rdl.evaluate.words import calibrated
from rdl.task import Kind
from tests.evaluate.examples import before, labelled, told
from tests.evaluate.test_coverage import TASK

SVG = "{http://www.w3.org/2000/svg}"


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.1000001, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=60))
def test__make_curve__any_rows__bins_hold_each_once_and_part_no_equals(rows: list[tuple[float, bool]]) -> None:
    p, y = np.array([a for a, _ in rows]), np.array([float(b) for _, b in rows])
    curve = make_curve("", False, p, y)
    assert 1 <= len(curve.rates) <= 10
    assert sum(rate.rows for rate in curve.rates) == len(p)
    assert all(a.high < b.low for a, b in zip(curve.rates, curve.rates[1:], strict=False))
    error = 0.0
    for rate in curve.rates:  # the definition, bin by bin
        inside = (p >= rate.low) & (p <= rate.high)
        assert inside.sum() == rate.rows
        assert (rate.predicted, rate.observed) == pytest.approx((p[inside].mean(), y[inside].mean()))
        error += inside.mean() * abs(p[inside].mean() - y[inside].mean())
    assert curve.error == pytest.approx(error)
    assert curve.brier == pytest.approx(np.mean((p - y) ** 2))
    assert curve.excess == pytest.approx(p.mean() - y.mean())


def test__make_curve__right_probabilities__err_as_chance_says_and_wrong_ones_more() -> None:
    draw = np.random.default_rng(0)
    p = draw.beta(1, 4, size=2000)
    curves = [make_curve("", False, p, (draw.random(2000) < p).astype(float)) for _ in range(60)]
    assert np.mean([c.error for c in curves]) == pytest.approx(curves[0].chance, rel=0.1)
    assert np.mean([c.fair for c in curves]) > 0.9
    assert not make_curve("", False, p, (draw.random(2000) < p**2).astype(float)).fair


def test__find_reliability__classes__likeliest_first_then_one_by_one() -> None:
    task = replace(TASK, kind=Kind.MULTICLASS, classes=("", LIKELIEST, "c", "d", "e"), metric="accuracy")
    prediction = np.array([[0.6, 0.1, 0.1, 0.1, 0.1], [0.2, 0.5, 0.1, 0.1, 0.1], [0.7, 0.3, 0.0, 0.0, 0.0]])
    found = find_reliability(task, labelled([0, 0, -1]), prediction, prediction)
    whole = found.headline[False]
    assert (whole.of, sum(r.rows for r in whole.rates), whole.excess) == (LIKELIEST, 3, pytest.approx(0.6 - 1 / 3))
    by_hand = [0.16 + 0.04, 0.64 + 0.25 + 0.03, 1.0 + 0.49 + 0.09]  # of a class no one knew the whole probability is wrong
    assert whole.brier == pytest.approx(np.mean(by_hand))
    assert found.headline[True].brier == whole.brier
    assert [curve.of for curve in found.single] == ["", LIKELIEST, "c", "d"]
    assert found.single[0].excess == pytest.approx(0.5 - 2 / 3)


def test__find_reliability__labels__are_pooled() -> None:
    task = replace(TASK, kind=Kind.MULTILABEL, classes=("a", "b"), metric="f1_macro")
    found = find_reliability(task, labelled([[1, 0], [0, 0]]), np.array([[0.5, 0.25], [0.5, 0.25]]))
    assert found.headline[False].of == ALL
    assert found.headline[False].excess == pytest.approx(0.375 - 0.25)
    assert True not in found.headline


def test__find_reliability__intervals__are_held_at_every_level_and_come_back() -> None:
    task = replace(TASK, kind=Kind.REGRESSION, metric="mae")
    prediction = np.zeros(4)
    found = find_reliability(task, labelled([0.1, 0.55, -0.85, 3.0]), prediction, *before(task, prediction))
    held = [(0.5, 0.25), *[(level, 0.5) for level in LEVELS[1:4]], (0.9, 0.75), (0.95, 0.75)]
    assert [(at.level, at.share) for at in found.levels] == held
    assert found.levels[0].width == 1.0
    assert Reliability.from_json(json.loads(json.dumps(without_nan(asdict(found))))) == found


def test__calibrated__says_how_far_off_and_to_which_side() -> None:
    draw = np.random.default_rng(1)
    p = draw.uniform(0.3, 0.7, 4000)
    labels = labelled((draw.random(4000) < p - 0.2).astype(float).tolist())
    off = told(TASK, labels, p)
    high, change = calibrated(off)
    assert "Probabilities are 2" in high
    assert "they are too high, by" in high
    assert "takes the error from" in change
    plain = replace(off, reliability=find_reliability(TASK, labels, p - 0.2))
    fair, brier = calibrated(plain)
    assert "no more than chance explains" in fair
    assert "too high" not in fair
    assert brier.startswith(("The Brier score is 0.1", "The Brier score is 0.2"))
    assert calibrated(replace(off, reliability=Reliability())) == []


@pytest.mark.parametrize("target", [[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1]])
def test__reliability_figures__a_point_a_bin_inside_the_frame(target: list[int]) -> None:
    found = find_reliability(TASK, labelled(list(target)), np.array([0.004, 0.004, 0.01, 0.03]), np.full(4, 0.02))
    (figure,) = reliability_figures(found, Kind.BINARY)
    drawn = ET.fromstring(figure)
    assert len(drawn.findall(f"{SVG}circle")) == 3 + 1  # equal probabilities share a bin
    for circle in drawn.findall(f"{SVG}circle"):
        assert 64 <= float(circle.get("cx", "nan")) <= 436
        assert 70 <= float(circle.get("cy", "nan")) <= 336
        assert "rows" in circle[0].text
    assert reliability_figures(Reliability(), Kind.RECOMMENDATION) == []
