"""Where rows come from: a folder of CSV or Parquet, a DuckDB file, or the `db/` folder of a RelBench project.

A source becomes a set of named SELECTs over the raw data, and a fingerprint of its contents.
"""

import csv
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from rdl.database.engine import literal, quote
from rdl.errors import ProjectError

_SUFFIXES = (".parquet", ".csv")
_DIALECT = r"""quote = '"', escape = '"', comment = '', nullstr = ['', '\N']"""


@dataclass(frozen=True)
class Source:
    """Raw tables ready to be read.

    Attributes:
        tables: SELECT text by table name, or the CSV file, which `csv_read` looks into when it is read.
        files: the files behind them, for the fingerprint.
        attach: a DuckDB file to attach as `source` first, if any.
    """

    tables: Mapping[str, str | Path]
    files: tuple[Path, ...]
    attach: Path | None = None


def scan(path: Path, settings_file: Path) -> Source:
    """Find the raw tables under `path`.

    Raises:
        ProjectError: there is nothing at `path`, it holds no table, or two files claim the same table.
    """
    if path.is_dir():
        return _folder(path, settings_file)
    if path.is_file() and path.suffix in {".duckdb", ".db", ".ddb"}:
        return _duckdb_file(path, settings_file)
    what = f"the source {str(path)!r} does not exist" if not path.exists() else f"cannot read {path.name!r} as a source"
    raise ProjectError(
        what,
        where=f"{settings_file}, [database] source",
        fix="name a folder of .csv or .parquet files, or a .duckdb file",
    )


def _folder(path: Path, settings_file: Path) -> Source:
    files = sorted(f for f in path.iterdir() if f.suffix in _SUFFIXES and f.is_file())
    tables: dict[str, str | Path] = {}
    names: dict[str, str] = {}
    for file in files:
        first = names.setdefault(file.stem.lower(), file.name)
        if first != file.name:
            raise ProjectError(
                f"two files hold the table {file.stem!r}: {first} and {file.name}",
                where=str(path),
                fix="keep one of them, or rename one: SQL does not tell names apart by their case",
            )
        tables[file.stem] = file if file.suffix == ".csv" else f"SELECT * FROM read_parquet({literal(str(file))})"
    if not tables:
        raise ProjectError(
            f"no .csv or .parquet file in {str(path)!r}",
            where=f"{settings_file}, [database] source",
            fix="name another folder",
        )
    return Source(tables, tuple(files))


def _duckdb_file(path: Path, settings_file: Path) -> Source:
    connection = duckdb.connect(":memory:")
    try:
        connection.execute(f"ATTACH {literal(str(path))} AS source (READ_ONLY)").fetchall()
        rows = connection.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'source' "
            "UNION ALL SELECT schema_name, view_name FROM duckdb_views() "
            "WHERE database_name = 'source' AND NOT internal ORDER BY ALL"
        ).fetchall()
    except duckdb.Error as error:
        raise ProjectError(f"not readable as a DuckDB file: {error}", where=str(path), fix="check the file") from error
    finally:
        connection.close()
    tables = {name: f"SELECT * FROM source.{quote(schema)}.{quote(name)}" for schema, name in rows}
    if len(tables) < len(rows):
        raise ProjectError("two schemas hold tables of one name", where=str(path), fix="stage them under different names")
    if not tables:
        raise ProjectError("the DuckDB file holds no table", where=f"{settings_file}, [database] source", fix="name another file")
    log = path.with_name(path.name + ".wal")  # what was committed and not yet moved into the file
    return Source(tables, (path, log) if log.is_file() else (path,), attach=path)


@dataclass(frozen=True)
class CsvRead:
    """How a CSV file is read: its SELECT with every column's type stated, and how many short lines it pads with nulls."""

    select: str
    padded: int


def csv_read(connection: duckdb.DuckDBPyConnection, file: Path) -> CsvRead:
    """Look into a CSV file.

    The line of names decides what divides the columns, and every value is looked at before a type is decided, once: a sample would
    let the order of the rows decide either. Lines that hold fewer values than there are names are padded with nulls, and counted.

    Raises:
        duckdb.Error: the file is no CSV, empty, or holds a line with more values than there are names.
    """
    delimiter = _delimiter(file)
    common = f"{literal(str(file))}, header = true, skip = 0, delim = {literal(delimiter)}, {_DIALECT}"
    padded = 0
    try:
        columns, formats = _sniff(connection, common)
    except duckdb.Error:
        common += ", null_padding = true, parallel = false"
        columns, formats = _sniff(connection, common)
        padded = _short_lines(file, delimiter, len(columns))
    types = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns)
    return CsvRead(f"SELECT * FROM read_csv({common}, auto_detect = false, columns = {{{types}}}{formats})", padded)


def _sniff(connection: duckdb.DuckDBPyConnection, options: str) -> tuple[list[tuple[str, str]], str]:
    """Names and types of a CSV file's columns, and the options that name its formats of dates and times."""
    found = connection.sql(f"SELECT DateFormat, TimestampFormat, Columns FROM sniff_csv({options}, sample_size = -1)").fetchall()
    *formats, columns = found[0]
    named = zip(("dateformat", "timestampformat"), formats, strict=True)
    return [(c["name"], c["type"]) for c in columns], "".join(f", {name} = {literal(value)}" for name, value in named if value)


def _delimiter(file: Path) -> str:
    """What divides the names in the first line: the most frequent of the usual four, a comma where there is none."""
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        names = re.sub(r'"(?:[^"]|"")*"', "", stream.readline())
    return max(",;\t|", key=names.count)


def _short_lines(file: Path, delimiter: str, width: int) -> int:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        return sum(0 < len(line) < width for line in csv.reader(stream, delimiter=delimiter))


def content_hash(files: tuple[Path, ...], *texts: str) -> str:
    """Hex digest over the names and bytes of `files` and over `texts`."""
    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        digest.update(text.encode() + b"\0")
    for file in files:
        digest.update(file.name.encode() + b"\0")
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=16)).digest())
    return digest.hexdigest()
