"""What was promised is held against what became of the rows: by year and cutoff, by bin and by grade."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from rdl.boost.conformal import Intervals
from rdl.boost.grades import Grades
from rdl.boost.window import Window
from rdl.evaluate.coverage import Promises, find_promises, inside_and_width
from rdl.evaluate.regimes import _moving
from rdl.evaluate.strict import without_nan
from rdl.model.uncertainty import Uncertainty
from rdl.task import Kind, Labels, Seeds, Task
from rdl.timeline import DAY, parse_time

TASK = Task("t", Kind.BINARY, "users", ("user",), 10 * DAY, 10 * DAY, 0, 0, "roc_auc", "SELECT 1", None, Path("t.sql"))


def labels(target, cutoff=None):
    n = len(target)
    moments = np.full(n, parse_time("2025-05-11")) if cutoff is None else np.array(cutoff)
    return Labels(Seeds.at(np.arange(n), moments), np.array(target, dtype=np.float64))


def test__find_promises__intervals__are_counted_by_year_and_cutoff():
    moments = [parse_time(t) for t in ("2024-01-01", "2024-06-01", "2025-01-01", "2025-01-01")]
    task = replace(TASK, kind=Kind.REGRESSION, metric="mae")
    sure = Uncertainty(Intervals(Window.of(np.zeros(1), np.zeros(1, dtype=np.int64)), None), levels=(0.9, 0.5))
    beside = {"lower": np.zeros(4), "upper": np.array([1.0, 2.0, 1.0, 1.0]), "lower_50": np.zeros(4), "upper_50": np.zeros(4)}
    found = find_promises(task, labels([0.5, 3.0, 1.0, 0.0], moments), np.zeros(4), beside, sure)
    wide, narrow = found.coverage
    assert (wide.level, wide.whole.rows, wide.whole.share, wide.whole.width) == (0.9, 4, 0.75, 1.25)
    assert [(h.when, h.rows, h.share, h.width) for h in wide.by_year] == [("2024", 2, 0.5, 1.5), ("2025", 2, 1.0, 1.0)]
    assert [h.rows for h in wide.by_cutoff] == [1, 1, 2]
    assert [h.chance for h in (wide.whole, *wide.by_year)] == pytest.approx([0.15, 0.045**0.5, 0.045**0.5])
    assert (narrow.level, narrow.whole.share) == (0.5, 0.25)
    assert Promises.from_json(json.loads(json.dumps(without_nan(asdict(found))))) == found


def test__from_json__coverage_without_chance__has_it_again():
    held = {"when": "2024", "rows": 100, "share": 0.9, "width": 1.0}
    found = Promises.from_json({"coverage": [{"level": 0.9, "whole": held, "by_year": [held], "by_cutoff": []}], "grades": []})
    assert found.coverage[0].whole.chance == found.coverage[0].by_year[0].chance == pytest.approx(0.03)


def test__find_promises__probabilities__have_a_table_of_grades():
    probability = np.linspace(0.005, 0.995, 1000)
    target = (np.random.default_rng(0).random(1000) < probability).astype(float)
    sure = Uncertainty(grades=Grades((0.5, 0.9), (10, 10, 10), (0.2, 0.6, 0.95)))
    task = replace(TASK, kind=Kind.BINARY, metric="roc_auc")
    found = find_promises(task, labels(target), probability, {}, sure)
    assert [g.rows for g in found.grades] == [500, 404, 96]
    assert [g.expected for g in found.grades] == [0.2, 0.6, 0.95]
    assert found.grades[0].observed < found.grades[1].observed < found.grades[2].observed


@pytest.mark.parametrize(
    ("kind", "target", "columns", "inside", "width"),
    [
        (Kind.MULTICLASS, [0, 1, -1], [[[1, 0], [1, 0], [1, 1]]], [True, False, False], [1, 1, 2]),
        (Kind.MULTILABEL, [[1, 0], [1, 0]], [[[1, 0], [0, 1]], [[1, 1], [0, 1]]], [True, False], [1, 0]),
    ],
)
def test__inside_and_width__classes__are_held_where_all_of_them_are(kind, target, columns, inside, width):
    found = inside_and_width(kind, np.array(target, dtype=float), [np.array(c, dtype=bool) for c in columns])
    assert [column.tolist() for column in found] == [inside, width]


def test__rolling__intervals__move_on_only_with_labels_that_are_mature():
    task = replace(TASK, kind=Kind.REGRESSION, horizon=20 * DAY, every=10 * DAY, lag=0)
    start = parse_time("2025-05-01")
    cutoff = np.repeat(start + 10 * DAY * np.arange(6), 200)
    target = np.random.default_rng(0).normal(size=len(cutoff)) * np.where(cutoff > start + 5 * DAY, 10.0, 1.0)
    sure = Uncertainty(Intervals(Window.of(np.random.default_rng(1).normal(size=2000), np.full(2000, start - 30 * DAY)), None))
    found = _moving(sure, task, labels(target, cutoff), np.zeros(len(cutoff)), np.ones((len(cutoff), 2)))
    width = (found["upper"] - found["lower"]).reshape(6, 200)[:, 0]
    assert width[:2] == pytest.approx(3.3, abs=0.3)
    assert width[2] == pytest.approx(3.3, abs=0.3)  # only labels of the first cutoff, as calm as before, are known by then
    assert width[3] > 1.4 * width[2]  # those of the second, ten times as wild, are known now
    other = np.where(cutoff >= start + 20 * DAY, target + 1e3, target)  # unknown at the fourth cutoff
    again = _moving(sure, task, labels(other, cutoff), np.zeros(len(cutoff)), np.ones((len(cutoff), 2)))
    assert np.array_equal(again["upper"][:800], found["upper"][:800])
