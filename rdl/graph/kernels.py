"""The inner loops of the neighbour sampler, compiled by numba: plain arrays in, plain arrays out, GIL released.

Every table's rows ascend in time, so what a seed may see of a table is a prefix of its rows, `bound[seed]` rows long,
found by the sampler through `rdl.timeline`; in here the law of time is a comparison of row ids with that bound. Loops that
load from memory at random are kept apart from loops that branch on what they loaded, so that loads overlap.

Signatures do not depend on the schema: one compilation, cached on disk, serves every graph.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt64s = npt.NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLY_2 = np.uint64(0x94D049BB133111EB)
_U27, _U30, _U31, _U32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_LAST_EPOCH = 2**31 - 2


@numba.njit(cache=True, nogil=True, inline="always")
def mix(x: Any) -> Any:
    """The finaliser of splitmix64."""
    x = (x ^ (x >> _U30)) * _MULTIPLY_1
    x = (x ^ (x >> _U27)) * _MULTIPLY_2
    return x ^ (x >> _U31)


@numba.njit(cache=True, nogil=True)
def seed_keys(seed: np.uint64, entity: Int64s, cutoff: Int64s) -> UInt64s:
    """The random key of every seed, from (seed, entity, cutoff) and nothing else. Returns uint64[n]."""
    keys = np.empty(len(entity), np.uint64)
    start = mix(seed + GOLDEN)
    for i in range(len(entity)):
        key = mix((start ^ np.uint64(entity[i])) + GOLDEN)
        keys[i] = mix((key ^ np.uint64(cutoff[i])) + GOLDEN)
    return keys


@numba.njit(cache=True, nogil=True)
def count_children(
    offsets: Int32s,
    rows: Int32s,
    node: Int32s,
    owner: Int32s,
    floor: Int64s,
    bound: Int64s,
    most: int,
    start: Int32s,
    valid: Int32s,
) -> int:
    """Where each frontier node's children begin that its seed may see, and how many they are; return how many will be taken.

    `node` [n] are frontier rows, `owner` [n] their seeds; of the children's table a seed may see the rows from `floor` [seeds] to
    before `bound` [seeds]. Written are `start` [n], places in `rows`, and `valid` [n].
    """
    total = 0
    for i in range(len(node)):
        begin, end = offsets[node[i]], offsets[node[i] + 1]
        limit = bound[owner[i]]
        low, high = begin, end
        if high > low and rows[high - 1] < limit:
            low = high
        while low < high:
            middle = (low + high) >> 1
            if rows[middle] < limit:
                low = middle + 1
            else:
                high = middle
        least = floor[owner[i]]
        if least > 0:
            begin = _first_from(rows, begin, low, least)
        start[i] = begin
        valid[i] = low - begin
        total += min(low - begin, most)
    return total


@numba.njit(cache=True, nogil=True)
def _first_from(rows: Int32s, low: int, high: int, least: int) -> int:
    """The first place in low..high whose row is not below `least`."""
    while low < high:
        middle = (low + high) >> 1
        if rows[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low


@numba.njit(cache=True, nogil=True)
def take_children(
    rows: Int32s,
    node: Int32s,
    owner: Int32s,
    start: Int32s,
    valid: Int32s,
    most: int,
    uniform: bool,
    keys: UInt64s,
    salt: np.uint64,
    mark: Int32s,
    first: int,
    row_out: Int32s,
    owner_out: Int32s,
    target_out: Int64s,
) -> None:
    """Write the sampled children of each frontier node: all of them, or `most` of the `valid` ones from `start` on.

    Uniform draws are without replacement (Floyd); otherwise the last `most` are taken. The random state of a node comes
    from its seed's key, `salt` (hop and edge type) and the node's row alone. `mark` is scratch of at least the largest
    `valid`, plus one slot at its end that holds the epoch. `first` is the local id of the first frontier node.
    """
    at = 0
    for i in range(len(node)):
        begin, count = start[i], valid[i]
        take = min(count, most)
        if take < count and uniform:
            state = mix(mix(keys[owner[i]] ^ salt) ^ np.uint64(node[i]))
            _draw(rows, begin, count, take, state, mark, row_out, at)
        else:
            last = begin + count - take
            for j in range(take):
                row_out[at + j] = rows[last + j]
        for j in range(take):
            owner_out[at + j] = owner[i]
            target_out[at + j] = first + i
        at += take


@numba.njit(cache=True, nogil=True)
def _draw(rows: Int32s, begin: int, count: int, take: int, state: np.uint64, mark: Int32s, row_out: Int32s, at: int) -> None:
    """Floyd's sample of `take` out of rows[begin:begin + count]. Marks are stamped by epoch, so nothing is cleared."""
    if mark[-1] >= _LAST_EPOCH:
        mark[:] = 0
    mark[-1] += 1
    epoch = mark[-1]
    for j in range(count - take, count):
        state += GOLDEN
        span = np.uint64(j + 1)
        product = (mix(state) >> _U32) * span
        if (product & _LOW) < span:  # Lemire: redraw the few values that would make the remainder uneven
            uneven = (np.uint64(0x100000000) - span) % span
            while (product & _LOW) < uneven:
                state += GOLDEN
                product = (mix(state) >> _U32) * span
        drawn = np.int64(product >> _U32)
        pick = j if mark[drawn] == epoch else drawn
        mark[pick] = epoch
        row_out[at] = rows[begin + pick]
        at += 1


