"""What `rdl check` prints: a line a table, then what was found, the most serious first; and the same as plain data."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rdl.database.checks.finding import WORDS, Check, Finding, Policy, Severity, shown
from rdl.database.checks.policies import percent
from rdl.database.schema import Schema, Table

if TYPE_CHECKING:
    from rich.console import Group

_DONE = {Policy.REFUSE: "refused", Policy.DROP: "dropped", Policy.NULL: "made null", Policy.KEEP: "kept"}
_COLOURS = {Severity.SERIOUS: "red", Severity.WARNING: "yellow", Severity.NOTICE: "dim"}
_RANK = {severity: i for i, severity in enumerate(Severity)}
_WHOLE = {c for c in Check if c.value.startswith(("column_", "table_"))} | {
    Check.STALE,
    Check.EMPTY,
    Check.CONSTANT,
    Check.ALL_NULL,
    Check.UNREAD,
}  # of which a count says nothing more
_ROOM = 60  # characters for examples, beyond the first
_FOLD = 3  # columns of one table with the same finding, beyond which they share a line; where counts say nothing, all of them do


def rows(schema: Schema, findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """One plain object a table, with its findings, the most serious first."""
    ordered = _ordered(findings)
    gone = sorted({f.table for f in findings} - set(schema.tables))
    said = [{**_facts(table), "findings": _json(name, ordered)} for name, table in sorted(schema.tables.items())]
    return said + [{"table": name, "rows": 0, "key": [], "time": None, "findings": _json(name, ordered)} for name in gone]


def _facts(table: Table) -> dict[str, Any]:
    return {"table": table.name, "rows": table.rows, "key": list(table.key), "time": table.time}


def _json(table: str, findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [{"severity": f.severity.value, **f.to_json()} for f in findings if f.table == table]


def _ordered(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda f: (_RANK[f.severity], f.table, f.check.value, -f.count, f.column))


def lines(schema: Schema, findings: Sequence[Finding], width: int = 100) -> list[str]:
    """The report as plain lines of at most `width` characters."""
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    console = Console(
        file=out, width=width, color_system=None, force_terminal=False, legacy_windows=False, emoji=False, markup=False
    )
    console.print(report(schema, findings))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def report(schema: Schema, findings: Sequence[Finding]) -> "Group":
    """The report for a rich console, coloured where that shows colours."""
    from rich import box
    from rich.console import Group
    from rich.table import Table as Grid
    from rich.text import Text

    tables = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    tables.add_column("table", overflow="fold")
    tables.add_column("rows", justify="right", no_wrap=True)
    tables.add_column("key", overflow="fold")
    tables.add_column("time", overflow="fold")
    for name, table in sorted(schema.tables.items()):
        key, time = ", ".join(table.key) or "none", table.time or "none"
        tables.add_row(*(Text(shown(text, 200)) for text in (name, f"{table.rows:,}", key, time)))
    if not findings:
        return Group(tables, Text("nothing was found"))
    found = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    found.add_column("where", overflow="fold", ratio=3)
    found.add_column("found", overflow="fold", ratio=5)
    found.add_column("count", justify="right", no_wrap=True)
    found.add_column("share", justify="right", no_wrap=True)
    found.add_column("done", no_wrap=True)
    for folded in _folded(_ordered(findings)):
        colour = _COLOURS[folded[0].severity]
        found.add_row(*(Text(text, style=colour) for text in _cells(folded)))
    return Group(tables, found, Text(_total(findings)))


def _folded(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings that share a line: alike, of one table, where they are many."""
    folded: list[list[Finding]] = []
    for _, alike in groupby(findings, key=lambda f: (f.table, f.check, f.policy)):
        group = list(alike)
        many = 1 if group[0].check in _WHOLE else _FOLD
        folded += [group] if len(group) > many else [[finding] for finding in group]
    return folded


def _cells(folded: Sequence[Finding]) -> tuple[str, str, str, str, str]:
    """Where, what, count, share, and what was done."""
    first, done = folded[0], _DONE[folded[0].policy]
    words = WORDS[first.check]
    if len(folded) > 1:
        names = ", ".join(shown(f.column, 30) for f in folded[:_FOLD])
        more = f" and {len(folded) - _FOLD} more" if len(folded) > _FOLD else ""
        what = f"{words}: {names}{more}"
        return shown(first.table), what, f"{len(folded):,} columns", "", done
    where = shown(f"{first.table}.{first.column}" if first.column else first.table, 120)
    detail = f"; {first.detail}" if first.detail else ""
    count, share = ("", "") if first.check in _WHOLE else (f"{first.count:,}", percent(first.share))
    return where, f"{words}{detail}{_few(first.examples)}", count, share, done


def _few(examples: Sequence[str]) -> str:
    """As many examples as there is room for."""
    shortened = list(examples[:1])
    shortened += [e for i, e in enumerate(examples[1:], 2) if len(", ".join(examples[:i])) <= _ROOM]
    return f" (such as {', '.join(shortened)})" if shortened else ""


def _total(findings: Sequence[Finding]) -> str:
    counts = {severity: sum(f.severity is severity for f in findings) for severity in Severity}
    return ", ".join(f"{number} {severity.value}" for severity, number in counts.items() if number)
