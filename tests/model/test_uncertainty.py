"""What a fitted model says of how sure it is: the same once saved, within what the label can be, at the levels asked for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rdl.database import Database
from rdl.errors import UsageError
from rdl.evaluate import evaluate
from rdl.model import Model, fit_model, load_model, save_model
from rdl.task import Task, answer_columns, find_task, labels_at, population_at
from tests.model.world import CUTOFF, TREES, tables, write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("sure") / "p", tables())


@pytest.fixture(scope="module")
def count(world: Database) -> Task:
    return replace(find_task(world, "spend"), least=0.0, intervals=(0.8, 0.5))


@pytest.fixture(scope="module")
def model(world: Database, count: Task) -> Model:
    return fit_model(world, count, CUTOFF, TREES)


def test__regression__columns__are_nested_and_hold_what_they_promise(world: Database, model: Model) -> None:
    labels, _ = labels_at(world, model.task, CUTOFF + 10 * 86_400_000_000 * np.arange(3))
    found = model.telling(quantiles=(0.1, 0.5)).predict(world, labels.seeds)
    assert list(found.beside) == ["lower", "upper", "lower_50", "upper_50", "quantile_10", "quantile_50"]
    low, high = found.lower, found.upper
    assert low is not None
    assert high is not None
    assert (low >= 0).all()
    assert (low <= found.beside["lower_50"]).all()
    assert (found.beside["lower_50"] <= found.prediction).all()
    assert (found.prediction <= found.beside["upper_50"]).all()
    assert (found.beside["upper_50"] <= high).all()
    assert 0.7 < np.mean((low <= labels.target) & (labels.target <= high)) < 0.95
    assert (found.beside["quantile_10"] <= found.beside["quantile_50"]).all()


def test__saved_and_loaded__says_the_same_of_any_part_of_the_rows(world: Database, model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m")
    again = load_model(tmp_path / "m")
    seeds = population_at(world, model.task, np.array([CUTOFF]))
    first, second, one = model.predict(world, seeds), again.predict(world, seeds), again.predict(world, seeds[3:5])
    for name, column in first.beside.items():
        assert np.array_equal(column, second.beside[name])
        assert np.array_equal(column[3:5], one.beside[name])
    assert answer_columns(world, model.task, first.prediction, first.beside)["lower"].to_pylist() == first.beside["lower"].tolist()
    nobody = model.predict(world, seeds[:0])
    assert {name: len(column) for name, column in nobody.beside.items()} == dict.fromkeys(first.beside, 0)


def test__evaluate__tells_coverage_of_every_level(world: Database, count: Task) -> None:
    found = evaluate(world, count, "rolling", TREES)
    assert [c.level for c in found.promises.coverage] == [0.8, 0.5]
    assert found.promises.coverage[0].whole.rows == found.rows == sum(h.rows for h in found.promises.coverage[0].by_cutoff)
    assert {"lower", "upper_50"} <= set(found.predictions.column_names)


def test__binary__grades__are_told_where_they_are_asked_for(world: Database) -> None:
    model = fit_model(world, find_task(world, "active"), CUTOFF, replace(TREES, grades=3))
    grades = model.choices.uncertainty.grades
    assert grades is not None
    assert (np.diff(grades.rates) > 0).all()
    found = model.predict(world, population_at(world, model.task, np.array([CUTOFF])))
    assert list(found.beside) == ["grade"]
    assert set(found.beside["grade"].tolist()) <= set(range(1, len(grades.rates) + 1))
    with pytest.raises(UsageError, match="knows no intervals"):
        model.telling((0.5,))
