"""Where cutoffs lie: durations, calendar starts, lists, and every way in which the header can be wrong about them."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.errors import TaskError
from rdl.task import Kind, Split, Task, mature_cutoffs, phase, split_cutoffs
from rdl.task.cutoffs import history_cutoffs
from rdl.task.lattice import Calendar, Lattice
from rdl.task.taskfile import read_task_file
from rdl.timeline import DAY, format_time, parse_time, to_datetime
from tests.task.schemas import schema, table

BODY = "SELECT c.cutoff, u.id, 1 AS label FROM cutoffs c CROSS JOIN users u"
USERS = schema(table("users", "id"))
moments = st.integers(parse_time("1900-01-01"), parse_time("2100-01-01"))
LISTED = 'cutoffs = [2025-03-01, 2025-01-01, 2025-01-15, 2025-02-01, "2025-04-10"]'
lattices = st.one_of(
    st.builds(Lattice, st.integers(1, 90).map(lambda d: d * DAY)),
    st.sampled_from(list(Calendar)).map(lambda c: Lattice(c.longest, c)),
    st.sets(moments, min_size=1, max_size=8).map(lambda listed: Lattice(DAY, None, tuple(sorted(listed)))),
)


def read(folder: Path, spacing: str, validate: str = "2025-02-01", test: str = "2025-04-01", horizon: str = "10 days") -> Task:
    path = folder / "t.sql"
    header = (
        f'task = "t"\nkind = "binary"\nentity = "users"\nhorizon = "{horizon}"\nvalidate = {validate}\ntest = {test}\n{spacing}'
    )
    path.write_text(f"/* rdl\n{header}\n*/\n{BODY}\n", encoding="utf-8")
    return read_task_file(path, USERS)


def dates(cutoffs: np.ndarray) -> list[str]:
    return [format_time(int(c)) for c in cutoffs]


def span(first: str, last: str) -> tuple[int, int]:
    return parse_time(first), parse_time(last)


@pytest.mark.parametrize("calendar", Calendar)
@given(moments)
def test__calendar__floor_is_the_start_of_the_period(calendar, moment):
    found = to_datetime(int(Lattice(calendar.longest, calendar).floor(np.array([moment]))[0]))
    day = datetime(1970, 1, 1, tzinfo=UTC) + (to_datetime(moment) - datetime(1970, 1, 1))
    expected = {
        Calendar.WEEK: day.fromisocalendar(*day.isocalendar()[:2], 1),
        Calendar.MONTH: datetime(day.year, day.month, 1),
        Calendar.QUARTER: datetime(day.year, (day.month - 1) // 3 * 3 + 1, 1),
        Calendar.YEAR: datetime(day.year, 1, 1),
    }[calendar]
    assert found == expected


@given(lattices, moments, st.integers(0, 800 * DAY))
def test__anchors__are_all_between_the_bounds_each_its_own_floor(lattice, first, length):
    found = lattice.anchors(first, first + length)
    assert ((found >= first) & (found <= first + length)).all()
    assert (np.diff(found) > 0).all()
    assert np.array_equal(lattice.floor(found), found)
    if not lattice.listed:
        assert (np.diff(found) <= lattice.every).all()
        ends = [first, first + length] if len(found) == 0 else [found[0] - first, first + length - found[-1]]
        assert len(found) == 0 or max(ends) <= lattice.every


@given(lattices, moments)
def test__through__a_moment_runs_through_it_on_one_phase_as_far_as_the_spacing_allows(lattice, moment):
    found = lattice.through(moment, moment - 500 * DAY, moment + 500 * DAY)
    assert moment in found
    near = found[np.abs(found - moment) < 28 * DAY]
    if not lattice.listed and lattice.calendar is None:
        assert len(set(lattice.phase(near).tolist())) == 1


@given(lattices, moments, st.sampled_from([False, True]), st.sampled_from([0, DAY]))
def test__history__has_a_label_that_is_just_mature_at_any_moment(lattice, moment, closed, lag):
    listed = lattice.listed
    task = Task(
        "t", Kind.BINARY, "e", ("id",), 30 * DAY, lattice.every, moment, moment, "roc_auc", "", None, Path("t"),
        closed=closed, lag=lag, calendar=lattice.calendar, listed=listed,
    )  # fmt: skip
    grid = history_cutoffs(task, np.array([moment]), moment - 900 * DAY)
    assert grid[-1] + task.last_read(0) == moment - 1
    assert (grid >= moment - 900 * DAY).all()


def test__month_starts__split_and_phase(tmp_path):
    task = read(tmp_path, 'every = "month"')
    data = span("2024-08-20", "2025-06-05")
    assert dates(split_cutoffs(task, Split.TRAIN, data)) == ["2024-09-01", "2024-10-01", "2024-11-01", "2024-12-01", "2025-01-01"]
    assert dates(split_cutoffs(task, Split.VALIDATION, data)) == ["2025-02-01", "2025-03-01"]
    assert dates(split_cutoffs(task, Split.TEST, data)) == ["2025-04-01", "2025-05-01"], "June's label is not mature yet"
    assert dates(mature_cutoffs(task, parse_time("2025-03-11"), data))[-1] == "2025-03-01", "a label of ten days is mature then"
    assert dates(mature_cutoffs(task, parse_time("2025-03-10"), data))[-1] == "2025-02-01"
    assert set(phase(task, np.array([parse_time("2025-02-01"), parse_time("2025-03-01")]))) == {0}
    assert task.spacing == "month starts"


def test__start_and_stop__bound_every_split(tmp_path):
    task = read(tmp_path, 'every = "7 days"\nstart = 2025-01-05\nstop = 2025-04-08')
    data = span("2024-01-01", "2025-12-31")
    train = split_cutoffs(read(tmp_path, 'every = "5 days"\nstart = 2025-01-05\nstop = 2025-04-08'), Split.TRAIN, data)
    assert dates(train)[0] == "2025-01-07"
    assert dates(split_cutoffs(task, Split.TEST, data)) == ["2025-04-01", "2025-04-08"]
    assert dates(mature_cutoffs(task, parse_time("2025-12-01"), data))[-1] == "2025-04-05"


def test__list__is_all_there_is_in_any_order(tmp_path):
    task = read(tmp_path, LISTED + "\n", "2025-03-01", "2025-04-10")
    data = span("2024-01-01", "2025-12-31")
    assert dates(split_cutoffs(task, Split.TRAIN, data)) == ["2025-01-01", "2025-01-15", "2025-02-01"]
    assert dates(split_cutoffs(task, Split.VALIDATION, data)) == ["2025-03-01"]
    assert dates(split_cutoffs(task, Split.TEST, data)) == ["2025-04-10"]
    assert len(mature_cutoffs(task, parse_time("2025-12-01"), data)) == 5
    assert task.every == 40 * DAY
    assert task.spacing == "5 listed cutoffs"


@pytest.mark.parametrize(
    ("spacing", "validate", "test", "value", "fix"),
    [
        ('every = "fortnight"', "2025-02-01", "2025-04-01", "'fortnight'", "week, month, quarter, year"),
        ('every = "1 month"', "2025-02-01", "2025-04-01", "'1 month'", "month"),
        ('every = "month"', "2025-02-03", "2025-04-01", "validate = 2025-02-03 is no start of a month", "2025-02-01 or 2025-03-01"),
        ('every = "month"', "2025-02-01", "2025-04-02", "test = 2025-04-02", "2025-04-01 or 2025-05-01"),
        ('every = "week"', "2025-02-03", "2025-04-01", "test = 2025-04-01 is no start of a week", "2025-03-31 or 2025-04-07"),
        (LISTED, "2025-02-03", "2025-04-10", "validate = 2025-02-03 is no listed cutoff", "2025-01-15 or 2025-02-01"),
        (LISTED, "2025-02-01", "2026-04-10", "test = 2026-04-10 is no listed cutoff", "2025-03-01 or 2025-04-10"),
        ("cutoffs = []", "2025-02-01", "2025-04-01", "empty list", "list at least"),
        ("cutoffs = [2025-01-01, 2025-02-01, 2025-01-01]", "2025-02-01", "2025-04-01", "2025-01-01 twice", "once"),
        (LISTED + '\nevery = "month"', "2025-02-01", "2025-04-10", "every = 'month' is given too", "leave out every"),
        (LISTED + "\nstart = 2025-01-01", "2025-02-01", "2025-04-10", "start = '2025-01-01'", "leave out start"),
        ("start = 2025-05-01\nstop = 2025-04-01", "2025-02-01", "2025-04-01", "start = 2025-05-01 does not lie before", "earlier"),
        ("start = 2025-02-01", "2025-02-01", "2025-04-01", "no cutoff to train on", "earlier"),
        ("stop = 2025-03-31", "2025-02-01", "2025-04-01", "stop = 2025-03-31 lies before test", "later"),
        ('stop = "soon"', "2025-02-01", "2025-04-01", "'soon'", "2025-08-01"),
        ("cutoffs = [5]", "2025-02-01", "2025-04-01", "5", "correct"),
    ],
)
def test__wrong_header__is_refused_with_place_value_and_fix(tmp_path, spacing, validate, test, value, fix):
    with pytest.raises(TaskError) as error:
        read(tmp_path, spacing, validate, test)
    assert value in error.value.what
    assert "t.sql" in error.value.where
    assert fix in error.value.fix


def test__cutoffs_outside_the_data__are_refused(tmp_path):
    late = read(tmp_path, "start = 2025-01-01")
    with pytest.raises(TaskError, match="start = 2025-01-01 lies after the data: the data run from 2023-01-01 to 2024-01-01"):
        split_cutoffs(late, Split.TRAIN, span("2023-01-01", "2024-01-01"))
    listed = read(tmp_path, LISTED, "2025-03-01", "2025-04-10")
    with pytest.raises(TaskError, match="the listed cutoff 2025-01-01 lies before the data"):
        split_cutoffs(listed, Split.TRAIN, span("2025-01-10", "2025-09-01"))
