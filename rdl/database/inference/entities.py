"""Entities without a table: `household_id` in four tables, and no table of households.

Each is proposed as a staging SELECT that makes the missing table; nothing is made unasked.
"""

from collections.abc import Sequence

from rdl.database.engine import quote
from rdl.database.inference.names import Vocabulary, Words, name_of, singular
from rdl.database.inference.proposal import Aspect, Entity, Link, Proposal
from rdl.database.inference.survey import Kind, Survey

_WHOLE = 0.85  # a reference as sure as that has a parent that holds all of its values


def propose_entities(survey: Survey, names: Vocabulary, links: Sequence[Proposal]) -> list[Proposal]:
    """A proposal for every identifier that two tables share and no table has in full."""
    settled = {
        (p.table, v.columns[0]) for p in links if isinstance(v := p.value, Link) and p.confidence >= _WHOLE and len(v.columns) == 1
    }
    parents = {(v.table, v.key[0]) for p in links if isinstance(v := p.value, Link) and p.confidence >= _WHOLE}
    groups: dict[tuple[Words, Kind], list[tuple[str, str]]] = {}
    for table, columns in survey.tables.items():
        for facts in columns.values():
            named = names.columns[table, facts.name]
            if named.identifier and named.stem and facts.kind in {Kind.WHOLE, Kind.TEXT, Kind.UUID} and facts.distinct > 1:
                words = tuple(singular(w) for w in named.stem)
                groups.setdefault((words, facts.kind), []).append((table, facts.name))
    found = []
    for (words, _), members in groups.items():
        tables = {table for table, _ in members}
        if len(tables) > 1 and not any(m in settled or m in parents for m in members) and not _exists(names, words):
            found.append(_entity(survey, words, members))
    return found


def _exists(names: Vocabulary, words: Words) -> bool:
    return any(entity == words for entity in names.tables.values())


def _entity(survey: Survey, words: Words, members: list[tuple[str, str]]) -> Proposal:
    column = members[0][1]
    parts = [
        f"SELECT {quote(c)}{'' if c == column else ' AS ' + quote(column)} FROM {quote(t)} WHERE {quote(c)} IS NOT NULL"
        for t, c in members
    ]
    counts = ", ".join(f"{survey.tables[t][c].distinct:,} in {t}" for t, c in members)
    evidence = f"{len(members)} tables hold it (about {counts} different values), and no table has it as a key that holds them all"
    name = name_of(words) + ("es" if words[-1].endswith(("s", "x", "ch")) else "s")
    return Proposal(name, Aspect.ENTITY, Entity(column, "\nUNION\n".join(parts), tuple(members)), 0.6, evidence)
