"""One CSV file, plain or gzipped, as it is found: what divides its columns, what their types are, and where it was mended.

The line of names decides what divides the columns. Every value is looked at before a type is decided: a sample would let the order
of the rows decide. Lines that hold fewer values than there are names are padded with nulls, and counted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from rdl.database.engine import literal, quote
from rdl.database.sources.encoding import open_text, wrong_byte
from rdl.database.sources.iso_times import iso_times
from rdl.errors import SchemaError

_DIALECT = r"""header = true, skip = 0, quote = '"', escape = '"', comment = '', nullstr = ['', '\N']"""
_PADDING = ", null_padding = true, parallel = false"
FIX = "give it a line of column names, and one line a row"
_ISO = {"%Y-%m-%d", "%Y-%m-%d %H:%M:%S"}  # what a date and a time are read as where no format is named
_SHOWN = 300  # characters of a line of DuckDB's message: it quotes the line it stumbled over


@dataclass(frozen=True)
class CsvPart:
    """One CSV file as it was found.

    Attributes:
        options: how its lines are taken apart, as options of `read_csv`.
        types: SQL type by column, in order.
        dates, times: the formats of its dates and times; "" where they are ISO 8601.
        padded: how many of its lines are shorter than its line of names.
    """

    file: Path
    options: str
    types: dict[str, str]
    dates: str = ""
    times: str = ""
    padded: int = 0

    @property
    def formats(self) -> str:
        """The options that name the formats of dates and times."""
        named = (("dateformat", self.dates), ("timestampformat", self.times))
        return "".join(f", {name} = {literal(value)}" for name, value in named if value)


def look_at(connection: duckdb.DuckDBPyConnection, file: Path) -> CsvPart:
    """Find out how a CSV file is to be read.

    Raises:
        SchemaError: it is no CSV, no UTF-8, or holds a line with more values than there are names.
    """
    delimiter = _delimiter(file)
    options = f"{_DIALECT}, delim = {literal(delimiter)}, compression = {literal('gzip' if _is_gzip(file) else 'none')}"
    try:
        return _with_times(connection, sniffed(connection, CsvPart(file, options, {})))
    except duckdb.Error:
        padding = CsvPart(file, options + _PADDING, {})
    try:
        part = _with_times(connection, sniffed(connection, padding))
        return replace(part, padded=_short_lines(connection, part, options))
    except duckdb.Error as error:
        shown = "\n".join(line[:_SHOWN] for line in str(error).splitlines())
        raise wrong_byte(file) or SchemaError(f"not readable as CSV: {shown}", where=str(file), fix=FIX) from error


def sniffed(connection: duckdb.DuckDBPyConnection, part: CsvPart) -> CsvPart:
    """`part` with the names, types and formats that DuckDB finds, keeping to those formats that it states already.

    Raises:
        duckdb.Error: the file is no CSV.
    """
    found = connection.sql(
        "SELECT coalesce(DateFormat, ''), coalesce(TimestampFormat, ''), Columns "
        f"FROM sniff_csv({literal(str(part.file))}, {part.options}{part.formats}, sample_size = -1)"
    ).fetchall()
    dates, times, columns = found[0]
    types = {c["name"]: c["type"] for c in columns}
    return replace(part, types=types, dates="" if dates in _ISO else dates, times="" if times in _ISO else times)


def _with_times(connection: duckdb.DuckDBPyConnection, part: CsvPart) -> CsvPart:
    """`part` with those columns as dates and times that DuckDB took for text because of the order of their values."""
    if part.formats:
        return part
    texts = [name for name, kind in part.types.items() if kind == "VARCHAR"]
    return replace(part, types={**part.types, **iso_times(connection, as_text(part), texts)})


def as_text(part: CsvPart, options: str = "") -> str:
    """What stands behind FROM to read every value of a part as text."""
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in part.types)
    how = f"{options or part.options}, auto_detect = false, hive_partitioning = false, columns = {{{types}}}"
    return f"read_csv({literal(str(part.file))}, {how})"


def _short_lines(connection: duckdb.DuckDBPyConnection, part: CsvPart, strict: str) -> int:
    """How many lines are lost where none is padded."""
    kept = as_text(part, f"{strict}, parallel = false, ignore_errors = true")
    return int(connection.sql(f"SELECT (SELECT count(*) FROM {as_text(part)}) - (SELECT count(*) FROM {kept})").fetchall()[0][0])


def _delimiter(file: Path) -> str:
    """What divides the names in the first line: the most frequent of the usual four, a comma where there is none."""
    if file.name.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    with open_text(file) as stream:
        names = re.sub(r'"(?:[^"]|"")*"', "", stream.readline().decode("utf-8", "replace"))
    return max(",;\t|", key=names.count)


def _is_gzip(file: Path) -> bool:
    return file.suffix.lower() == ".gz"


def blank_columns(connection: duckdb.DuckDBPyConnection, part: CsvPart, columns: Sequence[str]) -> frozenset[str]:
    """Those of `columns` in which a part holds no value: its type for them says nothing."""
    if not columns:
        return frozenset()
    counts = ", ".join(f"count({quote(column)})" for column in columns)
    found = connection.sql(f"SELECT {counts} FROM {as_text(part)}").fetchall()[0]
    return frozenset(column for column, count in zip(columns, found, strict=True) if not count)
