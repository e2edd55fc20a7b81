"""How far from the cutoff a condition lets a table's time be: `time < cutoff + offset`, read off an expression.

Offsets are microseconds, as a range where they have no fixed length (a month is 28 to 31 days).
"""

import re
from dataclasses import dataclass

from sqlglot import exp

from rdl.timeline import DAY, SECOND

Span = tuple[int, int]
"""The least and the most that an offset may be, in microseconds."""

_UNITS: dict[str, Span] = {
    "microsecond": (1, 1),
    "millisecond": (1_000, 1_000),
    "second": (SECOND, SECOND),
    "minute": (60 * SECOND, 60 * SECOND),
    "hour": (3_600 * SECOND, 3_600 * SECOND),
    "day": (DAY, DAY),
    "week": (7 * DAY, 7 * DAY),
    "month": (28 * DAY, 31 * DAY),
    "quarter": (90 * DAY, 92 * DAY),
    "year": (365 * DAY, 366 * DAY),
}
_PART = re.compile(r"(-?\d+(?:\.\d+)?)\s*([a-z]+)", re.IGNORECASE)
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
OPERATORS: dict[type[exp.Expr], str] = {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.EQ: "="}


@dataclass(frozen=True)
class Bound:
    """`time OPERATOR cutoff + offset`, and the line of the query where it stands."""

    operator: str
    offset: Span
    line: int

    @property
    def upper(self) -> bool:
        """Whether it says how late rows may be."""
        return self.operator in {"<", "<=", "="}

    @property
    def lower(self) -> bool:
        """Whether it says how early rows may be."""
        return self.operator in {">", ">=", "="}


def plus(a: Span, b: Span) -> Span:
    """The sum of two offsets."""
    return a[0] + b[0], a[1] + b[1]


def minus(a: Span, b: Span) -> Span:
    """The difference of two offsets."""
    return a[0] - b[1], a[1] - b[0]


def duration(node: exp.Expr, horizon: int) -> Span | None:
    """The length of an interval expression; None where it is not known."""
    match node:
        case exp.Cast(this=exp.Literal()):
            return _written(node.this) if node.is_type("interval") else None
        case exp.Paren() | exp.Cast():
            return duration(node.this, horizon)
        case exp.Placeholder() | exp.Parameter():
            return (horizon, horizon) if node.name.lower() == "horizon" else None
        case exp.Neg():
            inner = duration(node.this, horizon)
            return minus((0, 0), inner) if inner else None
        case exp.Interval():
            return _interval(node)
        case exp.Add() | exp.Sub():
            left, right = duration(node.this, horizon), duration(node.expression, horizon)
            if left is None or right is None:
                return None
            return plus(left, right) if isinstance(node, exp.Add) else minus(left, right)
        case exp.Mul() | exp.Div():
            return _scaled(node, horizon)
    return _made(node)


def number(node: exp.Expr | None) -> float | None:
    """The value of a number that is written out."""
    match node:
        case exp.Paren() | exp.Cast():
            return number(node.this)
        case exp.Neg():
            inner = number(node.this)
            return None if inner is None else -inner
        case exp.Literal():
            try:
                return float(node.name)
            except ValueError:
                return None
    return None


def _interval(node: exp.Interval) -> Span | None:
    if node.args.get("unit") is None:
        return _written(node.this)
    count = number(node.this)
    unit = _UNITS.get(str(node.args.get("unit") or "").lower().removesuffix("s"))
    return _times(unit, count) if unit and count is not None else None


def _written(node: exp.Expr) -> Span | None:
    """The length of a text such as `1 day 2 hours`."""
    total = (0, 0)
    parts = _PART.findall(node.name) if isinstance(node, exp.Literal) else []
    for count, word in parts:
        unit = _UNITS.get(word.lower().removesuffix("s"))
        if unit is None:
            return None
        total = plus(total, _times(unit, float(count)))
    return total if parts else None


def _made(node: exp.Expr) -> Span | None:
    """`to_days(30)` and its like."""
    name, argument = ("to_days", node.this) if isinstance(node, exp.ToDays) else (node.name.lower(), None)
    if argument is None and isinstance(node, exp.Anonymous) and len(node.expressions) == 1:
        argument = node.expressions[0]
    unit = _UNITS.get(name.removeprefix("to_").removesuffix("s")) if name.startswith("to_") else None
    count = number(argument)
    return _times(unit, count) if unit and count is not None else None


def _scaled(node: exp.Expr, horizon: int) -> Span | None:
    left, right = node.this, node.args["expression"]
    length, factor = duration(left, horizon), number(right)
    if length is None and isinstance(node, exp.Mul):
        length, factor = duration(right, horizon), number(left)
    if length is None or factor is None or (isinstance(node, exp.Div) and not factor):
        return None
    return _times(length, factor if isinstance(node, exp.Mul) else 1 / factor)


def _times(length: Span, factor: float) -> Span:
    a, b = round(length[0] * factor), round(length[1] * factor)
    return min(a, b), max(a, b)
