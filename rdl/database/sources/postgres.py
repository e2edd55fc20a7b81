"""PostgreSQL: every table and view that the user may read, in one transaction, as streams of Arrow batches.

The transaction is REPEATABLE READ READ ONLY: from the list of tables to the last batch, what others commit meanwhile is not seen.
Where the password comes from is libpq's affair: the URL, PGPASSWORD, or ~/.pgpass.
"""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from rdl.database.engine import load_sql, quote
from rdl.database.sources.adbc import LATER, AdbcFeed, Query, Session, load_driver
from rdl.database.sources.credentials import check_url, expand, redact
from rdl.database.sources.include import included
from rdl.database.sources.postgres_types import lane
from rdl.database.sources.source import Constraints, Feed, FeedTable, ForeignKey
from rdl.errors import ProjectError, UnavailableError, nearest
from rdl.project import Project

logger = logging.getLogger(__name__)

# Texts and times come as they are read below, and no name stands for anything that a user has put in its way.
_SETTINGS = {
    "client_encoding": "UTF8",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "search_path": "",
}
_FIXES = {
    "password": "correct user and password: in the URL, a variable of the environment, PGPASSWORD or ~/.pgpass",
    "authentication": "correct user and password: in the URL, a variable of the environment, PGPASSWORD or ~/.pgpass",
    "pg_hba": "let this user in from here: pg_hba.conf on the server, or sslmode in the URL",
    "database": "correct the name of the database in the URL",
    "role": "correct the user in the URL",
    "": "is the server running, and are host and port those of the URL?",
}


def postgres_feed(url: str, project: Project) -> Callable[[], AbstractContextManager[Feed]]:
    """What opens the PostgreSQL database at `url`, in which `${NAME}` stands for a variable of the environment.

    Opening it raises ProjectError: the driver is missing; the server is not there or does not let the user in; a table cannot be
    read and is not left out by `[database] include`.
    """

    @contextmanager
    def open_feed() -> Iterator[Feed]:
        session = _connect(url, project)
        try:
            yield _feed(session, project)
        finally:
            session.close()

    return open_feed


def _connect(url: str, project: Project) -> Session:
    """A session in the middle of its transaction."""
    connection, full = connect(url, f"{project.settings_file}, [database] source")
    session = Session(connection, redact(url), full)
    session.rows("SELECT " + ", ".join(f"pg_catalog.set_config('{name}', '{value}', false)" for name, value in _SETTINGS.items()))
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    return session


def connect(url: str, where: str, *, autocommit: bool = True) -> tuple[Any, str]:
    """A connection to the database at `url`, and the URL with its variables filled in.

    Raises:
        ProjectError: the driver is missing, the URL is wrong, or the server does not let the user in.
        UnavailableError: nobody answers, or not now.
    """
    driver = load_driver("postgresql", "postgres")
    full = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", expand(url, where))
    check_url(full, where)
    if "connect_timeout=" not in full:
        full += ("&" if "?" in full else "?") + "connect_timeout=30"
    try:
        return driver.connect(full, autocommit=autocommit), full
    except driver.Error as error:
        message = str(error).rpartition("Failed to connect: ")[2].strip()
        word, fix = next((word, fix) for word, fix in _FIXES.items() if word in message)
        kind = ProjectError if word and not any(word in message for word in LATER) else UnavailableError
        raise kind(f"cannot connect to {redact(url)}: {redact(message, full)}", where=where, fix=fix) from None


@dataclass
class _Relation:
    """A table or view as the catalog has it, and what it is called in rdl."""

    schema: str
    name: str
    usable: bool
    columns: list[dict[str, Any]] = field(default_factory=list)
    table: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def names(self) -> list[str]:
        return [column["column"] for column in self.columns]


def _feed(session: Session, project: Project) -> AdbcFeed:
    relations = _named(_relations(session, project), project)
    keys = _constraints(session, relations)
    tables, queries = {}, {}
    for oid, relation in relations.items():
        lanes = [
            lane(c["column"], c["type"], c["modifier"], array=c["array"], dimensions=c["dimensions"]) for c in relation.columns
        ]
        tables[relation.table] = FeedTable(relation.table, {one.name: one.type for one in lanes}, keys[oid])
        queries[relation.table] = Query(f"{quote(relation.schema)}.{quote(relation.name)}", lanes)
    return AdbcFeed(session, tables, queries)


