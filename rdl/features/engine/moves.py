"""Loops that move rows, compiled by numba: into buckets of keys, into the places of points, and to distinct pairs."""

from typing import Any

import numba
import numpy as np

from rdl.features.engine.kernels import Int32s, Int64s


@numba.njit(cache=True, nogil=True)
def deal(key: Int64s, count: int, start: Int64s, place: Int32s, quotient: Any) -> None:
    """Deal rows to `count` buckets by what their keys [n] leave when divided by it.

    Writes where each bucket's rows start [count + 1], the place of every row [n], and the quotients [n] at these places.
    """
    divisor, parts = np.uint64(count), np.empty(len(key), np.int64)
    start[:] = 0
    for i in range(len(key)):
        parts[i] = np.int64(np.uint64(key[i]) // divisor) if key[i] >= 0 else key[i] // count
        start[key[i] - parts[i] * count + 1] += 1
    for b in range(count):
        start[b + 1] += start[b]
    cursor = start[:-1].copy()
    for i in range(len(key)):
        b = key[i] - parts[i] * count
        place[i] = cursor[b]
        quotient[cursor[b]] = parts[i]
        cursor[b] += 1


@numba.njit(cache=True, nogil=True)
def put(values: Any, place: Int32s, out: Any) -> None:
    """out[place[i]] = values[i]."""
    for i in range(len(place)):
        out[place[i]] = values[i]


@numba.njit(cache=True, nogil=True)
def put_rows(columns: Any, point: Int64s, out: Any) -> None:
    """out[point[i], j] = columns[j, i]."""
    for i in range(len(point)):
        for j in range(len(columns)):
            out[point[i], j] = columns[j, i]


@numba.njit(cache=True, nogil=True)
def take_rows(table: Any, row: Int64s, first: int, out: Any) -> None:
    """out[i, first + j] = table[row[i], j]."""
    for i in range(len(row)):
        for j in range(table.shape[1]):
            out[i, first + j] = table[row[i], j]


@numba.njit(cache=True, nogil=True)
def number_pairs(start: Int64s, order: Int32s, time: Int64s, group: Int64s, place: Int64s) -> int:
    """Bring distinct pairs of group and time to the front, from rows in the order of both; returns how many there are.

    Args:
        start: where each group's rows start [groups + 1].
        order: which row stands where [n].
        time: of the rows in order [n], changed in place.
        group: of the pairs [n], written.
        place: which pair each row is of [n], written.
    """
    c = -1
    for g in range(len(start) - 1):
        for i in range(start[g], start[g + 1]):
            if i == start[g] or time[i] != time[c]:
                c += 1
                group[c], time[c] = g, time[i]
            place[order[i]] = c
    return c + 1
