"""A parsed sentence: frozen values that know where in the text they stand.

PREDICT <target> [RANK TOP k] [WHERE <rows>] FOR [EACH] <table>.<key> [WHERE <population>]
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum

from rdl.timeline import DAY, SECOND


class Function(StrEnum):
    """The aggregates."""

    COUNT = "COUNT"
    COUNT_DISTINCT = "COUNT_DISTINCT"
    SUM = "SUM"
    AVG = "AVG"
    MIN = "MIN"
    MAX = "MAX"
    FIRST = "FIRST"
    LAST = "LAST"
    LIST_DISTINCT = "LIST_DISTINCT"
    EXISTS = "EXISTS"


class Unit(StrEnum):
    """The units of windows."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"

    @property
    def longest(self) -> int:
        """Microseconds of the longest such span: months and years differ, and a label must never count as mature too early."""
        return _LONGEST[self]

    @property
    def fixed(self) -> bool:
        """Whether every such span is equally long."""
        return self not in {Unit.MONTH, Unit.YEAR}


_LONGEST = {
    Unit.SECOND: SECOND,
    Unit.MINUTE: 60 * SECOND,
    Unit.HOUR: 3_600 * SECOND,
    Unit.DAY: DAY,
    Unit.WEEK: 7 * DAY,
    Unit.MONTH: 31 * DAY,
    Unit.YEAR: 366 * DAY,
}


@dataclass(frozen=True)
class Name:
    """A word that names a table or column."""

    text: str
    at: int


@dataclass(frozen=True)
class Column:
    """`table.column`."""

    table: Name
    column: Name

    @property
    def at(self) -> int:
        """Where it begins."""
        return self.table.at


@dataclass(frozen=True)
class Window:
    """[cutoff + start, cutoff + end) in `unit`s; `start` None is ever since."""

    start: int | None
    end: int
    unit: Unit
    at: int

    @property
    def reach(self) -> int:
        """Microseconds by which it ends after the cutoff, at most; negative for one that ends before it."""
        return self.end * self.unit.longest


@dataclass(frozen=True)
class Aggregate:
    """A function of the rows of a table, within a window.

    Attributes:
        column: what is aggregated, None for `*`.
        rows: which rows, None for all.
        via: the reference by which the table hangs on the entity, where there are several.
        text: as it stands in the sentence.
    """

    function: Function
    table: Name
    column: Name | None
    rows: "Expression | None"
    via: Name | None
    window: Window
    at: int
    text: str


@dataclass(frozen=True)
class Literal:
    """A number, text, boolean or NULL; a number keeps its spelling."""

    value: str | bool | None
    number: bool
    at: int


@dataclass(frozen=True)
class Unary:
    """`NOT x`, `- x`, `x IS NULL`, `x IS NOT NULL`."""

    operator: str
    operand: "Expression"
    at: int


@dataclass(frozen=True)
class Binary:
    """`x op y`: OR, AND, a comparison, LIKE, NOT LIKE, or arithmetic; `at` is the operator's place."""

    operator: str
    left: "Expression"
    right: "Expression"
    at: int


@dataclass(frozen=True)
class OneOf:
    """`x [NOT] IN (…)`."""

    operand: "Expression"
    values: tuple[Literal, ...]
    negated: bool
    at: int


Expression = Column | Aggregate | Literal | Unary | Binary | OneOf


@dataclass(frozen=True)
class Sentence:
    """All of it.

    Attributes:
        top: the k of RANK TOP k, and where it stands in the text (`top_at`).
        rows: which rows the target's aggregates read, beside what stands inside them.
        population: who is asked about.
    """

    target: Expression
    top: int | None
    top_at: int
    rows: Expression | None
    entity: Column
    population: Expression | None


def aggregates(node: object) -> Iterator[Aggregate]:
    """Every aggregate of an expression, in the order of the text."""
    if isinstance(node, Aggregate):
        yield node
    elif is_dataclass(node):
        for field in fields(node):
            yield from aggregates(getattr(node, field.name))
