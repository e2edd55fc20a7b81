"""Columns of text that hold nothing but ISO 8601: dates, times, or times of which some name their zone.

DuckDB's own guess depends on which value comes first: a date after a time is one, a time after a date is text.
"""

from collections.abc import Sequence

import duckdb

from rdl.database.engine import load_sql, quote

_BATCH = 100  # columns that one statement looks at
_FIRST = 1000  # rows that are looked at before all are


def iso_times(connection: duckdb.DuckDBPyConnection, rows: str, columns: Sequence[str]) -> dict[str, str]:
    """DATE, TIMESTAMP or TIMESTAMP WITH TIME ZONE for each of `columns` in which every value is one; the others are left out.

    `rows` is what stands behind FROM, and `columns` are columns of text.
    """
    found: dict[str, str] = {}
    for start in range(0, len(columns), _BATCH):
        batch = _likely(connection, rows, columns[start : start + _BATCH])
        if batch:
            kinds = ", ".join(load_sql("sources/iso_times.sql").format(column=quote(column)).strip() for column in batch)
            types = connection.sql(f"SELECT {kinds} FROM {rows}").fetchall()[0]
            found.update({column: type_ for column, type_ in zip(batch, types, strict=True) if type_ is not None})
    return found


def _likely(connection: duckdb.DuckDBPyConnection, rows: str, columns: Sequence[str]) -> list[str]:
    """Those whose first values look like dates; no value at all may be one yet."""
    looks = ", ".join(rf"coalesce(bool_and(regexp_matches({quote(c)}, '^\d{{4}}-\d\d-')), true)" for c in columns)
    names = ", ".join(map(quote, columns))
    flags = connection.sql(f"SELECT {looks} FROM (SELECT {names} FROM {rows} LIMIT {_FIRST})").fetchall()[0]
    return [column for column, flag in zip(columns, flags, strict=True) if flag]
