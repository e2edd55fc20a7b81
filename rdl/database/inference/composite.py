"""Keys of two or three columns, for tables in which no column alone is one.

Not every combination is tried. Columns are ranked by what may be part of a key at all (identifiers, sequence numbers, dates, and
no measurements), the sets of the best few are ordered by that and by their place in the table, those that cannot be unique by their
distinct counts are left out, and each of the rest is first held against a part of the rows that would show its duplicates.
"""

from dataclasses import dataclass
from itertools import combinations
from math import prod

from rdl.database.engine import quote
from rdl.database.inference.lexicon import MEASURE, PERIOD, SEQUENCE
from rdl.database.inference.names import Named, Vocabulary
from rdl.database.inference.proposal import Aspect, Key, Proposal
from rdl.database.inference.survey import SAMPLE, Facts, Kind, Survey

_COLUMNS = 8  # best columns of a table whose pairs and triples are looked at: 84 sets at most
_EXACT = 6  # sets counted over all rows
_ROOM = 1.5  # a sketch is about 5 percent off, and three of them are multiplied
_AGREE = 3.0  # pairs of rows that independent columns would share: below this, none being shared is no evidence


@dataclass(frozen=True)
class Part:
    """A column that may be part of a key; `worth` says how likely by its name: 3 identifies, 2 counts or dates, less is a guess."""

    facts: Facts
    worth: float


def propose_composite(survey: Survey, names: Vocabulary, table: str) -> Proposal | None:
    """The first unique set, smallest first and most key-like among equals; None where there is none."""
    parts = _parts(survey, names, table)
    tried = 0
    weak: Proposal | None = None
    for chosen in _sets(parts, survey.rows(table)):
        if tried >= _EXACT:
            break
        columns = tuple(p.facts.name for p in sorted(chosen, key=lambda p: p.facts.position))
        if _refuted(survey, table, chosen):
            continue
        tried += 1
        if survey.unique(table, columns):
            proposal = _proposal(survey, table, chosen, columns)
            if proposal.confidence >= 0.75:
                return proposal
            weak = weak or proposal
    return weak


def _parts(survey: Survey, names: Vocabulary, table: str) -> list[Part]:
    parts = []
    for facts in survey.tables[table].values():
        worth = _worth(facts, names.columns[table, facts.name])
        free = worth < 2 and facts.distinct > 0.5 * facts.rows  # a name that hardly comes twice makes anything unique
        if worth == 0 or free or facts.known < facts.rows or facts.distinct < 2:
            continue
        if facts.distinct < 0.85 * facts.rows or not survey.unique(table, (facts.name,)):  # else it needs no other
            parts.append(Part(facts, worth))
    parts.sort(key=lambda p: (0.05 * p.facts.position - p.worth, p.facts.position))
    return parts[:_COLUMNS]


def _worth(facts: Facts, named: Named) -> float:
    said = set(named.words)
    if facts.kind in {Kind.BOOLEAN, Kind.LIST, Kind.OTHER, Kind.CLOCK} or (facts.kind is Kind.REAL and not facts.integral):
        return 0.0
    if facts.kind is Kind.TEXT and (facts.shape.words > 2 or facts.shape.longest > 64):
        return 0.0
    if named.identifier or facts.kind is Kind.UUID:
        return 3.0
    if said & MEASURE or facts.kind is Kind.REAL:
        return 0.0
    if said & (SEQUENCE | PERIOD) or facts.kind is Kind.TIME:
        return 2.0
    return 1.0 if facts.position < 4 else 0.4


def _sets(parts: list[Part], rows: int) -> list[tuple[Part, ...]]:
    """Pairs, then triples, that could be unique: best first among sets of one size."""
    found = []
    for size in (2, 3):
        sets = [
            s
            for s in combinations(parts, size)
            if max(p.worth for p in s) >= 2 and _ROOM * prod(p.facts.distinct for p in s) >= rows
        ]
        found += sorted(sets, key=lambda s: (-_likely(s), [p.facts.position for p in s]))
    return found


def _likely(chosen: tuple[Part, ...]) -> float:
    return sum(p.worth for p in chosen) / len(chosen) + _leading(chosen) - 0.05 * sum(p.facts.position for p in chosen)


def _leading(chosen: tuple[Part, ...]) -> bool:
    """Whether they are the first columns of the table, where keys stand."""
    return sorted(p.facts.position for p in chosen) == list(range(len(chosen)))


def _refuted(survey: Survey, table: str, chosen: tuple[Part, ...]) -> bool:
    """Whether rows that share a value of the most varied column already hold a duplicate."""
    if survey.rows(table) <= SAMPLE:
        return False
    widest = max(chosen, key=lambda p: (p.facts.distinct, -p.facts.position)).facts.name
    columns = ", ".join(quote(p.facts.name) for p in chosen)
    rows, groups = survey.ask("refute", table=survey.relations[table].sql, columns=columns, keep=survey.keep(table, widest))
    return bool(rows != groups)


def _proposal(survey: Survey, table: str, chosen: tuple[Part, ...], columns: tuple[str, ...]) -> Proposal:
    rows = survey.rows(table)
    sql = survey.relations[table].sql
    shares = [survey.ask("repeats", table=sql, column=quote(p.facts.name))[0] / rows**2 for p in chosen]
    agree = rows**2 / 2 * prod(shares)
    leading = _leading(chosen)
    confidence = 0.82 if min(p.worth for p in chosen) >= 2 else 0.6
    confidence += 0.06 if leading else 0.0
    if agree < _AGREE:
        confidence = min(confidence, 0.55)
    evidence = (
        f"together unique and not null in {rows:,} of {rows:,} rows, no column alone is; independent columns would agree in "
        f"{agree:,.0f} pairs of rows{'; the first columns' if leading else ''}"
    )
    return Proposal(table, Aspect.KEY, Key(columns), confidence, evidence)
