"""The source and its staging SELECTs, opened: every table can be selected from, none has row numbers yet.

Text is parsed once, into a file beside the home's spill that goes with the connection; Parquet and database files are read where
they lie. Staging SELECTs may read files below the declared source, and no others.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb

from rdl.database.engine import connect, engine_error, literal, quote
from rdl.database.relation import Ask, Relation
from rdl.database.sources.hub import with_relbench
from rdl.database.sources.scan import scan
from rdl.database.sources.source import RawTable, Source
from rdl.database.statements import check_select, statements
from rdl.errors import ProjectError, SchemaError, SqlError
from rdl.project import Project

log = logging.getLogger(__name__)

_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Staging:
    """An opened source.

    Attributes:
        ask: runs one SQL statement.
        relations: every table by name, in a stable order.
        notes: how a table was read, where that is worth saying.
        target: an empty DuckDB file, attached as `db`, for what is made of the relations; it goes, unless it is moved away.
    """

    ask: Ask
    relations: Mapping[str, Relation]
    notes: Mapping[str, str]
    target: Path


def staging_texts(project: Project) -> dict[str, str]:
    """SELECT text by table name from the staging folder.

    Raises:
        ProjectError: the folder is missing, or a file is not readable.
        SqlError: a file holds anything but one SELECT.
    """
    if project.database.staging is None:
        return {}
    folder = project.root / project.database.staging
    if not folder.is_dir():
        raise ProjectError(
            f"no staging folder {project.database.staging!r}",
            where=f"{project.settings_file}, [database] staging",
            fix="make the folder, or remove the line",
        )
    return {file.stem: _staged(file) for file in sorted(folder.glob("*.sql"))}


def _staged(file: Path) -> str:
    """The one SELECT that a staging file holds."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProjectError(f"not readable as UTF-8: {error}", where=str(file), fix="save it as UTF-8") from error
    check_select(text, str(file))
    return statements(text, str(file))[0]


@contextmanager
def open_staging(project: Project, source: Source | None = None) -> Iterator[Staging]:
    """Open the project's source, or `source` where it was scanned before.

    Raises:
        ProjectError, SchemaError, SqlError: the source, a table or a staging SELECT is wrong.
    """
    project = with_relbench(project)
    source = scan(project) if source is None else source
    texts = staging_texts(project)
    spill = project.home / "tmp"
    make_home(spill, project)
    name = uuid4().hex
    path, target = spill / f"stage-{name}.duckdb", spill / f"target-{name}.duckdb"
    connection = connect(project.database.memory_limit, project.database.threads, spill)
    try:
        yield _Stage(project, source, texts, connection, path, target).open()
    finally:
        connection.close()
        for left in (path, target):
            left.unlink(missing_ok=True)
            left.with_name(left.name + ".wal").unlink(missing_ok=True)


