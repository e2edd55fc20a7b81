"""Stable 32-bit hashes of values and words: the same on every machine, in every process, for ever.

FNV-1a over `table.column=` and the value's UTF-8 text, then murmur3's finaliser so that the low bits are good enough for
`hash % buckets`. 0 is reserved for null (and for the padding of texts); a value that would hash to 0 gets 1. A value never
seen before needs no table: it simply has its own hash.
"""

from typing import TYPE_CHECKING

import numba
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pyarrow as pa

NULL = 0

_OFFSET = 0x811C9DC5
_PRIME = 0x01000193
_M32 = 0xFFFFFFFF


def hash_text(text: str) -> int:
    """The hash of one text: what the kernels below compute, spelled in Python."""
    return _finish_python(_absorb_python(_OFFSET, text))


def hash_value(table: str, column: str, value: str) -> int:
    """The hash of a categorical value of a column."""
    return hash_text(f"{table}.{column}={value}")


def hash_values(table: str, column: str, values: "pa.ChunkedArray") -> npt.NDArray[np.uint32]:
    """The hash of every value [n] of a string column; 0 where null. Returns uint32[n]."""
    out = np.empty(len(values), np.uint32)
    state, at = np.uint32(_absorb_python(_OFFSET, f"{table}.{column}=")), 0
    for chunk in values.chunks:
        data, offsets, null = _buffers(chunk)
        _hash_strings(data, offsets, null, state, out[at : at + len(chunk)])
        at += len(chunk)
    return out


def hash_words(table: str, column: str, values: "pa.ChunkedArray", words: int) -> npt.NDArray[np.uint32]:
    """The hashes of the first `words` words of every text [n], padded with 0. Returns uint32[n, words].

    A word is a run of ASCII letters and digits, lower-cased, or of bytes beyond ASCII.
    """
    out = np.zeros((len(values), words), np.uint32)
    state, at = np.uint32(_absorb_python(_OFFSET, f"{table}.{column}=")), 0
    for chunk in values.chunks:
        data, offsets, null = _buffers(chunk)
        _hash_words(data, offsets, null, state, out[at : at + len(chunk)])
        at += len(chunk)
    return out


def hash_elements(
    table: str, column: str, elements: "pa.Array", offsets: npt.NDArray[np.int64], most: int
) -> npt.NDArray[np.uint32]:
    """The hashes of the first `most` elements of every list, padded with 0; an element's hash is that of the value it is.

    List i of n holds the string `elements` offsets[i] … offsets[i + 1] - 1. Returns uint32[n, most].
    """
    import pyarrow as pa

    known = np.append(hash_values(table, column, pa.chunked_array([elements], pa.string())), np.uint32(NULL))
    place = offsets[:-1, None] + np.arange(most)  # [n, most]
    return known[np.where(place < offsets[1:, None], place, -1)]


def _buffers(
    chunk: "pa.Array",
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The bytes, offsets [n + 1] and null flags [n] of an Arrow string array."""
    import pyarrow as pa

    large = chunk.cast(pa.large_string())
    _, offsets, data = large.buffers()
    ends = np.frombuffer(offsets, np.int64)[large.offset : large.offset + len(large) + 1]
    text = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    return text, ends, large.is_null().to_numpy(zero_copy_only=False)


def _absorb_python(state: int, text: str) -> int:
    for byte in text.encode():
        state = ((state ^ byte) * _PRIME) & _M32
    return state


def _finish_python(state: int) -> int:
    state ^= state >> 16
    state = (state * 0x85EBCA6B) & _M32
    state ^= state >> 13
    state = (state * 0xC2B2AE35) & _M32
    state ^= state >> 16
    return state or 1


@numba.njit(cache=True, nogil=True)
def _finish(state: np.uint32) -> np.uint32:
    state = np.uint32(state ^ (state >> np.uint32(16)))
    state = np.uint32(state * np.uint32(0x85EBCA6B))
    state = np.uint32(state ^ (state >> np.uint32(13)))
    state = np.uint32(state * np.uint32(0xC2B2AE35))
    state = np.uint32(state ^ (state >> np.uint32(16)))
    return np.uint32(1) if state == 0 else state


@numba.njit(cache=True, nogil=True)
def _hash_strings(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    null: npt.NDArray[np.bool_],
    start: np.uint32,
    out: npt.NDArray[np.uint32],
) -> None:
    for i in range(len(out)):
        state = start
        for j in range(offsets[i], offsets[i + 1]):
            state = np.uint32((state ^ np.uint32(data[j])) * np.uint32(0x01000193))
        out[i] = np.uint32(0) if null[i] else _finish(state)


@numba.njit(cache=True, nogil=True)
def _hash_words(
    data: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    null: npt.NDArray[np.bool_],
    start: np.uint32,
    out: npt.NDArray[np.uint32],
) -> None:
    for i in range(len(out)):
        if null[i]:
            continue
        state, length, found = start, 0, 0
        for j in range(offsets[i], offsets[i + 1] + 1):
            byte = data[j] if j < offsets[i + 1] else np.uint8(32)
            if 65 <= byte <= 90:
                byte = np.uint8(byte + 32)
            if byte >= 128 or 97 <= byte <= 122 or 48 <= byte <= 57:
                state = np.uint32((state ^ np.uint32(byte)) * np.uint32(0x01000193))
                length += 1
            elif length > 0:
                out[i, found] = _finish(state)
                state, length, found = start, 0, found + 1
                if found == out.shape[1]:
                    break
