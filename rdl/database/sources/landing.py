"""Landing: a source that streams becomes immutable Parquet files in the project's home, so the rest of rdl knows files only.

Everything is read in the one transaction that the feed holds open. What was landed is remembered in a snapshot; a table with a
watermark is refreshed next time (`refresh.py`), any other is read whole, and the table's note says why. If the feed fails midway,
the last snapshot stays in place as it was. Two processes may land at once: their files have names of their own, and the last one's
snapshot is the one that stays.
"""

import hashlib
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from rdl.database.engine import connect
from rdl.database.sources.credentials import redact
from rdl.database.sources.parts import Draft, Part, Writer, digest, parquet, total
from rdl.database.sources.refresh import check_watermark, find_edge, is_unique, renew
from rdl.database.sources.snapshot import Landed, Snapshot, publish, read_snapshot, sweep, write_snapshot
from rdl.database.sources.source import Feed, FeedTable, OpenFeed, RawTable, Read, Source
from rdl.errors import ProjectError, RdlError, SchemaError
from rdl.project import Project, TableSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Outcome:
    """One table after reading: parts that stay, what is written beside them, whether its key names one row each."""

    kept: tuple[Part, ...]
    drafts: list[Draft]
    unique: bool
    note: str


def land(open_feed: OpenFeed, project: Project, name: str) -> Source:
    """Land every table of a feed and return them as a source of Parquet files.

    `name` tells the source from the project's others and names the landing's folder: it must hold no secret.

    Raises:
        ProjectError: the feed cannot be opened or fails midway, or the project's home is not writable.
        SchemaError: a value does not fit the type that its column is said to have, or a declared watermark cannot order the rows.
    """
    folder = project.home / "landing" / _safe(name)
    aside = folder / f"{uuid4().hex}.tmp"
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise ProjectError(
            f"cannot write the project's home: {error}", where=str(folder), fix="name a writable folder with --home"
        ) from error
    try:
        last = read_snapshot(folder)
        read = datetime.now(UTC).isoformat(timespec="seconds")
        with _told(f"source {name}"), open_feed() as feed:
            tables = _tables(feed, name)
            landing = _Landing(project, folder, aside, last)
            outcomes = landing.run(feed, tables)
        landed = {
            table: Landed(
                dict(tables[table].columns),
                _settings(project, table).watermark,
                _wanted_key(tables[table], _settings(project, table)),
                outcome.unique,
                read,
                outcome.kept + publish(folder, outcome.drafts),
            )
            for table, outcome in outcomes.items()
        }
        snapshot = write_snapshot(folder, landed)
        sweep(folder, snapshot)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return _source(folder, tables, landed, {table: outcome.note for table, outcome in outcomes.items()})


