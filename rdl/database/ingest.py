"""From a source to dense rows in one DuckDB file.

Raw SELECTs, then staging SELECTs, then checks of keys, times and references, then `rows."table"`: dense `_row` ids in the order of
(time, key), `_time` in microseconds with the lag added, and `_ref_column` for every reference. The file is written aside and
moved into place, and is named by the hash of everything it was made from: an unchanged source is never read twice.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb

from rdl.database.engine import connect, engine_error, literal, load_sql, quote
from rdl.database.keys import as_key
from rdl.database.sandbox import check_select, statements
from rdl.database.schema import Column, Reference, Schema, Semantic, Table
from rdl.database.semantics import TextProfile, from_type, from_values
from rdl.database.sources import Source, content_hash, csv_read, scan
from rdl.errors import ProjectError, SchemaError, SqlError, nearest
from rdl.project import Project, TableSettings
from rdl.timeline import ALWAYS, NEVER, parse_duration

log = logging.getLogger(__name__)

FORMAT = "3"


@dataclass(frozen=True)
class TableReport:
    """What was found while one table was ingested.

    Attributes:
        rows: rows read.
        null_times: rows without an event time: never visible.
        dangling: per reference column, values that name no parent row: treated as null.
        unread: columns of a type that no feature can read.
        padded: lines of the CSV file that were shorter than its line of names: what is missing is null.
    """

    rows: int
    null_times: int
    dangling: Mapping[str, int]
    unread: tuple[str, ...]
    padded: int = 0


@dataclass(frozen=True)
class Ingested:
    """The file and what is in it."""

    path: Path
    schema: Schema
    fingerprint: str
    report: Mapping[str, TableReport]


def ingest(project: Project) -> Ingested:
    """Bring the project's source into its home, or find it there.

    Raises:
        ProjectError: the source or a staging file is missing or unreadable.
        SchemaError: a declared table, key, time or reference does not hold.
    """
    source = scan(project.source, project.settings_file)
    staging = _staging(project)
    settings = json.dumps({name: t.model_dump() for name, t in project.tables.items()}, sort_keys=True)
    fingerprint = content_hash(source.files, FORMAT, settings, json.dumps(staging, sort_keys=True))
    folder = project.home / "database"
    path, meta = folder / f"{fingerprint}.duckdb", folder / f"{fingerprint}.json"
    if not (path.is_file() and meta.is_file()):
        _make_home(folder, project)
        aside = folder / f"{fingerprint}.{uuid4().hex}.tmp"
        try:
            schema, report = _Ingest(project, source, staging, aside).run()
            facts = {"schema": schema.to_json(), "report": {name: asdict(r) for name, r in report.items()}}
            aside_meta = aside.with_suffix(".meta")
            aside_meta.write_text(json.dumps(facts, indent=1), encoding="utf-8")
            aside.replace(path)
            aside_meta.replace(meta)
        finally:
            for left in (aside, aside.with_suffix(".meta"), aside.with_name(aside.name + ".wal")):
                left.unlink(missing_ok=True)
    facts = json.loads(meta.read_text(encoding="utf-8"))
    reports = {
        name: TableReport(r["rows"], r["null_times"], r["dangling"], tuple(r["unread"]), r["padded"])
        for name, r in facts["report"].items()
    }
    return Ingested(path, Schema.from_json(facts["schema"]), fingerprint, reports)


def _make_home(folder: Path, project: Project) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProjectError(
            f"cannot write the project's home: {error}",
            where=str(project.home),
            fix="name a writable folder with --home",
        ) from error


def _staging(project: Project) -> dict[str, str]:
    """SELECT text by table name from the staging folder."""
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


class _Ingest:
    """One ingestion into the file `path`; every step is one SQL statement a table."""

    def __init__(self, project: Project, source: Source, staging: Mapping[str, str], path: Path) -> None:
        self._project, self._source, self._staging, self._path = project, source, staging, path
        self._padded: dict[str, int] = {}

    def run(self) -> tuple[Schema, dict[str, TableReport]]:
        database = self._project.database
        self._con = connect(database.memory_limit, database.threads, self._project.home / "tmp")
        try:
            self._run(f"ATTACH {literal(str(self._path))} AS db")
            self._run("USE db.main; CREATE SCHEMA raw; CREATE SCHEMA ordered; CREATE SCHEMA rows")
            if self._source.attach:
                self._run(f"ATTACH {literal(str(self._source.attach))} AS source (READ_ONLY)")
            selects = self._selects()
            self._check_declared(selects)
            selects = {name: self._typed(name, select) for name, select in selects.items()}
            columns = {name: self._describe(name, select) for name, select in selects.items()}
            for name, select in selects.items():
                self._order(name, select, columns[name])
            tables, report = {}, {}
            for name in selects:
                tables[name], report[name] = self._finish(name, columns)
            self._run("DROP SCHEMA ordered CASCADE; DROP SCHEMA raw CASCADE; USE memory.main; DETACH db")
            return Schema(tables), report
        finally:
            self._con.close()

    def _run(self, sql: str, params: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        try:
            return self._con.execute(sql, params).fetchall()
        except duckdb.Error as error:
            raise engine_error(error, sql) from error

    def _selects(self) -> dict[str, str]:
        """One SELECT for every table: the staging file's where there is one, the raw rows elsewhere."""
        for name, found in self._source.tables.items():
            select = self._csv(name, found) if isinstance(found, Path) else found
            self._run(f"CREATE VIEW raw.{quote(name)} AS {select}")
        selects = {name: f"SELECT * FROM raw.{quote(name)}" for name in self._source.tables}
        if self._staging:
            self._run("SET search_path = 'db.raw,db.main'")
        for name in self._staging:
            twin = next((t for t in self._source.tables if t != name and t.lower() == name.lower()), None)
            if twin is not None:
                raise SchemaError(
                    f"the staging file {name}.sql and the source's table {twin!r} differ in case only",
                    where=f"staging file {name}.sql",
                    fix=f"call it {twin}.sql",
                )
        self._wall_in()
        return {**selects, **self._staging}

    def _csv(self, name: str, file: Path) -> str:
        try:
            found = csv_read(self._con, file)
        except duckdb.Error as error:
            raise SchemaError(
                f"not readable as CSV: {error}", where=str(file), fix="give it a line of column names, and one line a row"
            ) from error
        if found.padded:
            log.warning("database: %d short lines of %s are padded with nulls", found.padded, file.name)
        self._padded[name] = found.padded
        return found.select

    def _wall_in(self) -> None:
        """From here on no SELECT reads or writes another file than the source's."""
        files = ", ".join(literal(str(file)) for file in self._source.files)
        self._run(f"SET allowed_paths = [{files}]")
        self._run("SET enable_external_access = false")

    def _check_declared(self, selects: Mapping[str, str]) -> None:
        for name, settings in self._project.tables.items():
            if name not in selects:
                raise SchemaError(
                    f"the declared table {name!r} is not in the source",
                    where=f"{self._project.settings_file}, [tables.{name}]",
                    fix=nearest(name, selects),
                )
            for column, parent in settings.references.items():
                if parent not in selects:
                    raise SchemaError(
                        f"{name}.{column} references the unknown table {parent!r}",
                        where=f"{self._project.settings_file}, [tables.{name}] references",
                        fix=nearest(parent, selects),
                    )
                if len(self._settings(parent).key_columns) != 1:
                    raise SchemaError(
                        f"{name}.{column} references {parent!r}, which declares no single-column key",
                        where=f"{self._project.settings_file}, [tables.{parent}]",
                        fix=f'add key = "…" to [tables.{parent}]',
                    )

    def _settings(self, table: str) -> TableSettings:
        return self._project.tables.get(table) or TableSettings()

    def _typed(self, name: str, select: str) -> str:
        """The SELECT, with its time as a time where there is no row: a file without rows does not tell its types."""
        time = self._settings(name).time
        found = self._source.tables.get(name)
        if time is None or name in self._staging or not isinstance(found, Path) or self._run(f"{select} LIMIT 1"):
            return select
        if time not in {row[0] for row in self._run(f"DESCRIBE {select}")}:
            return select
        return f"SELECT * REPLACE (try_cast({quote(time)} AS TIMESTAMP) AS {quote(time)}) FROM ({select})"

    def _describe(self, name: str, select: str) -> dict[str, str]:
        """SQL type by column, after checking that every declared column exists."""
        try:
            rows = self._run(f"DESCRIBE {select}")
        except SqlError as error:
            if name in self._staging:
                raise SchemaError(
                    f"the staging SELECT fails: {error.what}", where=f"staging file {name}.sql", fix="mend the SQL"
                ) from error
            raise
        types = {row[0]: row[1] for row in rows}
        for column in types:
            if column.lower() in {"_row", "_time"} or column.lower().startswith("_ref_"):
                raise SchemaError(
                    f"the column name {column!r} is one that rdl uses itself",
                    where=f"table {name}",
                    fix="rename it in a staging SELECT",
                )
        settings = self._settings(name)
        declared = {
            "key": settings.key_columns,
            "time": (settings.time,) if settings.time else (),
            "references": tuple(settings.references),
            "hide": tuple(settings.hide),
            "types": tuple(settings.types),
        }
        for place, wanted in declared.items():
            for column in wanted:
                if column not in types:
                    raise SchemaError(
                        f"no column {column!r} in table {name!r}",
                        where=f"{self._project.settings_file}, [tables.{name}] {place}",
                        fix=nearest(column, types),
                    )
        kind = types[settings.time].upper() if settings.time else "DATE"
        if kind.endswith("]") or not kind.startswith(("TIMESTAMP", "DATE")):
            raise SchemaError(
                f"the time column {name}.{settings.time} is {types[settings.time]}, not a date or timestamp",
                where=f"{self._project.settings_file}, [tables.{name}] time",
                fix="cast it in a staging SELECT",
            )
        return types

    def _order(self, name: str, select: str, types: Mapping[str, str]) -> None:
        """Write `ordered."name"`: the rows with `_row` and `_time`, in the order of (time, key)."""
        log.info("database: reading %s", name)
        settings = self._settings(name)
        if settings.time is None:
            time = f"CAST({ALWAYS} AS BIGINT)"
        else:
            column = quote(settings.time)
            time = (
                f"CASE WHEN {column} IS NULL OR isinf(CAST({column} AS TIMESTAMP)) THEN {NEVER} "
                f"ELSE epoch_us(CAST({column} AS TIMESTAMP)) + {parse_duration(settings.lag)} END"
            )
        order = settings.key_columns or tuple(types)
        self._run(
            load_sql("staging/order.sql").format(
                target=f"ordered.{quote(name)}", select=select, time=time, order=", ".join(quote(c) for c in order)
            )
        )
        self._check_key(name, settings)

    def _check_key(self, name: str, settings: TableSettings) -> None:
        if not settings.key_columns:
            return
        columns = ", ".join(quote(c) for c in settings.key_columns)
        missing = " OR ".join(f"{quote(c)} IS NULL" for c in settings.key_columns)
        where = f"table {name}, key {', '.join(settings.key_columns)}"
        nulls = self._run(f"SELECT count(*) FROM ordered.{quote(name)} WHERE {missing}")[0][0]
        if nulls:
            raise SchemaError(
                f"the key is null in {nulls} rows",
                where=where,
                fix="drop those rows in a staging SELECT, or declare another key",
            )
        double = self._run(
            f"SELECT {columns}, count(*) AS n FROM ordered.{quote(name)} GROUP BY ALL HAVING n > 1 ORDER BY ALL LIMIT 1"
        )
        if double:
            *values, count = double[0]
            shown = ", ".join(str(v) for v in values)
            raise SchemaError(
                f"the key {shown!r} stands in {count} rows",
                where=where,
                fix="keep one row per key in a staging SELECT, or declare another key",
            )

    def _finish(self, name: str, columns: Mapping[str, Mapping[str, str]]) -> tuple[Table, TableReport]:
        """Write `rows."name"` with resolved references and the view that users' SQL reads."""
        settings, types = self._settings(name), columns[name]
        joins, extra = [], []
        for i, (column, parent) in enumerate(settings.references.items()):
            key = self._settings(parent).key_columns[0]
            value = as_key(f"o.{quote(column)}", types[column], columns[parent][key])
            joins.append(f"LEFT JOIN ordered.{quote(parent)} p{i} ON p{i}.{quote(key)} = {value}")
            extra.append(f", p{i}._row AS {quote('_ref_' + column)}")
        native = ", ".join(quote(c) for c in types)
        self._run(
            load_sql("staging/resolve.sql").format(
                target=f"rows.{quote(name)}",
                source=f"ordered.{quote(name)}",
                references="".join(extra),
                joins="\n".join(joins),
            )
        )
        self._run(f"CREATE VIEW main.{quote(name)} AS SELECT {native} FROM db.rows.{quote(name)}")
        self._assert_order(name)
        rows, null_times = self._run(f"SELECT count(*), count(*) FILTER (_time = {NEVER}) FROM rows.{quote(name)}")[0]
        dangling = {
            c: self._run(f"SELECT count(*) FROM rows.{quote(name)} WHERE {quote(c)} IS NOT NULL AND {quote('_ref_' + c)} IS NULL")[
                0
            ][0]
            for c in settings.references
        }
        described = tuple(Column(c, self._semantic(name, c, t), t) for c, t in types.items())
        table = Table(
            name,
            settings.key_columns,
            settings.time,
            parse_duration(settings.lag),
            tuple(Reference(c, p) for c, p in settings.references.items()),
            described,
            rows,
            tuple(settings.hide),
        )
        unread = tuple(c.name for c in described if c.semantic is Semantic.IDENTIFIER and c.name not in table.key)
        return table, TableReport(rows, null_times, {c: n for c, n in dangling.items() if n}, unread, self._padded.get(name, 0))

    def _assert_order(self, name: str) -> None:
        bad = self._run(
            f"SELECT count(*) FROM (SELECT _time < lag(_time) OVER () AS late, _row <> rowid AS moved FROM rows.{quote(name)}) "
            "WHERE late OR moved"
        )[0][0]
        if bad:
            raise SchemaError(
                f"{bad} rows of {name!r} were written out of time order",
                where="ingestion",
                fix="report this as a defect of rdl",
            )

    def _semantic(self, table: str, column: str, sql_type: str) -> Semantic:
        settings = self._settings(table)
        if column in settings.types:
            return Semantic(settings.types[column])
        decided = from_type(column, sql_type)
        if decided is not None:
            return decided
        c = quote(column)
        distinct, known, words = self._run(
            f"SELECT count(DISTINCT {c}), count({c}), "
            f"coalesce(avg(length({c}) - length(replace({c}, ' ', '')) + 1), 0) FROM rows.{quote(table)}"
        )[0]
        return from_values(TextProfile(distinct, known, words))
