"""What columns mean, where that is more than ingestion's own rule would say.

Only differences are proposed: lists as categories or vectors, texts that a separator divides, dates that are values, flags, texts
that are times, and numbers that only identify. What is not proposed is read by `semantics.from_type` and `from_values`.
"""

from collections.abc import Collection

from rdl.database.engine import literal, quote
from rdl.database.inference.names import Named, Vocabulary
from rdl.database.inference.proposal import Aspect, Meaning, Proposal
from rdl.database.inference.roles import Role, names_a_time, role_of_time
from rdl.database.inference.survey import SEPARATORS, Facts, Kind, Survey
from rdl.database.inference.times import casting, readable
from rdl.database.schema import Semantic
from rdl.database.semantics import TokenProfile, from_flag, from_list, from_parts, from_type
from rdl.timeline import format_time


def propose_meanings(survey: Survey, names: Vocabulary, table: str, structural: Collection[str]) -> list[Proposal]:
    """Proposals for the columns that are no key, reference or event time; those are `structural`."""
    found = []
    for facts in survey.tables[table].values():
        if facts.name in structural or facts.known == 0:
            continue
        named = names.columns[table, facts.name]
        tried = (
            _list(facts),
            _value_date(facts, role_of_time(named.words, names.tables[table])),
            _time_text(facts, named),
            _flag(facts),
            _parts(survey, facts),
            _code(survey, facts, named),
        )
        found += [p for p in tried if p is not None][:1]
    return found


def _meaning(facts: Facts, semantic: Semantic, confidence: float, evidence: str, cast: str | None = None) -> Proposal:
    return Proposal(facts.table, Aspect.TYPE, Meaning(facts.name, semantic, cast), confidence, evidence)


def _list(facts: Facts) -> Proposal | None:
    if facts.kind is not Kind.LIST:
        return None
    shortest, longest = facts.shape.sizes
    semantic = from_list(facts.sql_type, shortest, longest)
    size = f"of {longest:,} values each" if shortest == longest else f"of {shortest:,} to {longest:,} values"
    return None if semantic is None else _meaning(facts, semantic, 0.95, f"{facts.known:,} lists {size}, type {facts.sql_type}")


def _value_date(facts: Facts, role: Role) -> Proposal | None:
    """A date that is a value: of birth, of founding, of an end. Other dates stay times, which features read as ages."""
    if facts.kind is not Kind.TIME or role not in {Role.BIRTH, Role.ENDING} or facts.low is None:
        return None
    evidence = f"{role.value}; from {format_time(facts.low)} to {format_time(facts.high)}: a value, and no event time"
    return _meaning(facts, Semantic.DATE, 0.93 if role is Role.BIRTH else 0.8, evidence)


def _time_text(facts: Facts, named: Named) -> Proposal | None:
    """A text that reads as a time in one format only and is called so; its cast belongs into a staging SELECT."""
    if facts.kind is not Kind.TEXT or not facts.shape.known or not names_a_time(named.words):
        return None
    formats = readable(facts)
    if not formats:
        return None
    role = role_of_time(named.words, ())
    semantic = Semantic.DATE if role in {Role.BIRTH, Role.ENDING} else Semantic.TIMESTAMP
    evidence = f"{facts.shape.casts[formats[0]]:.1%} of {facts.shape.known:,} texts looked at read as {formats[0]}"
    if len(formats) > 1:
        return _meaning(facts, semantic, 0.6, f"{evidence}, and as {formats[1]} as well", casting(facts, formats[0]))
    return _meaning(facts, semantic, 0.85, evidence, casting(facts, formats[0]))


def _flag(facts: Facts) -> Proposal | None:
    if facts.kind is not Kind.WHOLE or from_type(facts.name, facts.sql_type) is not Semantic.NUMERIC:
        return None
    if from_flag(facts.name, facts.low, facts.high) is not Semantic.BOOLEAN:
        return None
    return _meaning(facts, Semantic.BOOLEAN, 0.9, f"0 and 1 only in {facts.known:,} rows; named as a question")


def _parts(survey: Survey, facts: Facts) -> Proposal | None:
    if facts.kind is not Kind.TEXT or facts.distinct < 5 or facts.shape.longest > 2000:
        return None
    separator = max(SEPARATORS, key=lambda s: facts.shape.separated.get(s, 0.0))
    if facts.shape.separated.get(separator, 0.0) < 0.1:
        return None
    *counts, numbers = survey.ask(
        "parts",
        table=survey.relations[facts.table].sql,
        column=quote(facts.name),
        separator=literal(separator),
        keep=survey.keep(facts.table),
    )
    profile = TokenProfile(*counts)
    if from_parts(profile) is None or numbers > 0.5 * profile.parts:  # "1,5" is a number
        return None
    evidence = (
        f"{separator!r} divides {profile.divided:,} of {profile.values:,} values looked at; "
        f"{profile.distinct_parts:,} different parts make {profile.distinct:,} different values"
    )
    return _meaning(facts, Semantic.MULTI_CATEGORICAL, 0.85 if separator != "," else 0.78, evidence)


def _code(survey: Survey, facts: Facts, named: Named) -> Proposal | None:
    """A number that is called an identifier: it names its row alone, or it is a category."""
    if not facts.integral or not named.identifier or named.bare:
        return None
    default = from_type(facts.name, facts.sql_type)
    if (
        facts.rows >= 50
        and facts.distinct >= 0.9 * facts.known
        and survey.distinct(facts.table, (facts.name,)) > 0.98 * facts.known
    ):
        evidence = "named as an identifier, and different in nearly every row"
        return None if default is Semantic.IDENTIFIER else _meaning(facts, Semantic.IDENTIFIER, 0.85, evidence)
    if default is Semantic.CATEGORICAL or named.words[-1] in {"no", "nr", "num", "number", "ref", "hash"}:
        return None
    return _meaning(
        facts, Semantic.CATEGORICAL, 0.8, f"a number named as an identifier, with about {facts.distinct:,} different values"
    )
