"""The keys of entities and of what is recommended: native values to dense rows, and back."""

import numpy as np
import pyarrow as pa

from rdl.database import Database, quote
from rdl.database.keys import as_key
from rdl.task.seeds import Int
from rdl.task.task import Task


def entity_keys(database: Database, task: Task, entity: Int) -> pa.Table:
    """The native keys of dense entity rows [n]: a table [n] of the key's columns."""
    return table_keys(database, task.entity_table, entity)


def table_keys(database: Database, table: str, rows: Int) -> pa.Table:
    """The native keys of dense rows [n] of a table: a table [n] of the key's columns, or of `_row` where it has no key."""
    columns = ", ".join(quote(c) for c in key_columns(database, table))
    with database.engine() as engine:
        keys = engine.arrow(f"SELECT {columns} FROM rows.{quote(table)} ORDER BY _row")
    return keys.combine_chunks().take(pa.array(rows))


def key_columns(database: Database, table: str) -> tuple[str, ...]:
    """The columns that name a table's rows: its key, or the dense row id where it has none."""
    return database.schema[table].key or ("_row",)


def find_entities(database: Database, task: Task, keys: pa.Table) -> Int:
    """The dense entity rows [n] of native keys, a table [n] of the key's columns in their order; -1 where a key is unknown."""
    return find_rows(database, task.entity_table, keys)


def find_rows(database: Database, table: str, keys: pa.Table) -> Int:
    """The dense rows [n] of a table by native keys [n]; -1 where a key is unknown."""
    columns = key_columns(database, table)
    assert keys.num_columns == len(columns), f"{keys.num_columns} columns for a key of {len(columns)}"
    wanted = keys.rename_columns([f"k{i}" for i in range(len(columns))]).append_column("i", pa.array(np.arange(len(keys))))
    with database.engine() as engine:
        engine.register("wanted", wanted)
        described = engine.arrow("SELECT column_name AS n, column_type AS t FROM (DESCRIBE wanted)")
        given = dict(zip(described["n"].to_pylist(), described["t"].to_pylist(), strict=True))
        same = " AND ".join(
            f"e.{quote(column)} = {as_key(f'w.k{i}', given[f'k{i}'], key_type(database, table, column))}"
            for i, column in enumerate(columns)
        )
        found = engine.numpy(
            f"SELECT coalesce(e._row, -1) AS r FROM wanted w LEFT JOIN rows.{quote(table)} e ON {same} ORDER BY w.i"
        )
    return np.asarray(found["r"], dtype=np.int64)


def key_type(database: Database, table: str, column: str) -> str:
    """The SQL type of a column that names a table's rows."""
    return "BIGINT" if column == "_row" else database.schema[table].column(column).sql_type
