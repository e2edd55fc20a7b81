"""The three rel-f1 tasks, row for row as they were published."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rdl.errors import TaskError
from rdl.task import Kind, Split, entity_keys, find_task, labels_at, list_tasks, mature_cutoffs, population_at, split_labels
from rdl.timeline import DAY, parse_time

COUNTS = {"driver-dnf": (11411, 566, 702), "driver-top3": (1353, 588, 726), "driver-position": (7453, 499, 760)}


@pytest.mark.parametrize("name", COUNTS)
def test__labels__equal_the_published_tables_row_by_row(rel_f1, rel_f1_folder, name):
    task = find_task(rel_f1, name)
    for split, count in zip(Split, COUNTS[name], strict=True):
        labels = split_labels(rel_f1, task, split)
        published = pq.read_table(rel_f1_folder / "tasks" / name / f"{split.value}.parquet")
        moments = published[task.cutoff_column].cast(pa.timestamp("us")).cast(pa.int64()).to_pylist()
        keys, targets = published[task.entity_columns[0]].to_pylist(), published[task.label_column].to_pylist()
        expected = {(m, k): t for m, k, t in zip(moments, keys, targets, strict=True)}
        found = zip(labels.seeds.cutoff.tolist(), entity_keys(rel_f1, task, labels.seeds.entity).column(0).to_pylist(), strict=True)
        assert dict(zip(found, labels.target.tolist(), strict=True)) == pytest.approx(expected, abs=1e-12)
        assert len(labels) == len(expected) == count


def test__position__has_the_published_spread(rel_f1):
    labels = split_labels(rel_f1, find_task(rel_f1, "driver-position"), Split.TRAIN)
    assert np.std(labels.target, ddof=1) == pytest.approx(7.0257, abs=5e-4) or np.std(labels.target) == pytest.approx(
        7.0257, abs=5e-5
    )


def test__tasks__are_read_as_they_are(rel_f1):
    tasks = list_tasks(rel_f1)
    assert sorted(tasks) == sorted(COUNTS)
    task = tasks["driver-dnf"]
    assert (task.kind, task.metric, task.entity_table, task.horizon, task.closed) == (
        Kind.BINARY,
        "roc_auc",
        "drivers",
        30 * DAY,
        True,
    )
    assert (task.validate, task.test) == (parse_time("2005-01-01"), parse_time("2010-01-01"))
    assert (tasks["driver-position"].kind, tasks["driver-position"].metric) == (Kind.REGRESSION, "mae")


def test__unknown_task__is_refused_with_the_nearest(rel_f1):
    with pytest.raises(TaskError) as error:
        find_task(rel_f1, "driver-dfn")
    assert (error.value.what, error.value.fix) == ("no task 'driver-dfn' in this project", "did you mean 'driver-dnf'?")


def test__closed_windows__are_mature_a_microsecond_later(rel_f1):
    task = find_task(rel_f1, "driver-dnf")
    at = task.validate
    assert mature_cutoffs(task, at, rel_f1.span)[-1] == at - 2 * task.horizon
    assert mature_cutoffs(task, at + 1, rel_f1.span)[-1] == at - task.horizon


def test__derived_population__knows_nothing_of_the_future(rel_f1):
    task = find_task(rel_f1, "driver-top3")
    cutoffs = np.array([parse_time("2008-06-01"), parse_time("2008-07-10")])
    people = population_at(rel_f1, task, cutoffs)
    for cutoff in cutoffs:
        assert len(np.unique(people.entity[people.cutoff == cutoff])) == (people.cutoff == cutoff).sum() > 10
    alone = population_at(rel_f1, task, cutoffs[:1])
    assert np.array_equal(alone.entity, people.entity[people.cutoff == cutoffs[0]])
    recent, _ = labels_at(rel_f1, task, np.arange(cutoffs[0] - 1 - task.horizon, cutoffs[0] - 367 * DAY, -task.every)[::-1])
    assert set(alone.entity.tolist()) <= set(recent.seeds.entity.tolist())
