"""From a source to dense rows in one DuckDB file.

The source and its staging SELECTs are opened, what nobody declared is inferred once and pinned, every table is checked and
numbered, and what was found is kept beside it. The file is written aside and moved into place, and is named by the hash of all
that it was made from: an unchanged source is never read twice.
"""

import json
import logging
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rdl.database.checks.finding import Check, Finding
from rdl.database.checks.history import recall, remember
from rdl.database.checks.inspection import inspect
from rdl.database.checks.timeless import timeless
from rdl.database.declared import Declared, declare
from rdl.database.engine import quote
from rdl.database.numbering import Numbered, Numbering
from rdl.database.pins import forget_stale, pinned
from rdl.database.relation import Ask, Relation
from rdl.database.schema import Column, Schema, Semantic, Table
from rdl.database.semantics import TextProfile, from_type, from_values
from rdl.database.sources.content import text_hash
from rdl.database.sources.hub import with_relbench
from rdl.database.sources.scan import scan
from rdl.database.sources.source import Source
from rdl.database.staging import Staging, make_home, open_staging, staging_texts
from rdl.errors import ProjectError
from rdl.project import Project

log = logging.getLogger(__name__)

FORMAT = "4"


@dataclass(frozen=True)
class Stamp:
    """A file that is read in place, as it was when its rows were numbered."""

    path: str
    size: int
    modified: int

    @staticmethod
    def of(path: Path) -> "Stamp":
        """The file as it is now."""
        stat = path.stat()
        return Stamp(str(path), stat.st_size, stat.st_mtime_ns)

    def holds(self) -> bool:
        """Whether the file is still what it was."""
        path = Path(self.path)
        return path.is_file() and Stamp.of(path) == self


@dataclass(frozen=True)
class Ingested:
    """The file and what is in it.

    Attributes:
        findings: what was found in the rows, and what was done about it.
        notes: how each table was read, where that is worth saying.
        stamps: the Parquet files that are read in place.
        read_at: when the source was read, in microseconds UTC.
    """

    path: Path
    schema: Schema
    fingerprint: str
    findings: tuple[Finding, ...]
    notes: Mapping[str, str]
    stamps: tuple[Stamp, ...]
    read_at: int


def ingest(project: Project) -> Ingested:
    """Bring the project's source into its home, or find it there.

    Raises:
        ProjectError: the source or a staging file is missing or unreadable.
        SchemaError: a declared table, key, time or reference does not hold, or a check refuses what it found.
    """
    project = with_relbench(project)
    folder = project.home / "database"
    make_home(folder, project)
    source = scan(project)
    texts = staging_texts(project)
    with ExitStack() as stack:
        opened: list[Staging] = []

        def staging() -> Staging:
            if not opened:
                opened.append(stack.enter_context(open_staging(project, source)))
            return opened[0]

        while True:
            pins = pinned(project, {*source.tables, *texts}, staging)
            fingerprint = _fingerprint(project, source, texts, pins)
            found = _find(folder, fingerprint, project.database.snapshot)
            if found is not None:
                return found
            if not forget_stale(project, staging().relations):
                _build(project, staging(), declare(project, staging().relations, pins), fingerprint)


def ingested_at(path: Path, fingerprint: str) -> Ingested:
    """What an earlier `ingest` left at `path`, whatever the source holds by now.

    Raises:
        ProjectError: the file is gone.
    """
    meta = path.with_suffix(".json")
    if not (path.is_file() and meta.is_file()):
        raise ProjectError("the rows that were read are gone", where=str(path), fix="run again: they are then read anew")
    return _read(path, meta, fingerprint)


def _find(folder: Path, fingerprint: str, snapshot: bool) -> Ingested | None:
    """What was ingested before; with `snapshot`, only where it reads nothing in place."""
    for name in (f"{fingerprint}.copy", fingerprint):
        path, meta = folder / f"{name}.duckdb", folder / f"{name}.json"
        if path.is_file() and meta.is_file():
            found = _read(path, meta, fingerprint)
            if all(stamp.holds() for stamp in found.stamps) and not (snapshot and found.stamps):
                return found
    return None


