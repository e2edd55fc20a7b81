"""Foreign keys: a column whose values are keys of another table, and whose name says so.

Keys that are numbers without gaps, as most are, hold every small number: that a column's values are among them proves nothing, so
its name must carry. Where keys are sparse numbers, texts or UUIDs, values that are all among them are no accident, and a weaker
name will do. A few values that name no row do not kill a reference; they lower its confidence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log10

from rdl.database.inference.keys import Candidate, role_of
from rdl.database.inference.lexicon import CALENDAR
from rdl.database.inference.names import Vocabulary
from rdl.database.inference.pointing import CARRIES, HINTS, Pointing, points
from rdl.database.inference.proposal import ACCEPT, Aspect, Link, Proposal
from rdl.database.inference.survey import Facts, Kind, Survey

_LISTED = 0.35  # below it is not worth a line
_DENSE = 0.5  # a random number in range is a key this often: from here on, inclusion by chance is likely
_CERTAIN = 6.0  # inclusion by chance less often than once in 10^6 is proof


@dataclass(frozen=True)
class Held:
    """A column held against a key: how the name points, and how many of its values are there."""

    child: Facts
    parent: Candidate
    primary: bool
    pointing: Pointing
    distinct: int
    found: int
    keys: int
    near: int

    @property
    def density(self) -> float:
        """Of the whole numbers in the child's range, the share that are keys: how often a number is one by chance."""
        child = self.child
        if not (child.integral and self.parent.facts.integral) or child.low is None:
            return self.parent.facts.density
        return min(1.0, self.near / (float(child.high) - float(child.low) + 1))

    @property
    def share(self) -> float:
        """Of the child's different values, those that are keys."""
        return self.found / self.distinct if self.distinct else 0.0

    @property
    def coverage(self) -> float:
        """Of the parent's keys, those that the child uses."""
        return self.found / self.keys if self.keys else 0.0

    @property
    def proof(self) -> float:
        """How many zeros the chance has that the values are all keys by accident."""
        facts = self.parent.facts
        if facts.kind is Kind.UUID:
            return 38.0 if self.distinct else 0.0
        if facts.integral:
            return -log10(max(self.density, 1e-12)) * self.distinct
        return min(self.distinct, 10) * max(0.0, facts.shape.length - 2) / 2

    @property
    def confidence(self) -> float:
        """How likely it is a reference, in [0, 1]."""
        values = self._values()
        name = self.pointing.score
        key = self.parent.facts
        if self.parent.role not in {"own", "identifier"} and key.integral and key.low in {0, 1}:
            name = min(name, 0.8)  # `rank` of a leader board and `rank` of a result both just count from 1
        if self.pointing.one and self.coverage >= 0.5 and self.keys >= 20:  # a `customer` that ranges as the customers do
            name = max(name, CARRIES)
        if not self.primary:
            values -= 0.15
        if not self.parent.exact:
            values = min(values, 0.7)
        if name >= CARRIES:
            return values * (0.85 + 0.15 * name)
        proven = self.proof >= _CERTAIN and self.share >= 0.99
        if name >= HINTS:
            return min(values, 0.9 if proven else 0.65)
        minted = self.parent.facts.kind is Kind.UUID or (
            self.parent.facts.kind is Kind.TEXT and self.parent.facts.shape.length >= 16
        )
        return min(values, (0.85 if minted else 0.65) if proven else 0.3)

    def _values(self) -> float:
        """What the values alone allow."""
        for share, allowed in ((0.999, 0.98), (0.98, 0.95), (0.95, 0.92), (0.8, 0.85)):
            if self.share >= share:
                return allowed
        # A parent that holds only some of its entities, yet nothing else: most of its keys are in use.
        return 0.79 if self.coverage >= 0.8 and self.found >= 20 and self.pointing.score >= 0.95 else 0.5 * self.share + 0.2

    def proposal(self, alternatives: tuple[Proposal, ...] = (), confidence: float | None = None, note: str = "") -> Proposal:
        """This as a proposal."""
        child, key = self.child, self.parent.facts
        evidence = (
            f"{self.found:,} of {self.distinct:,} different values ({self.share:.1%}) are among the {self.keys:,} of "
            f"{key.table}.{key.name}; {self.pointing.reason}{self._caveat()}{note}"
        )
        link = Link((child.name,), key.table, (key.name,))
        return Proposal(child.table, Aspect.REFERENCE, link, confidence or self.confidence, evidence, alternatives)

    def _caveat(self) -> str:
        said, key = "", self.parent.facts
        if self.share < 0.8:
            said += f"; {self.coverage:.1%} of the parent's keys are in use: the parent holds only some of them"
        if self.density >= _DENSE:
            said += "; the keys are numbers without gaps, so the name must carry it"
        if not self.parent.exact:
            said += f"; but {key.name} is not quite a key of {key.table}"
        return said + ("" if self.primary else "; not the parent's first key")


