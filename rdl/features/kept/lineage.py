"""Whether two snapshots show the same rows up to a moment: what makes features that were computed on one valid on the other.

A seed's features depend on the rows before its `as_of`. Their identity is a digest over every column of every row, dense row ids
and references included, so that a late row, a changed value, a renumbered parent or another type changes it; rows that follow later
do not. One pass over a table tells the digests of all bounds: they are taken at midnights, at or after the moment asked about.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from rdl.database import Database, Engine, Schema, load_sql, quote
from rdl.database.pruning import mark_used
from rdl.database.version import code_version
from rdl.features.chain import Chain
from rdl.features.plan import FeaturePlan
from rdl.task.seeds import History, Int
from rdl.timeline import DAY, NEVER

FOLDER = "lineage"
_LIBRARIES = ("duckdb", "numpy", "numba", "polars", "pyarrow")


@cache
def made_by() -> str:
    """The code that computes features: rdl's, and that of the libraries that decide their bits."""
    return " ".join((code_version(), *(f"{name} {version(name)}" for name in _LIBRARIES)))


@dataclass(frozen=True)
class TableDays:
    """What one table holds, by day of its rows' times, ascending.

    Attributes:
        columns: names and types of all columns, row ids and references among them.
        days: [d] days since 1970; rows that are always visible have the first one there is.
        rows: [d] how many rows each has.
        marks: [d] what the rows are.
    """

    columns: str
    days: tuple[int, ...]
    rows: tuple[int, ...]
    marks: tuple[str, ...]

    def visible(self, bounds: Int) -> Int:
        """[k] how many rows lie before each bound, a midnight."""
        before = np.searchsorted(np.array(self.days, dtype=np.int64), bounds // DAY)
        return np.concatenate([[0], np.cumsum(np.array(self.rows, dtype=np.int64))])[before]

    def digests(self, bounds: Int) -> list[str]:
        """[k] the identity of the rows before each bound [k], ascending midnights."""
        before = np.searchsorted(np.array(self.days, dtype=np.int64), bounds // DAY)
        texts = [f"{day} {rows} {mark}\n".encode() for day, rows, mark in zip(self.days, self.rows, self.marks, strict=True)]
        return list(_prefixes(self.columns.encode(), texts, before.tolist()))


class Lineage:
    """The identity of what seeds may see in one database; what it reads of the rows is kept in the project's home."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables: dict[str, TableDays] = {}

    def known(self, table: str, cutoffs: Int) -> Int:
        """[k] rows of a table that are told apart at each cutoff: their dense ids are 0 to known - 1, in every such snapshot."""
        return self._days(table).visible(bounds(cutoffs))

    def digests(self, plan: FeaturePlan, cutoffs: Int, history: History | None) -> list[str]:
        """[k] the identity of all that the plan's features can depend on at each cutoff [k], ascending."""
        ends = bounds(cutoffs)
        tables = {name: self._days(name).digests(ends) for name in tables_read(plan, self._database.schema)}
        labels = history_digests(history, cutoffs) if history is not None else [""] * len(cutoffs)
        return [
            _hash([made_by(), int(cutoff), labels[i], *((name, found[i]) for name, found in tables.items())])
            for i, cutoff in enumerate(cutoffs)
        ]

    def _days(self, name: str) -> TableDays:
        if name not in self._tables:
            self._tables[name] = self._kept(name)
        return self._tables[name]

    def _kept(self, name: str) -> TableDays:
        """The table's days, read once for each snapshot."""
        key = _hash([made_by(), self._database.fingerprint, name])
        path = self._database.project.home / "features" / FOLDER / f"{key}.json"
        if path.is_file():
            try:
                raw = json.loads(path.read_text(encoding="utf-8"))
                mark_used(path)
                return TableDays(raw["columns"], *(tuple(raw[name]) for name in ("days", "rows", "marks")))
            except (ValueError, KeyError, TypeError):
                path.unlink(missing_ok=True)
        found = self._database.run(lambda engine: read_days(engine, name))
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        aside.write_text(json.dumps(found.__dict__), encoding="utf-8")
        aside.replace(path)
        return found


def read_days(engine: Engine, table: str) -> TableDays:
    """One pass over a table."""
    described = engine.arrow(f"SELECT column_name AS name, column_type AS type FROM (DESCRIBE rows.{quote(table)})")
    names, types = described["name"].to_pylist(), described["type"].to_pylist()
    sql = load_sql("features/lineage.sql")
    found = engine.arrow(sql.format(table=quote(table), columns=", ".join(quote(n) for n in names), day=DAY, never=NEVER))
    days, rows, marks = (tuple(found[name].to_pylist()) for name in ("day", "rows", "mark"))
    return TableDays(json.dumps([names, types]), days, rows, marks)


def bounds(moments: Int) -> Int:
    """[k] the midnights at or after the moments [k]."""
    return np.asarray(-((-moments) // DAY) * DAY)


def history_digests(history: History, cutoffs: Int) -> list[str]:
    """[k] the identity of the past labels that are known before each cutoff [k], ascending."""
    value = history.value.reshape(len(history.entity), -1 if len(history.entity) else 1).astype(np.float64)
    order = np.lexsort((*value.T, history.entity, history.time))
    time = history.time[order]
    rows = np.column_stack([history.entity[order], history.cutoff[order], time, value[order].view(np.int64)])  # [m, 3 + channels]
    ends = np.searchsorted(time, cutoffs)
    blocks = [np.ascontiguousarray(block).tobytes() for block in np.split(rows, ends)[: len(ends)]]
    return list(_prefixes(str(rows.shape[1]).encode(), blocks, range(1, len(ends) + 1)))


def tables_read(plan: FeaturePlan, schema: Schema) -> tuple[str, ...]:
    """The tables that features of the plan's blocks can depend on, sorted: those of the blocks, and all that these refer to."""
    chains = [c for b in plan.blocks for c in (b.facts, b.ascent)] + [f.ascent for f in plan.features]
    ahead = [plan.entity_table, *(name for chain in chains if chain is not None for name in _tables(chain))]
    found: set[str] = set()
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += [reference.table for reference in schema[name].references]
    return tuple(sorted(found))


def reads_history(plan: FeaturePlan) -> bool:
    """Whether a feature depends on past labels."""
    return any(block.facts is None for block in plan.blocks)


def _tables(chain: Chain) -> tuple[str, ...]:
    return (chain.table, *(hop.table for hop in chain.hops))


def _prefixes(head: bytes, pieces: Sequence[bytes], ends: Sequence[int]) -> Iterator[str]:
    """The digest of the first `end` pieces, for each of `ends`, ascending."""
    digest, at = hashlib.blake2b(head, digest_size=16), 0
    for end in ends:
        for piece in pieces[at:end]:
            digest.update(piece)
        at = max(at, end)
        yield digest.hexdigest()


def _hash(facts: Sequence[Any]) -> str:
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=12).hexdigest()
