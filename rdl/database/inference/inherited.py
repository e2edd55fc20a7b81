"""Times that a table has from its parent: the results of a race happened when the race did.

A row cannot be known before the event that it belongs to. A table without a time that refers to exactly one timed event takes that
event's; where it refers to several, the latest of them, if rows or names say which that is. It is a lower bound, and a static row
would be visible always: so where the join is right, it is the safer reading.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from rdl.database.engine import quote
from rdl.database.inference.names import Vocabulary
from rdl.database.inference.proposal import ACCEPT, Aspect, InheritedTime, Link, Proposal, Time
from rdl.database.inference.staged import Staging
from rdl.database.inference.survey import Survey

_MAYBE = 0.3  # a time of the table's own that is named as an update, or not as a time at all

Times = dict[str, Time | InheritedTime]


def propose_inherited(survey: Survey, names: Vocabulary, own: Mapping[str, Proposal], links: Sequence[Proposal]) -> list[Proposal]:
    """A proposal for every table without a time that refers, directly or by its parents, to one that has one.

    `own` are the times that tables may have themselves, accepted or not; `links` the references that are accepted.
    """
    times = {t: v for t, p in own.items() if p.confidence >= ACCEPT and isinstance(v := p.value, Time)}
    known: Times = dict(times)
    referred = {v.table for p in links if isinstance(v := p.value, Link) and v.table != p.table}
    found: list[Proposal] = []
    waiting = [t for t in survey.tables if t not in known]
    while ready := _ready(waiting, known, links):
        for table, parents in ready.items():
            proposal = _safe(_inherit(survey, names, table, parents, known, referred), own.get(table))
            found.append(proposal)
            waiting.remove(table)
            if proposal.confidence >= ACCEPT and isinstance(proposal.value, InheritedTime):
                known[table] = proposal.value
    return found


def _ready(waiting: Sequence[str], times: Times, links: Sequence[Proposal]) -> dict[str, list[Proposal]]:
    """Tables with timed parents, and those parents; a table waits while another of its parents may come to a time itself."""
    upward = {t: {v.table for p in links if p.table == t and isinstance(v := p.value, Link)} - {t} for t in waiting}
    timed = {t: [p for p in links if p.table == t and isinstance(v := p.value, Link) and v.table in times] for t in waiting}
    ready = {t: parents for t, parents in timed.items() if parents}
    first = {t: p for t, p in ready.items() if not any(up in ready and t not in upward[up] for up in upward[t])}
    return first or ready


def _safe(proposal: Proposal, own: Proposal | None) -> Proposal:
    """The proposal, listed where the table has a time of its own that may be the right one: the parent's would be too early."""
    if own is None or own.confidence < _MAYBE or proposal.confidence < ACCEPT:
        return proposal
    return replace(proposal, confidence=0.7, evidence=f"{proposal.evidence}; but {own.value} may be the time of the row itself")


def _inherit(
    survey: Survey, names: Vocabulary, table: str, parents: list[Proposal], times: Times, referred: Collection[str]
) -> Proposal:
    if len(parents) == 1:
        chosen, why = parents[0], "its only parent with a time"
        confidence = 0.92 * chosen.confidence  # a row without its parent would never be visible
    else:
        chosen, confidence, why = _latest(survey, names, table, parents, times)
    if table in referred and not _named_after(names, table, chosen):
        confidence = min(confidence, 0.7)
        why += "; but other tables refer to its rows, which may be there before"
    if survey.relations[table].staged:
        confidence = min(confidence, 0.7)
        why += "; the table has a staging SELECT, where the join belongs"
    value = _value(survey, table, chosen, times)
    others = tuple(
        _proposal(table, _value(survey, table, p, times), 0.3, "another parent with a time") for p in parents if p is not chosen
    )
    return _proposal(table, value, confidence, why, others)


def _latest(survey: Survey, names: Vocabulary, table: str, parents: list[Proposal], times: Times) -> tuple[Proposal, float, str]:
    """The parent whose time comes last: before it the row cannot be there."""
    counts = [_last(survey, table, i, parents, times) for i in range(len(parents))]
    shares = [last / rows if rows else 0.0 for rows, last in counts]
    order = sorted(
        range(len(parents)),
        key=lambda i: (-round(shares[i], 2), not _named_after(names, table, parents[i]), -parents[i].confidence),
    )
    best, second = order[0], order[1]
    chosen = parents[best]
    why = f"of {len(parents)} parents with a time, the latest in {shares[best]:.1%} of {counts[best][0]:,} rows"
    if shares[best] < 0.98 or shares[second] >= 0.98:
        return chosen, 0.6, why
    return chosen, 0.85 if _named_after(names, table, chosen) else 0.78, why


def _last(survey: Survey, table: str, chosen: int, parents: list[Proposal], times: Times) -> tuple[int, int]:
    """Rows for which every parent's time is known, and those in which the chosen one's is not before the others'."""
    staging = Staging(survey, times, raw=False)
    values = [_value(survey, table, p, times) for p in parents]
    columns = [f"CAST(p{i}.{quote(v.source)} AS TIMESTAMP)" for i, v in enumerate(values)]
    found = survey.ask(
        "latest",
        table=survey.relations[table].sql,
        joins="\n".join(staging.join(table, v, f"p{i}") for i, v in enumerate(values)),
        known=" AND ".join(f"{c} IS NOT NULL" for c in columns),
        last=" AND ".join(f"{columns[chosen]} >= {c}" for c in columns),
        keep=survey.keep(table),
    )
    return found[0], found[1]


def _named_after(names: Vocabulary, table: str, parent: Proposal) -> bool:
    """Whether the table's name begins with its parent's: `order_items` of `orders`."""
    assert isinstance(parent.value, Link)
    other = names.tables[parent.value.table]
    return names.tables[table][: len(other)] == other


def _value(survey: Survey, table: str, parent: Proposal, times: Times) -> InheritedTime:
    link = parent.value
    assert isinstance(link, Link)
    source = times[link.table].column
    taken = {c.lower() for c in survey.tables[table]}
    options = (source, *(f"{link.table}_{source}{i}" for i in ("", *map(str, range(2, 600)))))
    return InheritedTime(next(o for o in options if o.lower() not in taken), link.table, link, source)


def _proposal(table: str, value: InheritedTime, confidence: float, why: str, alternatives: tuple[Proposal, ...] = ()) -> Proposal:
    evidence = f"no time of its own; {value.table} has {value.source} and is {why}"
    return Proposal(table, Aspect.INHERITED_TIME, value, confidence, evidence, alternatives)