def _relations(session: Session, project: Project) -> dict[int, _Relation]:
    """Tables and views by oid, of the schemas that the project names or else of all."""
    wanted, found = project.database.schemas, dict[int, _Relation]()
    for row in session.rows(load_sql("sources/postgres_columns.sql"), "the catalog"):
        relation = found.setdefault(row["relation"], _Relation(row["schema"], row["name"], row["usable"]))
        relation.columns.append(row)
    schemas = {relation.schema for relation in found.values()}
    for schema in wanted:
        if schema not in schemas:
            what = f"there is no table in a schema {schema!r}"
            raise ProjectError(what, where=f"{project.settings_file}, [database] schemas", fix=nearest(schema, schemas))
    closed = {relation.schema for relation in found.values() if not relation.usable} - set(wanted)
    for schema in sorted(closed):
        logger.warning("%s: the schema %s is left out: the user may not enter it", session.place, schema)
    return {oid: r for oid, r in found.items() if r.schema not in closed and (not wanted or r.schema in wanted)}


def _named(relations: Mapping[int, _Relation], project: Project) -> dict[int, _Relation]:
    """The tables to read by oid, with a name each: its own, or with its schema before it where that is not the only one."""
    where = f"{project.settings_file}, [database] include"
    often = Counter(relation.name.lower() for relation in relations.values())
    for relation in relations.values():
        plain = often[relation.name.lower()] == 1 or relation.schema == "public"
        relation.table = relation.name if plain else f"{relation.schema}_{relation.name}"
    fitting = included([name for relation in relations.values() for name in (relation.table, relation.full_name)], project)
    chosen = {oid: relation for oid, relation in relations.items() if fitting & {relation.table, relation.full_name}}
    _refuse_doubles(chosen.values(), where)
    return {oid: _readable(relation, where) for oid, relation in sorted(chosen.items(), key=lambda item: item[1].table)}


def _refuse_doubles(relations: Iterable[_Relation], where: str) -> None:
    """SQL does not tell names apart by their case, so neither tables nor the columns of one may differ in that alone."""
    first: dict[str, _Relation] = {}
    for relation in relations:
        other = first.setdefault(relation.table.lower(), relation)
        if other is not relation:
            what = f"two tables would be called {relation.table!r}: {other.full_name} and {relation.full_name}"
            raise ProjectError(what, where=where, fix="leave one of them out, or name the schemas to read: [database] schemas")
        often = Counter(name.lower() for name in relation.names)
        if len(often) < len(relation.names):
            what = f"columns of {relation.full_name} differ in their case alone: {often.most_common(1)[0][0]!r}"
            raise ProjectError(what, where=where, fix="leave the table out, and read a view that renames them")


def _readable(relation: _Relation, where: str) -> _Relation:
    """The table with the columns that the user may read; one of which it may read none is refused."""
    columns = [column for column in relation.columns if column["readable"] and relation.usable]
    if not columns:
        raise ProjectError(
            f"the user may not read {relation.full_name}",
            where=where,
            fix=f"GRANT SELECT ON {relation.full_name}, or name in include only what the user may read",
        )
    hidden = [column["column"] for column in relation.columns if column not in columns]
    if hidden:
        logger.warning("%s: left out, since the user may not read them: %s", relation.full_name, ", ".join(hidden))
    return replace(relation, columns=columns)


def _constraints(session: Session, relations: Mapping[int, _Relation]) -> dict[int, Constraints]:
    """Primary and foreign keys by oid, among the tables and columns that are read."""
    keys: dict[int, tuple[str, ...]] = {}
    foreign: dict[int, list[ForeignKey]] = defaultdict(list)
    for row in session.rows(load_sql("sources/postgres_constraints.sql"), "the catalog"):
        columns, parent_columns = tuple(row["columns"]), tuple(row["parent_columns"])
        child, parent = relations.get(row["relation"]), relations.get(row["parent"])
        if child is None or not set(columns) <= set(child.names):
            continue
        if row["kind"] == "p":
            keys[row["relation"]] = columns
        elif parent is not None and set(parent_columns) <= set(parent.names):
            foreign[row["relation"]].append(ForeignKey(columns, parent.table, parent_columns))
    return {oid: Constraints(keys.get(oid, ()), tuple(foreign[oid])) for oid in relations}
