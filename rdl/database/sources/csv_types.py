"""One type for a column that several CSV files hold, and one reading for its dates.

Each part was looked at alone. Where parts differ, the type that holds all of their values is taken, and text where none does;
a part that holds no value in a column has no say. Dates that some parts write day first and others month first stay text.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

import duckdb

from rdl.database.sources.csv_part import CsvPart, blank_columns, sniffed

log = logging.getLogger(__name__)

_NUMBERS = ("BIGINT", "HUGEINT", "DOUBLE")  # each holds the values of those before it, as well as CSV itself tells them
_TIMES = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")
_DATES = {"dates": ("DATE",), "times": ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE")}
_SWAPPED = str.maketrans("dm", "md")


def agreed(connection: duckdb.DuckDBPyConnection, parts: Sequence[CsvPart]) -> list[CsvPart]:
    """`parts` with one type a column, and each reading its dates the way all of them can be read."""
    if len(parts) == 1:
        _warn_of_guess(connection, parts[0])
        return list(parts)
    for kind in _DATES:
        parts = _one_format(connection, parts, kind)
    types = _one_type(connection, parts)
    return [replace(part, types={name: types[name.lower()] for name in part.types}) for part in parts]


def _one_format(connection: duckdb.DuckDBPyConnection, parts: Sequence[CsvPart], kind: str) -> list[CsvPart]:
    """`parts` with the one format of dates (or times) that fits all which do not write ISO 8601; as text where none does."""
    stated = sorted({getattr(part, kind) for part in parts} - {""})
    if not stated:
        return list(parts)
    for candidate in stated:
        tried = [_with_format(connection, part, kind, candidate) for part in parts]
        fitting = [part for part in tried if part is not None]
        if len(fitting) == len(parts):
            _warn_of_guess(connection, *fitting)
            return fitting
    return [_as_text(part, _DATES[kind]) if getattr(part, kind) else part for part in parts]


def _with_format(connection: duckdb.DuckDBPyConnection, part: CsvPart, kind: str, candidate: str) -> CsvPart | None:
    """`part` read with that format, None where its values do not have it."""
    if getattr(part, kind) in {"", candidate}:
        return part
    stated = replace(part, dates=candidate) if kind == "dates" else replace(part, times=candidate)
    tried = sniffed(connection, stated)
    return tried if tried.types == part.types else None


def _as_text(part: CsvPart, dates: tuple[str, ...]) -> CsvPart:
    return replace(part, types={name: "VARCHAR" if type_ in dates else type_ for name, type_ in part.types.items()})


def _warn_of_guess(connection: duckdb.DuckDBPyConnection, *parts: CsvPart) -> None:
    """Say so where nothing in the values tells the day from the month."""
    for kind in _DATES:
        formats = {getattr(part, kind) for part in parts} - {""}
        guessed = [_with_format(connection, part, kind, form.translate(_SWAPPED)) for part in parts for form in formats]
        if formats and all(guessed):
            log.warning(
                "database: the dates of %s are read as %s, and nothing in them tells day from month: cast them in a staging SELECT",
                parts[0].file.name,
                ", ".join(sorted(formats)),
            )


def _one_type(connection: duckdb.DuckDBPyConnection, parts: Sequence[CsvPart]) -> dict[str, str]:
    """The type of every column, by its name in lower case, for SQL takes upper and lower case for one."""
    found: dict[str, set[str]] = {}
    for part in parts:
        for name, kind in part.types.items():
            found.setdefault(name.lower(), set()).add(kind)
    unsure = {name for name, kinds in found.items() if len(kinds) > 1 and "VARCHAR" in kinds}
    if unsure:
        found.update({name: set() for name in unsure})
        for part in parts:
            texts = [name for name, kind in part.types.items() if name.lower() in unsure and kind == "VARCHAR"]
            blank = blank_columns(connection, part, texts)
            for name, kind in part.types.items():
                if name.lower() in unsure and name not in blank:
                    found[name.lower()].add(kind)
    formatted = {name.lower() for part in parts if part.formats for name in part.types}
    return {name: _united(kinds, name in formatted) for name, kinds in found.items()}


def _united(kinds: set[str], formatted: bool) -> str:
    """The type that holds the values of all `kinds`; `formatted`: a part has formats of its own, so its dates are no times."""
    if len(kinds) == 1:
        return next(iter(kinds))
    if kinds and kinds <= set(_NUMBERS):
        return max(kinds, key=_NUMBERS.index)
    if kinds and kinds <= set(_TIMES) and not formatted:
        return max(kinds, key=_TIMES.index)
    return "VARCHAR"
