"""Small tables as the checks meet them: raw ones to clean, and finished ones in `db.rows`."""

from collections.abc import Mapping
from typing import Any

from rdl.database.checks.policies import DEFAULTS
from rdl.database.declared import Declared
from rdl.database.engine import connect, quote
from rdl.database.relation import Ask, Relation
from rdl.database.schema import Column, Reference, Semantic, Table
from rdl.timeline import ALWAYS, NEVER, parse_time

NOW = parse_time("2026-01-01")
NASTY = 'select "; DROP TABLE x; --'  # a keyword, a quote and a semicolon

MEANINGS = {
    "VARCHAR": Semantic.CATEGORICAL,
    "BOOLEAN": Semantic.BOOLEAN,
    "TIMESTAMP": Semantic.TIMESTAMP,
    "DATE": Semantic.TIMESTAMP,
    "TIMESTAMP WITH TIME ZONE": Semantic.TIMESTAMP,
    "BLOB": Semantic.IDENTIFIER,
}


def connected() -> Ask:
    """What runs SQL on a connection of its own, with `db.rows` to write finished tables to."""
    connection = connect(threads=1)

    def ask(sql: str) -> list[tuple[Any, ...]]:
        return connection.execute(sql).fetchall()

    ask("ATTACH ':memory:' AS db")
    ask("CREATE SCHEMA db.rows")
    return ask


def raw(ask: Ask, name: str, select: str, padded: int = 0) -> Relation:
    """A raw table that holds what `select` gives."""
    ask(f"CREATE OR REPLACE TABLE {quote(name)} AS {select}")
    types = {row[0]: row[1] for row in ask(f"DESCRIBE {quote(name)}")}
    return Relation(name, quote(name), types, padded=padded)


def declared(name: str, key: tuple[str, ...] = (), time: str | None = None, **policies: Any) -> Declared:
    """A declaration with the default policies but for those that are named."""
    return Declared(name, key, time, policies={**DEFAULTS, **policies})


def finished(
    ask: Ask,
    name: str,
    select: str,
    key: tuple[str, ...] = (),
    time: str | None = None,
    references: tuple[Reference, ...] = (),
    parents: Mapping[str, tuple[str, ...]] | None = None,
    lag: int = 0,
    hide: tuple[str, ...] = (),
    meanings: Mapping[str, Semantic] | None = None,
) -> Table:
    """A finished table of what `select` gives; `parents` are the keys that references find their rows by."""
    moment = str(ALWAYS) if time is None else f"coalesce(epoch_us(CAST(o.{quote(time)} AS TIMESTAMP)) + {lag}, {NEVER})"
    joins, extra = "", ""
    for i, reference in enumerate(references):
        pairs = zip(reference.columns, (parents or {})[reference.table], strict=True)
        on = " AND ".join(f"o.{quote(c)} = p{i}.{quote(k)}" for c, k in pairs)
        joins += f" LEFT JOIN db.rows.{quote(reference.table)} p{i} ON {on}"
        extra += f", p{i}._row AS {quote('_ref_' + reference.column)}"
    ask(
        f"CREATE OR REPLACE TABLE db.rows.{quote(name)} AS SELECT row_number() OVER () - 1 AS _row, * FROM "
        f"(SELECT CAST({moment} AS BIGINT) AS _time{extra}, o.* FROM ({select}) o{joins} ORDER BY 1)"
    )
    types = {row[0]: row[1] for row in ask(f"DESCRIBE {select}")}
    columns = tuple(Column(c, (meanings or {}).get(c) or MEANINGS.get(t, _meaning(t)), t) for c, t in types.items())
    rows = ask(f"SELECT count(*) FROM db.rows.{quote(name)}")[0][0]
    return Table(name, key, time, lag, references, columns, rows, hide)


def _meaning(sql_type: str) -> Semantic:
    return Semantic.IDENTIFIER if sql_type.endswith(("]", ")")) and "DECIMAL" not in sql_type else Semantic.NUMERIC
