"""Columns that may leak: what is filled in after the row's event, what holds the present state, what copies another, who it is.

rdl reads a row as it stands now, at its event time; a status that changed since tells the future. Which columns change only a
person knows, so all of these are listed as uncertain, with what speaks for it, and none is hidden by itself.
"""

from collections.abc import Sequence

from rdl.database.engine import quote
from rdl.database.inference.lexicon import CURRENT, PERIOD, PERSONAL, SEQUENCE, STATE
from rdl.database.inference.names import Named, Vocabulary
from rdl.database.inference.proposal import Aspect, Hidden, InheritedTime, Link, Proposal, Time
from rdl.database.inference.roles import Role, role_of_time
from rdl.database.inference.survey import Facts, Kind, Survey

_LIKELY, _POSSIBLE = 0.7, 0.5

_PERSONAL_PAIRS = frozenset({("first", "name"), ("last", "name"), ("full", "name"), ("middle", "name"), ("user", "name")})


def propose_leaks(
    survey: Survey,
    names: Vocabulary,
    table: str,
    time: Time | InheritedTime | None,
    links: Sequence[Proposal],
    structural: frozenset[str],
) -> list[Proposal]:
    """Columns to hide, none of them with the confidence to be hidden unasked."""
    columns = [f for f in survey.tables[table].values() if f.name not in structural and f.known]
    reasons: dict[str, tuple[float, str]] = {}
    for facts in columns:
        named = names.columns[table, facts.name]
        for reason in (_personal(facts, named), _present(facts, named, time is not None)):
            if reason and reason[0] > reasons.get(facts.name, (0.0, ""))[0]:
                reasons[facts.name] = reason
    for found in (
        _later(survey, names, table, columns, time),
        _running(survey, names, table, columns, time, links),
        _copies(survey, table, columns),
    ):
        for name, reason in found.items():
            if reason[0] >= reasons.get(name, (0.0, ""))[0]:
                reasons[name] = reason
    return [Proposal(table, Aspect.LEAK, Hidden(name), confidence, why) for name, (confidence, why) in reasons.items()]


def _personal(facts: Facts, named: Named) -> tuple[float, str] | None:
    said = set(named.words)
    if facts.kind is Kind.TEXT and facts.shape.email >= 0.9:
        return _LIKELY, f"{facts.shape.email:.0%} of the values looked at are e-mail addresses: they name a person"
    if facts.kind in {Kind.TEXT, Kind.WHOLE} and (said & PERSONAL or named.words in _PERSONAL_PAIRS) and not named.identifier:
        return 0.6, "its name says that it names a person"
    return None


def _present(facts: Facts, named: Named, timed: bool) -> tuple[float, str] | None:
    """What holds the state of today rather than that of the row's time."""
    said = set(named.words)
    if facts.kind is Kind.TIME:
        return None
    if timed and said & STATE and 1 < facts.distinct <= 50:
        return 0.4, f"a state with about {facts.distinct:,} values in a table with a time: it may have changed since"
    if said & CURRENT and named.words != ("total",):
        return _POSSIBLE, "its name says that it holds the present state, not that of the row's time"
    return None


def _later(
    survey: Survey, names: Vocabulary, table: str, columns: Sequence[Facts], time: Time | InheritedTime | None
) -> dict[str, tuple[float, str]]:
    """Times after the event's: what is known then was filled in later."""
    if not isinstance(time, Time):
        return {}
    event = f"CAST({time.cast or quote(time.column)} AS TIMESTAMP)"
    others = [f for f in columns if f.kind is Kind.TIME and f.name != time.column][:40]
    if not others:
        return {}
    pairs = ", ".join(f"count({quote(f.name)}), count(*) FILTER (CAST({quote(f.name)} AS TIMESTAMP) > {event})" for f in others)
    counts = survey.ask("order", table=survey.relations[table].sql, pairs=pairs)
    found = {}
    for i, facts in enumerate(others):
        known, after = counts[2 * i], counts[2 * i + 1]
        role = role_of_time(names.columns[table, facts.name].words, names.tables[table])
        if known and after / known > 0.05 and role is not Role.BIRTH:
            why = f"after {time.column} in {after:,} of {known:,} rows; {role.value}: it may be filled in later"
            found[facts.name] = (_LIKELY if role is Role.LATER else 0.45, why)
    return found


def _running(
    survey: Survey,
    names: Vocabulary,
    table: str,
    columns: Sequence[Facts],
    time: Time | InheritedTime | None,
    links: Sequence[Proposal],
) -> dict[str, tuple[float, str]]:
    """Numbers that only grow along the rows of one parent."""
    numbers = [f for f in columns if f.kind in {Kind.WHOLE, Kind.REAL} and f.distinct > 10]
    numbers = [f for f in numbers if not names.columns[table, f.name].identifier]
    numbers = [f for f in numbers if not set(names.columns[table, f.name].words) & (PERIOD | SEQUENCE)][:60]
    parents = [v for p in links if p.table == table and isinstance(v := p.value, Link) and len(v.columns) == 1]
    if not isinstance(time, Time) or not numbers or not parents:
        return {}
    group = max((v.columns[0] for v in parents), key=lambda c: survey.tables[table][c].distinct)
    when = f"CAST({time.cast or quote(time.column)} AS TIMESTAMP)"
    counts = survey.ask(
        "running",
        table=survey.relations[table].sql,
        group=quote(group),
        time=when,
        values=", ".join(f"{quote(f.name)} AS v{i}, lag({quote(f.name)}) OVER w AS b{i}" for i, f in enumerate(numbers)),
        steps=", ".join(f"count(*) FILTER (v{i} >= b{i}), count(*) FILTER (v{i} > b{i})" for i in range(len(numbers))),
        keep=survey.keep(table, group),
    )
    steps = counts[0]
    found = {}
    for i, facts in enumerate(numbers):
        holds, grows = counts[1 + 2 * i], counts[2 + 2 * i]
        if steps >= 100 and holds >= 0.98 * steps and grows >= 0.2 * steps:
            why = f"never falls in {holds / steps:.1%} of {steps:,} steps from one row of a {group} to its next: a running total"
            found[facts.name] = (_POSSIBLE, why)
    return found


def _copies(survey: Survey, table: str, columns: Sequence[Facts]) -> dict[str, tuple[float, str]]:
    """Columns that repeat an earlier one; pairs are compared only where range and distinct counts agree."""
    groups: dict[tuple[object, ...], list[Facts]] = {}
    for facts in columns:
        if facts.distinct > 5 and facts.low is not None and facts.kind is not Kind.BOOLEAN:
            groups.setdefault((facts.kind, facts.low, facts.high), []).append(facts)
    pairs = [(g[0], other) for g in groups.values() for other in g[1:]][:40]
    if not pairs:
        return {}
    named = [(quote(a.name), quote(b.name)) for a, b in pairs]
    same = ", ".join(
        f"avg(CAST({x} IS NOT DISTINCT FROM {y} AS INTEGER)) FILTER ({x} IS NOT NULL OR {y} IS NOT NULL)" for x, y in named
    )
    _, *shares = survey.ask("sample", table=survey.relations[table].sql, keep=survey.keep(table), aggregates=same)
    return {
        b.name: (_POSSIBLE, f"equal to {a.name} in {share:.1%} of the rows looked at")
        for (a, b), share in zip(pairs, shares, strict=True)
        if share is not None and share >= 0.98
    }