@numba.njit(cache=True, nogil=True)
def gather_keys(keys: Int32s, node: Int32s, out: Int32s) -> None:
    """Copy the key columns [rows, references] of frontier nodes [n] to `out` [n, references]: one cache miss a row."""
    for i in range(len(node)):
        for place in range(keys.shape[1]):
            out[i, place] = keys[node[i], place]


@numba.njit(cache=True, nogil=True)
def take_parents(
    keys: Int32s,
    place: int,
    node: Int32s,
    owner: Int32s,
    own_bound: Int64s,
    bound: Int64s,
    first: int,
    row_out: Int32s,
    owner_out: Int32s,
    target_out: Int64s,
) -> int:
    """Write the visible parent of each frontier node, if any; return how many there are. Outputs hold [n].

    `keys` [n, references] are the nodes' key columns, `place` the one to follow.

    The key column of a row that is itself invisible (an entity not yet known) is not read.
    """
    at = 0
    for i in range(len(node)):
        seed = owner[i]
        parent = keys[i, place]
        row_out[at] = parent
        owner_out[at] = seed
        target_out[at] = first + i
        at += (parent >= 0) & (parent < bound[seed]) & (node[i] < own_bound[seed])
    return at


@numba.njit(cache=True, nogil=True)
def admit(
    row: Int32s, owner: Int32s, slots: Int64s, epoch: int, node: Int32s, node_owner: Int32s, count: int, local: Int64s
) -> int:
    """Give every (seed, row) its local id in its table, adding those not met before; return the new count of nodes.

    `slots` int64[2 * power of two] is an open-addressing table of (key, epoch << 32 | local id) pairs, kept at most half
    full by the caller; an entry of another epoch is free. `node` and `node_owner` receive the nodes that are new.
    """
    mask = len(slots) // 2 - 1
    stamp = np.int64(epoch) << 32
    for i in range(len(row)):
        key = (np.int64(owner[i]) << 32) | np.int64(row[i])
        slot = np.int64((np.uint64(key) * GOLDEN) >> _U32) & mask
        while True:
            value = slots[2 * slot + 1]
            if value >> 32 != epoch:
                slots[2 * slot] = key
                slots[2 * slot + 1] = stamp | count
                node[count] = row[i]
                node_owner[count] = owner[i]
                local[i] = count
                count += 1
                break
            if slots[2 * slot] == key:
                local[i] = value & 0xFFFFFFFF
                break
            slot = (slot + 1) & mask
    return count
