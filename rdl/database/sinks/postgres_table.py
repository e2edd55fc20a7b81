"""A table of PostgreSQL: scores are streamed into a temporary table, and upserted by entity and cutoff in one transaction.

Writers of one table wait for each other. The table is made where it is missing, with the entity and the cutoff as its primary key;
one that is there needs a unique index on them. Columns that rdl does not know are its owner's, and keep what they hold.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from rdl.database.engine import literal, quote
from rdl.database.sinks.duckdb_table import COMMENT
from rdl.database.sinks.scores import ANSWER, CUTOFF, Published, Scores
from rdl.database.sinks.target import Target
from rdl.database.sources.adbc import GONE, LATER
from rdl.database.sources.credentials import redact
from rdl.database.sources.postgres import connect
from rdl.errors import DataError, ProjectError, RdlError, UnavailableError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

_STAGE = "rdl_fresh"
_PLAIN = {
    "TINYINT": "smallint", "UTINYINT": "smallint", "SMALLINT": "smallint", "USMALLINT": "integer", "INTEGER": "integer",
    "UINTEGER": "bigint", "BIGINT": "bigint", "FLOAT": "real", "DOUBLE": "double precision", "BOOLEAN": "boolean",
    "VARCHAR": "text", "DATE": "date", "TIMESTAMP": "timestamp", "TIMESTAMP WITH TIME ZONE": "timestamptz", "BLOB": "bytea",
}  # fmt: skip
_TEXT = {"UBIGINT": "numeric(20)", "HUGEINT": "numeric(39)", "UHUGEINT": "numeric(39)", "UUID": "uuid", "TIME": "time"}


def write_postgres(scores: Scores, target: Target) -> Published:
    """Upsert the scores, and remove from their cutoffs whom the task no longer asks about, in one transaction.

    Raises:
        UnavailableError: the server does not answer, or gave up for another's sake.
        UsageError: the table that is there has other columns as key, or no unique index on them.
        DataError: two rows are of one entity and cutoff.
        ProjectError: the server refuses, or the driver is not installed.
    """
    columns = {name: _column(name, kind) for name, kind in scores.types().items()}
    with _Session.open(target) as session, scores.stream([select for select, _ in columns.values()]) as reader:
        return _upsert(session, reader, scores, target, {name: kind for name, (_, kind) in columns.items()})


def _column(name: str, kind: str) -> tuple[str, str]:
    """How a column is asked for, and its type in PostgreSQL; a cutoff is a moment, whatever the reader's time zone is."""
    column = quote(name)
    if name == CUTOFF and kind in {"TIMESTAMP", "DATE"}:
        return f"{column}::TIMESTAMP AT TIME ZONE 'UTC' AS {column}", "timestamptz"
    if kind in _PLAIN:
        return column, _PLAIN[kind]
    if kind.startswith("TIMESTAMP_"):
        return f"{column}::TIMESTAMP AS {column}", "timestamp"
    if kind.startswith("DECIMAL"):
        return f"{column}::VARCHAR AS {column}", kind.replace("DECIMAL", "numeric")
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP")):
        return f"to_json({column})::VARCHAR AS {column}", "jsonb"
    return f"{column}::VARCHAR AS {column}", _TEXT.get(kind, "text")


def _upsert(
    session: "_Session", reader: "pa.RecordBatchReader", scores: Scores, target: Target, types: Mapping[str, str]
) -> Published:
    session.run("SET LOCAL TIME ZONE 'UTC'")
    session.run(f"SELECT pg_advisory_xact_lock(hashtextextended({literal(f'rdl {target.relation}')}, 0))")
    rows = session.ingest(_STAGE, reader)
    missing = _make(session, scores, target, types)
    key = ", ".join(quote(name) for name in scores.identity)
    session.run(f"CREATE UNIQUE INDEX ON pg_temp.{_STAGE} ({key})")
    names = ", ".join(quote(name) for name in types)
    values = ", ".join(f"CAST({quote(name)} AS {kind}) AS {quote(name)}" for name, kind in types.items())
    told = [f"{quote(n)} = excluded.{quote(n)}" for n in types if n not in scores.identity]
    told += [f"{quote(n)} = NULL" for n in missing]  # an interval of last week's scores is none of these
    session.run(
        f"INSERT INTO {target.relation} AS t ({names}) SELECT {values} FROM pg_temp.{_STAGE} "
        f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(told)}"
    )
    same = " AND ".join(f"CAST(s.{quote(name)} AS {types[name]}) = t.{quote(name)}" for name in scores.key)
    gone = session.run(
        f"WITH gone AS (DELETE FROM {target.relation} AS t WHERE {CUTOFF} IN (SELECT {CUTOFF} FROM pg_temp.{_STAGE}) "
        f"AND NOT EXISTS (SELECT 1 FROM pg_temp.{_STAGE} s WHERE {same} AND s.{CUTOFF} = t.{CUTOFF}) RETURNING 1) "
        "SELECT count(*) FROM gone"
    )
    session.run(f"DROP TABLE pg_temp.{_STAGE}")
    session.commit()
    return Published(str(target), rows, int(gone[0][0]))


