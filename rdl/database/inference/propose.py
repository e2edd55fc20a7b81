"""What a database is, as its rows say: keys, references, times, meanings and leaks, each with its evidence.

    columns -> keys -> references -> keys of several columns -> times -> inherited times -> meanings, leaks, missing entities

Pure: it asks, and changes nothing. Nothing is drawn at random and nothing depends on the order of rows or tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from rdl.database.declared import Declared
from rdl.database.inference.composite import propose_composite
from rdl.database.inference.entities import propose_entities
from rdl.database.inference.inherited import propose_inherited
from rdl.database.inference.keys import Candidate, candidates, propose_key
from rdl.database.inference.leaks import propose_leaks
from rdl.database.inference.meanings import propose_meanings
from rdl.database.inference.names import Vocabulary, read_names, same_words
from rdl.database.inference.pairs import propose_pairs
from rdl.database.inference.proposal import ACCEPT, Aspect, InheritedTime, Key, Link, Meaning, Proposal, Proposals, Time
from rdl.database.inference.references import propose_references
from rdl.database.inference.staged import Staging
from rdl.database.inference.stated import stated_keys, stated_links, stated_times
from rdl.database.inference.survey import Survey
from rdl.database.inference.times import propose_time
from rdl.database.relation import Ask, Relation

_LIKELY_KEY = 0.5  # from here on a key is worth being referred to, accepted or not


def propose(ask: Ask, relations: Mapping[str, Relation], declared: Mapping[str, Declared] | None = None) -> Proposals:
    """Everything that the rows of `relations` say of them.

    Args:
        ask: runs one SELECT.
        relations: the tables, with what their source declares: that is certain.
        declared: what the settings state: as certain, and not inferred anew. An empty key and a time of None state nothing.

    Raises:
        SqlError: a table cannot be read.
    """
    ordered = dict(sorted(relations.items()))
    stated = {name: found for name, found in (declared or {}).items() if name in ordered}
    survey, names = Survey(ask, ordered), read_names({name: list(r.types) for name, r in ordered.items()})
    keys, links = _structure(survey, names, stated)
    firm = [p for p in links if p.confidence >= ACCEPT]
    times = _times(survey, names, stated)
    own = {t: v for t, p in times.items() if p.confidence >= ACCEPT and isinstance(v := p.value, Time)}
    inherited = propose_inherited(survey, names, times, firm)
    items = [*keys.values(), *links, *times.values(), *inherited]
    known: dict[str, Time | InheritedTime] = dict(own)
    known.update({p.table: v for p in inherited if p.confidence >= ACCEPT and isinstance(v := p.value, InheritedTime)})
    items += _columns(survey, names, items, known, firm)
    items += propose_entities(survey, names, firm)
    return Proposals(tuple(ordered), _sorted(items), _staging(survey, known, items))


def _structure(survey: Survey, names: Vocabulary, stated: Mapping[str, Declared]) -> tuple[dict[str, Proposal], list[Proposal]]:
    """Keys and references, which are evidence for one another."""
    keys = stated_keys(survey.relations, stated)
    unique = {t: [c for c in candidates(survey, names, t) if c.exact or c.near] for t in survey.tables}
    unique = {t: [c for c in found if c.role != "other"] for t, found in unique.items()}
    singles = {t: p for t in survey.tables if t not in keys and (p := propose_key(survey, names, t)) is not None}
    certain = stated_links(survey.relations, stated, keys)
    links = _links(survey, names, {**singles, **keys}, unique, certain)
    keys = {**{t: _weighed(survey, names, p, links) for t, p in singles.items()}, **keys}
    for table in survey.tables:
        if table not in keys or keys[table].confidence < ACCEPT:
            found = propose_composite(survey, names, table)
            if found is not None and (table not in keys or found.confidence > keys[table].confidence):
                alternatives = (keys[table],) if table in keys else ()
                keys[table] = replace(found, alternatives=alternatives)
    taken = {(p.table, v.columns) for p in certain if isinstance(v := p.value, Link)}
    pairs = propose_pairs(survey, names, keys, links)
    return keys, links + [p for p in pairs if isinstance(v := p.value, Link) and (p.table, v.columns) not in taken]


def _links(
    survey: Survey,
    names: Vocabulary,
    keys: Mapping[str, Proposal],
    unique: Mapping[str, list[Candidate]],
    certain: Sequence[Proposal],
) -> list[Proposal]:
    """References that are stated, and those that the rows show of other columns."""
    primary = {
        t: v.columns[0]
        for t, p in keys.items()
        if isinstance(v := p.value, Key) and len(v.columns) == 1 and p.confidence >= _LIKELY_KEY
    }
    taken = {(p.table, v.columns[0]) for p in certain if isinstance(v := p.value, Link) and len(v.columns) == 1}
    found = propose_references(survey, names, unique, primary)
    return [*certain, *(p for p in found if isinstance(v := p.value, Link) and (p.table, v.columns[0]) not in taken)]


def _weighed(survey: Survey, names: Vocabulary, key: Proposal, links: Sequence[Proposal]) -> Proposal:
    """A key of one column, in the light of the references to it and from it."""
    assert isinstance(key.value, Key)
    column = key.value.columns[0]
    said = names.columns[key.table, column].words
    callers = [
        p
        for p in links
        if isinstance(v := p.value, Link)
        and (v.table, v.key) == (key.table, (column,))
        and p.confidence >= ACCEPT
        and same_words(names.columns[p.table, v.columns[0]].words, said)
    ]
    if callers and key.confidence < ACCEPT and survey.unique(key.table, (column,)):
        told = f"{key.evidence}; {callers[0].table}.{column} refers to it"
        return replace(key, confidence=0.82, evidence=told)
    firm = {v.columns[0]: p for p in links if p.table == key.table and p.confidence >= ACCEPT and isinstance(v := p.value, Link)}
    place = survey.tables[key.table][column].position
    if column in firm and any(survey.tables[key.table][c].position < place for c in firm):
        told = f"{key.evidence}; but it refers to another table, as a column before it does: both together may be the key"
        return replace(key, confidence=min(key.confidence, 0.7), evidence=told)
    up = firm.get(column)
    if up is not None and isinstance(up.value, Link) and key.confidence < 0.95:
        rows, parents = survey.rows(key.table), survey.distinct(up.value.table, up.value.key)
        if rows * rows < 6 * parents:  # drawn at random, rows would share a parent fewer than three times
            told = (
                f"{key.evidence}; but it refers to {up.value.table}, and {rows:,} rows may differ by accident in {parents:,} values"
            )
            return replace(key, confidence=min(key.confidence, 0.6), evidence=told)
    return key


def _times(survey: Survey, names: Vocabulary, stated: Mapping[str, Declared]) -> dict[str, Proposal]:
    times = stated_times(stated)
    for table in survey.tables:
        if table not in times and (found := propose_time(survey, names, table)) is not None:
            times[table] = _within_reach(survey, found)
    return times


def _within_reach(survey: Survey, proposal: Proposal) -> Proposal:
    """The proposal as far as it can be taken: a table with a staging SELECT gets no second one."""
    value = proposal.value
    if not survey.relations[proposal.table].staged or not isinstance(value, Time) or value.cast is None:
        return proposal
    if value.native:
        return replace(proposal, value=Time(value.column))
    told = f"{proposal.evidence}; the table has a staging SELECT, where the cast belongs"
    return replace(proposal, confidence=min(proposal.confidence, 0.7), evidence=told)


def _columns(
    survey: Survey,
    names: Vocabulary,
    structure: Sequence[Proposal],
    times: Mapping[str, Time | InheritedTime],
    links: Sequence[Proposal],
) -> list[Proposal]:
    """Meanings and leaks of the columns that are no key, reference or event time."""
    used: dict[str, set[str]] = {table: set() for table in survey.tables}
    for proposal in structure:
        if proposal.confidence >= ACCEPT and isinstance(value := proposal.value, Key | Link):
            used[proposal.table] |= set(value.columns)
        if proposal.confidence >= ACCEPT and isinstance(value := proposal.value, Time):
            used[proposal.table].add(value.column)
    found: list[Proposal] = []
    for table, columns in used.items():
        found += propose_meanings(survey, names, table, columns)
        found += propose_leaks(survey, names, table, times.get(table), links, frozenset(columns))
    return found


def _staging(survey: Survey, times: Mapping[str, Time | InheritedTime], items: Sequence[Proposal]) -> dict[str, str]:
    """A SELECT for every table that is not yet as it should be."""
    casts: dict[str, dict[str, str]] = {}
    for proposal in items:
        value = proposal.value
        if proposal.confidence >= ACCEPT and isinstance(value, Meaning) and value.cast is not None:
            casts.setdefault(proposal.table, {})[value.column] = value.cast
    staging = Staging(survey, times, casts)
    free = (t for t in survey.tables if not survey.relations[t].staged)
    return {table: select for table in free if (select := staging.select(table)) is not None}


def _sorted(items: Sequence[Proposal]) -> tuple[Proposal, ...]:
    aspects = list(Aspect)
    return tuple(sorted(items, key=lambda p: (p.table, aspects.index(p.aspect), -p.confidence, str(p.value))))
