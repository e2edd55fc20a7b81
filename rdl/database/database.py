"""An ingested database: one file, its schema, and the doors to it."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from rdl.database.checks.finding import Finding
from rdl.database.engine import Caution, Engine, EngineDefectError, quote
from rdl.database.ingest import Ingested, Stamp, ingest, ingested_at
from rdl.database.sandbox import Sandbox
from rdl.database.schema import Schema
from rdl.database.sources.content import text_hash
from rdl.errors import ProjectError
from rdl.project import Project
from rdl.timeline import DAY, NEVER, parse_duration

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Database:
    """Rows that were read once, in the project's home.

    Attributes:
        path: the DuckDB file, opened read-only by every reader.
        schema: tables, keys, times, references, meanings.
        fingerprint: content hash of source, settings and staging: names every cache made from these rows.
        findings: what the checks found in the rows, and what was done about it.
        notes: how each table was read, where that is worth saying.
        stamps: the Parquet files that are read in place; they must stay as they were.
        read_at: when the source was read, in microseconds UTC.
    """

    project: Project
    path: Path
    schema: Schema
    fingerprint: str
    findings: tuple[Finding, ...]
    notes: Mapping[str, str]
    stamps: tuple[Stamp, ...] = ()
    read_at: int = NEVER

    def hiding(self, columns: tuple[tuple[str, str], ...]) -> "Database":
        """The same rows with (table, column) pairs hidden from features, graph and encoders; users' SQL still reads them.

        Its fingerprint is its own, so nothing that is kept of the one is taken for the other.

        Raises:
            SchemaError: a column is unknown, or is an event time.
        """
        if not columns:
            return self
        fingerprint = text_hash(self.fingerprint, "hiding", *(part for pair in sorted(columns) for part in pair))
        return replace(self, schema=self.schema.hiding(columns), fingerprint=fingerprint)

    def engine(self, caution: Caution = Caution.NONE) -> Engine:
        """A private connection for rdl's own SQL.

        Raises:
            ProjectError: a file that is read in place is no longer what it was.
        """
        self._check_stamps()
        settings = self.project.database
        return Engine(self.path, settings.memory_limit, settings.threads, self.project.home / "tmp", caution)

    def run(self, work: Callable[[Engine], T]) -> T:
        """What `work` makes on an engine of its own; again, on a more cautious one, where DuckDB died of an error of its own.

        DuckDB 2.0.0 does so where strings of two joins meet in the cache between operators ("dict-surviving cache"). To go without
        the cache altogether would be safe, and twenty times slower on wide queries, so it comes last.
        """
        for caution in (Caution.NONE, Caution.SIDES):
            try:
                with self.engine(caution) as engine:
                    return work(engine)
            except EngineDefectError as error:
                log.warning("database: %s", error.what.splitlines()[0])
        with self.engine(Caution.CACHE) as engine:
            return work(engine)

    def sandbox(self) -> Sandbox:
        """A locked connection for users' SQL."""
        settings = self.project.database
        limit = parse_duration(settings.query_limit)
        self._check_stamps()
        files = tuple(Path(stamp.path) for stamp in self.stamps)
        temp = self.project.home / "tmp"
        return Sandbox(self.path, settings.memory_limit, settings.threads, limit, temp, files, settings.temp_limit)

    def _check_stamps(self) -> None:
        for stamp in self.stamps:
            if not stamp.holds():
                raise ProjectError(
                    f"{Path(stamp.path).name} changed while it was in use",
                    where=stamp.path,
                    fix="start again; where files change under a run, set snapshot = true in [database], which copies them",
                )

    @cached_property
    def span(self) -> tuple[int, int]:
        """First and last event time over all tables that have one, in microseconds UTC; (0, 0) where none has.

        What lies more than a day after the database was read (a planned race, a mistyped year) is no end of the data.
        """
        timed = [t for t in self.schema.tables.values() if t.time is not None and t.rows]
        if not timed:
            return 0, 0
        times = " UNION ALL ".join(f"SELECT _time - {t.lag} AS t FROM rows.{quote(t.name)} WHERE _time <> {NEVER}" for t in timed)
        known = f"coalesce(max(t) FILTER (t <= {min(self.read_at, NEVER - DAY) + DAY}), max(t), 0)"
        with self.engine() as engine:
            found = engine.numpy(f"SELECT coalesce(min(t), 0) AS a, {known} AS b FROM ({times})")
        return int(found["a"][0]), int(found["b"][0])


def open_database(project: Project) -> Database:
    """Read the project's source, or find it already read.

    Raises:
        ProjectError, SchemaError, SqlError: the source, a declaration or a staging SELECT is wrong.
    """
    return _database(project, ingest(project))


def reopen_database(project: Project, path: Path, fingerprint: str) -> Database:
    """The rows that were read into `path`, without a look at the source: what a process of the same run works on.

    Raises:
        ProjectError: the file is gone.
    """
    return _database(project, ingested_at(path, fingerprint))


def _database(project: Project, found: Ingested) -> Database:
    return Database(project, found.path, found.schema, found.fingerprint, found.findings, found.notes, found.stamps, found.read_at)
