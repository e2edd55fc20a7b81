"""What a user should know of the finished columns: those that say nothing, say too much, or say it in damaged text.

Only columns that features can read are judged by what they say. Everything but damaged text and time zones follows from the survey.
"""

import re
from collections.abc import Iterator, Mapping

from rdl.database.checks.encoding import damaged
from rdl.database.checks.finding import Check, Finding, Policy, examples, shown
from rdl.database.checks.policies import refuse
from rdl.database.checks.survey import Facts, Survey, is_text, is_whole, rows_of
from rdl.database.engine import quote
from rdl.database.relation import Ask
from rdl.database.schema import Column, Semantic, Table

MANY_ROWS = 50  # of fewer, near-uniqueness says nothing
SOME_ROWS = 10  # of fewer, one value throughout says nothing

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")
_OFFSET = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}[\d:.,]*\s*(Z|[+-]\d{2}(?::?\d{2})?)?$"


def observe(ask: Ask, survey: Survey, policies: Mapping[Check, Policy]) -> tuple[Finding, ...]:
    """What is to be said of the columns of one table.

    Raises:
        SchemaError: a policy refuses what was found.
    """
    table = survey.table
    if not table.rows:
        found = [Finding(table.name, Check.EMPTY, "", 0, 0.0, (), policies[Check.EMPTY])]
    else:
        found = [
            *_unread(table, policies),
            *(f for column in table.features for f in _said(table, column, survey.columns[column.name], policies)),
            *damaged(ask, survey, policies[Check.ENCODING]),
            *_zones(ask, survey, policies[Check.MIXED_ZONES]),
        ]
    refuse(found)
    return tuple(found)


def _unread(table: Table, policies: Mapping[Check, Policy]) -> Iterator[Finding]:
    structural = {*table.key, *table.hide, table.time, *(c for r in table.references for c in r.columns)}
    for column in table.columns:
        if column.name not in structural and column.semantic is Semantic.IDENTIFIER:
            detail = "its values name the row" if is_text(column.sql_type) else f"of type {shown(column.sql_type)}"
            yield Finding(table.name, Check.UNREAD, column.name, table.rows, 1.0, (), policies[Check.UNREAD], detail)


def _said(table: Table, column: Column, facts: Facts, policies: Mapping[Check, Policy]) -> Iterator[Finding]:
    """What a column's values say: of these, the first that applies; and whether its embeddings are finite."""

    def finding(check: Check, count: int, detail: str = "", few: tuple[str, ...] = ()) -> Finding:
        return Finding(table.name, check, column.name, count, count / table.rows, few, policies[check], detail)

    if facts.known == 0:
        yield finding(Check.ALL_NULL, table.rows)
    elif facts.single and facts.known == table.rows:
        if table.rows >= SOME_ROWS:
            yield finding(Check.CONSTANT, table.rows, few=examples([facts.low]))
    elif _near_unique(column, facts):
        yield finding(Check.NEAR_UNIQUE, facts.known, f"about {facts.distinct:,} values: it names the row", _ends(facts))
    elif _exploded(column, facts):
        yield finding(Check.MANY_CATEGORIES, facts.known, f"about {facts.distinct:,} categories", _ends(facts))
    if facts.broken and policies[Check.INFINITE] is Policy.KEEP:
        yield finding(Check.INFINITE, facts.broken, "in embeddings")
    elif facts.broken:
        kept = Policy.REFUSE if policies[Check.INFINITE] is Policy.REFUSE else Policy.KEEP
        yield Finding(table.name, Check.INFINITE, column.name, facts.broken, facts.broken / table.rows, (), kept, "in embeddings")


def _ends(facts: Facts) -> tuple[str, ...]:
    return examples([facts.low, facts.high])


def _near_unique(column: Column, facts: Facts) -> bool:
    """Whether values stand for the row itself: categories of one row each, or whole numbers that count the rows."""
    if facts.known < MANY_ROWS or facts.distinct < 0.9 * facts.known:
        return False
    if column.semantic is Semantic.CATEGORICAL:
        return True
    if column.semantic is not Semantic.NUMERIC or not is_whole(column.sql_type):
        return False
    return int(facts.high or 0) - int(facts.low or 0) < 1.1 * facts.known


def _exploded(column: Column, facts: Facts) -> bool:
    """Whether there are so many categories that most are too rare to learn from."""
    return column.semantic is Semantic.CATEGORICAL and facts.distinct >= 100 and facts.known < 5 * facts.distinct


def _zones(ask: Ask, survey: Survey, policy: Policy) -> Iterator[Finding]:
    """Texts of times with several offsets, and times without a zone beside times with one."""
    table = survey.table
    zoned = [c.name for c in table.columns if c.sql_type.upper() == "TIMESTAMP WITH TIME ZONE"]
    for column in table.columns:
        facts = survey.columns[column.name]
        if column.name in table.hide or not facts.known:
            continue
        if zoned and column.sql_type.upper().startswith("TIMESTAMP") and column.name not in zoned:
            detail = f"read as UTC, beside {shown(', '.join(zoned))} with a time zone"
            yield Finding(table.name, Check.MIXED_ZONES, column.name, facts.known, facts.known / table.rows, (), policy, detail)
        elif is_text(column.sql_type) and any(_ISO.match(end or "") for end in (facts.low, facts.high)):
            yield from _offsets(ask, table, column.name, policy)


def _offsets(ask: Ask, table: Table, column: str, policy: Policy) -> Iterator[Finding]:
    c = quote(column)
    found = ask(
        f"SELECT regexp_extract({c}, '{_OFFSET}', 1) AS zone, count(*) AS number FROM {rows_of(table)} "
        f"WHERE regexp_matches({c}, '{_OFFSET}') GROUP BY zone ORDER BY number DESC, zone"
    )
    if len(found) > 1:
        count, all_of_them = sum(number for _, number in found[1:]), sum(number for _, number in found)
        names = examples([zone or "none" for zone, _ in found[:5]])
        detail = f"{len(found)} offsets: cast it to TIMESTAMPTZ in a staging SELECT"
        yield Finding(table.name, Check.MIXED_ZONES, column, count, count / all_of_them, names, policy, detail)
