"""The plan: which features there are, as data.

A plan is frozen, has a JSON form and a content hash, is stored with the model and replayed exactly at scoring. It holds *blocks*
and *features*. A block is one body of fact rows seen from one key: the entity's own results, its past labels, the results of its
present team, the results of everybody. A feature is one number or category drawn from a block.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from rdl.errors import ModelFileError
from rdl.features.chain import Chain, Hop
from rdl.timeline import DAY

FORMAT = 1


class Anchor(StrEnum):
    """Whose rows a block reads, seen from a seed."""

    SELF = "self"
    """The entity's own."""
    LAST = "last"
    """Those of the parent of the entity's last row (the present team), or of the entity's own parent where `source` is empty."""
    RECENT = "recent"
    """Those of the parents of the entity's recent rows (what it bought lately), averaged over these rows."""
    WORLD = "world"
    """All rows of the table."""
    PEERS = "peers"
    """Those of everybody who shares the value of one of the entity's own columns."""
    ALIKE = "alike"
    """Past labels of everybody who, when they were asked for, had the value that the entity has now."""
    SEASON = "season"
    """All rows of the table in the same season of the latest past year that is wholly visible."""


@dataclass(frozen=True)
class PlanSettings:
    """What a plan is made for.

    Attributes:
        horizon: length of the task's label window, microseconds.
        depth: longest chain of references walked, each way.
        multiples: time windows, in horizons.
        counts: windows over the last k rows.
        half_lives: of the exponentially weighted means, in rows.
        recent: how many last rows sequences may look at.
        families: which families to propose; () for all.
        history: whether the caller passes past labels.
        budget: how many features at most; what lies furthest and tells least is left out, and named.
        label_channels: how many numbers of 0 and 1 tell a past label, one a class; 0 where it is one number.
        label_magnitude: the largest magnitude to expect of a label; up to 1024 times larger ones count exactly.
    """

    horizon: int
    depth: int = 2
    multiples: tuple[int, ...] = (1, 3, 6, 12, 36)
    counts: tuple[int, ...] = (3, 8, 20)
    half_lives: tuple[float, ...] = (2.0, 6.0)
    recent: int = 24
    families: tuple[str, ...] = ()
    history: bool = True
    label_magnitude: float = 1024.0
    label_channels: int = 0
    budget: int = 1500

    @property
    def windows(self) -> tuple[int, ...]:
        """Time windows in microseconds, shortest first."""
        return tuple(self.horizon * m for m in self.multiples)


@dataclass(frozen=True)
class Measure:
    """A number in every fact row: a numeric column, whether a column has a value, or whether it has a certain one.

    Attributes:
        column: the column of the fact table; `value` of the history.
        test: "" for the number itself, "filled" for not null, "is" for equal to `value`; of a text `rdl.features.text.TESTS`, and
            "has" for the word `value`.
        scale: the number is kept as round(number * 2**scale), so that sums are exact and do not depend on the order of rows.
        by: another column; the number is null in rows where that is not `value`.
    """

    column: str
    test: str = ""
    value: str = ""
    scale: int = 0
    by: str = ""

    @property
    def label(self) -> str:
        """The measure's part of a feature's name."""
        if self.by:
            return f"{self.column}|{self.by}={self.value}"
        told = {"": self.column, "filled": f"{self.column}_known", "is": f"{self.column}={self.value}"}
        told["has"] = f"{self.column}~{self.value}"
        return told.get(self.test) or f"{self.column}_{self.test}"

    @property
    def special(self) -> str:
        """The family that its means are of, where it is read for nothing else: numbers under a condition, and words."""
        return "conditional" if self.by else "tokens" if self.test == "has" else ""

    @property
    def nullable(self) -> bool:
        """Whether some rows have no number."""
        return self.test not in ("filled", "is")


@dataclass(frozen=True)
class Block:
    """Fact rows seen from one key.

    Attributes:
        name: unique, the start of its features' names.
        family: what its features count as when families are dropped or added; "" where each has its proposer's.
        facts: rows whose chain ends at the key's table; None for the history of labels.
        source: LAST, RECENT and ALIKE: name of the block whose last rows lead to the key or the value.
        ascent: of the same: from those rows up to the key's table, or the table that has the value.
        attributes: categorical columns and references of the fact rows.
        group: PEERS: the column of the entity table, the start of `ascent`, whose value peers share; ALIKE: that of the value.
    """

    name: str
    anchor: Anchor
    facts: Chain | None
    measures: tuple[Measure, ...] = ()
    attributes: tuple[str, ...] = ()
    source: str = ""
    ascent: Chain | None = None
    family: str = ""
    group: str = ""

    @property
    def climbs(self) -> bool:
        """Whether its keys are parents of another block's last rows."""
        return self.anchor in (Anchor.LAST, Anchor.RECENT)

    @property
    def table(self) -> str:
        """The fact table's name in plain words."""
        return self.facts.table if self.facts else "past labels"


