"""What inference says: proposals with their evidence and confidence, and what follows from those that are accepted.

Two bars divide them. From `ACCEPT` on a proposal is taken: what it says would be a surprise if it were wrong. From `HIGH` on names
and values both say so. Below `ACCEPT` nothing is taken; the proposal is listed with its alternatives for a person to decide.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from rdl.database.declared import Declared
from rdl.database.schema import Reference, Semantic

ACCEPT = 0.75
HIGH = 0.9


class Aspect(StrEnum):
    """What a proposal is about."""

    KEY = "key"
    REFERENCE = "reference"
    TIME = "time"
    INHERITED_TIME = "inherited time"
    TYPE = "semantic type"
    LEAK = "leak"
    ENTITY = "entity"


@dataclass(frozen=True)
class Key:
    """The columns that name a row."""

    columns: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.columns)


@dataclass(frozen=True)
class Link:
    """A foreign key: `columns` name a row of `table` by `key`, the parent's columns."""

    columns: tuple[str, ...]
    table: str
    key: tuple[str, ...]

    def __str__(self) -> str:
        return f"{', '.join(self.columns)} -> {self.table} ({', '.join(self.key)})"


@dataclass(frozen=True)
class Time:
    """The event time; `cast` is the SQL over the raw columns that makes it one, None where nothing need be made.

    `native` says that the raw column is a date or timestamp by itself: its cast only adds the time of day.
    """

    column: str
    cast: str | None = None
    native: bool = True

    def __str__(self) -> str:
        return self.column if self.cast is None else f"{self.column} as {self.cast}"


@dataclass(frozen=True)
class InheritedTime:
    """The event time of the parent that `via` refers to, joined as `column`."""

    column: str
    table: str
    via: Link
    source: str

    def __str__(self) -> str:
        return f"{self.table}.{self.source} as {self.column}, by {', '.join(self.via.columns)}"


@dataclass(frozen=True)
class Meaning:
    """What a column means; `cast` is the SQL that makes it readable as such, None where it is."""

    column: str
    semantic: Semantic
    cast: str | None = None

    def __str__(self) -> str:
        return f"{self.column} is {self.semantic}"


@dataclass(frozen=True)
class Hidden:
    """A column that features should not read."""

    column: str

    def __str__(self) -> str:
        return f"hide {self.column}"


@dataclass(frozen=True)
class Entity:
    """A table that is missing: `select` makes it, one row for every value of `column`; `members` are the columns that name it."""

    column: str
    select: str
    members: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"a table of every {self.column}, named by {', '.join(f'{t}.{c}' for t, c in self.members)}"


Value = Key | Link | Time | InheritedTime | Meaning | Hidden | Entity


@dataclass(frozen=True)
class Proposal:
    """One thing that the rows say of a table.

    Attributes:
        confidence: in [0, 1]; 1 is what the source or the settings declare.
        evidence: a sentence with the numbers.
        alternatives: what else it could be, best first.
    """

    table: str
    aspect: Aspect
    value: Value
    confidence: float
    evidence: str
    alternatives: tuple["Proposal", ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data, with the value as a sentence under `text`."""
        return {
            "table": self.table,
            "aspect": self.aspect.value,
            "value": asdict(self.value),
            "text": str(self.value),
            "confidence": round(self.confidence, 3),
            "evidence": self.evidence,
            "alternatives": [a.to_json() for a in self.alternatives],
        }


@dataclass(frozen=True)
class Proposals:
    """Everything that is proposed for a database.

    Attributes:
        tables: every table that was looked at.
        items: by table, aspect and confidence.
        staging: staging SELECT by table, of what is accepted: times that must be cast, combined or inherited.
        bar: from this confidence on a proposal is accepted.
    """

    tables: tuple[str, ...]
    items: tuple[Proposal, ...]
    staging: Mapping[str, str] = field(default_factory=dict)
    bar: float = ACCEPT

    @property
    def accepted(self) -> tuple[Proposal, ...]:
        """What is taken."""
        return tuple(p for p in self.items if p.confidence >= self.bar)

    @property
    def uncertain(self) -> tuple[Proposal, ...]:
        """What is for a person to decide."""
        return tuple(p for p in self.items if p.confidence < self.bar)

    def of(self, table: str, aspect: Aspect) -> tuple[Proposal, ...]:
        """Accepted proposals of one table and aspect."""
        return tuple(p for p in self.accepted if p.table == table and p.aspect is aspect)

    def types(self, table: str) -> dict[str, Semantic]:
        """Meanings that are accepted and differ from what ingestion would say by itself."""
        return {p.value.column: p.value.semantic for p in self.of(table, Aspect.TYPE) if isinstance(p.value, Meaning)}

    def declared(self, staged: Collection[str] = ()) -> dict[str, Declared]:
        """Keys, times and references that are accepted, for every table.

        A time that only a staging SELECT makes is given for the tables in `staged`, whose proposed SELECT is in place. Meanings
        are left out: ingestion reads them by its own rule until they are written down; see `types`.
        """
        keys = {p.table: p.value.columns for p in self.accepted if isinstance(p.value, Key)}
        return {table: self._declare(table, keys, table in staged) for table in self.tables}

    def _declare(self, table: str, keys: Mapping[str, tuple[str, ...]], staged: bool) -> Declared:
        links = [p.value for p in self.of(table, Aspect.REFERENCE) if isinstance(p.value, Link)]
        references = (Reference.of(v.columns, v.table, () if v.key == keys.get(v.table) else v.key) for v in links)
        return Declared(table, keys.get(table, ()), self._time(table, staged), references=tuple(references))

    def _time(self, table: str, staged: bool) -> str | None:
        for proposal in (*self.of(table, Aspect.TIME), *self.of(table, Aspect.INHERITED_TIME)):
            value = proposal.value
            if isinstance(value, Time | InheritedTime) and (staged or (isinstance(value, Time) and value.native)):
                return value.column
        return None

    def to_json(self) -> dict[str, Any]:
        """Plain data: what is accepted, what is not, and the staging SELECTs."""
        return {
            "bar": self.bar,
            "accepted": [p.to_json() for p in self.accepted],
            "uncertain": [p.to_json() for p in self.uncertain],
            "staging": dict(self.staging),
        }
