"""Primary keys: a column that is never null and never twice the same, and that is called and placed as keys are.

Uniqueness alone proves little: in a small table every column may be unique, and measurements often are. So the name decides which
unique column is the key, and a unique column without such a name is listed, not taken. Where no column is unique, two or three
together may be (`composite`).
"""

from dataclasses import dataclass

from rdl.database.inference.names import Named, Vocabulary, Words, same_words, word_likeness
from rdl.database.inference.proposal import Aspect, Key, Proposal
from rdl.database.inference.survey import Facts, Kind, Survey

# What each kind of name is worth when the column is unique. "own" names the table itself and is what keys are called; "identifier"
# says that it identifies, though not what; the rest is a column that happens to be unique.
_WORTH = {"own": 0.97, "identifier": 0.86, "plain": 0.6, "other": 0.4}
_FEW = 10  # below this many rows uniqueness is no evidence; only the name is


@dataclass(frozen=True)
class Candidate:
    """A column that may be the key: what its name is worth, and in how many rows it is new and known."""

    facts: Facts
    role: str
    distinct: int

    @property
    def exact(self) -> bool:
        """Whether it is a key as the rows stand."""
        return self.distinct == self.facts.known == self.facts.rows

    @property
    def near(self) -> bool:
        """Whether it is called as a key and would be one but for a few rows."""
        return not self.exact and self.role in {"own", "identifier"} and self.distinct >= 0.99 * self.facts.rows


def role_of(named: Named, entity: Words, facts: Facts) -> str:
    """How a column is called: as the key of its own table, as some identifier, as the first column, or otherwise."""
    if named.bare:
        return "own" if named.words[-1] in {"id", "pk", "key", "uuid", "guid", "oid"} else "identifier"
    if named.identifier:
        return "own" if names_own(named.stem, entity) else "identifier"
    if same_words(named.words, entity):
        return "identifier"
    return "plain" if facts.position == 0 and facts.kind is not Kind.REAL else "other"


def names_own(stem: Words, entity: Words) -> bool:
    """Whether the stem names the rows of the table itself: all of its name, or its last word, which says what they are."""
    if not stem or not entity:
        return False
    joined, whole = "".join(stem), "".join(entity)
    if same_words(stem, entity) or word_likeness(joined, whole) == 1.0 or same_words(stem, entity[-len(stem) :]):
        return True
    tail = len(stem) >= len(entity) and same_words(stem[-len(entity) :], entity)
    if tail:  # `driver_standings_id` in `standings`
        return True
    return len(stem) == 1 and (word_likeness(stem[0], entity[-1]) >= 0.8 or _derived(stem[0], entity[-1]))


def _derived(a: str, b: str) -> bool:
    """`qualify` and `qualifying`."""
    short, long = sorted((a, b), key=len)
    return len(short) >= 5 and long.startswith(short)


def candidates(survey: Survey, names: Vocabulary, table: str) -> list[Candidate]:
    """Columns of the table that may be its key, most likely first; uniqueness is counted exactly for those only."""
    entity = names.tables[table]
    found = []
    for facts in survey.tables[table].values():
        named = names.columns[table, facts.name]
        role = role_of(named, entity, facts)
        if _possible(facts, role):
            found.append(Candidate(facts, role, survey.distinct(table, (facts.name,))))
    order = list(_WORTH)
    found.sort(key=lambda c: (not c.exact, order.index(c.role), c.facts.position))
    own = [c for c in found if c.role == "own" and c.exact]
    return own + [c for c in found if c not in own]


def _possible(facts: Facts, role: str) -> bool:
    """Whether a column may be a key, as far as the sketch tells: it is about 5 percent off, so 15 leaves room."""
    if facts.kind in {Kind.BOOLEAN, Kind.LIST, Kind.OTHER, Kind.CLOCK} or (facts.kind is Kind.REAL and not facts.integral):
        return False
    if facts.kind is Kind.TEXT and (facts.shape.words > 3 or facts.shape.longest > 128):
        return False
    if role == "other" and (facts.kind in {Kind.REAL, Kind.TIME} or facts.position > 2 or facts.rows > 1_000_000):
        return False
    if role == "other" and facts.kind is Kind.TEXT and facts.shape.words > 1.5:
        return False
    return facts.known >= 0.99 * facts.rows and facts.distinct >= 0.85 * facts.known


def propose_key(survey: Survey, names: Vocabulary, table: str) -> Proposal | None:
    """The likeliest single column, with the other unique ones as alternatives; None where nothing is close."""
    found = candidates(survey, names, table)
    exact, near = [c for c in found if c.exact], [c for c in found if c.near]
    chosen = exact or near
    if near and exact and (exact[0].role != "own") and (near[0].role == "own" or exact[0].role != "identifier"):
        chosen = near + exact  # a key with a few wrong rows is likelier than another column that happens to be unique
    if not chosen:
        return None
    proposals = [_proposal(table, c, names.tables[table]) for c in chosen]
    first, rest = proposals[0], tuple(sorted(proposals[1:], key=lambda p: -p.confidence))[:3]
    return Proposal(table, Aspect.KEY, first.value, first.confidence, first.evidence, rest)


def _proposal(table: str, candidate: Candidate, entity: Words) -> Proposal:
    facts = candidate.facts
    confidence = _WORTH[candidate.role]
    if facts.position == 0 and candidate.role != "own":
        confidence += 0.06
    if facts.kind is Kind.TEXT and facts.shape.length > 40:
        confidence -= 0.1
    if facts.kind in {Kind.REAL, Kind.TIME}:
        confidence -= 0.03
    if facts.rows < _FEW:
        confidence -= 0.3 if candidate.role != "own" else 0.12
    if not candidate.exact or facts.rows == 0:
        confidence = min(confidence, 0.7)
    return Proposal(table, Aspect.KEY, Key((facts.name,)), confidence, _evidence(candidate, entity))


def _evidence(candidate: Candidate, entity: Words) -> str:
    facts = candidate.facts
    if candidate.exact:
        said = f"unique and not null in {facts.rows:,} of {facts.rows:,} rows"
    else:
        said = f"{candidate.distinct:,} different values and {facts.rows - facts.known:,} nulls in {facts.rows:,} rows"
    where = "first column" if facts.position == 0 else f"column {facts.position + 1}"
    called = {
        "own": f"named as the key of {'_'.join(entity)}",
        "identifier": "named as an identifier",
        "plain": "its name says nothing of a key",
        "other": "its name says nothing of a key",
    }[candidate.role]
    return f"{said}; {where}; {called}"