def propose_references(
    survey: Survey, names: Vocabulary, unique: Mapping[str, list[Candidate]], primary: Mapping[str, str]
) -> list[Proposal]:
    """One proposal for every column that may be a reference, with its other possible parents as alternatives.

    `unique` holds the columns without duplicates, by table; `primary` the key's column, by table, where it has one.
    """
    held: dict[tuple[str, str], list[Held]] = {}
    for table, columns in survey.tables.items():
        for facts in columns.values():
            if found := list(_hold(survey, names, facts, unique, primary)):
                held[table, facts.name] = found
    chosen = {at: _choose(found, held) for at, found in held.items()}
    proposals = [_one_way(h, chosen, held[at]) for at, h in chosen.items() if h.confidence >= _LISTED]
    return [_alike(p, proposals, chosen) for p in proposals]


def _hold(
    survey: Survey, names: Vocabulary, child: Facts, unique: Mapping[str, list[Candidate]], primary: Mapping[str, str]
) -> Iterable[Held]:
    """The column held against every key that it may name, exactly."""
    if not _may_refer(names, child, primary):
        return
    for table, keys in unique.items():
        for key in keys:
            facts = key.facts
            if (table, facts.name) == (child.table, child.name):
                continue
            first = primary.get(table) == facts.name
            pointing = points(names, child.table, child.name, table, facts.name)
            if _worth_counting(names, child, facts, pointing, first):
                counts = survey.inclusion(child.table, (child.name,), table, (facts.name,))
                yield Held(child, key, first, pointing, *counts)


def _may_refer(names: Vocabulary, child: Facts, primary: Mapping[str, str]) -> bool:
    if child.known == 0 or child.kind in {Kind.BOOLEAN, Kind.LIST, Kind.OTHER, Kind.CLOCK}:
        return False
    if child.kind is Kind.REAL and not child.integral:
        return False
    own = role_of(names.columns[child.table, child.name], names.tables[child.table], child) == "own"
    # A table's own running number is among the running numbers of every larger table.
    return not (own and primary.get(child.table) == child.name and (child.density >= _DENSE or child.rows < 2))


def _worth_counting(names: Vocabulary, child: Facts, key: Facts, pointing: Pointing, first: bool) -> bool:
    """Whether types and ranges leave it possible, and the name, or else the values, may make it likely."""
    if key.known == 0 or not _compatible(child, key, pointing):
        return False
    if key.kind is Kind.TIME and not set(names.tables[key.table]) & CALENDAR:
        return False
    if child.low is not None and key.low is not None and child.kind is key.kind and (child.low > key.high or child.high < key.low):
        return False
    if pointing.score >= HINTS:
        return True
    inside = child.kind is not key.kind or child.low is None or (child.low >= key.low and child.high <= key.high)
    few = child.distinct < 10 or child.distinct > 1.15 * key.distinct
    sparse = key.density < _DENSE if key.integral else key.shape.length >= 4 or key.kind is Kind.UUID
    return first and inside and sparse and not few and child.table != key.table