def _make(session: "_Session", scores: Scores, target: Target, types: Mapping[str, str]) -> list[str]:
    """Make the table, or add what columns it lacks; the columns of rdl's own that these scores do not have."""
    if target.schema and not session.run(f"SELECT 1 WHERE to_regnamespace({literal(quote(target.schema))}) IS NOT NULL"):
        session.run(f"CREATE SCHEMA {quote(target.schema)}")
    if not session.run(f"SELECT 1 WHERE to_regclass({literal(target.relation)}) IS NOT NULL"):
        columns = ", ".join(f"{quote(name)} {kind}" for name, kind in types.items())
        key = ", ".join(quote(name) for name in scores.identity)
        session.run(f"CREATE TABLE {target.relation} ({columns}, PRIMARY KEY ({key}))")
        session.run(f"COMMENT ON TABLE {target.relation} IS {literal(f'{COMMENT} of {scores.task}')}")
        return []
    there = [
        row[0]
        for row in session.run(
            f"SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass({literal(target.relation)}) "
            "AND attnum > 0 AND NOT attisdropped"
        )
    ]
    for name in scores.identity:
        if name not in there:
            raise UsageError(f"{target} has no column {name!r}", where=target.where, fix="name a table that rdl may make anew")
    for name, kind in types.items():
        if name not in there:
            session.run(f"ALTER TABLE {target.relation} ADD COLUMN {quote(name)} {kind}")
            log.info("publish: %s has a new column %s", target, name)
    return [name for name in there if name in ANSWER and name not in types]


class _Session:
    """One transaction, and errors that quote no credentials."""

    def __init__(self, connection: Any, url: str, target: Target) -> None:
        self._connection, self._url, self._target = connection, url, target
        self._cursor = connection.cursor()

    @staticmethod
    @contextmanager
    def open(target: Target) -> "Iterator[_Session]":
        """A session; what is not committed at its end is rolled back."""
        connection, url = connect(target.place, target.where, autocommit=False)
        session = _Session(connection, url, target)
        try:
            yield session
        finally:
            session.close()

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement; the rows that it returns."""
        try:
            self._cursor.execute(sql)
            return list(self._cursor.fetchall()) if self._cursor.description else []
        except Exception as error:  # the drivers' own errors, which know the URL
            raise self._failure(error) from None

    def ingest(self, table: str, reader: "pa.RecordBatchReader") -> int:
        """Stream rows into a temporary table; how many."""
        try:
            self._cursor.adbc_ingest(table, reader, mode="create", temporary=True)
        except Exception as error:
            raise self._failure(error) from None
        return int(self.run(f"SELECT count(*) FROM pg_temp.{table}")[0][0])

    def commit(self) -> None:
        """End the transaction well."""
        try:
            self._connection.commit()
        except Exception as error:
            raise self._failure(error) from None

    def close(self) -> None:
        """End the connection, and with it what was not committed."""
        with suppress(Exception):  # the server may be gone: there is nothing left to end
            self._cursor.close()
        with suppress(Exception):
            self._connection.close()

    def _failure(self, error: Exception) -> RdlError:
        said = redact(str(error).strip(), self._url)
        place = f"{self._target}"
        if any(word in said.lower() for word in (*LATER, *GONE, "could not serialize")):
            return UnavailableError(f"the server gave up: {said}", where=place, fix="publish again")
        if "could not create unique index" in said:
            return DataError(f"two rows are of one entity and cutoff: {said}", where=place, fix="score again")
        if "no unique or exclusion constraint" in said:
            fix = f"CREATE UNIQUE INDEX ON {self._target.relation} (the entity's key, {CUTOFF}), or name another table"
            return UsageError("the table has no unique index on entity and cutoff", where=place, fix=fix)
        return ProjectError(f"cannot publish: {said}", where=place, fix="see the server's message")
