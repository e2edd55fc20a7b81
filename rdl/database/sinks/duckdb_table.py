"""A table of a DuckDB file: the rows of the published cutoffs are exchanged in one transaction."""

from pathlib import Path

import duckdb

from rdl.database.engine import connect, literal, quote
from rdl.database.sinks.scores import ANSWER, CUTOFF, Published, Scores
from rdl.database.sinks.target import Target
from rdl.database.sources.credentials import expand
from rdl.errors import DataError, LockedError, ProjectError, UsageError

COMMENT = "rdl: scores"
"""How the comments begin of tables of scores; where the sink is also the source, they are not read as rows of it."""
MARKED = "model_version"
"""The column, rdl's own, that bears the mark where the table has a comment of its owner's."""


def write_duckdb(scores: Scores, target: Target) -> Published:
    """Make the table where it is missing, and exchange the rows of the scores' cutoffs.

    Raises:
        LockedError: another process is writing the file.
        UsageError: the table has other columns as key, or of types that do not take the scores.
        DataError: two rows are of one entity and cutoff, in the scores or in a table with columns of its owner's.
        ProjectError: the file is none, or cannot be written.
    """
    path = Path(expand(target.place, target.where)).expanduser()
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = connect(memory_limit="1GB")
    try:
        connection.execute(f"ATTACH {literal(str(path))} AS sink").fetchall()
        connection.execute(f"CREATE TEMP TABLE fresh AS {scores.sql}").fetchall()
        connection.execute("USE sink").fetchall()
        connection.execute("BEGIN").fetchall()
        removed = _exchange(connection, scores, target)
        rows = connection.sql("SELECT count(*) FROM temp.fresh").fetchall()[0][0]
        connection.execute("COMMIT").fetchall()
    except duckdb.Error as error:
        raise _failure(error, target) from error
    finally:
        connection.close()
    return Published(str(target), rows, removed)


def _exchange(connection: duckdb.DuckDBPyConnection, scores: Scores, target: Target) -> int:
    """Inside a transaction; how many entities are gone from the cutoffs that are published."""
    key = ", ".join(quote(name) for name in scores.identity)
    _refuse_doubles(connection, "temp.fresh", key, str(scores.files[0]), "score again")
    place = f"sink.{quote(target.schema or 'main')}"  # in full: a name alone might be that of a temporary table
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {place}").fetchall()
    relation = f"{place}.{quote(target.table)}"
    connection.execute(f"CREATE TABLE IF NOT EXISTS {relation} AS SELECT * FROM temp.fresh LIMIT 0").fetchall()
    there = _columns(connection, relation)
    for name in scores.identity:
        if name not in there:
            raise UsageError(f"{target} has no column {name!r}", where=target.where, fix="name a table that rdl may make anew")
    for name, kind in _columns(connection, "temp.fresh").items():
        if name not in there:
            connection.execute(f"ALTER TABLE {relation} ADD COLUMN {quote(name)} {kind}").fetchall()
    _mark(connection, relation, scores, target)
    old = f"{relation} WHERE {CUTOFF} IN (SELECT {CUTOFF} FROM temp.fresh)"
    kept = [name for name in there if name not in (*scores.identity, *ANSWER)]  # the owner's own columns stay with their entity
    fresh = "temp.fresh"
    if kept:
        _refuse_doubles(connection, old, key, str(target), f"keep one row each: which {kept[0]!r} stays cannot be told")
        fresh = f"(SELECT f.*, {', '.join('t.' + quote(n) for n in kept)} FROM temp.fresh f LEFT JOIN {relation} t USING ({key}))"
        connection.execute(f"CREATE TEMP TABLE whole AS SELECT * FROM {fresh}").fetchall()
        fresh = "temp.whole"
    gone = f"SELECT count(*) FROM {old} AND ({key}) NOT IN (SELECT ({key}) FROM temp.fresh)"
    removed = connection.sql(gone).fetchall()[0][0]
    connection.execute(f"DELETE FROM {old}").fetchall()
    connection.execute(f"INSERT INTO {relation} BY NAME SELECT * FROM {fresh}").fetchall()
    return int(removed)


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in connection.sql(f"DESCRIBE {relation}").fetchall()}


def _mark(connection: duckdb.DuckDBPyConnection, relation: str, scores: Scores, target: Target) -> None:
    """Say that the table holds scores: in its comment, or in that of a column of rdl's own where its owner has written one."""
    names = (("schema_name", target.schema or "main"), ("table_name", target.table))
    place = " AND ".join(["database_name = 'sink'", *(f"lower({column}) = lower({literal(name)})" for column, name in names)])
    table = connection.sql(f"SELECT coalesce(any_value(comment), '') FROM duckdb_tables() WHERE {place}").fetchall()[0][0]
    mark = literal(f"{COMMENT} of {scores.task}")
    if not table or table.startswith(COMMENT):
        connection.execute(f"COMMENT ON TABLE {relation} IS {mark}").fetchall()
        return
    which = f"{place} AND column_name = {literal(MARKED)}"
    column = connection.sql(f"SELECT coalesce(any_value(comment), '') FROM duckdb_columns() WHERE {which}").fetchall()[0][0]
    if not column or column.startswith(COMMENT):
        connection.execute(f"COMMENT ON COLUMN {relation}.{quote(MARKED)} IS {mark}").fetchall()


def _refuse_doubles(connection: duckdb.DuckDBPyConnection, relation: str, key: str, where: str, fix: str) -> None:
    doubles = connection.sql(f"SELECT {key} FROM {relation} GROUP BY ALL HAVING count(*) > 1 LIMIT 1").fetchall()
    if doubles:
        raise DataError(f"two rows are of {doubles[0]}", where=where, fix=fix)


def _failure(error: duckdb.Error, target: Target) -> Exception:
    if "lock on file" in str(error):
        fix = "close the other connection, or publish to another file"
        return LockedError(f"another process is using the DuckDB file: {error}", where=str(target), fix=fix)
    if isinstance(error, duckdb.ConversionException | duckdb.BinderException | duckdb.ConstraintException):
        return UsageError(f"the table does not take the scores: {error}", where=str(target), fix="name another table")
    return ProjectError(f"cannot publish: {error}", where=str(target), fix="see the database's message")
