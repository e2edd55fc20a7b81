"""Sources as ingestion reads them: looked into, made into views, walled in, and only then selected from."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from rdl.database.engine import connect, literal, quote
from rdl.database.sources.scan import scan
from rdl.database.sources.source import Source
from rdl.project import DatabaseSettings, Project


def project_of(source: str, root: Path, **settings: Any) -> Project:
    """A project in `root` that reads `source`."""
    return Project("p", root, root / ".rdl", DatabaseSettings(source=source, **settings), {})


def files(folder: Path, texts: Mapping[str, str | bytes]) -> Path:
    """`folder` with files by their paths below it."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


class Reading:
    """The raw tables of a source behind ingestion's wall."""

    def __init__(self, source: Source, connection: duckdb.DuckDBPyConnection) -> None:
        self.source, self._connection = source, connection
        self.padded: dict[str, int] = {}
        connection.execute("CREATE SCHEMA memory.raw").fetchall()
        if source.attach:
            connection.execute(f"ATTACH {literal(str(source.attach))} AS source (READ_ONLY)").fetchall()
        for name, table in source.tables.items():
            read = table.read(connection) if callable(table.read) else table.read
            self.padded[name] = read.padded
            connection.execute(f"CREATE VIEW memory.raw.{quote(name)} AS {read.select}").fetchall()
        listed = ", ".join(literal(str(file)) for file in source.files)
        connection.execute(f"SET allowed_paths = [{listed}]; SET enable_external_access = false").fetchall()

    def rows(self, table: str, columns: str = "*") -> list[tuple[Any, ...]]:
        """The rows of a table, in the order that they are read in."""
        return self._connection.sql(f"SELECT {columns} FROM memory.raw.{quote(table)}").fetchall()

    def types(self, table: str) -> dict[str, str]:
        """SQL type by column."""
        return {row[0]: row[1] for row in self._connection.sql(f"DESCRIBE memory.raw.{quote(table)}").fetchall()}


@contextmanager
def reading(source: str, root: Path, **settings: Any) -> Iterator[Reading]:
    """Read the source of a project in `root`."""
    connection = connect()
    try:
        yield Reading(scan(project_of(source, root, **settings)), connection)
    finally:
        connection.close()
