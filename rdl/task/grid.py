"""The header's words about time: how far labels look ahead, where cutoffs lie, and where validation and test begin.

Cutoffs follow a duration (`every = "7 days"`, counted from `validate`), the calendar (`every = "month"`: month starts, UTC), or a
list (`cutoffs = [2025-01-01, …]`, in any order). `start` and `stop` bound the first two. `validate` and `test` must be calendar
starts, or stand in the list, where there is one: a boundary between two cutoffs would be a date that nothing happens on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from rdl.errors import TaskError, TimeError
from rdl.task.lattice import Calendar, Lattice
from rdl.timeline import format_time, parse_duration, parse_time


@dataclass(frozen=True)
class Grid:
    """What a header says about time, in microseconds UTC; the fields are those of `Task`."""

    horizon: int
    every: int
    validate: int
    test: int
    calendar: Calendar | None = None
    listed: tuple[int, ...] = ()
    start: int | None = None
    stop: int | None = None


def read_grid(header: Mapping[str, Any], where: str) -> Grid:
    """The times of a header that holds `horizon`, `first_validation`, `test`, and maybe `every`, `cutoffs`, `start`, `stop`.

    Raises:
        TimeError: a time or duration cannot be read.
        TaskError: they do not go together.
    """
    horizon = parse_duration(header["horizon"])
    grid = Grid(horizon, horizon, parse_time(header["first_validation"]), parse_time(header["test"]))
    grid = _listed(grid, header, where) if header["cutoffs"] is not None else _spaced(grid, header)
    if grid.horizon <= 0 or grid.every <= 0:
        raise TaskError("horizon and every must be longer than nothing", where=where, fix="write for example 30 days")
    if grid.test < grid.validate + horizon:
        raise TaskError(
            "no validation label is mature before the first test cutoff",
            where=where,
            fix="set test at least one horizon after validate",
        )
    _check_bounds(grid, where)
    if grid.calendar or grid.listed:
        _check_on_lattice(grid, where)
    return grid


def _spaced(grid: Grid, header: Mapping[str, Any]) -> Grid:
    calendar, every = None, grid.horizon
    if header["every"]:
        word = header["every"].strip().lower()
        calendar = Calendar(word) if word in {c.value for c in Calendar} else None
        every = calendar.longest if calendar else _duration(header["every"])
    start, stop = (None if header[key] is None else parse_time(header[key]) for key in ("start", "stop"))
    return replace(grid, every=every, calendar=calendar, start=start, stop=stop)


def _duration(text: str) -> int:
    try:
        return parse_duration(text)
    except TimeError as error:
        periods = ", ".join(c.value for c in Calendar)
        raise TimeError(
            f"every is neither a duration nor a calendar period: {text!r}", fix=f"write 30 days, or one of: {periods}"
        ) from error


def _listed(grid: Grid, header: Mapping[str, Any], where: str) -> Grid:
    for key in ("every", "start", "stop"):
        if header[key] is not None:
            raise TaskError(
                f"cutoffs are listed, and {key} = {_shown(header[key])!r} is given too",
                where=where,
                fix=f"leave out {key}, or the list",
            )
    listed = sorted(parse_time(value) for value in header["cutoffs"])
    if not listed:
        raise TaskError("cutoffs is an empty list", where=where, fix="list at least five: three to train, validate and test")
    for earlier, later in pairwise(listed):
        if earlier == later:
            raise TaskError(f"cutoffs holds {format_time(later)} twice", where=where, fix="list it once")
    widest = max((later - earlier for earlier, later in pairwise(listed)), default=grid.horizon)
    return replace(grid, every=widest, listed=tuple(listed))


def _shown(value: date | datetime | str) -> str:
    return value if isinstance(value, str) else value.isoformat()


def _check_bounds(grid: Grid, where: str) -> None:
    if grid.start is not None and grid.stop is not None and grid.start >= grid.stop:
        raise TaskError(
            f"start = {format_time(grid.start)} does not lie before stop = {format_time(grid.stop)}",
            where=where,
            fix="set start earlier",
        )
    if grid.start is not None and grid.start >= grid.validate:
        raise TaskError(
            f"start = {format_time(grid.start)} leaves no cutoff to train on before validate = {format_time(grid.validate)}",
            where=where,
            fix="set start earlier",
        )
    if grid.stop is not None and grid.stop < grid.test:
        raise TaskError(
            f"stop = {format_time(grid.stop)} lies before test = {format_time(grid.test)}",
            where=where,
            fix="set stop to test or later",
        )


def _check_on_lattice(grid: Grid, where: str) -> None:
    """Refuse a `validate` or `test` that is no cutoff, naming its neighbours."""
    lattice = Lattice(grid.every, grid.calendar, grid.listed)
    for name, moment in (("validate", grid.validate), ("test", grid.test)):
        reach = max(grid.every, max((abs(moment - c) for c in grid.listed), default=0))
        around = lattice.anchors(moment - reach, moment + reach)
        if moment in around:
            continue
        near = sorted(around[np.argsort(np.abs(around - moment))][:2].tolist())
        raise TaskError(
            f"{name} = {format_time(moment)} is no {'listed cutoff' if grid.listed else f'start of a {grid.calendar}'}",
            where=where,
            fix=f"write {' or '.join(format_time(c) for c in near)}",
        )
