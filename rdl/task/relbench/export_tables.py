"""Tables in RelBench's form: keys are positions 0, 1, … in the order of time, references name positions, times are naive UTC."""

import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rdl.database import Database, Schema, Table, quote
from rdl.database.engine import literal
from rdl.errors import SchemaError
from rdl.timeline import NEVER, format_duration


@dataclass(frozen=True)
class ExportTable:
    """What RelBench is told of one table.

    Attributes:
        key: the column that holds the row's position, None where there is none.
        references: parent by column.
        replaced: the column's native value or position, as SQL over `rows."name"`, for columns that do not stay as they are.
        native: the key's columns as they were.
    """

    name: str
    key: str | None
    time: str | None
    references: Mapping[str, str]
    replaced: Mapping[str, str]
    native: tuple[str, ...]


def plan_tables(schema: Schema) -> tuple[tuple[ExportTable, ...], list[str]]:
    """How every table is written, and notes on what RelBench cannot say.

    Raises:
        SchemaError: a table's or a time's name cannot be read by RelBench, or a key that others name is itself a reference.
    """
    keys = {name: _key(schema, table) for name, table in schema.tables.items()}
    notes: list[str] = []
    return tuple(_plan(table, keys, notes) for table in schema.tables.values()), notes


def write_table(database: Database, table: ExportTable, folder: Path) -> None:
    """Stream a table to `db/`, and its native keys to `keys/`, in the order of its rows."""
    for place in ("db", "keys"):
        (folder / place).mkdir(exist_ok=True)
    columns = [
        f"{table.replaced[c.name]} AS {quote(c.name)}" if c.name in table.replaced else quote(c.name)
        for c in database.schema[table.name].columns
    ]
    rows = f"rows.{quote(table.name)}"
    with database.engine() as engine:
        engine.execute(_copy(f"SELECT {', '.join(columns)} FROM {rows} ORDER BY _row", folder / "db" / f"{table.name}.parquet"))
        if table.key is not None:
            native = ", ".join(quote(c) for c in table.native)
            out = folder / "keys" / f"{table.name}.parquet"
            engine.execute(_copy(f'SELECT _row AS "row", {native} FROM {rows} ORDER BY _row', out))


def _copy(sql: str, out: Path) -> str:
    return f"COPY ({sql}) TO {literal(str(out))} (FORMAT parquet, COMPRESSION zstd)"


def _key(schema: Schema, table: Table) -> str | None:
    """The column that will hold the position: the key, where it is one column and no reference."""
    if len(table.key) != 1:
        return None
    referring = any(table.key == reference.columns for reference in table.references)
    if referring and schema.children(table.name):
        raise SchemaError(
            f"the key {table.key[0]!r} is a reference too, and other tables name it: RelBench's keys are positions",
            where=f"table {table.name}",
            fix="give the table a key of its own in a staging SELECT",
        )
    return None if referring else table.key[0]


def _plan(table: Table, keys: Mapping[str, str | None], notes: list[str]) -> ExportTable:
    _check_names(table)
    key = keys[table.name]
    replaced = {} if key is None else {key: "_row"}
    if table.time is not None:
        replaced[table.time] = f"CASE WHEN _time <> {NEVER} THEN make_timestamp(_time - {table.lag}) END"
    references: dict[str, str] = {}
    for reference in table.references:
        if len(reference.columns) > 1 or keys[reference.table] is None or reference.column in references:
            notes.append(f"{table.name}: its reference {reference.column} to {reference.table} has no word in RelBench; left out")
            continue
        references[reference.column] = reference.table
        replaced[reference.column] = quote(f"_ref_{reference.column}")
    notes += _notes(table, key)
    return ExportTable(table.name, key, table.time, references, replaced, table.key)


def _notes(table: Table, key: str | None) -> list[str]:
    found = []
    if table.key and key is None:
        found.append(f"{table.name}: its key ({', '.join(table.key)}) is no position, so RelBench is told of none")
    if table.lag:
        found.append(f"{table.name}: its lag of {format_duration(table.lag)} has no word in RelBench: rows count from their time")
    if table.hide:
        found.append(f"{table.name}: {', '.join(table.hide)} hidden, told to RelBench as remove_columns of every task")
    return found


def _check_names(table: Table) -> None:
    """RelBench's file names and pandas queries take plain words only."""
    if "/" in table.name or table.name.startswith("."):
        raise SchemaError(f"{table.name!r} is no file name", where="tables", fix="rename it in a staging SELECT")
    if table.time is not None and (not table.time.isidentifier() or keyword.iskeyword(table.time)):
        raise SchemaError(
            f"RelBench cannot ask for the time {table.time!r}: it is no plain word",
            where=f"table {table.name}",
            fix="rename it in a staging SELECT",
        )
