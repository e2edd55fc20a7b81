"""Conditions and values of a sentence as SQL, with their types checked.

What a column or an aggregate means depends on where it stands, so a `Scope` says that.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rdl.database.engine import literal
from rdl.errors import TimeError
from rdl.task.predict.refusal import RefusedError
from rdl.task.predict.sentence import Aggregate, Binary, Column, Expression, Literal, OneOf, Unary
from rdl.timeline import parse_time, to_datetime

_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "UHUGEINT",
    "FLOAT",
)
_LEVELS = {"OR": 1, "AND": 2, "NOT": 3, "compare": 4, "+": 5, "-": 5, "*": 6, "/": 6, "sign": 7, "atom": 8}


class Type(StrEnum):
    """What values are, as far as operators mind."""

    NUMBER = "a number"
    TEXT = "a text"
    BOOLEAN = "a boolean"
    TIME = "a time"
    LIST = "a list"
    NULL = "NULL"
    OTHER = "another value"


def type_of(sql_type: str) -> Type:
    """The type of a column's values."""
    kind = sql_type.upper()
    if kind.endswith("]"):
        return Type.LIST
    if kind in _NUMBERS or kind.startswith(("DECIMAL", "DOUBLE")):
        return Type.NUMBER
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return Type.TIME
    return Type.BOOLEAN if kind == "BOOLEAN" else Type.TEXT if kind.startswith(("VARCHAR", "ENUM", "UUID")) else Type.OTHER


@dataclass(frozen=True)
class Typed:
    """SQL, the type of its values, and how tightly it binds (`atom` needs no parentheses anywhere)."""

    sql: str
    type: Type
    level: int = _LEVELS["atom"]

    def within(self, level: int) -> str:
        """The SQL, in parentheses where it binds less tightly than `level`."""
        return self.sql if self.level >= level else f"({self.sql})"


class Scope(Protocol):
    """What names mean where an expression stands."""

    def column(self, column: Column) -> Typed:
        """A column's value."""

    def aggregate(self, aggregate: Aggregate) -> Typed:
        """An aggregate's value."""


def condition(node: Expression, scope: Scope) -> Typed:
    """An expression that must be true or false.

    Raises:
        RefusedError: it is none, or something in it does not fit.
    """
    found = translate(node, scope)
    if found.type is not Type.BOOLEAN:
        raise RefusedError(node.at, f"expected a condition, found {found.type.value}", "compare it with something: … > 0")
    return found


def translate(node: Expression, scope: Scope) -> Typed:
    """Any expression.

    Raises:
        RefusedError: a name is unknown, or types do not go together.
    """
    match node:
        case Column():
            return scope.column(node)
        case Aggregate():
            return scope.aggregate(node)
        case Literal():
            return _literal(node)
        case Unary():
            return _unary(node, scope)
        case OneOf():
            return _one_of(node, scope)
        case Binary():
            return _binary(node, scope)


def conjoined(conditions: list[Typed]) -> list[str]:
    """Conditions as lines of a WHERE clause that AND joins."""
    return [c.within(_LEVELS["AND"]) for c in conditions]


def _literal(node: Literal) -> Typed:
    if isinstance(node.value, str):
        return Typed(node.value if node.number else literal(node.value), Type.NUMBER if node.number else Type.TEXT)
    return Typed("NULL", Type.NULL) if node.value is None else Typed(str(node.value).lower(), Type.BOOLEAN)


def _unary(node: Unary, scope: Scope) -> Typed:
    if node.operator == "NOT":
        return Typed(f"NOT {condition(node.operand, scope).within(_LEVELS['NOT'])}", Type.BOOLEAN, _LEVELS["NOT"])
    found = translate(node.operand, scope)
    if node.operator == "-":
        _expect(found, Type.NUMBER, node.operand.at)
        return Typed(f"-{found.within(_LEVELS['atom'])}", Type.NUMBER, _LEVELS["sign"])
    return Typed(f"{found.within(_LEVELS['+'])} {node.operator}", Type.BOOLEAN, _LEVELS["compare"])


def _one_of(node: OneOf, scope: Scope) -> Typed:
    found = translate(node.operand, scope)
    values = [_alike(found, _literal(value), value)[1].sql for value in node.values]
    word = "NOT IN" if node.negated else "IN"
    return Typed(f"{found.within(_LEVELS['+'])} {word} ({', '.join(values)})", Type.BOOLEAN, _LEVELS["compare"])


def _binary(node: Binary, scope: Scope) -> Typed:
    operator = node.operator
    if operator in {"AND", "OR"}:
        level = _LEVELS[operator]
        left, right = condition(node.left, scope), condition(node.right, scope)
        return Typed(f"{left.within(level)} {operator} {right.within(level)}", Type.BOOLEAN, level)
    left, right = translate(node.left, scope), translate(node.right, scope)
    if operator in {"+", "-", "*", "/"}:
        _expect(left, Type.NUMBER, node.left.at)
        _expect(right, Type.NUMBER, node.right.at)
        level = _LEVELS[operator]
        other = f"nullif({right.sql}, 0)" if operator == "/" else right.within(level + 1)
        return Typed(f"{left.within(level)} {operator} {other}", Type.NUMBER, level)
    if operator in {"LIKE", "NOT LIKE"}:
        _expect(left, Type.TEXT, node.left.at)
        _expect(right, Type.TEXT, node.right.at)
    else:
        left, right = _comparable(left, right, node)
    return Typed(f"{left.within(_LEVELS['+'])} {operator} {right.within(_LEVELS['+'])}", Type.BOOLEAN, _LEVELS["compare"])


def _comparable(left: Typed, right: Typed, node: Binary) -> tuple[Typed, Typed]:
    if isinstance(node.left, Literal):
        return _alike(right, left, node.left)[::-1]
    return _alike(left, right, node.right)


def _alike(left: Typed, right: Typed, node: Expression) -> tuple[Typed, Typed]:
    """Both sides of a comparison; a text beside a time is read as a time."""
    if right.type is Type.NULL:
        raise RefusedError(node.at, "nothing equals NULL", "write IS NULL or IS NOT NULL")
    if Type.LIST in {left.type, right.type}:
        raise RefusedError(node.at, "a list cannot be compared", "compare COUNT_DISTINCT instead")
    if left.type is Type.TIME and isinstance(node, Literal) and right.type is Type.TEXT:
        return left, _moment(node)
    if left.type is not right.type:
        raise RefusedError(node.at, f"{left.type.value} is compared with {right.type.value}", f"compare it with {left.type.value}")
    return left, right


def _moment(node: Literal) -> Typed:
    try:
        return Typed(f"TIMESTAMP '{to_datetime(parse_time(str(node.value)))}'", Type.TIME)
    except (TimeError, OverflowError):
        raise RefusedError(node.at, f"{node.value!r} is no time", "write it as '2025-08-01' or '2025-08-01T06:00:00'") from None


def _expect(found: Typed, wanted: Type, at: int) -> None:
    if found.type is not wanted:
        raise RefusedError(at, f"expected {wanted.value}, found {found.type.value}", f"write {wanted.value} here")
