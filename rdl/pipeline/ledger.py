"""What was run, when, how it ended, and which work is done: one SQLite file in the project's home.

Every write is one transaction, so a killed run leaves the ledger as it was after its last finished step. A file belongs to the
work that published it last: work is done only while all its outputs exist and are still its own.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from rdl.errors import PipelineError
from rdl.pipeline.step import Done, Unit
from rdl.process import Process

_TABLES = """
CREATE TABLE IF NOT EXISTS runs (
    id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, asked INTEGER, as_of INTEGER, status TEXT NOT NULL,
    started INTEGER NOT NULL, ended INTEGER, error TEXT, process TEXT
);
CREATE TABLE IF NOT EXISTS steps (
    run TEXT NOT NULL REFERENCES runs(id), unit TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL,
    started INTEGER NOT NULL, ended INTEGER, rows INTEGER, outputs TEXT, facts TEXT, error TEXT,
    cpu REAL, attempts INTEGER,
    PRIMARY KEY (run, unit)
);
CREATE INDEX IF NOT EXISTS steps_by_key ON steps (key, status);
CREATE TABLE IF NOT EXISTS outputs (path TEXT PRIMARY KEY, key TEXT NOT NULL);
"""
_LATER = (("runs", "process", "TEXT"), ("steps", "cpu", "REAL"), ("steps", "attempts", "INTEGER"))
"""Columns that older ledgers lack."""


class Status(StrEnum):
    """How a run or a step stands."""

    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    PLANNED = "planned"
    FAILED = "failed"
    BLOCKED = "blocked"
    INTERRUPTED = "interrupted"
    DIED = "died"


@dataclass(frozen=True)
class RunRecord:
    """One run; times in microseconds UTC, `as_of` None until it is known."""

    id: str
    pipeline: str
    as_of: int | None
    status: Status
    started: int
    ended: int | None
    error: str | None


@dataclass(frozen=True)
class StepRecord:
    """One unit of work in one run.

    Attributes:
        cpu: seconds of processors that it took, None where it did nothing.
        attempts: how often it was begun; more than once where a source or sink was away.
    """

    run: str
    unit: str
    key: str
    status: Status
    started: int
    ended: int | None
    rows: int | None
    outputs: tuple[Path, ...]
    facts: Mapping[str, Any]
    error: str | None
    cpu: float | None = None
    attempts: int | None = None


class Ledger:
    """The ledger of one home.

    Args:
        path: the SQLite file; made on the first write. A ledger that was never written reads as empty. Outputs beside or below it
            are kept as relative paths, so a home can be moved.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @staticmethod
    def of(home: Path) -> "Ledger":
        """The ledger in `home`."""
        return Ledger(home / "ledger.db")

    def start_run(self, run: str, pipeline: str, asked: int | None, now: int) -> tuple[str, ...]:
        """Open a run that was asked for as of `asked` (None: the end of the data); the ids of earlier runs found dead.

        Call it while holding the lock of (pipeline, asked): what needs that lock and still says `running` is dead.
        """
        with self._write() as connection:
            dead = _bury(connection, "pipeline = ? AND (asked IS ? OR as_of = ?)", (pipeline, asked, asked), now)
            row = (run, pipeline, asked, asked, now, json.dumps(asdict(Process.current())))
            connection.execute("INSERT INTO runs VALUES (?, ?, ?, ?, 'running', ?, NULL, NULL, ?)", row)
        return dead

    def date_run(self, run: str, pipeline: str, as_of: int, now: int) -> tuple[str, ...]:
        """Write down the as-of that a run found; the ids of earlier runs found dead. Call it while holding that as-of's lock."""
        with self._write() as connection:
            dead = _bury(connection, "pipeline = ? AND as_of = ?", (pipeline, as_of), now)
            connection.execute("UPDATE runs SET as_of = ? WHERE id = ?", (as_of, run))
        return dead

    def end_run(self, run: str, status: Status, now: int, error: str | None = None) -> None:
        """Close a run, and whatever step of it is still open; one that is closed stays as it is."""
        with self._write() as connection:
            values = (status.value, now, error, run)
            connection.execute("UPDATE steps SET status = ?, ended = ?, error = ? WHERE run = ? AND status = 'running'", values)
            connection.execute("UPDATE runs SET status = ?, ended = ?, error = ? WHERE id = ? AND status = 'running'", values)

    def start_step(self, run: str, unit: Unit, key: str, now: int) -> None:
        """Open a step."""
        with self._write() as connection:
            row = (run, str(unit), key, Status.RUNNING.value, now)
            connection.execute("INSERT INTO steps (run, unit, key, status, started) VALUES (?, ?, ?, ?, ?)", row)

    def finish_step(self, run: str, done: Done, now: int, cpu: float = 0.0, attempts: int = 1) -> None:
        """Close a step as done, and make its outputs its own: one transaction."""
        with self._write() as connection:
            paths = [self._name(path) for path in done.outputs]
            connection.execute(
                "UPDATE steps SET status = 'done', ended = ?, rows = ?, outputs = ?, facts = ?, cpu = ?, attempts = ? "
                "WHERE run = ? AND unit = ?",
                (now, done.rows, json.dumps(paths), json.dumps(dict(done.facts)), cpu, attempts, run, str(done.unit)),
            )
            connection.executemany("INSERT OR REPLACE INTO outputs VALUES (?, ?)", [(path, done.key) for path in paths])

    def note_step(
        self,
        run: str,
        unit: Unit,
        key: str,
        status: Status,
        now: int,
        error: str | None = None,
        *,
        cpu: float | None = None,
        attempts: int | None = None,
    ) -> None:
        """Write down a step that ended without work that counts: skipped, blocked, or failed."""
        row = (run, str(unit), key, status.value, now, now, error, cpu, attempts)
        with self._write() as connection:
            connection.execute(
                "INSERT INTO steps (run, unit, key, status, started, ended, error, cpu, attempts) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (run, unit) DO UPDATE SET status = excluded.status, ended = excluded.ended, error = excluded.error, "
                "cpu = excluded.cpu, attempts = excluded.attempts",
                row,
            )

    def done(self, unit: Unit, key: str) -> Done | None:
        """The finished work of `key`, or None where there is none, or where an output is gone or belongs to other work."""
        found = self._read(
            "SELECT rows, outputs, facts FROM steps WHERE key = ? AND unit = ? AND status = 'done' ORDER BY ended DESC LIMIT 1",
            (key, str(unit)),
        )
        if not found:
            return None
        rows, outputs, facts = found[0]
        names = json.loads(outputs)
        owned = {name for (name,) in self._read("SELECT path FROM outputs WHERE key = ?", (key,))}
        paths = tuple(self._path.parent / name for name in names)
        if not owned.issuperset(names) or not all(path.is_file() for path in paths):
            return None
        return Done(unit, key, rows, paths, json.loads(facts))

    def runs(self, limit: int = 20, pipeline: str | None = None) -> tuple[RunRecord, ...]:
        """The latest runs, newest first; one whose process is gone has died, though nobody has written it down yet."""
        rows = self._read(
            "SELECT id, pipeline, as_of, status, started, ended, error, process FROM runs WHERE coalesce(? = pipeline, true) "
            "ORDER BY started DESC, id DESC LIMIT ?",
            (pipeline, limit),
        )
        return tuple(RunRecord(row[0], row[1], row[2], _standing(Status(row[3]), row[7]), row[4], row[5], row[6]) for row in rows)

    def steps(self, run: str) -> tuple[StepRecord, ...]:
        """The steps of a run in the order they started."""
        rows = self._read(
            "SELECT run, unit, key, status, started, ended, rows, outputs, facts, error, cpu, attempts FROM steps WHERE run = ? "
            "ORDER BY rowid",
            (run,),
        )
        return tuple(
            StepRecord(
                *(row[0], row[1], row[2], Status(row[3]), row[4], row[5], row[6]),
                tuple(self._path.parent / name for name in json.loads(row[7] or "[]")),
                json.loads(row[8] or "{}"),
                *row[9:],
            )
            for row in rows
        )

    def unfinished(self, pipeline: str) -> RunRecord | None:
        """The latest run of `pipeline`, unless it is done."""
        latest = next(iter(self.runs(1, pipeline)), None)
        return latest if latest is not None and latest.status is not Status.DONE else None

    def _name(self, path: Path) -> str:
        home = self._path.parent
        return path.relative_to(home).as_posix() if path.is_relative_to(home) else str(path)

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=60, isolation_level=None)) as connection:
                connection.executescript(_TABLES)
                _widen(connection)
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def _read(self, sql: str, params: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if not self._path.is_file():
            return []
        try:
            with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=60)) as connection:
                return connection.execute(sql, params).fetchall()
        except sqlite3.OperationalError as error:
            if "no such column" not in str(error):
                raise self._broken(error) from error
            with self._write():
                pass  # which adds the columns
            return self._read(sql, params)
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def _broken(self, error: sqlite3.Error) -> PipelineError:
        return PipelineError(f"the ledger cannot be used: {error}", where=str(self._path), fix="mend or remove the file")


def _widen(connection: sqlite3.Connection) -> None:
    """Add what columns the ledger lacks, where an older rdl began it."""
    for table, column, kind in _LATER:
        if column not in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


def _standing(status: Status, process: str | None) -> Status:
    if status is Status.RUNNING and process is not None and not Process(**json.loads(process)).alive:
        return Status.DIED
    return status


def _bury(connection: sqlite3.Connection, which: str, params: tuple[object, ...], now: int) -> tuple[str, ...]:
    """Write down that runs which still say `running` are dead; their ids."""
    dead = tuple(row[0] for row in connection.execute(f"SELECT id FROM runs WHERE status = 'running' AND {which}", params))
    for run in dead:
        connection.execute("UPDATE runs SET status = 'died', ended = ? WHERE id = ?", (now, run))
        connection.execute("UPDATE steps SET status = 'died', ended = ? WHERE run = ? AND status = 'running'", (now, run))
    return dead
