"""What is wrong between finished rows and their parents: references that name no row, and rows older than what they refer to.

One pass counts, a second collects examples, only where there is something to show. What a policy dropped or made null is gone by
now, and was counted where that was done.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rdl.database.checks.finding import Check, Finding, Policy, examples, shown
from rdl.database.checks.policies import refuse
from rdl.database.checks.survey import FAR, rows_of
from rdl.database.engine import quote
from rdl.database.relation import Ask
from rdl.database.schema import Reference, Table
from rdl.timeline import DAY


@dataclass(frozen=True)
class _Test:
    """What the rows are asked: the condition that is true of those that fail, and the one that is true of those it is asked of."""

    check: Check
    column: str
    condition: str
    asked: str
    example: str
    detail: str


def references(ask: Ask, table: Table, tables: Mapping[str, Table], policies: Mapping[Check, Policy]) -> tuple[Finding, ...]:
    """What is to be said of every reference of `table`.

    Args:
        ask: runs SQL in which `db.rows."table"` are the finished rows.
        table: the table whose references are looked at.
        tables: by name, every table that it refers to.
        policies: what is done about what is found.

    Raises:
        SchemaError: a policy refuses what was found.
    """
    if not table.references:
        return ()
    tests, source = [_dangling(reference) for reference in table.references], f"{rows_of(table)} AS c"
    for i, reference in enumerate(table.references):
        parent = tables[reference.table]
        if table.time is not None and parent.time is not None:
            source += f" LEFT JOIN {rows_of(parent)} AS p{i} ON p{i}._row = c.{_row(reference)}"
            tests.append(_before_parent(reference, table.lag, parent.lag, f"p{i}"))
    counts = ", ".join(f"count(*) FILTER ({test.condition}), count(*) FILTER ({test.asked})" for test in tests)
    found = ask(f"SELECT {counts} FROM {source}")[0]
    hits = {t: (number, asked) for t, number, asked in zip(tests, found[::2], found[1::2], strict=True) if number}
    findings = _findings(ask, table, source, hits, policies)
    refuse(findings)
    return findings


def _row(reference: Reference) -> str:
    return quote(f"_ref_{reference.column}")


def _dangling(reference: Reference) -> _Test:
    """Whether values name no row; a reference of which a part is null names none on purpose."""
    columns = [f"c.{quote(column)}" for column in reference.columns]
    asked = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    texts = ", ".join(f"CAST({column} AS VARCHAR)" for column in columns)
    example = columns[0] if len(columns) == 1 else f"concat_ws(', ', {texts})"
    detail = f"no such row in {shown(reference.table)}; read as null"
    return _Test(Check.DANGLING, reference.column, f"({asked} AND c.{_row(reference)} IS NULL)", asked, example, detail)


def _before_parent(reference: Reference, lag: int, parent_lag: int, parent: str) -> _Test:
    """Whether the row happened before its parent did.

    A row at midnight may carry a date only: it is not older than a parent of the same day.
    """
    asked = f"c._time BETWEEN -{FAR} AND {FAR} AND {parent}._time BETWEEN -{FAR} AND {FAR}"
    mine, theirs = f"(c._time - {lag})", f"({parent}._time - {parent_lag})"
    older = f"{mine} < {theirs} AND NOT ({mine} % {DAY} = 0 AND {theirs} - {mine} < {DAY})"
    condition = f"(CASE WHEN {asked} THEN {older} ELSE false END)"
    example = f"CASE WHEN {condition} THEN make_timestamp({mine}) || ' before ' || make_timestamp({theirs}) END"
    return _Test(Check.BEFORE_PARENT, reference.column, condition, asked, example, f"the parent is in {shown(reference.table)}")


def _findings(
    ask: Ask, table: Table, source: str, hits: Mapping[_Test, tuple[int, int]], policies: Mapping[Check, Policy]
) -> tuple[Finding, ...]:
    """The hits with their first few values, in the order of the values."""
    if not hits:
        return ()
    columns = ", ".join(f"CAST(min(DISTINCT {t.example}, 3) FILTER ({t.condition}) AS VARCHAR[])" for t in hits)
    values = ask(f"SELECT {columns} FROM {source} WHERE {' OR '.join(t.condition for t in hits)}")[0]
    return tuple(
        Finding(table.name, t.check, t.column, number, number / asked, examples(few), _left(policies[t.check]), t.detail)
        for (t, (number, asked)), few in zip(hits.items(), values, strict=True)
    )


def _left(policy: Policy) -> Policy:
    """What was done about what is still there: a dangling part of a key, say, cannot be made null."""
    return policy if policy is Policy.REFUSE else Policy.KEEP
