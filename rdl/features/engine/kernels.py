"""The inner loops of the feature engine, compiled by numba: plain arrays in, plain arrays out, GIL released.

The rows of a bucket lie key by key, each key's in the order of (time, row id). `end[p]` and `begin[p]` bound the rows that a point
may see: the prefix of its key's rows before its `as_of`. A window's edge is a place between them. A running array has one more
element than there are rows, so what lies in [a, b) is `running[b] - running[a]`; it wraps around at 2**64, and the difference is
exact wherever the true one fits 63 bits, which the caller checks.

Numbers are float64 with NaN for null; whole numbers are int64 with `MISSING` for null.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

MISSING = 2**63 - 1
"""A null among whole numbers; no visible row has this time."""
CLAMP = 2.0**42
_FEW = 32
_LOW = np.uint64(0xFFFFFFFF)
_U32 = np.uint64(32)
_TWO_64 = 2.0**64
_LIMB = 21


@numba.njit(cache=True, nogil=True)
def group_rows(slot: Int32s, slots: int) -> tuple[Int64s, Int32s]:
    """Counting sort: where each slot's rows start [slots + 1], and the rows [n] in the order of (slot, place)."""
    start = np.zeros(slots + 1, np.int64)
    for s in slot:
        start[s + 1] += 1
    for s in range(slots):
        start[s + 1] += start[s]
    cursor = start[:-1].copy()
    order = np.empty(len(slot), np.int32)
    for i in range(len(slot)):
        order[cursor[slot[i]]] = i
        cursor[slot[i]] += 1
    return start, order


@numba.njit(cache=True, nogil=True)
def order_times(start: Int64s, order: Int32s, time: Int64s) -> None:
    """Bring each group's rows and times, both [n] and changed in place, into the order of time; equal times stay as they are."""
    for s in range(len(start) - 1):
        low, high = start[s], start[s + 1]
        first = low + 1
        while first < high and time[first - 1] <= time[first]:
            first += 1
        if first >= high:
            continue
        if high - low > _FEW:
            places = np.argsort(time[low:high], kind="mergesort")
            time[low:high] = time[low:high][places]
            order[low:high] = order[low:high][places]
            continue
        for i in range(first, high):
            t, o, j = time[i], order[i], i
            while j > low and time[j - 1] > t:
                time[j], order[j] = time[j - 1], order[j - 1]
                j -= 1
            time[j], order[j] = t, o


@numba.njit(cache=True, nogil=True)
def take(values: Any, order: Int32s, out: Any) -> None:
    """out[i] = values[order[i]]."""
    for i in range(len(order)):
        out[i] = values[order[i]]


@numba.njit(cache=True, nogil=True)
def first_unseen(time: Int64s, low: Int64s, high: Int64s, bound: Int64s, span: int, out: Int64s) -> None:
    """The first place in [low, high) of each point whose time is not below its bound less the span; `high` where there is none."""
    for p in range(len(low)):
        a, b, limit = low[p], high[p], bound[p] - span
        while a < b:
            middle = (a + b) >> 1
            if time[middle] < limit:
                a = middle + 1
            else:
                b = middle
        out[p] = a


@numba.njit(cache=True, nogil=True, inline="always")
def _scaled(number: float, factor: float) -> np.int64:
    """The scaled whole number as facts.sql rounds it: halves away from zero, within the clamp."""
    size = abs(number * factor)
    if size >= CLAMP:
        size = CLAMP
    else:
        whole = np.floor(size)
        size = whole + 1.0 if size - whole >= 0.5 else whole
    return np.int64(size) if number > 0.0 else -np.int64(size)


@numba.njit(cache=True, nogil=True)
def running_sum(number: Floats, factor: float, total: Int64s, count: Int32s) -> np.int64:
    """Running sums [n + 1] of the scaled numbers and of how many are not null; returns the largest magnitude among them."""
    most, s, c = np.int64(0), np.int64(0), np.int32(0)
    total[0], count[0] = 0, 0
    for i in range(len(number)):
        v = number[i]
        if not np.isnan(v):
            x = _scaled(v, factor)
            s += x
            c += np.int32(1)
            most = max(most, abs(x))
        total[i + 1], count[i + 1] = s, c
    return most


