"""The embargo of law 2 wherever cutoffs may lie: no training label reads at or beyond the first cutoff that it helps to predict."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.errors import TaskError
from rdl.task import Kind, Labels, Seeds, Split, Task, forward_folds, mature_cutoffs, phase, split_cutoffs
from rdl.task.cutoffs import history_cutoffs, last_reads
from rdl.task.lattice import Calendar, Lattice
from rdl.timeline import DAY, parse_time

START = parse_time("2019-12-27")
SPAN = (START, START + 1500 * DAY)
BASE = Task("t", Kind.BINARY, "e", ("id",), DAY, DAY, 0, 0, "roc_auc", "", None, Path("t.sql"))


@st.composite
def calendars(draw) -> Task:
    """A task whose cutoffs are calendar starts."""
    calendar = draw(st.sampled_from([Calendar.WEEK, Calendar.MONTH, Calendar.QUARTER]))
    starts = Lattice(calendar.longest, calendar).anchors(*SPAN)
    return dated(draw, replace(BASE, every=calendar.longest, calendar=calendar), starts)


@st.composite
def lists(draw) -> Task:
    """A task whose cutoffs are listed."""
    days = draw(st.sets(st.integers(0, 1400), min_size=6, max_size=40))
    listed = START + np.sort(np.array(list(days))) * DAY
    return dated(draw, replace(BASE, listed=tuple(listed.tolist())), listed)


def dated(draw, task: Task, cutoffs: np.ndarray) -> Task:
    validate = draw(st.integers(1, len(cutoffs) - 2))
    test = draw(st.integers(validate + 1, len(cutoffs) - 1))
    room = int(cutoffs[test] - cutoffs[validate]) // DAY
    horizon = draw(st.integers(1, max(1, min(room, 120)))) * DAY
    lag = draw(st.sampled_from([0, 0, DAY]))
    return replace(
        task, validate=int(cutoffs[validate]), test=int(cutoffs[test]), horizon=horizon, lag=lag, closed=draw(st.booleans())
    )


@st.composite
def owned(draw, horizons: st.SearchStrategy[int]) -> Task:
    """A task whose labels lie at cutoffs of their own, at any microsecond."""
    moments = draw(st.sets(st.integers(0, 1400 * DAY), min_size=6, max_size=60))
    listed = START + np.sort(np.array(list(moments)))
    validate, test = np.sort(draw(st.lists(st.sampled_from(listed.tolist()), min_size=2, max_size=2, unique=True)))
    return replace(
        BASE,
        listed=tuple(listed.tolist()),
        fixed=True,
        closed=True,
        horizon=draw(horizons),
        validate=int(validate),
        test=int(test),
    )


OWN_ROWS = owned(st.just(0))
STORED = owned(st.integers(0, 90).map(lambda days: days * DAY))


def cutoffs_or_none(task: Task, split: Split) -> np.ndarray | None:
    try:
        return split_cutoffs(task, split, SPAN)
    except TaskError:
        return None


@given(st.one_of(calendars(), lists(), OWN_ROWS))
def test__splits__are_mature_before_the_next_begins(task):
    """RelBench's closed windows may end on the next split's first instant; those of its stored labels are as they are stored."""
    late = 1 if task.closed and not task.fixed else 0
    for split, first in ((Split.TRAIN, task.validate), (Split.VALIDATION, task.test)):
        found = cutoffs_or_none(task, split)
        if found is not None:
            assert (task.last_read(0) + found - late < first).all()
    test = cutoffs_or_none(task, Split.TEST)
    if test is not None:
        assert test[0] >= task.test


@given(st.one_of(calendars(), lists(), OWN_ROWS, STORED), st.integers(0, 1500 * DAY))
def test__training__reads_nothing_at_or_beyond_its_as_of(task, offset):
    as_of = START + offset
    try:
        cutoffs = mature_cutoffs(task, as_of, SPAN)
    except TaskError:
        return
    assert (cutoffs + task.last_read(0) < as_of).all()
    if task.fixed:
        assert set(task.listed) - set(cutoffs.tolist()) == {c for c in task.listed if task.last_read(c) >= as_of}


@given(st.one_of(calendars(), lists(), OWN_ROWS, STORED), st.integers(1, 5), st.randoms(use_true_random=False))
def test__folds__read_nothing_at_or_beyond_the_first_cutoff_that_they_predict(task, count, random):
    lattice = np.array(task.listed) if task.listed else task.lattice.anchors(*SPAN)
    cutoffs = np.sort(np.array([lattice[random.randrange(len(lattice))] for _ in range(40)]))
    labels = Labels(Seeds.at(np.arange(40), cutoffs), np.zeros(40))
    folds = forward_folds(task, labels, count)
    for fold in folds:
        first = cutoffs[fold.valid].min()
        assert (last_reads(task, labels.seeds[fold.train]) < first).all()
        assert not np.isin(cutoffs[fold.train], cutoffs[fold.valid]).any()


@given(st.one_of(OWN_ROWS, STORED), st.lists(st.integers(0, 1500 * DAY), min_size=1, max_size=4))
def test__history__of_own_cutoffs__is_what_was_known_at_the_latest_and_one_grid_for_all(task, offsets):
    cutoffs = START + np.sort(np.array(offsets))
    assert set(phase(task, cutoffs)) == {0}
    grid = history_cutoffs(task, cutoffs, START)
    assert grid.tolist() == [c for c in task.listed if task.last_read(c) < cutoffs[-1]]


@pytest.mark.parametrize("split", Split)
def test__split_of_own_cutoffs__that_is_empty__is_refused(split):
    task = replace(BASE, fixed=True, listed=(5, 6, 7), validate=6, test=7)
    emptied = {Split.TRAIN: (5, 7), Split.VALIDATION: (6, 6), Split.TEST: (6, 8)}[split]
    assert split_cutoffs(task, split, SPAN).tolist() == [{Split.TRAIN: 5, Split.VALIDATION: 6, Split.TEST: 7}[split]]
    with pytest.raises(TaskError, match=f"no {split.value} label"):
        split_cutoffs(replace(task, validate=emptied[0], test=emptied[1]), split, SPAN)