@dataclass(frozen=True)
class Feature:
    """One column of the feature matrix.

    Attributes:
        family: the family of METHODS that it is dropped or added with.
        proposer: the module that wrote it and knows its SQL.
        block: name of its block; "" for what needs no fact rows.
        measure: index into the block's measures, -1 for none.
        column: the column read, in plain words.
        window: microseconds before `as_of`, 0 for all history.
        rows: the last rows looked at, or how many rows back; 0 where it does not apply.
        ascent: chain from the row at hand up to the column's table, for columns of parents.
        operands: names of the two features that it is the difference of.
        aged: whether the seed's staleness is added, so that ages are relative to the cutoff.
        provenance: what it is, in a sentence.
    """

    name: str
    family: str
    proposer: str
    aggregate: str
    block: str = ""
    measure: int = -1
    column: str = ""
    window: int = 0
    rows: int = 0
    parameter: float = 0.0
    ascent: Chain | None = None
    operands: tuple[str, str] | tuple[()] = ()
    categorical: bool = False
    aged: bool = False
    provenance: str = ""

    @property
    def path(self) -> str:
        """Where it comes from: its block, or the chain of references."""
        return str(self.ascent) if self.ascent else self.block


@dataclass(frozen=True)
class Omission:
    """What a plan leaves out and why: a column, or all features of one family over one block."""

    what: str
    why: str
    features: int = 0


@dataclass(frozen=True)
class FeaturePlan:
    """Blocks and features for one entity table.

    Attributes:
        omitted: what might have been read and is not.
    """

    entity_table: str
    settings: PlanSettings
    blocks: tuple[Block, ...]
    features: tuple[Feature, ...]
    format: int = field(default=FORMAT)
    omitted: tuple[Omission, ...] = ()

    @property
    def families(self) -> tuple[str, ...]:
        """The families present, sorted."""
        return tuple(sorted({f.family for f in self.features}))

    @property
    def hash(self) -> str:
        """Content hash: equal plans compute equal features."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:16]

    def keep(self, *families: str) -> "FeaturePlan":
        """The plan with these families only; differences whose operands go, go too."""
        kept = tuple(f for f in self.features if f.family in families)
        names = {f.name for f in kept}
        return replace(self, features=tuple(f for f in kept if all(o in names for o in f.operands)))

    def only(self, names: Collection[str]) -> "FeaturePlan":
        """The plan with these features, and the operands that differences among them need."""
        wanted = set(names)
        wanted.update(operand for f in self.features if f.name in wanted for operand in f.operands)
        return replace(self, features=tuple(f for f in self.features if f.name in wanted))

    def drop(self, *families: str) -> "FeaturePlan":
        """The plan without these families."""
        return self.keep(*(set(self.families) - set(families)))

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "FeaturePlan":
        """The plan that `to_json` wrote.

        Raises:
            ModelFileError: it was written by another version of rdl, or is incomplete.
        """
        if data.get("format") != FORMAT:
            raise ModelFileError(
                f"a feature plan of format {data.get('format')!r}, this rdl reads {FORMAT}",
                where="the feature plan",
                fix="train the model again",
            )
        try:
            settings: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data["settings"].items()}
            return FeaturePlan(
                data["entity_table"],
                PlanSettings(**settings),
                tuple(_block(b) for b in data["blocks"]),
                tuple(_feature(f) for f in data["features"]),
                omitted=tuple(Omission(**o) for o in data.get("omitted", ())),
            )
        except (KeyError, TypeError) as error:
            raise ModelFileError(
                f"an incomplete feature plan: {error}", where="the feature plan", fix="train the model again"
            ) from error


def describe(window: int) -> str:
    """A window in a feature's name: `30d`, `6h`, or `all`."""
    if window == 0:
        return "all"
    return f"{window // DAY}d" if window % DAY == 0 else f"{window / DAY * 24:g}h"


def _chain(raw: Mapping[str, Any] | None) -> Chain | None:
    return None if raw is None else Chain(raw["table"], tuple(Hop(**hop) for hop in raw["hops"]))


def _block(raw: Mapping[str, Any]) -> Block:
    facts = {
        "anchor": Anchor(raw["anchor"]),
        "facts": _chain(raw["facts"]),
        "ascent": _chain(raw["ascent"]),
        "measures": tuple(Measure(**m) for m in raw["measures"]),
        "attributes": tuple(raw["attributes"]),
    }
    return Block(**{**raw, **facts})


def _feature(raw: Mapping[str, Any]) -> Feature:
    return Feature(**{**raw, "ascent": _chain(raw["ascent"]), "operands": tuple(raw["operands"])})
