"""Grades are in order, as many as asked where rates can rise, and fixed once they are fitted."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.boost.grades import Grades, fit_grades


def world(n=4000, seed=0):
    draw = np.random.default_rng(seed)
    probability = draw.beta(1, 4, n)
    return probability, (draw.random(n) < probability).astype(float)


@pytest.mark.parametrize("asked", [2, 7, (0.05, 0.2, 0.4)])
def test__fit__rates_rise_and_every_row_has_a_grade(asked):
    probability, target = world()
    grades = fit_grades(probability, target, asked)
    found = grades.of(probability)
    count = asked if isinstance(asked, int) else len(asked) + 1
    assert sorted(set(found.tolist())) == list(range(1, count + 1))
    assert np.bincount(found)[1:].tolist() == list(grades.rows)
    for grade, (low, high) in enumerate(grades.ranges, start=1):
        here = found == grade
        assert target[here].mean() == pytest.approx(grades.rates[grade - 1])
        assert ((probability[here] >= low) & (probability[here] < high)).all()
    assert (np.diff(grades.rates) > 0).all()
    if isinstance(asked, int):
        assert max(grades.rows) < 3 * min(grades.rows)
    else:
        assert grades.edges == asked
    assert Grades.from_json(json.loads(json.dumps(grades.to_json()))) == grades


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.7]), st.booleans()), min_size=1, max_size=40), st.integers(2, 6))
@settings(max_examples=60, deadline=None)
def test__fit__any_rows__rates_rise_or_there_are_fewer_grades(rows, asked):
    probability, target = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    for wanted in (asked, tuple(np.linspace(0.05, 0.95, asked))):
        grades = fit_grades(probability, target, wanted)
        assert (np.diff(grades.rates) > 0).all()
        assert (np.diff(grades.edges) > 0).all()
        assert len(grades.edges) + 1 == len(grades.rows) <= (asked + 1)
        assert np.bincount(grades.of(probability), minlength=len(grades.rows) + 1)[1:].tolist() == list(grades.rows)
