"""Tonight's features: those of every entity at one cutoff, in a table on disk that scoring and serving read.

Row i is the entity with the dense row id i: ids ascend with time, so the entities that are visible are the first ones, and looking
one up is reading its row. Entities are found by their key in a sorted index. The files are mapped into memory, never read whole;
what is read is checked against the sums of its block, once. A table says what it was made from, and is used for nothing else.
"""

import hashlib
import json
import logging
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.database import Database
from rdl.database.pruning import TONIGHT, mark_used
from rdl.errors import ModelFileError
from rdl.features.kept.lineage import made_by
from rdl.features.matrix import FeatureMatrix
from rdl.features.plan import FeaturePlan
from rdl.task.seeds import Int, Seeds
from rdl.task.task import Task

log = logging.getLogger(__name__)

BLOCK = 256
"""Rows that are checked together."""
ABOUT, VALUES, CODES, SUMS, KEYS = "table.json", "values.npy", "codes.npy", "sums.npy", "keys.arrow"
ROW = "_row"


@dataclass(frozen=True)
class TableFacts:
    """What a table says of itself.

    Attributes:
        key: the hash of everything that its features depend on; see `table_key`.
        as_of: microseconds UTC, the cutoff as well.
        fingerprint: of the database.
        made_at: when it was made, microseconds UTC.
        rows: how many entities it has: all that are visible at `as_of`.
        names, families, category_names, category_families: as in `FeatureMatrix`.
        levels: the texts that codes stand for.
        keys: names of the key's columns, where entities can be found by key.
        sums: of the small files, by name.
    """

    task: str
    key: str
    plan: str
    as_of: int
    fingerprint: str
    made_at: int
    rows: int
    names: tuple[str, ...]
    families: tuple[str, ...]
    category_names: tuple[str, ...]
    category_families: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    keys: tuple[str, ...]
    sums: Mapping[str, int] = field(default_factory=dict)
    format: int = 1

    def to_json(self) -> dict[str, Any]:
        """Plain data that `read_facts` reads back."""
        return asdict(self)


def table_key(database: Database, task: Task, plan: FeaturePlan, as_of: int) -> str:
    """The hash of everything that tonight's features depend on: rows, code, plan, past labels, moment."""
    asked = {name: value for name, value in asdict(task).items() if name != "path"}
    text = json.dumps([made_by(), database.fingerprint, plan.hash, asked, as_of], sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def read_facts(folder: Path) -> TableFacts:
    """What the table in `folder` says of itself.

    Raises:
        ModelFileError: it is missing, unreadable, or of another version.
    """
    try:
        raw = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        told: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
        facts = TableFacts(**{**told, "levels": tuple(tuple(texts) for texts in raw["levels"])})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"an unreadable table: {error!r}", where=str(folder), fix="run the features step again") from error
    if facts.format != TableFacts.format:
        raise ModelFileError(f"a table of format {facts.format}", where=str(folder), fix="run the features step again")
    return facts


def tables_of(database: Database, task_name: str) -> tuple[tuple[Path, TableFacts], ...]:
    """Every readable table of a task, in the order of their moments; whether one fits is another question."""
    found = []
    for folder in (database.project.home / TONIGHT / task_name).glob("[!.]*"):
        try:
            found.append((folder, read_facts(folder)))
        except ModelFileError as error:
            log.warning("features: %s is left out: %s", folder.name, error.what)
    return tuple(sorted(found, key=lambda pair: (pair[1].as_of, pair[1].made_at)))


def fitting_tables(database: Database, task: Task, plan: FeaturePlan) -> tuple["FeatureTable", ...]:
    """The tables made from these rows, with this plan, this task and this code, in the order of their moments."""
    opened = []
    for folder, facts in tables_of(database, task.name):
        if facts.key == table_key(database, task, plan, facts.as_of):
            try:
                opened.append(FeatureTable.open(folder, facts))
            except ModelFileError as error:
                log.warning("features: %s is computed instead: %s", folder.name, error.what)
            else:
                mark_used(folder)
    return tuple(opened)


