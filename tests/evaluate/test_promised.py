"""Intervals at 90 % hold that of real and of made rows, year by year, within 2 points and what chance alone moves them by."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rdl.boost import BoostSettings
from rdl.database import open_database
from rdl.database.demo import write_demo
from rdl.evaluate.coverage import find_promises
from rdl.evaluate.regimes import _moving
from rdl.model import FitSettings, fit_model
from rdl.project import open_project
from rdl.task import Split, find_task, split_labels

pytestmark = pytest.mark.slow

QUICK = FitSettings(
    members=("features",),
    boost=BoostSettings(
        rounds=80, seeds=1, learning_rate=0.1, max_depth=3, min_child_weight=50.0, colsample_bytree=0.1, columns=100
    ),
)
DATA = Path(__file__).parents[3] / "shared" / "data"


def held(project, name, rows=12_000):
    """Coverage on the validation split of a model that was fitted before it, fresh and rolling: no test label is read."""
    database = open_database(project)
    task = find_task(database, name)
    model = fit_model(database, task, task.validate, replace(QUICK, rows=rows))
    labels = split_labels(database, task, Split.VALIDATION)
    told = model.predict(database, labels.seeds)
    for beside in (told.beside, _moving(model.choices.uncertainty, task, labels, told.prediction, told.sizes)):
        found = find_promises(task, labels, told.prediction, beside, model.choices.uncertainty)
        yield found.coverage[0]


def check(coverage, spread):
    assert coverage.level == 0.9
    assert abs(coverage.whole.share - 0.9) <= 0.02
    assert coverage.whole.width < 0.8 * 3.29 * spread  # narrower than what the labels' own spread would ask for
    for year in coverage.by_year:
        chance = np.sqrt(0.9 * 0.1 / year.rows)
        assert abs(year.share - 0.9) <= 0.02 + 2 * chance, year


@pytest.mark.skipif(not (DATA / "rel-f1").is_dir(), reason="needs the rel-f1 data")
def test__rel_f1__driver_position__is_held_every_year(tmp_path):
    for coverage in held(open_project(DATA / "rel-f1", home=tmp_path), "driver-position"):
        check(coverage, 7.03)


def test__demo__spend__is_held(tmp_path):
    write_demo(tmp_path / "shop", 10_000, 0)
    for coverage in held(open_project(tmp_path / "shop"), "spend", 4_000):
        assert coverage.whole.rows > 500
        assert abs(coverage.whole.share - 0.9) <= 0.02, coverage.by_cutoff
