"""The lattice of cutoffs: what is mature when, and folds that never look ahead."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rdl.errors import TaskError
from rdl.task import Fold, Kind, Labels, Seeds, Split, Task, forward_folds, mature, mature_cutoffs, phase, split_cutoffs
from rdl.task.cutoffs import history_cutoffs, last_reads
from rdl.timeline import DAY, format_time, parse_time

steps = st.integers(1, 60 * DAY)
moments = st.integers(parse_time("1900-01-01"), parse_time("2100-01-01"))


def task_of(horizon, every, validate, test, closed=False, lag=0, evaluations=None):
    return Task(
        "t",
        Kind.BINARY,
        "e",
        ("id",),
        horizon,
        every,
        validate,
        test,
        "roc_auc",
        "",
        None,
        Path("t.sql"),
        closed=closed,
        lag=lag,
        evaluations=evaluations,
    )


@st.composite
def tasks(draw):
    horizon, every = draw(st.integers(1, 60)) * draw(st.sampled_from([1, 1000, DAY])), draw(st.integers(1, 60)) * DAY
    validate = draw(moments)
    test = validate + horizon + draw(st.integers(0, 400)) * DAY
    return task_of(horizon, every, validate, test, draw(st.booleans()), draw(st.sampled_from([0, 0, 1, DAY])))


def cutoffs_or_none(function, *args):
    try:
        return function(*args)
    except TaskError:
        return None


@given(tasks(), st.integers(-500, 3000))
def test__splits__lie_on_one_lattice_and_are_mature_before_the_next_begins(task, days):
    end = task.validate + days * DAY
    span = (task.validate - 700 * DAY, end)
    known = {split: cutoffs_or_none(split_cutoffs, task, split, span) for split in Split}
    for split, cutoffs in known.items():
        if cutoffs is None:
            continue
        assert (np.diff(cutoffs) == task.every).all()
        first = task.test if split is Split.TEST else task.validate
        assert len(set(phase(task, cutoffs)) | set(phase(task, np.array([first])))) == 1
    closed = 1 if task.closed else 0  # published splits let a closed window end on the next split's first instant
    if known[Split.TRAIN] is not None:
        assert len(known[Split.TRAIN]) >= 3
        assert known[Split.TRAIN][0] >= span[0]
        assert task.last_read(int(known[Split.TRAIN][-1])) - closed < task.validate
    if known[Split.VALIDATION] is not None:
        assert known[Split.VALIDATION][0] == task.validate
        assert task.last_read(int(known[Split.VALIDATION][-1])) - closed < task.test
    if known[Split.TEST] is not None:
        assert known[Split.TEST][0] == task.test
        assert known[Split.TEST][-1] + task.horizon <= end


@given(tasks(), st.integers(-900 * DAY, 900 * DAY))
def test__mature_cutoffs__are_all_the_lattice_that_is_mature_and_nothing_more(task, offset):
    as_of = task.validate + offset
    span = (task.validate - 800 * DAY, task.validate + 10_000 * DAY)
    cutoffs = cutoffs_or_none(mature_cutoffs, task, as_of, span)
    assume(cutoffs is not None)
    assert all(task.last_read(int(c)) < as_of for c in cutoffs)
    assert task.last_read(int(cutoffs[-1]) + task.every) >= as_of
    assert cutoffs[0] - task.every < span[0] <= cutoffs[0]
    assert set(phase(task, cutoffs)) == set(phase(task, np.array([task.validate])))


@given(tasks(), moments)
def test__mature_cutoffs__begin_no_window_after_the_data_ends(task, as_of):
    span = (task.validate - 800 * DAY, task.validate + 50 * DAY)
    cutoffs = cutoffs_or_none(mature_cutoffs, task, as_of, span)
    assert cutoffs is None or cutoffs[-1] <= span[1]


@given(tasks(), st.lists(st.integers(0, 50), min_size=1, max_size=5))
def test__history__is_just_mature_at_each_cutoff_of_its_lattice(task, places):
    cutoffs = task.test + np.array(places) * task.every
    grid = history_cutoffs(task, cutoffs, task.test - 2000 * DAY)
    times = grid + task.last_read(0)
    for cutoff in cutoffs:
        usable = times[times < cutoff]
        assert usable[-1] == cutoff - 1, "the newest usable label is mature this very instant"
        assert usable[-1] + task.every >= cutoff


def test__history__of_closed_windows_lies_a_microsecond_earlier():
    for closed in (False, True):
        task = task_of(30 * DAY, 30 * DAY, 0, 60 * DAY, closed=closed)
        assert history_cutoffs(task, np.array([90 * DAY]), 0)[-1] == 60 * DAY - (1 if closed else 0)


def test__history__of_a_lagging_table_waits_for_its_rows():
    task = task_of(30 * DAY, 30 * DAY, 0, 60 * DAY, lag=2 * DAY)
    assert history_cutoffs(task, np.array([90 * DAY]), 0)[-1] == 58 * DAY
    assert task.last_read(58 * DAY) == 90 * DAY - 1


@st.composite
def labelled(draw):
    task = draw(tasks())
    count = draw(st.integers(1, 30))
    cutoffs = np.sort(task.validate - np.array(draw(st.lists(st.integers(0, 40), min_size=count, max_size=count))) * task.every)
    return task, Labels(Seeds.at(np.arange(count), cutoffs), np.zeros(count))


@given(labelled(), st.integers(1, 5), st.sampled_from([0.2, 0.4, 0.9]))
def test__folds__never_train_on_a_label_that_is_not_mature(made, count, share):
    task, labels = made
    folds = forward_folds(task, labels, count, share)
    assert len(folds) <= count
    for fold in folds:
        first = labels.seeds.cutoff[fold.valid].min()
        assert (last_reads(task, labels.seeds[fold.train]) < first).all()
        assert len(fold.train), "a fold has something to learn from"
        rest = np.setdiff1d(np.arange(len(labels)), fold.train)
        assert (last_reads(task, labels.seeds[rest]) >= first).all(), "and everything that is mature"


@given(labelled(), st.integers(1, 5))
def test__folds__cut_the_late_rows_into_whole_cutoffs_in_order(made, count):
    task, labels = made
    folds = forward_folds(task, labels, count, 0.5)
    seen = [set(labels.seeds.cutoff[fold.valid].tolist()) for fold in folds]
    assert all(max(a) < min(b) for a, b in pairwise(seen))
    for fold, cutoffs in zip(folds, seen, strict=True):
        assert np.array_equal(fold.valid, np.flatnonzero(np.isin(labels.seeds.cutoff, list(cutoffs))))
    if folds:
        assert folds[-1].valid[-1] == len(labels) - 1
        valid = np.concatenate([f.valid for f in folds])
        assert np.array_equal(valid, np.arange(valid[0], len(labels)))


def test__folds__of_no_labels_are_none():
    empty = Labels(Seeds.at(np.array([], dtype=np.int64), np.array([], dtype=np.int64)), np.array([]))
    assert forward_folds(task_of(DAY, DAY, 0, DAY), empty, 3) == ()


def test__folds__known_case():
    task = task_of(DAY, DAY, 0, DAY)
    labels = Labels(Seeds.at(np.arange(10), np.arange(10) * DAY), np.zeros(10))
    folds = forward_folds(task, labels, 2, 0.4)
    assert [(f.train.tolist(), f.valid.tolist()) for f in folds] == [
        ([0, 1, 2, 3, 4, 5], [6, 7]),
        ([0, 1, 2, 3, 4, 5, 6, 7], [8, 9]),
    ]
    assert isinstance(folds[0], Fold)


def test__mature__is_strict():
    task = task_of(DAY, DAY, 0, DAY)
    seeds = Seeds.at(np.array([0]), np.array([0]))
    assert [mature(task, seeds, at).tolist() for at in (DAY - 1, DAY, DAY + 1)] == [[False], [True], [True]]


@pytest.mark.parametrize(
    ("split", "span", "value"),
    [
        (Split.TRAIN, (-2 * DAY, 9 * DAY), "only 2 training cutoffs"),
        (Split.TEST, (-9 * DAY, 10 * DAY), "no test label is mature"),
    ],
)
def test__empty_split__is_refused_with_dates_and_a_fix(split, span, value):
    with pytest.raises(TaskError) as error:
        split_cutoffs(task_of(DAY, DAY, 0, 10 * DAY), split, span)
    assert value in error.value.what
    assert "1970-01" in error.value.what
    assert (error.value.where, bool(error.value.fix)) == ("t.sql", True)


def test__too_early_as_of__is_refused_with_it():
    with pytest.raises(TaskError) as error:
        mature_cutoffs(task_of(DAY, DAY, 0, 10 * DAY), 2 * DAY, (0, 100 * DAY))
    assert f"only 2 training cutoffs are mature as of {format_time(2 * DAY)}" in error.value.what


def test__evaluations__bound_validation_and_test():
    task = task_of(DAY, DAY, 0, 10 * DAY, evaluations=3)
    assert len(split_cutoffs(task, Split.VALIDATION, (-9 * DAY, 90 * DAY))) == 3
    assert len(split_cutoffs(task, Split.TEST, (-9 * DAY, 90 * DAY))) == 3
    assert len(split_cutoffs(task, Split.TRAIN, (-9 * DAY, 90 * DAY))) == 9
