"""What changed since the last run: tables, columns, categories, numbers of rows, and events that stopped coming.

All of it compares profiles, never a clock on the wall: a database that nobody adds to is not stale; a table is that stands
still while the others move on.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from statistics import median

from rdl.database.checks.finding import Check, Finding, Policy, examples, shown
from rdl.database.checks.history import History, Past
from rdl.database.checks.policies import DEFAULTS, refuse
from rdl.database.checks.profile import ColumnProfile, Profile, Profiles
from rdl.database.checks.renames import renamed
from rdl.timeline import DAY, format_time

FALL = 0.1  # of the rows, from which on fewer are reported
_RUNS = 5  # earlier runs, from which on their changes say what is usual
_SPREADS = 5  # robust standard deviations that a change may differ from the usual one
_DAYS = 10  # days with events, of fewer of which nothing is usual


def compare(history: History, now: Profiles, policies: Mapping[str, Mapping[Check, Policy]]) -> tuple[Finding, ...]:
    """What is different in `now`.

    Args:
        history: what earlier runs read.
        now: the profile of every table.
        policies: by table; of a table that is not in it, the defaults.

    Raises:
        SchemaError: a policy refuses what was found.
    """
    found = [*_stale(history.profiles, now)]
    if history.profiles is not None:
        found += [*_tables(history.profiles, now), *_counts(history, now)]
        for name in sorted(set(history.profiles) & set(now)):
            found += _columns(name, history.profiles[name], now[name])
    decided = [_decided(finding, policies.get(finding.table, DEFAULTS)) for finding in found]
    refuse(decided)
    return tuple(decided)


def _decided(finding: Finding, policies: Mapping[Check, Policy]) -> Finding:
    f, policy = finding, policies[finding.check]
    return Finding(f.table, f.check, f.column, f.count, f.share, f.examples, policy, f.detail)


def _finding(
    table: str, check: Check, column: str, count: int, share: float, detail: str = "", few: tuple[str, ...] = ()
) -> Finding:
    return Finding(table, check, column, count, share, few, Policy.KEEP, detail)


def _tables(before: Profiles, now: Profiles) -> Iterator[Finding]:
    for name in sorted(set(now) - set(before)):
        yield _finding(name, Check.TABLE_ADDED, "", now[name].rows, 1.0)
    for name in sorted(set(before) - set(now)):
        yield _finding(name, Check.TABLE_REMOVED, "", before[name].rows, 1.0)


def _columns(table: str, before: Profile, now: Profile) -> Iterator[Finding]:
    """Columns that came, went, or changed name, type or categories."""
    added = {name: now.columns[name] for name in now.columns if name not in before.columns}
    removed = {name: before.columns[name] for name in before.columns if name not in now.columns}
    for old, new in renamed(removed, added).items():
        detail = f"{shown(old)} until the last run: type and values are alike"
        yield _finding(table, Check.COLUMN_RENAMED, new, now.rows, 1.0, detail)
        del removed[old], added[new]
    for name, column in added.items():
        yield _finding(table, Check.COLUMN_ADDED, name, now.rows, 1.0, shown(column.sql_type))
    for name, column in removed.items():
        yield _finding(table, Check.COLUMN_REMOVED, name, before.rows, 1.0, f"it was {shown(column.sql_type)}")
    for name in now.columns:
        if name in before.columns:
            yield from _changed(table, name, before, now)


def _changed(table: str, name: str, before: Profile, now: Profile) -> Iterator[Finding]:
    old, new = before.columns[name], now.columns[name]
    detail = ""
    if old.sql_type != new.sql_type:
        detail = f"{shown(old.sql_type)} until the last run, now {shown(new.sql_type)}"
    elif old.semantic != new.semantic and before.rows and now.rows:
        detail = f"read as {old.semantic} until the last run, now as {new.semantic}"
    if detail:
        yield _finding(table, Check.COLUMN_RETYPED, name, now.rows, 1.0, detail)
    elif old.categories and new.categories:
        yield from _categories(table, name, old, new)


def _categories(table: str, name: str, old: ColumnProfile, new: ColumnProfile) -> Iterator[Finding]:
    """Categories that no row had, where some row had one."""
    known, values = set(old.categories or ()), new.categories or ()
    fresh = [value for value in values if value not in known]
    if fresh:
        detail = f"{len(known):,} until the last run"
        yield _finding(table, Check.NEW_CATEGORIES, name, len(fresh), len(fresh) / len(values), detail, examples([*fresh[:3]]))


def _counts(history: History, now: Profiles) -> Iterator[Finding]:
    """Numbers of rows that changed as they never did, or fell, where there is no history to say what is usual."""
    before = history.profiles or {}
    for name in sorted(set(before) & set(now)):
        old, new = before[name].rows, now[name].rows
        usual = _usual(name, old, history.past)
        if usual is not None:
            middle, spread = usual
            odd = abs(_change(old, new) - middle) > max(_SPREADS * spread, math.log1p(FALL))
            detail = f"{old:,} until the last run, now {new:,}; the usual change is {math.expm1(middle):+.1%}".replace("%", " %")
        else:
            odd = new < (1 - FALL) * old and (now[name].growing or not new)
            detail = f"{old:,} until the last run, now {new:,}"
        if odd:
            yield _finding(name, Check.ROW_COUNT, "", abs(new - old), min(abs(new - old) / max(old, 1), 1.0), detail)


def _change(old: int, new: int) -> float:
    return math.log((new + 1) / (old + 1))


def _usual(table: str, rows: int, past: Sequence[Past]) -> tuple[float, float] | None:
    """Median and robust spread of the changes from run to run; None before there are enough runs.

    The last run counts as it was remembered in full, should that differ from the list of runs.
    """
    counts = [run.rows[table] for run in past if table in run.rows]
    if len(counts) < _RUNS or counts[-1] != rows:
        return None
    changes = [_change(a, b) for a, b in pairwise(counts)]
    middle = median(changes)
    return middle, 1.4826 * median(abs(change - middle) for change in changes)


def _stale(before: Profiles | None, now: Profiles) -> Iterator[Finding]:
    """Tables without events for more than twice their longest gap, as the database's last event tells the time.

    One gap is enough where the table's last event is the last run's, and others have moved on since. A last event that is earlier
    than the last run's is reported in any case.
    """
    latest = max((table.last for table in now.values() if table.last is not None), default=0)
    for name, table in sorted(now.items()):
        if table.last is None:
            continue
        old = before[name].last if before and name in before else None
        behind = (latest - table.last) // DAY
        stood = old == table.last and behind > table.gap + 1 and _moved(before or {}, latest)
        if old is not None and table.last < old:
            detail = f"the last event was on {format_time(old)} until the last run, now on {format_time(table.last)}"
            yield _finding(name, Check.STALE, "", 1, 1.0, detail)
        elif table.days >= _DAYS and (behind > 2 * table.gap + 1 or stood):
            detail = f"the last event was {behind:,} days before the database's; the usual gap is of {table.gap} days at most"
            yield _finding(name, Check.STALE, "", 1, 1.0, detail)


def _moved(before: Profiles, latest: int) -> bool:
    return latest > max((table.last for table in before.values() if table.last is not None), default=latest)