class _Landing:
    """The reading of one feed's tables, in turn."""

    def __init__(self, project: Project, folder: Path, aside: Path, last: Snapshot) -> None:
        self._project, self._folder, self._aside, self._last = project, folder, aside, last

    def run(self, feed: Feed, tables: Mapping[str, FeedTable]) -> dict[str, _Outcome]:
        """Read every table; nothing is put in its place yet."""
        outcomes = {}
        database = self._project.database
        connection = connect(database.memory_limit, 1, self._project.home / "tmp")  # with more, rows lose their order
        try:
            for name, table in tables.items():
                settings = _settings(self._project, name)
                check_watermark(table, settings, f"{self._project.settings_file}, [tables.{name}]")
                writer = Writer(connection, table, settings.watermark, self._aside, _safe(name))
                log.info("landing: reading %s", name)
                with _told(f"table {name}"):
                    outcomes[name] = self._read(writer, feed, table, settings)
                log.info("landing: %s: %s", name, outcomes[name].note)
        finally:
            connection.close()
        return outcomes

    def _read(self, writer: Writer, feed: Feed, table: FeedTable, settings: TableSettings) -> _Outcome:
        """Refresh the table where that can be done, or read it whole."""
        landed = self._last.tables.get(table.name)
        edge = self._reason(table, settings, landed) or find_edge(table, settings, landed.parts if landed else ())
        if isinstance(edge, str) or landed is None:
            return self._whole(writer, feed, table, settings, str(edge))
        key = _wanted_key(table, settings) if landed.unique else ()
        renewed = renew(writer, feed, table, landed.parts, edge, key, self._folder)
        if isinstance(renewed, str):
            return self._whole(writer, feed, table, settings, renewed)
        return _Outcome(renewed.kept, renewed.drafts, landed.unique, renewed.note)

    def _reason(self, table: FeedTable, settings: TableSettings, landed: Landed | None) -> str:
        """Why the table cannot be refreshed, "" where it can."""
        if settings.watermark is None:
            return "no watermark is declared"
        if landed is None:
            return "it is the first time"
        if list(landed.columns.items()) != list(table.columns.items()):
            return "its columns changed"
        if landed.watermark != settings.watermark:
            return "another watermark is declared"
        if landed.key != _wanted_key(table, settings):
            return "another key is declared"
        if not self._there(landed):
            return "files of its last snapshot are missing"
        return ""

    def _there(self, landed: Landed) -> bool:
        return all((self._folder / part.file).is_file() for part in landed.parts)

    def _whole(self, writer: Writer, feed: Feed, table: FeedTable, settings: TableSettings, reason: str) -> _Outcome:
        """Read all rows; where they are those of the last snapshot, its parts stay."""
        drafts = writer.land(feed.read(table))
        rows = total(draft.part for draft in drafts)
        note = f"{rows[0]:,} rows, read whole: {reason}"
        key = _wanted_key(table, settings)
        unique = not key or key == table.constraints.key or is_unique(writer, parquet(d.path for d in drafts), key)
        if not unique:
            note += "; its declared key is not unique, so no row will replace another"
        landed = self._last.tables.get(table.name)
        same = landed is not None and (list(landed.columns.items()), landed.watermark, total(landed.parts)) == (
            list(table.columns.items()),
            settings.watermark,
            rows,
        )
        if landed is not None and same and self._there(landed):
            return _Outcome(landed.parts, [], unique, f"{note}; nothing changed")
        return _Outcome((), drafts, unique, note)


def _wanted_key(table: FeedTable, settings: TableSettings) -> tuple[str, ...]:
    """The key under which a row may come again: the one that the source enforces, or the declared one if the raw table has it."""
    if settings.watermark is None:
        return ()
    declared = settings.key_columns if set(settings.key_columns) <= set(table.columns) else ()
    return table.constraints.key or declared


def _settings(project: Project, table: str) -> TableSettings:
    return project.tables.get(table) or TableSettings()


def _tables(feed: Feed, name: str) -> dict[str, FeedTable]:
    """The feed's tables that have columns, none of which differ in case only."""
    tables = {table: found for table, found in feed.tables.items() if found.columns}
    for table in sorted(set(feed.tables) - set(tables)):
        log.info("landing: %s has no column that can be read; it is left out", table)
    if not tables:
        raise ProjectError("the source holds no table", where=f"source {name}", fix="see [database] source, schemas and include")
    seen: dict[str, str] = {}
    for table in tables:
        first = seen.setdefault(table.lower(), table)
        if first != table:
            raise SchemaError(
                f"two tables are called {first!r} and {table!r}",
                where=f"source {name}",
                fix="SQL does not tell names apart by their case: leave one out with [database] include",
            )
    return tables


def _source(folder: Path, tables: Mapping[str, FeedTable], landed: Mapping[str, Landed], notes: Mapping[str, str]) -> Source:
    raw = {}
    for name, table in tables.items():
        files = tuple(folder / part.file for part in landed[name].parts)
        raw[name] = RawTable(
            name, Read(f"SELECT * FROM {parquet(files)}"), files, parquet=True, constraints=table.constraints, note=notes[name]
        )
    contents = [[name, list(t.columns.items()), total(t.parts)] for name, t in sorted(landed.items())]
    return Source(raw, digest({}, contents))


def _safe(name: str) -> str:
    """A file name for any name: what is plain of it, and a hash that tells it from others."""
    plain = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-").lower()[:40]
    return f"{plain}-{hashlib.blake2b(name.encode(), digest_size=5).hexdigest()}".lstrip("-")


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Turns whatever a driver raises into an error of ours, without the secrets that drivers like to quote."""
    try:
        yield
    except RdlError:
        raise
    except Exception as error:
        raise ProjectError(
            f"reading the source failed: {redact(f'{type(error).__name__}: {error}')}",
            where=where,
            fix="is the server there, and may this user read it? The last snapshot stays as it was",
        ) from None
