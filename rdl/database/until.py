"""A database as it would be had nothing become visible at or after a moment: what an audit predicts from.

Rows are numbered in the order of their times, so the visible ones of every table are its first, and every number stays what it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rdl.database.database import Database
from rdl.database.engine import connect, literal, quote
from rdl.database.schema import Schema, Table
from rdl.database.sources.content import text_hash
from rdl.timeline import visible_sql


@contextmanager
def until(database: Database, moment: int) -> Iterator[Database]:
    """The rows that are visible at `moment`, as a database of their own in a folder that is removed afterwards.

    A reference to a row that is not visible yet leads nowhere. What is computed from it is kept in that folder too.

    Args:
        database: the rows; none of them is changed.
        moment: microseconds UTC.
    """
    aside = database.project.home / "aside"
    aside.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="until-", dir=aside) as name:
        home = Path(name)
        counts = _copy(database, moment, home)
        tables = {n: replace(table, rows=counts[n]) for n, table in database.schema.tables.items()}
        yield replace(
            database,
            project=replace(database.project, home=home),
            path=home / "rows.duckdb",
            schema=Schema(tables),
            fingerprint=text_hash(database.fingerprint, "until", str(moment)),
            stamps=(),
        )


def _copy(database: Database, moment: int, home: Path) -> dict[str, int]:
    """Write the visible rows, and the views of native columns that users' SQL reads; how many there are by table."""
    settings = database.project.database
    connection = connect(settings.memory_limit, settings.threads, home / "tmp")
    try:
        ask = connection.execute
        ask(f"ATTACH {literal(str(database.path))} AS db (READ_ONLY)").fetchall()
        ask(f"ATTACH {literal(str(home / 'rows.duckdb'))} AS seen; CREATE SCHEMA seen.rows; USE db.main").fetchall()
        counts = {
            name: ask(f"SELECT count(*) FROM db.rows.{quote(name)} WHERE {visible_sql('_time', str(moment))}").fetchall()[0][0]
            for name in database.schema.tables
        }
        for name, table in database.schema.tables.items():
            ask(_visible(table, counts, moment)).fetchall()
            native = ", ".join(quote(c.name) for c in table.columns)
            ask(f"CREATE VIEW seen.main.{quote(name)} AS SELECT {native} FROM db.rows.{quote(name)}").fetchall()
    finally:
        connection.close()
    return counts


def _visible(table: Table, counts: dict[str, int], moment: int) -> str:
    """The statement that copies a table's visible rows, in their order, without references to invisible ones."""
    refs = {f"_ref_{r.column}": counts[r.table] for r in table.references}
    changed = [f"CASE WHEN {quote(c)} < {count} THEN {quote(c)} END AS {quote(c)}" for c, count in refs.items()]
    columns = f"* REPLACE ({', '.join(changed)})" if changed else "*"
    source = f"db.rows.{quote(table.name)} WHERE {visible_sql('_time', str(moment))}"
    return f"CREATE TABLE seen.rows.{quote(table.name)} AS SELECT {columns} FROM {source} ORDER BY _row"
