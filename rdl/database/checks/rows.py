"""What is wrong with single rows before they are numbered: keys, times, and numbers that are not finite.

One pass counts everything; a second collects examples, only where there is something to show; one GROUP BY finds repeated keys.
Policies act on the values as they were read, each once: a time that became null is not dropped for being null.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rdl.database.checks.finding import Check, Finding, Policy, examples, shown
from rdl.database.checks.policies import percent, refuse, remedy
from rdl.database.declared import Declared
from rdl.database.engine import load_sql, quote
from rdl.database.relation import Ask, Relation
from rdl.errors import SchemaError
from rdl.timeline import DAY, format_time

EARLIEST, LATEST = "1900-01-01", "2200-01-01"  # fixed, so that the same rows stay whatever the day they are read on

_BATCH = 50  # tests of which examples are collected at a time: what DISTINCT costs to plan grows with the square of them
_FLOATS = ("FLOAT", "DOUBLE", "REAL")


@dataclass(frozen=True)
class Cleaned:
    """What is left of a relation.

    Attributes:
        select: the SELECT of the rows that stay, with the relation's columns and types.
        findings: what was found, with counts of the rows as they were read.
        whole: whether the relation can be read as it is.
    """

    select: str
    findings: tuple[Finding, ...]
    whole: bool


@dataclass(frozen=True)
class _Test:
    """What a row is asked.

    Attributes:
        column: the column that is at fault; "" for the row.
        condition: SQL that is true for a row that fails.
        example: SQL of what to show of such a row; "" for nothing.
        detail: what it means.
    """

    check: Check
    column: str
    condition: str
    example: str
    policy: Policy
    detail: str = ""


def clean(ask: Ask, relation: Relation, declared: Declared, now: int) -> Cleaned:
    """Look at every row of `relation`, and apply the policies of `declared`.

    Args:
        ask: runs SQL.
        relation: the table as it was read.
        declared: its key, time and policies.
        now: microseconds at which the database is read; times more than a day later lie in the future.

    Raises:
        SchemaError: a policy refuses what was found.
    """
    tests = [*_key_tests(relation, declared), *_time_tests(relation, declared, now), *_number_tests(relation, declared)]
    rows, hits = _count(ask, relation, tests)
    _refuse_null_key(declared, hits)
    findings = [*_findings(ask, relation, hits, rows), *_padded(relation, declared, rows)]
    refuse(findings)
    select = _select(relation, list(hits))
    repeated = _duplicates(ask, relation, declared, select, rows)
    if repeated is not None:
        select = load_sql("checks/first.sql").format(
            source=select, keys=_names(declared.key), order=_names(_order(relation, declared))
        )
        findings.append(repeated)
    whole = not any(finding.policy in {Policy.DROP, Policy.NULL} for finding in findings)
    return Cleaned(select, tuple(findings), whole)


def _names(columns: Iterable[str]) -> str:
    return ", ".join(quote(column) for column in columns)


def _order(relation: Relation, declared: Declared) -> list[str]:
    """The time, then every column: rows that agree in all of it are the same row."""
    return [*([declared.time] if declared.time else []), *(c for c in relation.types if c != declared.time)]


def _is_float(relation: Relation, column: str) -> bool:
    return relation.types[column].upper() in _FLOATS


def _key_text(columns: Sequence[str]) -> str:
    """SQL of a key as text."""
    return "concat_ws(', ', " + ", ".join(f"coalesce(CAST({c} AS VARCHAR), 'NULL')" for c in columns) + ")"


def _key_tests(relation: Relation, declared: Declared) -> list[_Test]:
    """Whether a part of the key is missing; a NaN is no value."""
    if not declared.key:
        return []
    missing = [f"{quote(c)} IS NULL" for c in declared.key] + [f"isnan({quote(c)})" for c in declared.key if _is_float(relation, c)]
    example = _key_text([quote(c) for c in declared.key]) if len(declared.key) > 1 else ""
    policy = declared.policies[Check.NULL_KEY]
    return [_Test(Check.NULL_KEY, ",".join(declared.key), " OR ".join(missing), example, policy)]


def _time_tests(relation: Relation, declared: Declared, now: int) -> list[_Test]:
    """Whether the time is missing, cannot be, or is yet to come: one of these at most is true of a row."""
    column = declared.time
    if column is None:
        return []
    name, kind = quote(column), relation.types[column]
    early, late, soon = (f"CAST({t} AS {kind})" for t in (f"'{EARLIEST}'", f"'{LATEST}'", f"make_timestamp({now + DAY})"))
    key = _key_text([quote(c) for c in declared.key]) if declared.key else ""
    read = format_time(now - now % DAY)
    tests = [
        (Check.NULL_TIME, f"{name} IS NULL", key, "never visible"),
        (Check.ABSURD_TIME, f"{name} < {early} OR {name} >= {late}", name, f"before {EARLIEST}, from {LATEST} on, or infinite"),
        (Check.FUTURE_TIME, f"{name} > {soon} AND {name} < {late}", name, f"the database was read on {read}"),
    ]
    return [_Test(c, column, test, example, _in_key(declared, c, column), detail) for c, test, example, detail in tests]


def _in_key(declared: Declared, check: Check, column: str) -> Policy:
    """The check's policy; a part of the key cannot become null, so its row is dropped."""
    policy = declared.policies[check]
    return Policy.DROP if policy is Policy.NULL and column in declared.key else policy