def _compatible(child: Facts, key: Facts, pointing: Pointing) -> bool:
    if child.kind is key.kind or (child.integral and key.integral):
        return True
    text = {Kind.TEXT: child if child.kind is Kind.TEXT else key}.get(Kind.TEXT)
    if text is None or pointing.score < CARRIES or Kind.TEXT not in {child.kind, key.kind}:
        return False
    other = key if text is child else child
    return (other.integral and text.shape.whole >= 0.95) or (other.kind is Kind.UUID and text.shape.length > 30)


def _choose(found: list[Held], held: Mapping[tuple[str, str], list[Held]]) -> Held:
    """The best parent; among parents as good, the one that the others' keys refer to themselves."""
    best = max(found, key=lambda h: (round(h.confidence, 3), h.keys, h.parent.facts.table))
    for other in found:
        if other is best or other.confidence < best.confidence - 0.06:
            continue
        refers = held.get((best.parent.facts.table, best.parent.facts.name), [])
        up = any(_same_key(h, other) and h.confidence >= ACCEPT for h in refers)
        down = any(_same_key(h, best) for h in held.get((other.parent.facts.table, other.parent.facts.name), []))
        if up and not down:
            best = other
    return best


def _same_key(a: Held, b: Held) -> bool:
    return (a.parent.facts.table, a.parent.facts.name) == (b.parent.facts.table, b.parent.facts.name)


def _one_way(chosen: Held, every: Mapping[tuple[str, str], Held], found: list[Held]) -> Proposal:
    """The proposal; made uncertain where another parent is as good, or where the parent's key refers back just as well."""
    others = sorted((h for h in found if h is not chosen and h.confidence >= _LISTED), key=lambda h: -h.confidence)[:3]
    alternatives = tuple(h.proposal() for h in others)
    key = chosen.parent.facts
    back = every.get((key.table, key.name))
    if back is not None and (back.parent.facts.table, back.parent.facts.name) == (chosen.child.table, chosen.child.name):
        mine = (round(chosen.confidence, 3), chosen.keys, -chosen.distinct)
        theirs = (round(back.confidence, 3), back.keys, -back.distinct)
        if mine == theirs:
            return chosen.proposal(alternatives, min(chosen.confidence, 0.6), "; it holds the other way round as well")
        if mine < theirs:
            return chosen.proposal(alternatives, 0.3, "; it is likelier the other way round")
    rival = next((h for h in others if h.confidence >= max(ACCEPT, chosen.confidence - 0.03)), None)
    if rival is not None and not _settled(chosen, rival, every):
        note = f"; {rival.parent.facts.table}.{rival.parent.facts.name} fits as well"
        return chosen.proposal(alternatives, min(chosen.confidence, 0.7), note)
    return chosen.proposal(alternatives)


def _alike(proposal: Proposal, every: Sequence[Proposal], chosen: Mapping[tuple[str, str], Held]) -> Proposal:
    """The proposal, taken as well where another table's column of the same name is taken for the same key.

    A parent that holds only some of its entities is in use by a small table less than by a large one; the column is the same.
    """
    assert isinstance(proposal.value, Link)
    held = chosen[proposal.table, proposal.value.columns[0]]
    if proposal.confidence >= ACCEPT or held.pointing.score < 0.95 or held.share < 0.25 or not held.primary:
        return proposal
    for other in every:
        same = isinstance(other.value, Link) and (other.value.columns, other.value.table) == (
            proposal.value.columns,
            proposal.value.table,
        )
        if same and other.confidence >= ACCEPT and chosen[other.table, proposal.value.columns[0]].share < 0.8:
            evidence = f"{proposal.evidence}; {other.table} refers to it in the same way"
            return replace(proposal, confidence=0.77, evidence=evidence)
    return proposal


def _settled(chosen: Held, rival: Held, every: Mapping[tuple[str, str], Held]) -> bool:
    """Whether the rival's key is itself a reference to the chosen key: both name the same thing."""
    up = every.get((rival.parent.facts.table, rival.parent.facts.name))
    return up is not None and _same_key(up, chosen) and up.confidence >= ACCEPT
