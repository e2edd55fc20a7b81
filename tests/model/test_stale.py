"""Training for a stale database: copies are what a database would show that stopped then, and nothing later."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rdl.database import Database
from rdl.model.inputs import Source
from rdl.model.training import Training, prepare_training
from rdl.task import find_task, mature
from rdl.timeline import DAY
from tests.model.world import CUTOFF, TREES, rewrite_future, tables, write

STALENESS = 30 * DAY


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("stale") / "p", tables())


@pytest.fixture(scope="module")
def training(world: Database) -> Training:
    return prepare_training(world, find_task(world, "active"), CUTOFF, replace(TREES, plan_depth=1), STALENESS)


def test__examples__copies__show_what_a_database_cut_at_the_snapshot_shows(training: Training, tmp_path: Path) -> None:
    seeds, features = training.examples.inputs.seeds, training.examples.inputs.features
    snapshot = int(np.quantile(seeds.as_of, 0.5))
    other = write(tmp_path / "p", rewrite_future(tables(), 5, cutoff=snapshot))
    met = np.isin(seeds.entity, seeds.entity[seeds.cutoff <= snapshot])  # the rewritten future has others' rows elsewhere
    stale = np.flatnonzero(met & (seeds.as_of <= snapshot) & (seeds.cutoff > snapshot))
    assert len(stale) > 20
    again = (
        Source(other, find_task(other, "active"), training.source.plan).examples(training.examples.labels[stale]).inputs.features
    )
    assert np.array_equal(again.values, features.values[stale], equal_nan=True)
    for j, levels in enumerate(again.levels):
        told = [None if code < 0 else levels[code] for code in again.codes[:, j]]
        assert told == [None if code < 0 else features.levels[j][code] for code in features.codes[stale, j]]


def test__examples__copies__are_mature_labels_seen_from_0_to_the_staleness_before(training: Training) -> None:
    seeds, count = training.examples.inputs.seeds, len(training.labels)
    age = (seeds.cutoff - seeds.as_of).reshape(-1, count)  # [1 + copies, labels]
    assert age.shape[0] == 1 + training.settings.copies
    assert (age[0] == 0).all()
    assert age[1:].min() >= 0
    assert age[1:].max() <= STALENESS
    assert abs(age[1:].mean() - STALENESS / 2) < STALENESS / 20
    assert mature(training.source.task, seeds, CUTOFF).all()


def test__folds__later_rows__are_seen_from_before_the_fold_or_the_staleness(training: Training) -> None:
    few = training.only(training.source.plan.keep("calendar"))
    for fold in few.folds():
        seeds = fold.valid.inputs.seeds
        start = int(seeds.cutoff.min())
        assert (seeds.as_of == np.maximum(start, seeds.cutoff - STALENESS)).all()
        assert mature(training.source.task, fold.train.inputs.seeds, start).all()
