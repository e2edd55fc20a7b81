"""The plan of candidates: along which links an entity meets the rows that a recommendation ranks, as data.

A link is a body of fact rows that know both sides: an order line has a customer, over its order, and a product. The plan is frozen,
has a JSON form and a content hash, is stored with the model and replayed exactly at scoring.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rdl.database import Column, Schema, Semantic
from rdl.errors import ModelFileError
from rdl.features.chain import Chain, Hop, ascents, descents

FORMAT = 1
MOST_GROUPS = 3
_NUMBERS = (Semantic.NUMERIC, Semantic.BOOLEAN)
_TIMES = (Semantic.TIMESTAMP, Semantic.DATE)


@dataclass(frozen=True)
class CandidateSettings:
    """How many candidates each source gives, and how far it looks.

    Attributes:
        horizon: length of the task's label window, microseconds.
        multiples: time windows, in horizons, shortest first.
        depth: references that a link may follow, both sides together.
        links: links that are read at most, those first that the labels follow.
        past: rows that the entity was linked to, the most recent and the most frequent ones, of each link.
        popular: rows that are linked most, in the shortest window and in the longest.
        groups: of each reference of the target, the groups that the entity's rows are of most often.
        in_group: the most popular rows of such a group.
        together: rows that other entities were linked to beside the entity's own recent ones.
        recent: an entity's recent rows that co-occurrence looks at.
        neighbours: rows kept beside each row.
        sampled: entities at most whose rows are counted for co-occurrence; of more, a share drawn by hash.
    """

    horizon: int
    multiples: tuple[int, ...] = (1, 3, 12)
    depth: int = 3
    links: int = 3
    past: int = 40
    popular: int = 30
    groups: int = 3
    in_group: int = 12
    together: int = 30
    recent: int = 10
    neighbours: int = 20
    sampled: int = 100_000

    @property
    def windows(self) -> tuple[int, ...]:
        """Time windows in microseconds, shortest first."""
        return tuple(self.horizon * m for m in self.multiples)


@dataclass(frozen=True)
class Link:
    """Fact rows that lead to an entity and to a target.

    Attributes:
        facts: from the fact rows up to the entity; None where they know no entity and only count how popular a target is.
        targets: from the same rows up to the target.
    """

    facts: Chain | None
    targets: Chain

    @property
    def table(self) -> str:
        """The fact table."""
        return self.targets.table

    def __str__(self) -> str:
        """`order_lines.product_id by order_id.customer_id`."""
        own = ".".join(hop.column for hop in self.facts.hops) if self.facts else ""
        return f"{self.targets} by {own}" if own else str(self.targets)


@dataclass(frozen=True)
class CandidatePlan:
    """What candidates there are for the entities of a table, and what is said of each.

    Attributes:
        links: the first is the one that past, groups and co-occurrence are read from.
        groups: references of the target table.
        numbers: columns of the target table that are read as they are.
        times: columns of the target table that are read as ages.
        timed: whether the target table's rows have a time.
    """

    entity_table: str
    target_table: str
    settings: CandidateSettings
    links: tuple[Link, ...]
    groups: tuple[str, ...]
    numbers: tuple[str, ...]
    times: tuple[str, ...]
    timed: bool
    format: int = field(default=FORMAT)

    @property
    def hash(self) -> str:
        """Content hash: equal plans give equal candidates."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]

    def ordered(self, followed: Sequence[int]) -> "CandidatePlan":
        """The plan with the links first that most labels follow, as many as the settings allow; `followed` counts them by link."""
        order = sorted(range(len(self.links)), key=lambda i: (-followed[i], i))
        return replace(self, links=tuple(self.links[i] for i in order[: self.settings.links]))

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "CandidatePlan":
        """The plan that `to_json` wrote.

        Raises:
            ModelFileError: it was written by another version of rdl, or is incomplete.
        """
        if data.get("format") != FORMAT:
            raise ModelFileError(
                f"a plan of candidates of format {data.get('format')!r}, this rdl reads {FORMAT}",
                where="the plan of candidates",
                fix="train the model again",
            )
        try:
            settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data["settings"].items()}
            columns = {name: tuple(data[name]) for name in ("groups", "numbers", "times")}
            links = tuple(Link(_chain(raw["facts"]), _whole(raw["targets"])) for raw in data["links"])
            return CandidatePlan(**{**data, **columns, "settings": CandidateSettings(**settings), "links": links})
        except (KeyError, TypeError) as error:
            raise ModelFileError(
                f"an incomplete plan of candidates: {error}", where="the plan of candidates", fix="train the model again"
            ) from error


def plan_candidates(schema: Schema, entity_table: str, target_table: str, settings: CandidateSettings) -> CandidatePlan:
    """Every link within the depth, nearest first; where there is none, what else references the target, to count by."""
    links = tuple(_links(schema, entity_table, target_table, settings.depth))
    if not links:
        links = tuple(Link(None, chain) for chain in descents(schema, target_table, 1))
    target = schema[target_table]
    return CandidatePlan(
        entity_table,
        target_table,
        settings,
        links,
        groups=tuple(r.column for r in target.references if r.table != entity_table)[:MOST_GROUPS],
        numbers=tuple(c.name for c in target.features if c.semantic in _NUMBERS),
        times=tuple(c.name for c in target.features if _is_time(c)),
        timed=target.time is not None,
    )


def _links(schema: Schema, entity: str, target: str, depth: int) -> Iterator[Link]:
    """Pairs of chains that start at the same rows and part at once: what they share is a link of the rows where they part."""
    found = [
        Link(facts, targets)
        for facts in (*descents(schema, entity, depth - 1), Chain(entity))
        for targets in ascents(schema, facts.table, depth - len(facts.hops))
        if targets.end == target and facts.hops[:1] != targets.hops[:1]
    ]
    yield from sorted(found, key=_length)


def _length(link: Link) -> tuple[bool, int]:
    """Links by how near they are; the entity's own references come last."""
    own = len(link.facts.hops) if link.facts else 0
    return own == 0, own + len(link.targets.hops)


def _is_time(column: Column) -> bool:
    return column.semantic in _TIMES


def _whole(raw: Mapping[str, Any]) -> Chain:
    return Chain(raw["table"], tuple(Hop(**hop) for hop in raw["hops"]))


def _chain(raw: Mapping[str, Any] | None) -> Chain | None:
    return None if raw is None else _whole(raw)
