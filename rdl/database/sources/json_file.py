"""JSON: one object a line, or one array of objects, plain or gzipped; nested objects become STRUCT columns.

Every value is looked at before a type is decided. DuckDB's own guess at dates is not taken, for it reads `05-01-25` as the year 5:
a column of text becomes a date or a time where each of its values is ISO 8601, with a zone where any has one (those that have none
are UTC), and stays text otherwise.
"""

import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

import duckdb

from rdl.database.engine import literal, quote
from rdl.database.sources.encoding import is_empty, wrong_byte
from rdl.database.sources.iso_times import iso_times
from rdl.database.sources.source import RawTable, Read
from rdl.database.sources.table_files import TableFiles, file_list
from rdl.errors import SchemaError

_NO_DATES = "dateformat = 'no date', timestampformat = 'no time'"
_WHOLE = (
    "records = true, union_by_name = true, sample_size = -1, maximum_sample_files = 1000000000, "
    f"map_inference_threshold = -1, field_appearance_threshold = 0, {_NO_DATES}"
)
_FIX = "write one JSON object a line, or one array of objects"
_NUMBERED = re.compile(r"(.+)_\d+", re.DOTALL)


def json_table(table: TableFiles) -> RawTable:
    """The table that JSON files are: the union of their fields by name."""
    return RawTable(table.name, partial(_look, table), table.files)


def _look(table: TableFiles, connection: duckdb.DuckDBPyConnection) -> Read:
    files = [file for file in table.files if not is_empty(file)]
    if not files:
        raise SchemaError(f"table {table.name!r} is empty: without a row nothing tells its columns", where=table.where, fix=_FIX)
    try:
        described = connection.sql(
            f"DESCRIBE SELECT * FROM read_json({file_list(files)}, {_WHOLE}, hive_partitioning = false)"
        ).fetchall()
        types = {name: "VARCHAR" if kind in {'"NULL"', "JSON"} else kind for name, kind, *_ in described}
        _check_twins(connection, files, types, table.where)
        rows = _rows(files, types, "hive_partitioning = false")
        casts = iso_times(connection, rows, [name for name, kind in types.items() if kind == "VARCHAR"])
    except duckdb.Error as error:
        wrong = next((wrong for wrong in map(wrong_byte, files) if wrong is not None), None)
        raise wrong or SchemaError(f"not readable as JSON: {error}", where=table.where, fix=_FIX) from error
    replaced = ", ".join(f"CAST({quote(name)} AS {kind}) AS {quote(name)}" for name, kind in casts.items())
    return Read(f"{table.select}{f' REPLACE ({replaced})' if casts else ''} FROM {_rows(files, types, table.hive)}")


def _rows(files: list[Path], types: Mapping[str, str], hive: str) -> str:
    """What stands behind FROM to read the files with these types."""
    columns = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items())
    return f"read_json({file_list(files)}, records = true, columns = {{{columns}}}, {hive})"


def _check_twins(connection: duckdb.DuckDBPyConnection, files: list[Path], types: Mapping[str, str], where: str) -> None:
    """Refuse fields that differ in case only: DuckDB calls the second `name_1`, and then finds nothing under that name."""
    lower = {name.lower() for name in types}
    renamed = [match for match in map(_NUMBERED.fullmatch, types) if match and match.group(1).lower() in lower]
    if not renamed:
        return
    keys = connection.sql(
        f"SELECT DISTINCT unnest(json_keys(json)) AS key FROM read_json_objects({file_list(files)}, format = 'auto') ORDER BY key"
    ).fetchall()
    for twins in _twins(key for (key,) in keys):
        raise SchemaError(
            f"two fields differ in case only: {twins[0]!r} and {twins[1]!r}",
            where=where,
            fix="rename one: SQL does not tell names apart by their case",
        )


def _twins(names: Iterable[str]) -> list[tuple[str, str]]:
    first: dict[str, str] = {}
    return [(first[name.lower()], name) for name in names if first.setdefault(name.lower(), name) != name]