@numba.njit(cache=True, nogil=True)
def running_squares(number: Floats, factor: float, high: UInt64s, low: UInt64s) -> None:
    """Running sums [n + 1] of the squares of the scaled numbers, in two words."""
    up, down = np.uint64(0), np.uint64(0)
    high[0], low[0] = up, down
    for i in range(len(number)):
        v = number[i]
        if not np.isnan(v):
            x = np.uint64(abs(_scaled(v, factor)))
            a, b = x >> _U32, x & _LOW
            cross = np.uint64(2) * a * b
            for part in (b * b, (cross & _LOW) << _U32):
                down += part
                if down < part:
                    up += np.uint64(1)
            up += a * a + (cross >> _U32)
        high[i + 1], low[i + 1] = up, down


@numba.njit(cache=True, nogil=True)
def running_extreme(number: Floats, start: Int64s, sign: float, out: Floats) -> None:
    """The least (sign 1) or greatest (sign -1) number so far [n] within each group; NaN before the first."""
    for s in range(len(start) - 1):
        best = np.nan
        for i in range(start[s], start[s + 1]):
            v = number[i]
            if not np.isnan(v) and not (sign * v >= sign * best):
                best = v
            out[i] = best


@numba.njit(cache=True, nogil=True)
def running_moments(time: Int64s, start: Int64s, out: Int32s) -> None:
    """Running count [n + 1] of rows whose time differs from that of the row before of their group."""
    c = np.int32(0)
    out[0] = c
    for s in range(len(start) - 1):
        for i in range(start[s], start[s + 1]):
            if i == start[s] or time[i] != time[i - 1]:
                c += np.int32(1)
            out[i + 1] = c


@numba.njit(cache=True, nogil=True, inline="always")
def _real(high: int, low: np.uint64) -> float:
    """A number of two words as the database's HUGEINT turns into a DOUBLE."""
    if high == -1:
        return -np.float64(~low) - 1.0
    return np.float64(low) + np.float64(high) * _TWO_64


@numba.njit(cache=True, nogil=True)
def sums(total: Int64s, count: Int32s, begin: Int64s, side: Int64s, end: Int64s, out: Floats) -> None:
    """Sum of the scaled numbers in [side, end); null where there is no number in [begin, end)."""
    for p in range(len(end)):
        if count[end[p]] == count[begin[p]]:
            out[p] = np.nan
        else:
            s = total[end[p]] - total[side[p]]
            out[p] = _real(np.int64(-1) if s < 0 else np.int64(0), np.uint64(s))


@numba.njit(cache=True, nogil=True)
def means(total: Int64s, count: Int32s, side: Int64s, end: Int64s, unit: float, out: Floats) -> None:
    """Mean of the numbers in [side, end); null where there is none."""
    for p in range(len(end)):
        n = count[end[p]] - count[side[p]]
        if n == 0:
            out[p] = np.nan
        else:
            s = total[end[p]] - total[side[p]]
            out[p] = _real(np.int64(-1) if s < 0 else np.int64(0), np.uint64(s)) / n * unit


@numba.njit(cache=True, nogil=True)
def squares(high: UInt64s, low: UInt64s, count: Int32s, begin: Int64s, side: Int64s, end: Int64s, out: Floats) -> None:
    """Sum of the squares of the scaled numbers in [side, end); null where there is no number in [begin, end)."""
    for p in range(len(end)):
        a, b = side[p], end[p]
        if count[b] == count[begin[p]]:
            out[p] = np.nan
        else:
            borrow = np.uint64(1) if low[b] < low[a] else np.uint64(0)
            out[p] = _real(np.int64(high[b] - high[a] - borrow), low[b] - low[a])


@numba.njit(cache=True, nogil=True)
def weighted_sums(number: Floats, factor: float, begin: Int64s, end: Int64s, weight: Int64s, out: Floats) -> None:
    """Sum of weight[j] times the scaled number j rows before the last, over len(weight) rows; null where there is no number."""
    mask = np.int64((1 << _LIMB) - 1)
    for p in range(len(end)):
        upper, lower, known = np.int64(0), np.int64(0), False
        for j in range(min(len(weight), end[p] - begin[p])):
            v = number[end[p] - 1 - j]
            if not np.isnan(v):
                x = _scaled(v, factor)
                upper += (x >> _LIMB) * weight[j]
                lower += (x & mask) * weight[j]
                known = True
        down = np.uint64(upper) << np.uint64(_LIMB)
        added = down + np.uint64(lower)
        high = (upper >> (64 - _LIMB)) + (1 if added < down else 0)
        out[p] = _real(high, added) if known else np.nan


@numba.njit(cache=True, nogil=True)
def weighted_counts(number: Floats, begin: Int64s, end: Int64s, weight: Int64s, empty: int, out: Int64s) -> None:
    """Sum of weight[j] over the last len(weight) rows that have a number; `empty` where none has."""
    for p in range(len(end)):
        total, known = np.int64(0), False
        for j in range(min(len(weight), end[p] - begin[p])):
            v = number[end[p] - 1 - j]
            if not np.isnan(v):
                total += weight[j]
                known = True
        out[p] = total if known else empty


