"""A DuckDB file, attached read-only: its tables and views, with the keys and foreign keys that it declares."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from rdl.database.engine import connect, literal, quote
from rdl.database.sources.content import content_hash
from rdl.database.sources.include import included
from rdl.database.sources.source import Constraints, ForeignKey, RawTable, Read, Source
from rdl.errors import LockedError, ProjectError, nearest
from rdl.project import Project

Place = tuple[str, str]  # schema and name of a table

_TABLES = """
SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'source' AND NOT internal
    AND coalesce(comment, '') NOT LIKE 'rdl: scores%' AND table_oid NOT IN (
        SELECT table_oid FROM duckdb_columns() WHERE database_name = 'source' AND comment LIKE 'rdl: scores%')
UNION ALL SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = 'source' AND NOT internal
ORDER BY ALL"""
_CONSTRAINTS = """
SELECT schema_name, table_name, constraint_column_names, referenced_table, referenced_column_names FROM duckdb_constraints()
WHERE database_name = 'source' AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY') ORDER BY table_name, constraint_index"""


def open_duckdb(path: Path, project: Project) -> Source:
    """The tables of a DuckDB file.

    A table is called by its name alone where no other schema has one of that name; of several, that of `main` is, and the others
    are called `schema_table`.

    Raises:
        LockedError: another process is writing the file.
        ProjectError: it is no DuckDB file, holds no table, or two of its tables come to one name.
    """
    places, constraints = _look(path)
    schemas = _schemas(places, project)
    names = _names([place for place in places if place[0] in schemas], path)
    if not names:
        raise ProjectError(
            "the DuckDB file holds no table", where=f"{project.settings_file}, [database] source", fix="name another file"
        )
    chosen = included(names.values(), project)
    names = {place: name for place, name in names.items() if name in chosen}
    tables = {
        name: RawTable(
            name,
            Read(f"SELECT * FROM source.{quote(schema)}.{quote(table)}"),
            constraints=_constraints((schema, table), constraints, names),
        )
        for (schema, table), name in names.items()
    }
    log = path.with_name(path.name + ".wal")  # what was committed and not yet moved into the file
    files = {"file": path, "log": log} if log.is_file() else {"file": path}
    return Source(tables, content_hash(files, project.home), attach=path)


def _look(path: Path) -> tuple[list[Place], list[tuple[str, str, list[str], str | None, list[str]]]]:
    """Where the tables stand, and the rows of their constraints."""
    connection = connect()
    try:
        connection.execute(f"ATTACH {literal(str(path))} AS source (READ_ONLY)").fetchall()
        return connection.execute(_TABLES).fetchall(), connection.execute(_CONSTRAINTS).fetchall()
    except duckdb.Error as error:
        if "lock on file" in str(error) or "already attached" in str(error):
            raise LockedError(
                f"another connection is writing the DuckDB file: {error}",
                where=str(path),
                fix="close that connection, or name a copy of the file as the source",
            ) from error
        raise ProjectError(f"not readable as a DuckDB file: {error}", where=str(path), fix="check the file") from error
    finally:
        connection.close()


def _schemas(places: Iterable[Place], project: Project) -> set[str]:
    """The schemas that are read: those of `[database] schemas`, or all."""
    known = {schema for schema, _ in places}
    for schema in project.database.schemas:
        if schema not in known:
            raise ProjectError(
                f"no schema {schema!r} with tables in the source",
                where=f"{project.settings_file}, [database] schemas",
                fix=nearest(schema, known),
            )
    return set(project.database.schemas) or known


def _names(places: Iterable[Place], path: Path) -> dict[Place, str]:
    """What every table is called."""
    places = list(places)
    plain = [table.lower() for _, table in places]
    names: dict[Place, str] = {}
    taken: dict[str, Place] = {}
    for schema, table in places:
        name = table if schema == "main" or plain.count(table.lower()) == 1 else f"{schema}_{table}"
        first = taken.setdefault(name.lower(), (schema, table))
        if first != (schema, table):
            raise ProjectError(
                f"two tables come to the name {name!r}: {'.'.join(first)} and {schema}.{table}",
                where=str(path),
                fix='name the schemas to read, schemas = ["main"] under [database], or rename one of the tables',
            )
        names[schema, table] = name
    return names


def _constraints(
    place: Place, rows: Iterable[tuple[str, str, list[str], str | None, list[str]]], names: Mapping[Place, str]
) -> Constraints:
    """What the file declares of one table; a foreign key to a table that is not read is none. Foreign keys stay within a schema."""
    key: tuple[str, ...] = ()
    foreign = []
    for schema, table, columns, parent, parent_columns in rows:
        if (schema, table) != place:
            continue
        if parent is None:
            key = tuple(columns)
        elif (schema, parent) in names:
            foreign.append(ForeignKey(tuple(columns), names[schema, parent], tuple(parent_columns)))
    return Constraints(key, tuple(foreign))
