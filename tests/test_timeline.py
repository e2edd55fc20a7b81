from datetime import UTC, date, datetime, timedelta, timezone

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.errors import TimeError
from rdl.timeline import (
    ALWAYS,
    DAY,
    NEVER,
    SECOND,
    format_duration,
    format_time,
    parse_duration,
    parse_time,
    to_datetime,
    visible,
    visible_sql,
)

moments = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31, 23, 59, 59, 999_999))
int64 = st.integers(ALWAYS, NEVER)


@given(moments)
def test__time__written_and_read__is_the_same(moment):
    time = parse_time(moment)
    assert parse_time(format_time(time)) == time
    assert to_datetime(time) == moment


@given(moments)
def test__naive_time__is_utc(moment):
    assert parse_time(moment) == parse_time(moment.replace(tzinfo=UTC)) == parse_time(moment.isoformat())


@given(
    st.datetimes(min_value=datetime(1000, 1, 1), max_value=datetime(3000, 1, 1)),
    st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)
def test__time_with_a_zone__is_that_instant(moment, zone):
    there = moment.replace(tzinfo=UTC).astimezone(zone)
    assert parse_time(there) == parse_time(there.isoformat()) == parse_time(moment)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1970-01-01", 0),
        ("1969-12-31", -DAY),
        ("1969-12-31T23:59:59.999999", -1),
        ("1950-05-13 02:00:00+02:00", -619_747_200 * SECOND),
        (" 2025-08-01T06:00:00Z ", 1_754_028_000 * SECOND),
        (date(1970, 1, 2), DAY),
    ],
)
def test__time__known_instant(text, time):
    assert parse_time(text) == time


@pytest.mark.parametrize("text", ["", "soon", "2025-13-01", "2025-02-30", "infinity", "1,5", "01/02/2025", "2025-08-01T25:00"])
def test__no_time__is_refused_with_the_text_and_a_fix(text):
    with pytest.raises(TimeError) as error:
        parse_time(text)
    assert repr(text) in error.value.what
    assert "2025-08-01" in error.value.fix


def test__sentinels__have_names_and_lie_outside_of_every_time():
    assert (format_time(ALWAYS), format_time(NEVER)) == ("always", "never")
    assert parse_time("0001-01-01") > ALWAYS
    assert parse_time("9999-12-31") < NEVER


def test__time_beyond_python__is_still_written():
    assert format_time(parse_time("9999-12-31") + 400 * DAY).startswith("10001-")


@given(st.integers(0, 2**62))
def test__duration__written_and_read__is_the_same(duration):
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30 days", 30 * DAY),
        ("1 day", DAY),
        ("1.5 hours", 5400 * SECOND),
        ("2w", 14 * DAY),
        ("5m", 300 * SECOND),
        ("90 min", 5400 * SECOND),
        ("5 ms", 5_000),
        ("7us", 7),
        ("10 s", 10 * SECOND),
        ("30 days 00:00:00", 30 * DAY),
        (" 12 HOURS ", 43_200 * SECOND),
        ("0 days", 0),
    ],
)
def test__duration__known_length(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "30", "days", "-1 day", "1 month", "1 year", "1 hs", "5 ds", "1 day 12:00:00", "1e9 days"])
def test__no_duration__is_refused_with_the_text_and_a_fix(text):
    with pytest.raises(TimeError) as error:
        parse_duration(text)
    assert repr(text) in error.value.what
    assert "30 days" in error.value.fix


def test__duration_beyond_int64__is_refused():
    with pytest.raises(TimeError, match="99999999 weeks"):
        parse_duration("99999999 weeks")


@given(st.integers(ALWAYS + 1, NEVER - 1))
def test__visible__is_strictly_before(as_of):
    times = np.array([as_of - 1, as_of, as_of + 1])
    assert visible(times, as_of).tolist() == [True, False, False]
    assert visible(times, np.array([as_of] * 3)).tolist() == [True, False, False]


@given(st.integers(ALWAYS + 1, NEVER))
def test__static_rows_are_always_visible_and_rows_without_time_never(as_of):
    assert visible(np.array([ALWAYS, NEVER]), as_of).tolist() == [True, False]


@settings(max_examples=20)  # each opens a connection, and holds twenty pairs
@given(st.lists(st.tuples(int64, int64), min_size=1, max_size=20))
def test__visible_sql__equals_visible(pairs):
    times, as_of = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    values = ", ".join(f"({i}, CAST({t} AS BIGINT), CAST({a} AS BIGINT))" for i, (t, a) in enumerate(pairs))
    with duckdb.connect() as connection:
        found = connection.sql(f"SELECT {visible_sql('t', 'a')} FROM (VALUES {values}) v(i, t, a) ORDER BY i").fetchall()
    assert [row[0] for row in found] == visible(times, as_of).tolist()