def make_home(folder: Path, project: Project) -> None:
    """Make a folder of the project's home.

    Raises:
        ProjectError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProjectError(
            f"cannot write the project's home: {error}",
            where=str(project.home),
            fix="name a writable folder with --home",
        ) from error


class _Stage:
    """One opening; every step is a statement a table."""

    def __init__(
        self,
        project: Project,
        source: Source,
        texts: Mapping[str, str],
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        target: Path,
    ) -> None:
        self._project, self._source, self._texts, self._con = project, source, texts, connection
        self._path, self._target = path, target

    def open(self) -> Staging:
        self._ask(f"ATTACH {literal(str(self._path))} AS stage")
        self._ask(f"ATTACH {literal(str(self._target))} AS db")
        self._ask("CREATE SCHEMA memory.raw")
        if self._source.attach:
            self._ask(f"ATTACH {literal(str(self._source.attach))} AS source (READ_ONLY)")
        self._check_twins()
        relations = {}
        for name, table in self._source.tables.items():
            padded = self._read(name, table)
            if name not in self._texts:
                relations[name] = self._raw(name, table, padded)
        self._wall_in()
        for name, text in self._texts.items():
            relations[name] = self._stage(name, text)
        self._ask("RESET search_path")
        notes = {name: note for name, table in self._source.tables.items() if (note := table.note or self._reloaded(name))}
        return Staging(self._ask, dict(sorted(relations.items())), notes, self._target)

    def _ask(self, sql: str) -> list[tuple[Any, ...]]:
        try:
            return self._con.execute(sql).fetchall()
        except duckdb.Error as error:
            raise engine_error(error, sql) from error

    def _reloaded(self, name: str) -> str:
        """What is to be said of a table of a file that declares a watermark: only a stream can be asked for new rows."""
        settings = self._project.tables.get(name)
        return "read whole: it lies in a file, which is not asked for new rows" if settings and settings.watermark else ""

    def _check_twins(self) -> None:
        for name in self._texts:
            twin = next((t for t in self._source.tables if t != name and t.lower() == name.lower()), None)
            if twin is not None:
                raise SchemaError(
                    f"the staging file {name}.sql and the source's table {twin!r} differ in case only",
                    where=f"staging file {name}.sql",
                    fix=f"call it {twin}.sql",
                )

    def _read(self, name: str, table: RawTable) -> int:
        """Make `memory.raw."name"`, and say how many short lines were padded."""
        read = table.read(self._con) if callable(table.read) else table.read
        if read.padded:
            log.warning("database: %d short lines of %s are padded with nulls", read.padded, name)
        self._ask(f"CREATE VIEW memory.raw.{quote(name)} AS {read.select}")
        return read.padded

    def _raw(self, name: str, table: RawTable, padded: int) -> Relation:
        view = f"memory.raw.{quote(name)}"
        if table.parquet or not table.files:
            types = self._types(name, view)
            return Relation(name, view, types, table.constraints, parquet=table.files if table.parquet else (), padded=padded)
        log.info("database: reading %s", name)
        return Relation(name, *self._copy(name, f"SELECT * FROM {view}"), table.constraints, padded=padded)

    def _stage(self, name: str, text: str) -> Relation:
        log.info("database: staging %s", name)
        try:
            return Relation(name, *self._copy(name, text), staged=True)
        except SqlError as error:
            raise SchemaError(
                f"the staging SELECT fails: {error.what}", where=f"staging file {name}.sql", fix="mend the SQL"
            ) from error

    def _copy(self, name: str, select: str) -> tuple[str, dict[str, str]]:
        """Write `stage.main."name"`, with its time as a time where there is no row: a file without rows does not tell its types."""
        target = f"stage.main.{quote(name)}"
        self._ask(f"CREATE TABLE {target} AS {select}")
        settings = self._project.tables.get(name)
        time = settings.time if settings and settings.time else None
        types = self._types(name, target)
        if time in types and types[time] == "VARCHAR" and not self._ask(f"SELECT 1 FROM {target} LIMIT 1"):
            self._ask(f"ALTER TABLE {target} ALTER {quote(time)} TYPE TIMESTAMP")
            types[time] = "TIMESTAMP"
        return target, types

    def _types(self, name: str, relation: str) -> dict[str, str]:
        types = {row[0]: row[1] for row in self._ask(f"DESCRIBE {relation}")}
        for column in types:
            if column.lower() in {"_row", "_time"} or column.lower().startswith("_ref_"):
                raise SchemaError(
                    f"the column name {column!r} is one that rdl uses itself",
                    where=f"table {name}",
                    fix="rename it in a staging SELECT",
                )
        return types

    def _wall_in(self) -> None:
        """From here on no SELECT reads or writes another file than those below the source."""
        files = ", ".join(literal(str(file)) for file in self._source.files)
        self._ask(f"SET allowed_paths = [{files}]")
        root = self._root()
        if root is not None and self._texts:
            self._ask(f"SET allowed_directories = [{literal(str(root))}]")
            self._ask(f"SET file_search_path = {literal(str(root))}")
        self._ask("SET enable_external_access = false")
        self._ask("SET search_path = 'memory.raw'")

    def _root(self) -> Path | None:
        """The folder of the source, where it is one or a glob below one."""
        text = self._project.database.source
        if "://" in text:
            return None
        fixed = text if not _WILD.search(text) else text[: _WILD.search(text).start()].rpartition("/")[0] or "."  # type: ignore[union-attr]
        path = (self._project.root / fixed).resolve()
        return path if path.is_dir() else None
