"""Schemas without a database, to read task files against."""

from rdl.database import Column, Schema, Semantic, Table

_TYPES = {Semantic.NUMERIC: "DOUBLE", Semantic.BOOLEAN: "BOOLEAN", Semantic.TIMESTAMP: "TIMESTAMP"}


def table(name: str, *key: str, time: str | None = None, **columns: str) -> Table:
    """A table whose other columns mean what they are given as; keys are identifiers."""
    meanings = {**dict.fromkeys(key, "identifier"), **({time: "timestamp"} if time else {}), **columns}
    made = tuple(Column(c, Semantic(m), _TYPES.get(Semantic(m), "VARCHAR")) for c, m in meanings.items())
    return Table(name, key, time, 0, (), made, 9)


def schema(*tables: Table) -> Schema:
    """The tables as a schema."""
    return Schema({t.name: t for t in tables})
