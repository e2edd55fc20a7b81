"""Features that were computed before, as files: one part a cutoff, rows of (entity, as_of), columns of features.

A cell that was never computed is null in the file; a feature that has no value is NaN there, and a category without one has the
code -1. So a part takes new rows and new columns at any time. It is written aside and put in its place whole, and it holds the
digest of its content: one that is not what was written counts as absent.
"""

import hashlib
import json
import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rdl.task.seeds import Int

log = logging.getLogger(__name__)

Bool = NDArray[np.bool_]
V = TypeVar("V", np.float32, np.int32)

_ABOUT = b"rdl"


@dataclass(frozen=True)
class Cells(Generic[V]):
    """A matrix of which some cells are known.

    Attributes:
        names: [k], each once.
        values: [n, k]; 0 where not known.
        known: [n, k].
    """

    names: tuple[str, ...]
    values: NDArray[V]
    known: Bool

    def merged(self, other: "Cells[V]", own: Int, others: Int, rows: int) -> "Cells[V]":
        """Both in one matrix of `rows` rows: this one's rows stand at `own` then, the other's at `others`."""
        names = (*self.names, *(n for n in other.names if n not in set(self.names)))
        place = {name: j for j, name in enumerate(names)}
        values = np.zeros((rows, len(names)), dtype=self.values.dtype)
        known = np.zeros((rows, len(names)), dtype=np.bool_)
        for cells, at in ((self, own), (other, others)):
            columns = np.array([place[name] for name in cells.names], dtype=np.int64)
            cell = np.ix_(at, columns)
            values[cell] = np.where(cells.known, cells.values, values[cell])
            known[cell] |= cells.known
        return Cells(names, values, known)


@dataclass(frozen=True)
class Part:
    """Features of n distinct seeds of one cutoff.

    Attributes:
        entity, as_of: [n] what tells the seeds apart.
        numbers: float32, NaN for a feature without a value.
        codes: int32, places in `levels`, -1 for a category without a value.
        levels: the texts of each column of `codes`.
    """

    entity: Int
    as_of: Int
    numbers: Cells[np.float32]
    codes: Cells[np.int32]
    levels: tuple[tuple[str, ...], ...]

    def merged(self, other: "Part") -> "Part":
        """Everything that either knows; where both know a cell they agree."""
        at, found = places(self.entity, self.as_of, other.entity, other.as_of)
        new = found < 0
        found = np.where(new, len(self.entity) + np.cumsum(new) - 1, found)
        own, rows = np.arange(at), at + int(new.sum())
        levels = dict(zip(self.codes.names, self.levels, strict=True))
        renamed = other.codes.values.copy()
        for j, (name, theirs) in enumerate(zip(other.codes.names, other.levels, strict=True)):
            levels[name], renamed[:, j] = joined(levels.get(name, ()), theirs, other.codes.values[:, j])
        codes = self.codes.merged(Cells(other.codes.names, renamed, other.codes.known), own, found, rows)
        return Part(
            np.concatenate([self.entity, other.entity[new]]),
            np.concatenate([self.as_of, other.as_of[new]]),
            self.numbers.merged(other.numbers, own, found, rows),
            codes,
            tuple(levels[name] for name in codes.names),
        )


def joined(levels: Sequence[str], more: Sequence[str], codes: NDArray[np.int32]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """The levels with those of `more` that are new behind them, and `codes` [n], places in `more`, as places among all."""
    place = {level: i for i, level in enumerate(levels)}
    moved = np.array([*(place.setdefault(level, len(place)) for level in more), -1], dtype=np.int32)
    return tuple(place), moved[codes]


def places(entity: Int, as_of: Int, entities: Int, moments: Int) -> tuple[int, Int]:
    """How many distinct pairs (entity, as_of) [m] there are, and where each pair of (entities, moments) [n] stands; -1 for none."""
    keys, times = np.concatenate([entity, entities]), np.concatenate([as_of, moments])
    order = np.lexsort((times, keys))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (np.diff(keys[order]) != 0) | (np.diff(times[order]) != 0)
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.cumsum(new) - 1
    place = np.full(len(order), -1, dtype=np.int64)
    place[group[: len(entity)]] = np.arange(len(entity))
    return len(entity), place[group[len(entity) :]]


def write_part(path: Path, part: Part) -> None:
    """Write a part aside and put it in its place."""
    columns = {"entity": pa.array(part.entity), "as_of": pa.array(part.as_of)}
    for name, cells in (("numbers", part.numbers), ("codes", part.codes)):
        if cells.names:  # a list a row: a column a feature would cost more to open than to compute
            flat = pa.array(cells.values.ravel(), mask=~cells.known.ravel())
            columns[name] = pa.FixedSizeListArray.from_arrays(flat, len(cells.names))
    about = {"numbers": part.numbers.names, "codes": part.codes.names, "levels": part.levels, "digest": _digest(part)}
    table = pa.table(columns).replace_schema_metadata({_ABOUT: json.dumps(about)})
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        pq.write_table(table, aside, compression="zstd", compression_level=1, write_statistics=False)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def read_part(path: Path) -> Part | None:
    """The part at `path`; None where there is none, or, with a warning, where it is not what was written."""
    try:
        table = pq.read_table(path, use_threads=False, partitioning=None)
        about: dict[str, Any] = json.loads((table.schema.metadata or {})[_ABOUT])
        part = Part(
            table["entity"].to_numpy(),
            table["as_of"].to_numpy(),
            _cells(table, "numbers", about["numbers"], np.float32),
            _cells(table, "codes", about["codes"], np.int32),
            tuple(tuple(levels) for levels in about["levels"]),
        )
        if _digest(part) == about["digest"]:
            return part
        what = "it is not what was written"
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        what = str(error).partition("\n")[0]
    log.warning("features: %s is computed again: %s", path.name, what)
    return None


def _cells(table: pa.Table, column: str, names: Sequence[str], kind: type[V]) -> Cells[V]:
    shape = (table.num_rows, len(names))
    if not names:
        return Cells((), np.zeros(shape, dtype=kind), np.ones(shape, dtype=np.bool_))
    flat = table[column].combine_chunks().flatten()
    known = np.ones(shape, dtype=np.bool_)
    if flat.null_count:
        known = flat.is_valid().to_numpy(zero_copy_only=False).reshape(shape)
        flat = flat.fill_null(0)
    return Cells(tuple(names), flat.to_numpy().reshape(shape), known)


def _digest(part: Part) -> str:
    """A digest of everything that the part says."""
    digest = hashlib.blake2b(json.dumps([part.numbers.names, part.codes.names, part.levels]).encode(), digest_size=16)
    for array in (part.entity, part.as_of, part.numbers.values, part.numbers.known, part.codes.values, part.codes.known):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
