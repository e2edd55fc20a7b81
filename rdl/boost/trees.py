"""The inner loops of `rdl.boost.forest`, compiled by numba: rows against all nodes of a tree, many rows at a time."""

from typing import Any

import numba
import numpy as np

_ROWS = 256
"""Rows that are asked at once: their numbers stay in the nearest memory."""
_NULL = np.uint8(255)
_ABSENT = np.uint8(254)


@numba.njit(cache=True, nogil=True)
def _number(values: Any, columns: Any, edges: Any, category: Any, out: Any) -> None:
    """How many of its column's thresholds each value [rows, m] reaches: out [columns, rows]; a category's own number."""
    taken, at = np.empty(_ROWS, np.float32), np.empty(_ROWS, np.int32)
    for c in range(len(columns)):
        for i in range(len(values)):
            taken[i] = values[i, columns[c]]
        at[:] = 0
        if category[c]:
            for i in range(len(values)):
                at[i] = np.int32(taken[i]) if 0 <= taken[i] < _ABSENT else _ABSENT
        else:
            step = np.int32((edges.shape[1] + 1) // 2)
            while step > 0:
                for i in range(len(values)):
                    at[i] += step * np.int32(edges[c, at[i] + step - 1] <= taken[i])
                step >>= 1
        for i in range(len(values)):
            out[c, i] = _NULL if np.isnan(taken[i]) else np.uint8(at[i])


@numba.njit(cache=True, nogil=True)
def _ask(number: Any, least: Any, shift: Any, out: Any) -> None:
    """1 where the shifted number reaches `least`."""
    for i in range(_ROWS):
        out[i] = np.uint8(number[i] + shift) >= least


@numba.njit(cache=True, nogil=True)
def _look(number: Any, right: Any, out: Any) -> None:
    """1 where the number is of the set that goes right."""
    for i in range(_ROWS):
        out[i] = right[number[i]]


@numba.njit(cache=True, nogil=True)
def _choose(answer: Any, left: Any, right: Any, more: Any) -> None:
    """The leaf that a node leads to, counted among those below it, in place of its answer: `more` are those of its left side."""
    for i in range(_ROWS):
        answer[i] = np.uint8(right[i] + more) if answer[i] else left[i]


@numba.njit(cache=True, nogil=True)
def _descend(depth: int, answer: Any) -> None:
    """Which leaf each row comes to, in the root's place, from the answers of all nodes."""
    for level in range(depth - 2, -1, -1):
        more = np.uint8(2 ** (depth - 1 - level))
        for k in range(2**level - 1, 2 ** (level + 1) - 1):
            _choose(answer[k], answer[2 * k + 1], answer[2 * k + 2], more)


@numba.njit(cache=True, nogil=True)
def _add(place: Any, value: Any, total: Any) -> None:
    """Add each row's leaf; a tree of one leaf asks nothing."""
    if len(value) == 1:
        total += value[0]
        return
    for i in range(_ROWS):
        total[i] += value[place[i]]


@numba.njit(cache=True, nogil=True)
def add_leaves(
    values: Any,
    margins: Any,
    columns: Any,
    edges: Any,
    category: Any,
    depth: Any,
    node: Any,
    leaf: Any,
    slot: Any,
    column: Any,
    least: Any,
    shift: Any,
    sets: Any,
    by_set: Any,
    value: Any,
) -> None:
    """Add to the margins [n, slots] of the rows [n, m] what every tree says, tree by tree; the rest is a `Layout`."""
    number = np.zeros((len(columns), _ROWS), np.uint8)
    answer = np.zeros((2 ** depth.max() if len(depth) else 1, _ROWS), np.uint8)
    total = np.zeros((margins.shape[1], _ROWS), np.float32)
    for start in range(0, len(values), _ROWS):
        rows = min(_ROWS, len(values) - start)
        _number(values[start : start + rows], columns, edges, category, number)
        total[:, :rows] = margins[start : start + rows].T
        for t in range(len(depth)):
            first = node[t]
            for k in range(2 ** depth[t] - 1):
                j = first + k
                if by_set[j] < 0:
                    _ask(number[column[j]], least[j], shift[j], answer[k])
                else:
                    _look(number[column[j]], sets[by_set[j]], answer[k])
            _descend(depth[t], answer)
            _add(answer[0], value[leaf[t] : leaf[t] + 2 ** depth[t]], total[slot[t]])
        margins[start : start + rows] = total[:, :rows].T
