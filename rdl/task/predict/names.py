"""Names: found in the schema as a person writes them, and written in SQL as a person would."""

import re

from rdl.database import Column, Schema, Table, quote
from rdl.errors import nearest
from rdl.task.predict.refusal import RefusedError
from rdl.task.predict.sentence import Name

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)
_WORDS = """
all analyse analyze and anti any array as asc asof asymmetric at authorization between bigint binary bit boolean both by
case cast char character check coalesce collate collation column columns concurrently constraint create cross date dec
decimal default deferrable desc describe distinct do else end except exists export_state extract false fetch float for
foreign freeze from full generated glob group grouping grouping_id having ilike import in initially inner inout int
integer intersect interval into is isnull join lambda lateral leading left like limit map match national natural nchar
none not notnull null nullif numeric offset on only or order out outer overlaps overlay persistent pivot pivot_longer
pivot_wider placing position positional precision primary qualify real references returning right row select semi setof
show similar smallint some struct substring summarize symmetric table tablesample then time timestamp to trailing treat
trim true try_cast tuple union unique unpack unpivot using values varchar variadic verbose when where window with
xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
_RESERVED = frozenset(_WORDS.split())


def plain(identifier: str) -> str:
    """`identifier` as SQL: bare where that means the same, else quoted."""
    return identifier if _PLAIN.fullmatch(identifier) and identifier.lower() not in _RESERVED else quote(identifier)


def find_table(schema: Schema, name: Name) -> Table:
    """The table called `name`, in any case where only one fits.

    Raises:
        RefusedError: there is none.
    """
    found = _find(name.text, list(schema.tables))
    if found is None:
        raise RefusedError(name.at, f"no table {name.text!r}", nearest(name.text, schema.tables))
    return schema.tables[found]


def find_column(table: Table, name: Name) -> Column:
    """The column of `table` called `name`, in any case where only one fits.

    Raises:
        RefusedError: there is none.
    """
    known = [column.name for column in table.columns]
    found = _find(name.text, known)
    if found is None:
        raise RefusedError(name.at, f"no column {name.text!r} in {table.name}", nearest(name.text, known))
    return table.column(found)


def _find(name: str, known: list[str]) -> str | None:
    if name in known:
        return name
    alike = [other for other in known if other.lower() == name.lower()]
    return alike[0] if len(alike) == 1 else None