@numba.njit(cache=True, nogil=True)
def extremes(number: Floats, begin: Int64s, end: Int64s, first: int, last: int, sign: float, out: Floats) -> None:
    """The least (sign 1) or greatest (sign -1) number from `first` up to but not including `last` rows before the last one."""
    for p in range(len(end)):
        best = np.nan
        for j in range(first, min(last, end[p] - begin[p])):
            v = number[end[p] - 1 - j]
            if not np.isnan(v) and not (sign * v >= sign * best):
                best = v
        out[p] = best


@numba.njit(cache=True, nogil=True)
def first_places(mask: Bools, begin: Int64s, end: Int64s, rows: int, out: Int64s) -> None:
    """How many rows before the last one the mask first holds, among the last `rows`; null where it does not."""
    for p in range(len(end)):
        out[p] = MISSING
        for j in range(min(rows, end[p] - begin[p])):
            if mask[end[p] - 1 - j]:
                out[p] = j
                break


@numba.njit(cache=True, nogil=True)
def held(mask: Bools, begin: Int64s, end: Int64s, rows: int, out: Int64s) -> None:
    """In how many of the last `rows` rows the mask holds; null where there is no row."""
    for p in range(len(end)):
        number = np.int64(0)
        for j in range(min(rows, end[p] - begin[p])):
            number += np.int64(mask[end[p] - 1 - j])
        out[p] = number if end[p] > begin[p] else MISSING


@numba.njit(cache=True, nogil=True)
def distinct(code: Int32s, begin: Int64s, end: Int64s, rows: int, out: Int64s) -> None:
    """How many distinct codes the last `rows` rows hold, nulls (negative) left out; null where there is no row."""
    for p in range(len(end)):
        number = np.int64(0)
        for i in range(max(begin[p], end[p] - rows), end[p]):
            new = code[i] >= 0
            for k in range(i + 1, end[p]):
                if code[k] == code[i]:
                    new = False
                    break
            number += np.int64(new)
        out[p] = number if end[p] > begin[p] else MISSING


@numba.njit(cache=True, nogil=True)
def mark_pairs(parents: Any, moment: Int32s, moments: int, mark: Int32s) -> None:
    """Set mark[parent * moments + moment] for the parents [n, places] of points at the ranks [n] of their moments."""
    for p in range(len(parents)):
        for j in range(parents.shape[1]):
            if parents[p, j] >= 0:
                mark[np.int64(parents[p, j]) * moments + moment[p]] = 1


@numba.njit(cache=True, nogil=True)
def find_pairs(parents: Any, moment: Int32s, moments: int, number: Int32s, out: Any) -> None:
    """The numbers [n, places] of the pairs that `mark_pairs` marked; -1 where there is no parent."""
    for p in range(len(parents)):
        for j in range(parents.shape[1]):
            parent = np.int64(parents[p, j])
            out[p, j] = number[parent * moments + moment[p]] if parent >= 0 else -1


@numba.njit(cache=True, nogil=True)
def mean_rows(values: Any, row: Any, out: Any) -> None:
    """Mean over each point's rows [n, places] of the numbers [m, k] that are not null, added up in order; NaN where none is."""
    k = values.shape[1]
    total, count = np.empty(k, np.float64), np.empty(k, np.int64)
    for p in range(len(row)):
        total[:] = 0.0
        count[:] = 0
        for j in range(row.shape[1]):
            if row[p, j] >= 0:
                for c in range(k):
                    v = values[row[p, j], c]
                    if not np.isnan(v):
                        total[c] += np.float64(v)
                        count[c] += 1
        for c in range(k):
            out[p, c] = np.float32(total[c] / count[c]) if count[c] else np.float32(np.nan)


@numba.njit(cache=True, nogil=True)
def look_up(table: Int32s, key: Int64s) -> Int32s:
    """table[key] for the keys [n] within the table, -1 for the others."""
    out = np.empty(len(key), np.int32)
    for i in range(len(key)):
        out[i] = table[key[i]] if 0 <= key[i] < len(table) else -1
    return out


@numba.njit(cache=True, nogil=True)
def append(slot: Int32s, values: Any, out: Any, at: int) -> int:
    """Copy the values whose slot is not negative to out[at:]; returns where they end."""
    for i in range(len(slot)):
        if slot[i] >= 0:
            out[at] = values[i]
            at += 1
    return at
