"""Labels of cutoffs between the task's own: mature, other ones, learned from in every fold only where they were known then."""

from dataclasses import replace

import numpy as np
import pytest

from rdl.boost import BoostSettings
from rdl.database import Database
from rdl.features import Encoding
from rdl.model.boosted import learned_rows, settings_for
from rdl.model.denser import labels_between
from rdl.model.training import Training, prepare_training
from rdl.task import find_task, mature, mature_cutoffs, phase
from rdl.task.lattice import Calendar
from tests.model.world import CUTOFF, TREES, tables, write

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("world") / "p", tables())


@pytest.fixture(scope="module")
def training(world: Database) -> Training:
    return prepare_training(world, find_task(world, "active"), CUTOFF, TREES, 0)


def test__labels_between__two_more_lattices__are_mature_and_none_is_the_tasks_own(world: Database, training: Training) -> None:
    task = training.source.task
    phases = [np.unique(phase(task, labels.seeds.cutoff)) for labels in (training.labels, *training.denser)]
    assert [len(p) for p in phases] == [1, 1, 1]
    assert len(np.unique(np.concatenate(phases))) == 3
    for labels in training.denser:
        assert mature(task, labels.seeds, CUTOFF).all()
        assert len(labels) > len(training.labels) / 2
        assert labels.seeds.cutoff.min() > training.labels.seeds.cutoff.min()


def test__folds__labels_between__end_before_the_later_rows(training: Training) -> None:
    for fold in training.folds():
        start = fold.valid.labels.seeds.cutoff.min()
        assert len(fold.train.between) == 2
        for part in fold.train.between:
            assert len(part.target)
            assert mature(training.source.task, part.labels.seeds, start).all()
            assert np.array_equal(part.inputs.seeds.cutoff, part.labels.seeds.cutoff)
        assert not fold.valid.between


@pytest.mark.slow
def test__learned_rows__three_lattices__stand_behind_one_another(training: Training) -> None:
    encoding = Encoding.fit(training.examples.inputs.features)
    matrix, target, weight = learned_rows(training.examples, encoding, (), training.context(1.0))
    assert len(matrix) == len(target) == len(training.labels) + sum(len(labels) for labels in training.denser)
    assert weight is not None
    assert len(weight) == len(matrix)
    assert settings_for(training.examples, BoostSettings(min_child_weight=5.0)).min_child_weight == 15.0
    alone = learned_rows(replace(training.examples, between=()), encoding, (), training.context(1.0))
    assert np.array_equal(matrix.values[: len(alone[0])], alone[0].values, equal_nan=True)


def test__labels_between__no_room_or_no_lattice_to_move__are_none(world: Database) -> None:
    task = find_task(world, "active")
    cutoffs = mature_cutoffs(task, CUTOFF, world.span)
    assert labels_between(world, task, cutoffs, TREES, TREES.rows) == ()
    assert len(labels_between(world, task, cutoffs, TREES, TREES.rows // 2)) == 1
    assert labels_between(world, task, cutoffs, replace(TREES, lattices=1), 10) == ()
    assert labels_between(world, find_task(world, "spend"), cutoffs, TREES, 10) == ()
    assert labels_between(world, replace(task, calendar=Calendar.WEEK), cutoffs, TREES, 10) == ()


def test__prepare_training__stale_database__keeps_to_the_lattice(world: Database) -> None:
    assert prepare_training(world, find_task(world, "active"), CUTOFF, TREES, 30 * DAY).denser == ()
