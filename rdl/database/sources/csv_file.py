"""CSV files: every value of every part of a table is looked at before a type is decided.

Parts may differ in their columns, their order, what divides them and how they write dates: each is read in its own way
(`csv_part.py`), with types that are decided over all of them together (`csv_types.py`).
"""

from collections.abc import Sequence
from functools import partial
from itertools import groupby

import duckdb

from rdl.database.engine import literal
from rdl.database.sources.csv_part import FIX, CsvPart, look_at
from rdl.database.sources.csv_types import agreed
from rdl.database.sources.encoding import is_empty
from rdl.database.sources.source import RawTable, Read
from rdl.database.sources.table_files import TableFiles, file_list
from rdl.errors import SchemaError


def csv_table(table: TableFiles) -> RawTable:
    """The table that CSV files are: the union of their columns by name."""
    return RawTable(table.name, partial(_look, table), table.files)


def _look(table: TableFiles, connection: duckdb.DuckDBPyConnection) -> Read:
    _read_as_stated(connection)
    parts = [look_at(connection, file) for file in table.files if not is_empty(file)]
    if not parts:
        raise SchemaError(f"table {table.name!r} is empty: there is not even a line of names", where=table.where, fix=FIX)
    return Read(_select(table, agreed(connection, parts)), sum(part.padded for part in parts))


def _read_as_stated(connection: duckdb.DuckDBPyConnection) -> None:
    """Keep DuckDB 2.0 from reading a column as what a query casts it to: a local date cast to a time is one."""
    found = connection.sql("SELECT current_setting('disabled_optimizers')").fetchall()[0][0]
    disabled = ",".join(sorted({*filter(None, found.split(",")), "type_pushdown"}))
    connection.execute(f"SET disabled_optimizers = {literal(disabled)}").fetchall()


def _select(table: TableFiles, parts: Sequence[CsvPart]) -> str:
    """One SELECT over all parts; neighbours that are read alike share a `read_csv`."""
    selects = []
    for (options, formats, columns), alike in groupby(parts, lambda p: (p.options, p.formats, tuple(p.types.items()))):
        types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns)
        selects.append(
            f"{table.select} FROM read_csv({file_list([part.file for part in alike])}, {options}, auto_detect = false, "
            f"{table.hive}, columns = {{{types}}}{formats})"
        )
    return "\nUNION ALL BY NAME\n".join(selects)