def _number_tests(relation: Relation, declared: Declared) -> list[_Test]:
    """Whether numbers are finite; a key keeps its infinities, which name a row as well as anything."""
    policy = declared.policies[Check.INFINITE]
    columns = [c for c in relation.types if _is_float(relation, c) and c not in declared.key]
    return [_Test(Check.INFINITE, c, f"NOT isfinite({quote(c)})", quote(c), policy) for c in columns]


def _count(ask: Ask, relation: Relation, tests: Sequence[_Test]) -> tuple[int, dict[_Test, int]]:
    """How many rows there are, and the tests that some of them fail, with how many."""
    counts = "".join(f", count(*) FILTER (WHERE {test.condition})" for test in tests)
    rows, *found = ask(f"SELECT count(*){counts} FROM {relation.sql}")[0]
    return rows, {test: number for test, number in zip(tests, found, strict=True) if number}


def _refuse_null_key(declared: Declared, hits: Mapping[_Test, int]) -> None:
    for test, number in hits.items():
        if test.check is Check.NULL_KEY and test.policy is Policy.REFUSE:
            raise SchemaError(
                f"the key is null in {number} rows",
                where=f"table {declared.name}, key {', '.join(declared.key)}",
                fix=f"drop those rows in a staging SELECT, or declare another key; or {remedy(declared.name, test.check)}",
            )


def _findings(ask: Ask, relation: Relation, hits: Mapping[_Test, int], rows: int) -> list[Finding]:
    """The hits with their first few values, in the order of the values."""
    telling = [test for test in hits if test.example]
    found: dict[_Test, tuple[str, ...]] = {}
    for start in range(0, len(telling), _BATCH):
        found |= _examples(ask, relation, telling[start : start + _BATCH])
    return [
        Finding(relation.name, t.check, t.column, number, number / rows, found.get(t, ()), t.policy, t.detail)
        for t, number in hits.items()
    ]


def _examples(ask: Ask, relation: Relation, tests: Sequence[_Test]) -> dict[_Test, tuple[str, ...]]:
    columns = ", ".join(f"CAST(min(DISTINCT {test.example}, 3) FILTER (WHERE {test.condition}) AS VARCHAR[])" for test in tests)
    some = " OR ".join(f"({test.condition})" for test in tests)
    values = ask(f"SELECT {columns} FROM {relation.sql} WHERE {some}")[0]
    return {test: examples(value) for test, value in zip(tests, values, strict=True)}


def _padded(relation: Relation, declared: Declared, rows: int) -> list[Finding]:
    if not relation.padded:
        return []
    share = min(relation.padded / max(rows, 1), 1.0)
    policy = declared.policies[Check.PADDED]
    return [Finding(relation.name, Check.PADDED, "", relation.padded, share, (), policy, "what is missing is null")]


def _select(relation: Relation, hits: Sequence[_Test]) -> str:
    """The rows as they were read, without those to be dropped, and with nulls for the values to be nulled."""
    dropped = [f"({test.condition}) IS NOT TRUE" for test in hits if test.policy is Policy.DROP]
    nulled: dict[str, list[str]] = {}
    for test in hits:
        if test.policy is Policy.NULL:
            nulled.setdefault(test.column, []).append(f"({test.condition})")
    values = ", ".join(f"CASE WHEN {' OR '.join(tests)} THEN NULL ELSE {quote(c)} END AS {quote(c)}" for c, tests in nulled.items())
    replaced = f" REPLACE ({values})" if values else ""
    where = f" WHERE {' AND '.join(dropped)}" if dropped else ""
    return f"SELECT *{replaced} FROM {relation.sql}{where}"


def _ascends(ask: Ask, select: str, key: str) -> bool:
    """Whether every row's key is greater than that of the row before it, which a sorted source shows at a tenth of the cost."""
    previous = f"SELECT {quote(key)} AS k, lag({quote(key)}) OVER () AS before FROM ({select})"
    return not ask(f"SELECT 1 FROM ({previous}) WHERE k <= before LIMIT 1")


def _duplicates(ask: Ask, relation: Relation, declared: Declared, select: str, rows: int) -> Finding | None:
    """Keys that several of the rows in `select` have; None where every row has its own.

    Raises:
        SchemaError: the policy refuses them.
    """
    if not declared.key or (len(declared.key) == 1 and _ascends(ask, select, declared.key[0])):
        return None
    keys = ", ".join(f"{quote(c)} AS k{i}" for i, c in enumerate(declared.key))
    names = [f"k{i}" for i in range(len(declared.key))]
    template = load_sql("checks/duplicates.sql")
    found = ask(template.format(source=select, keys=keys, shown=_key_text(names), order=", ".join(names)))
    if not found:
        return None
    check = Check.DUPLICATE_KEY
    (first, number, surplus), policy = found[0], declared.policies[check]
    if policy is Policy.REFUSE:
        raise SchemaError(
            f"the key {shown(first)!r} stands in {number} rows; {surplus} rows ({percent(surplus / rows)}) repeat a key",
            where=f"table {declared.name}, key {', '.join(declared.key)}",
            fix=f"keep one row per key in a staging SELECT, or declare another key; or {remedy(declared.name, check)}",
        )
    repeated = examples([key for key, _, _ in found])
    detail = "the first in the order of time, then of all columns, is kept"
    return Finding(
        relation.name, Check.DUPLICATE_KEY, ",".join(declared.key), int(surplus), surplus / rows, repeated, policy, detail
    )
