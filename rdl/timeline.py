"""The law of time, stated once.

A row is visible at `as_of` if and only if `row.time < as_of`: what carries the cutoff's own timestamp is the future. Times are
int64 microseconds UTC; a table's lag has been added to them where rows enter rdl. A static row (its table has no time column) is
`ALWAYS` visible; a row whose time is null is `NEVER` visible. SQL, graph, sampler and stack all ask the functions below.
"""

import re
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from rdl.errors import TimeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALWAYS = -(2**63)
NEVER = 2**63 - 1

SECOND = 1_000_000
DAY = 86_400 * SECOND

_UNITS = {
    "microsecond": 1,
    "millisecond": 1_000,
    "second": SECOND,
    "minute": 60 * SECOND,
    "hour": 3_600 * SECOND,
    "day": DAY,
    "week": 7 * DAY,
}
_SHORT = {
    "us": "microsecond",
    "ms": "millisecond",
    "s": "second",
    "m": "minute",
    "min": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*(?:00:00:00)?\s*", re.IGNORECASE)
_LONGEST = 2**62  # sums of two times or durations stay within int64
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def visible(time: "NDArray[np.int64]", as_of: "NDArray[np.int64] | int") -> "NDArray[np.bool_]":
    """Whether rows of `time` [n] may be read as of `as_of` (scalar or [n]), both in microseconds UTC."""
    return np.asarray(time < as_of)


def visible_sql(time: str, as_of: str) -> str:
    """The same law as an SQL condition over two int64 expressions."""
    return f"{time} < {as_of}"


def parse_time(value: str | date | datetime) -> int:
    """Microseconds UTC of an ISO time, date or datetime; a naive one is UTC.

    Raises:
        TimeError: the text is no ISO 8601 date or time.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise TimeError(f"not a time: {value!r}", fix="write it as 2025-08-01 or 2025-08-01T06:00:00") from None
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return (value - _EPOCH) // timedelta(microseconds=1)


def parse_duration(value: str) -> int:
    """Microseconds of a duration such as `30 days`, `12 hours` or `1 week`.

    Raises:
        TimeError: the text is no number with a unit; months and years have no fixed length and are refused.
    """
    match = _DURATION.fullmatch(value)
    word = match.group(2).lower() if match else ""
    unit = _UNITS.get(_SHORT.get(word, word.removesuffix("s")))
    if match is None or unit is None:
        raise TimeError(f"not a duration: {value!r}", fix="write a number and a unit: 30 days, 12 hours, 1 week")
    duration = round(Fraction(match.group(1)) * unit)
    if duration > _LONGEST:
        raise TimeError(f"a duration of more than {_LONGEST // DAY} days: {value!r}", fix="write a shorter one")
    return duration


def to_datetime(time: int) -> datetime:
    """The naive UTC datetime of microseconds `time`."""
    return datetime(1970, 1, 1) + timedelta(microseconds=time)


def format_time(time: int) -> str:
    """ISO text of microseconds `time`: the date alone at midnight, no zone (all is UTC)."""
    if time == ALWAYS:
        return "always"
    if time == NEVER:
        return "never"
    try:
        moment = to_datetime(time)
    except OverflowError:  # DuckDB's years reach further than Python's
        return str(np.datetime64(time, "us"))
    return moment.date().isoformat() if time % DAY == 0 else moment.isoformat()


def format_duration(duration: int) -> str:
    """Text of microseconds `duration` that `parse_duration` reads back."""
    for name in ("day", "hour", "minute", "second", "millisecond", "microsecond"):
        unit = _UNITS[name]
        if duration % unit == 0:
            count = duration // unit
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    raise AssertionError("every int64 is a whole number of microseconds")
