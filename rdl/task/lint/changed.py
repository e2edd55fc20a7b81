"""Tables as a query is to find them in a trial: rows left out, rows with other values, and of big tables a sample of rows.

A table is changed by a common table expression of its name around the query, so nothing is copied, whatever its size. Other values
are values that the same column holds elsewhere, and of numbers 0 and -1: a reference comes to point at another existing row, a
condition meets the texts and numbers that it was written for. One cell in five becomes null. What a cell becomes hangs on the rows
and the column alone.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from rdl.database import Column, Database, Engine, Table, quote
from rdl.task.lint.sample import Sample
from rdl.timeline import NEVER

POOL = "lint_pool"
_VALUES = 200
_SHIFT = 7 * 86_400  # seconds by which a time is moved at most
_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_PLAIN = re.compile(r"[A-Z_ ]+(\(\d+(, ?\d+)?\))?")


@dataclass(frozen=True)
class Change:
    """What becomes of a table's rows.

    Attributes:
        kept: the SQL condition of the rows that stay as they are; those without a time stay as well.
        seed: by which the other rows get other values; None leaves them out.
        later: whether the times of other rows move on, and not back.
        columns: those that may change, None for all.
    """

    kept: str
    seed: int | None = None
    later: bool = True
    columns: frozenset[str] | None = None


class ChangedTables:
    """The SQL of changed tables over one database.

    Args:
        database: whose rows are changed.
        engine: from which values are drawn.
        tables: those that may be changed.
    """

    def __init__(self, database: Database, engine: Engine, tables: Iterable[Table]) -> None:
        self._schema = database.schema
        self._fingerprint = database.fingerprint
        self._values = {(t.name, c): v for t in tables for c, v in _values(engine, t).items()}

    @property
    def given(self) -> pa.Table:
        """One row, with the list of values of every column that may be changed."""
        return pa.table({_slot(*place): pa.array([values], pa.list_(pa.string())) for place, values in self._values.items()})

    def around(self, sql: str, changes: Mapping[str, Change], sample: Sample) -> str:
        """A query that finds the tables changed, those of the sample too."""
        names = sorted({*changes, *sample.conditions})
        if not names:
            return sql
        parts = [self._table(self._schema[name], changes.get(name), sample.conditions.get(name)) for name in names]
        said = "|".join(re.escape(name) for name in names)
        bare = re.sub(rf'\b(?:db\.)?main\.(?="?(?:{said})\b)', "", sql, flags=re.IGNORECASE)
        return f"WITH {', '.join(parts)} SELECT * FROM (\n{bare}\n)"

    def _table(self, table: Table, change: Change | None, sampled: str | None) -> str:
        conditions = [sampled] if sampled else []
        columns = [quote(column.name) for column in table.columns]
        if change is not None:
            kept = f"(_time = {NEVER} OR ({change.kept}))"
            if change.seed is None:
                conditions.append(kept)
            else:
                columns = [self._column(table, column, change, kept) for column in table.columns]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"{quote(table.name)} AS (SELECT {', '.join(columns)} FROM db.rows.{quote(table.name)}{where})"

    def _column(self, table: Table, column: Column, change: Change, kept: str) -> str:
        name = quote(column.name)
        if column.name in table.key or (change.columns is not None and column.name not in change.columns):
            return name
        salt = hashlib.sha256(f"{self._fingerprint}|{table.name}|{column.name}|{change.seed}".encode()).digest()
        draw = f"hash(_row, {int.from_bytes(salt[:6])})"
        if column.name == table.time:
            sign = "+" if change.later else "-"
            other = f"CAST({name} {sign} to_seconds(1 + CAST({draw} % {_SHIFT} AS BIGINT)) AS {column.sql_type})"
        elif (table.name, column.name) in self._values:
            slot, count = quote(_slot(table.name, column.name)), len(self._values[table.name, column.name])
            picked = f"(SELECT {slot} FROM {POOL})[1 + CAST({draw} // 5 % {count} AS BIGINT)]"
            other = f"CASE WHEN {draw} % 5 > 0 THEN CAST({picked} AS {column.sql_type}) END"
        else:
            other = "NULL"
        return f"CASE WHEN {kept} THEN {name} ELSE {other} END AS {name}"


def _slot(table: str, column: str) -> str:
    return f"{table}.{column}"


def _values(engine: Engine, table: Table) -> dict[str, list[str]]:
    """By column, distinct values as text, from rows that are spread over the table; none where the type does not come back."""
    columns = [c for c in table.columns if c.name not in (*table.key, table.time) and _PLAIN.fullmatch(c.sql_type.upper())]
    if not columns or not table.rows:
        return {}
    rows = ", ".join(str(row) for row in sorted({i * table.rows // _VALUES for i in range(_VALUES)}))
    picked = ", ".join(f"CAST({quote(c.name)} AS VARCHAR) AS c{i}" for i, c in enumerate(columns))
    found = engine.arrow(f"SELECT {picked} FROM rows.{quote(table.name)} WHERE _row IN ({rows}) ORDER BY _row")
    references = {name for reference in table.references for name in reference.columns}
    pools = {}
    for i, column in enumerate(columns):
        values = {v for v in found[f"c{i}"].to_pylist() if v is not None}
        if column.name not in references and column.sql_type.upper().startswith(_SIGNED):
            values |= {"0", "-1"}
        if values:
            pools[column.name] = sorted(values)
    return pools
