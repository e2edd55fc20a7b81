"""Counting sort of one foreign key into compressed sparse columns.

`rows[offsets[p]:offsets[p + 1]]` are the children of parent row `p`, sorted by (time, row id), so that what a seed may
see of them is a prefix. One disordered child would be a silent leak: `check_csc` therefore reads the whole array, and
never a sample of it.
"""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from rdl.errors import GraphError

MOST_ROWS = 2**31 - 1
"""Row ids are stored as int32: a table or relation with more rows is refused."""

REBUILD = "delete the graph's folder; it is built anew from the database"

NO_PARENT = -1
"""The value of a null or dangling reference."""


@dataclass(frozen=True)
class Csc:
    """The children of every parent: `offsets` int32[parents + 1], `rows` int32[edges] of child row ids."""

    offsets: npt.NDArray[np.int32]
    rows: npt.NDArray[np.int32]


def build_csc(parent: npt.NDArray[np.int32], parents: int, time: npt.NDArray[np.int64]) -> Csc:
    """Group child rows by parent, each group sorted by (time, row id).

    `parent` int32[n] holds the parent's row id or -1 for none (those rows are skipped), `time` int64[n] the child's time
    in microseconds. Rows in time order take one counting sort; others are sorted by time first, stably.
    Raises GraphError when a parent lies outside 0..parents - 1.
    """
    if len(parent) != len(time):
        raise GraphError(f"a reference has {len(parent)} rows but its table {len(time)}", fix="give one parent per row")
    if max(len(parent), parents) > MOST_ROWS:
        most = max(len(parent), parents)
        raise GraphError(f"a table of {most} rows exceeds the limit of {MOST_ROWS}", fix="split the table")
    check_references(parent, parents)
    if first_unordered(time) < 0:
        return Csc(*_counting_sort(parent, parents))
    order = np.argsort(time, kind="stable").astype(np.int32)
    offsets, places = _counting_sort(parent[order], parents)
    return Csc(offsets, order[places])


def extend_csc(old: Csc, first: int, parent: npt.NDArray[np.int32], parents: int) -> Csc:
    """The CSC of a key column whose rows before `first` `old` was built of, and which goes on with `parent` int32[m].

    The new rows come after all old ones in time and are in time order, so each stands at the end of its group: equal to
    `build_csc` of the whole column. `parents` may have grown. Raises GraphError when a parent lies outside 0..parents - 1.
    """
    if max(first + len(parent), parents) > MOST_ROWS:
        raise GraphError(f"a table of more rows than {MOST_ROWS}", fix="split the table")
    check_references(parent, parents)
    return Csc(*_merge(old.offsets, old.rows, first, parent, parents))


def check_references(parent: npt.NDArray[np.integer[Any]], parents: int, name: str = "") -> None:
    """Raise GraphError unless every value is -1 or a row id below `parents`."""
    if len(parent) == 0:
        return
    low, high = int(parent.min()), int(parent.max())
    if low < NO_PARENT or high >= parents:
        wrong = low if low < NO_PARENT else high
        raise GraphError(f"a reference points at row {wrong} of a table of {parents} rows", where=name, fix=REBUILD)


def check_csc(csc: Csc, time: npt.NDArray[np.int64], name: str = "") -> None:
    """Raise GraphError unless offsets are sound and every group, over the whole array, ascends by (time, row id)."""
    offsets, rows = csc.offsets, csc.rows
    if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(rows) or np.any(offsets[1:] < offsets[:-1]):
        raise GraphError(f"offsets do not cover {len(rows)} edges in ascending order", where=name, fix=REBUILD)
    if len(rows) and (rows.min() < 0 or rows.max() >= len(time)):
        raise GraphError(f"an edge leaves the table of {len(time)} rows", where=name, fix=REBUILD)
    by_row = first_unordered(time) < 0  # then row ids ascend with time, and comparing them is the same law
    place = _first_disorder(offsets, rows, time, by_row)
    if place >= 0:
        raise GraphError(
            f"row {rows[place]} at position {place} stands behind the later row {rows[place - 1]}: the future would leak",
            where=name,
            fix=REBUILD,
        )


@numba.njit(cache=True, nogil=True)
def first_unordered(time: npt.NDArray[np.int64]) -> int:
    """Position of the first time below its predecessor, or -1 when the array never descends."""
    for i in range(1, len(time)):
        if time[i] < time[i - 1]:
            return i
    return -1


@numba.njit(cache=True, nogil=True)
def _counting_sort(parent: npt.NDArray[np.int32], parents: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Positions grouped by parent, in their own order within a group; positions without a parent are left out."""
    offsets = np.zeros(parents + 1, np.int32)
    for p in parent:
        if p >= 0:
            offsets[p + 1] += 1
    for p in range(parents):
        offsets[p + 1] += offsets[p]
    cursor = offsets[:-1].copy()
    rows = np.empty(offsets[parents], np.int32)
    for i in range(len(parent)):
        p = parent[i]
        if p >= 0:
            rows[cursor[p]] = i
            cursor[p] += 1
    return offsets, rows


@numba.njit(cache=True, nogil=True)
def _merge(
    offsets: npt.NDArray[np.int32], rows: npt.NDArray[np.int32], first: int, parent: npt.NDArray[np.int32], parents: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Old groups, each followed by the positions `first + i` of its new children."""
    more, places = _counting_sort(parent, parents)
    ends = np.empty(parents + 1, np.int32)
    merged = np.empty(len(rows) + len(places), np.int32)
    at = 0
    ends[0] = 0
    for p in range(parents):
        if p < len(offsets) - 1:
            for i in range(offsets[p], offsets[p + 1]):
                merged[at] = rows[i]
                at += 1
        for i in range(more[p], more[p + 1]):
            merged[at] = first + places[i]
            at += 1
        ends[p + 1] = at
    return ends, merged


@numba.njit(cache=True, nogil=True)
def _first_disorder(offsets: npt.NDArray[np.int32], rows: npt.NDArray[np.int32], time: npt.NDArray[np.int64], by_row: bool) -> int:
    """Position of the first edge that does not ascend by (time, row id) within its group, or -1."""
    for p in range(len(offsets) - 1):
        for i in range(offsets[p] + 1, offsets[p + 1]):
            before, after = rows[i - 1], rows[i]
            if by_row or time[before] == time[after]:
                if before >= after:
                    return i
            elif time[before] > time[after]:
                return i
    return -1