def _fingerprint(project: Project, source: Source, texts: Mapping[str, str], pins: Mapping[str, Declared]) -> str:
    settings = {name: t.model_dump() for name, t in project.tables.items()}
    facts = {
        "source": source.identity,
        "constraints": {name: asdict(table.constraints) for name, table in source.tables.items()},
        "tables": settings,
        "checks": dict(project.checks),
        "staging": dict(texts),
        "pins": {name: asdict(pin) for name, pin in pins.items()},
    }
    return text_hash(FORMAT, json.dumps(facts, sort_keys=True, default=str))


def _build(project: Project, staging: Staging, declared: Mapping[str, Declared], fingerprint: str) -> None:
    """Write the file and its facts aside, and move both into place."""
    folder = project.home / "database"
    name = f"{fingerprint}.copy" if project.database.snapshot else fingerprint
    aside = staging.target
    now = time.time_ns() // 1000
    try:
        for schema in ("rows", "links"):
            staging.ask(f"CREATE SCHEMA db.{schema}")
        numbered = Numbering(staging.ask, staging.relations, declared, now, project.database.snapshot).run()
        tables = {name: _table(staging.ask, declared[name], relation) for name, relation in staging.relations.items()}
        policies = {name: table.policies for name, table in declared.items()}
        inspection = inspect(staging.ask, tables, policies, recall(folder / "history"), now)
        findings = [*timeless(declared, {n: t.rows for n, t in tables.items()}, _guessed(project, declared))]
        findings += [*(f for name in tables for f in numbered[name].findings), *inspection.findings]
        _write_meta(aside.with_suffix(".meta"), Schema(tables), findings, staging, numbered, now)
        staging.ask("DETACH db")
        aside.replace(folder / f"{name}.duckdb")
        aside.with_suffix(".meta").replace(folder / f"{name}.json")
        remember(folder / "history", inspection.profiles, fingerprint, now)
    finally:
        aside.with_suffix(".meta").unlink(missing_ok=True)


def _guessed(project: Project, declared: Mapping[str, Declared]) -> set[str]:
    """The tables of which nobody said whether they have a time."""
    stated = {n for n, table in project.tables.items() if "time" in table.model_fields_set or Check.TIMELESS.value in table.checks}
    return set() if Check.TIMELESS.value in project.checks else declared.keys() - stated


def meanings(ask: Ask, relation: str, types: Mapping[str, str]) -> dict[str, Semantic]:
    """What every column means: its type decides, or its values."""
    decided = {column: from_type(column, kind) for column, kind in types.items()}
    open_ = [column for column, semantic in decided.items() if semantic is None]
    found = {column: semantic for column, semantic in decided.items() if semantic is not None}
    for column in open_:
        c = quote(column)
        distinct, known, words = ask(
            f"SELECT count(DISTINCT {c}), count({c}), "
            f"coalesce(avg(length({c}) - length(replace({c}, ' ', '')) + 1), 0) FROM {relation}"
        )[0]
        found[column] = from_values(TextProfile(distinct, known, words))
    return found


def _table(ask: Ask, declared: Declared, relation: Relation) -> Table:
    rows = ask(f"SELECT count(*) FROM db.rows.{quote(declared.name)}")[0][0]
    inferred = meanings(ask, f"db.rows.{quote(declared.name)}", relation.types)
    columns = tuple(Column(c, declared.types.get(c) or inferred[c], t) for c, t in relation.types.items())
    return Table(declared.name, declared.key, declared.time, declared.lag, declared.references, columns, rows, declared.hide)


def _write_meta(
    path: Path, schema: Schema, findings: list[Finding], staging: Staging, numbered: Mapping[str, Numbered], now: int
) -> None:
    files = [file for name, table in numbered.items() if table.in_place for file in staging.relations[name].parquet]
    facts = {
        "read_at": now,
        "schema": schema.to_json(),
        "findings": [f.to_json() for f in findings],
        "notes": dict(staging.notes),
        "stamps": [asdict(Stamp.of(file)) for file in files],
    }
    path.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _read(path: Path, meta: Path, fingerprint: str) -> Ingested:
    facts: dict[str, Any] = json.loads(meta.read_text(encoding="utf-8"))
    findings = tuple(Finding.from_json(f) for f in facts["findings"])
    stamps = tuple(Stamp(**s) for s in facts["stamps"])
    return Ingested(path, Schema.from_json(facts["schema"]), fingerprint, findings, facts["notes"], stamps, facts["read_at"])