class FeatureTable:
    """An open table.

    Attributes:
        facts: what it says of itself.
        size: bytes on disk.
    """

    def __init__(self, folder: Path, facts: TableFacts, values: NDArray[np.float32], codes: NDArray[np.int32], sums: Int) -> None:
        self.facts, self._folder = facts, folder
        self._values, self._codes, self._sums = values, codes, sums
        self._checked = np.zeros(len(sums), dtype=np.bool_)
        self.size = sum(file.stat().st_size for file in folder.iterdir())

    @staticmethod
    def open(folder: Path, facts: TableFacts) -> "FeatureTable":
        """The table in `folder`; its large files are mapped, not read.

        Raises:
            ModelFileError: a file is missing, truncated, or not what was written.
        """
        shape = (facts.rows, len(facts.names)), (facts.rows, len(facts.category_names))
        try:
            for name, said in facts.sums.items():
                if crc32((folder / name).read_bytes()) != said:
                    raise ModelFileError(f"the file {name!r} was altered", where=str(folder), fix="run the features step again")
            values = np.load(folder / VALUES, mmap_mode="r", allow_pickle=False)
            codes = np.empty(shape[1], dtype=np.int32)
            if codes.shape[1]:
                codes = np.load(folder / CODES, mmap_mode="r", allow_pickle=False)
            sums = np.load(folder / SUMS, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ModelFileError(f"an unreadable table: {error}", where=str(folder), fix="run the features step again") from error
        if (values.shape, codes.shape) != shape or sums.shape != (-(-facts.rows // BLOCK), 2):
            raise ModelFileError("a table of another shape than it says", where=str(folder), fix="run the features step again")
        return FeatureTable(folder, facts, values, codes, sums)

    def covers(self, seeds: Seeds) -> NDArray[np.bool_]:
        """[n] which seeds it has the features of."""
        as_of = self.facts.as_of
        return (seeds.cutoff == as_of) & (seeds.as_of == as_of) & (seeds.entity >= 0) & (seeds.entity < self.facts.rows)

    def features(self, entity: Int) -> FeatureMatrix:
        """The features of entities [n], as `compute_features` gives them at the table's moment.

        Raises:
            ModelFileError: a block that is read is not what was written.
        """
        self._check(np.unique(entity // BLOCK))
        facts = self.facts
        codes, levels = np.empty((len(entity), len(facts.category_names)), dtype=np.int32), []
        for j, column in enumerate(np.asarray(self._codes[entity]).T):
            codes[:, j], texts = sorted_levels(column, facts.levels[j])
            levels.append(texts)
        values = np.array(self._values[entity])
        return FeatureMatrix(
            facts.names, facts.families, values, facts.category_names, facts.category_families, codes, tuple(levels)
        )

    def find(self, keys: Sequence[Sequence[Any]]) -> Int | None:
        """The dense rows [n] of entities by the columns of their keys, each [n].

        Returns:
            None where a key is not in the table, or is not of the very type of its column: then the database has to be asked.
        """
        if self._keys is None:
            return None
        columns, rows = self._keys
        kinds = [int if pa.types.is_integer(column.type) else str for column in columns]
        found = []
        for key in zip(*keys, strict=True):
            if any(type(part) is not kind for part, kind in zip(key, kinds, strict=True)):
                return None
            at = bisect_left(range(len(rows)), key, key=lambda i: tuple(column[i].as_py() for column in columns))
            if at == len(rows) or tuple(column[at].as_py() for column in columns) != key:
                return None
            found.append(rows[at].as_py())
        return np.array(found, dtype=np.int64)

    @cached_property
    def _keys(self) -> tuple[list[pa.Array], pa.Array] | None:
        if not self.facts.keys:
            return None
        table = pa.ipc.open_file(pa.memory_map(str(self._folder / KEYS))).read_all()
        return [table[name].chunk(0) for name in self.facts.keys], table[ROW].chunk(0)

    def _check(self, blocks: Int) -> None:
        for block in blocks[~self._checked[blocks]].tolist():
            if block_sums(self._values[block * BLOCK : (block + 1) * BLOCK], self._codes[block * BLOCK : (block + 1) * BLOCK]) != (
                *self._sums[block].tolist(),
            ):
                raise ModelFileError(f"block {block} was altered", where=str(self._folder), fix="run the features step again")
            self._checked[block] = True


def block_sums(values: NDArray[np.float32], codes: NDArray[np.int32]) -> tuple[int, int]:
    """The check sums of one block's rows."""
    return crc32(np.ascontiguousarray(values).data), crc32(np.ascontiguousarray(codes).data)


def sorted_levels(codes: NDArray[np.int32], levels: Sequence[str]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Codes [n] and levels, sorted, without those that do not occur."""
    present = sorted(np.unique(codes[codes >= 0]).tolist(), key=lambda i: levels[i])
    place = np.full(len(levels) + 1, -1, dtype=np.int32)
    place[present] = np.arange(len(present), dtype=np.int32)
    return place[codes], tuple(levels[i] for i in present)
