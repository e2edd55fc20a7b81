"""Numbers drawn by what they are drawn for: the same every time, in any order of rows."""

import hashlib

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.task.seeds import Float, Int

_APART = "\x1f"


def drawn(entity: Int, cutoff: Int, seed: int) -> Float:
    """[n] numbers in [0, 1) by (entity [n], cutoff [n], seed): splitmix64, applied twice."""
    with np.errstate(over="ignore"):
        first = _splitmix(entity.astype(np.uint64) + np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15))
        mixed = _splitmix(first ^ cutoff.astype(np.uint64))
    return _unit(mixed)


def drawn_by_key(keys: pa.Table) -> Float:
    """[n] numbers in [0, 1) by the text of native keys [n]: a row keeps its number however many others come or go."""
    columns = [column.to_pylist() for column in keys.columns]
    texts = [_APART.join(map(str, parts)) for parts in zip(*columns, strict=True)]
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return _unit(np.frombuffer(digests, dtype="<u8"))


def _unit(mixed: NDArray[np.uint64]) -> Float:
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def _splitmix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
