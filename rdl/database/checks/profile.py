"""What a table looked like when it was read, in plain data that is kept from run to run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rdl.database.checks.survey import BATCH, Survey, rows_of
from rdl.database.engine import quote
from rdl.database.relation import Ask
from rdl.database.schema import Semantic

CATEGORIES = 1_000  # columns with more are not remembered value by value
_LONG = 200  # characters; a longer category is remembered by its start and its hash


@dataclass(frozen=True)
class ColumnProfile:
    """One column.

    Attributes:
        known: share of the rows in which it is not null, to six digits.
        distinct: about how many different values it has.
        low, high: the lowest and the highest value as text, shortened; None where there is none.
        mean: of numbers and booleans, to six digits.
        categories: every value of a categorical column, in order; None where there are too many, or it is none.
    """

    sql_type: str
    semantic: str
    known: float
    distinct: int
    low: str | None
    high: str | None
    mean: float | None
    categories: tuple[str, ...] | None


@dataclass(frozen=True)
class Profile:
    """One table.

    Attributes:
        growing: whether rows are expected to stay: it has a key or a time.
        last: the last event that was not in the future, in microseconds UTC; None where there is none.
        days, gap: on how many days something happened, and for how many days nothing does, at the longest.
    """

    rows: int
    growing: bool
    last: int | None
    days: int
    gap: int
    columns: Mapping[str, ColumnProfile]

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Profile":
        """The profile that `to_json` wrote."""
        columns = {name: ColumnProfile(**{**c, "categories": _tuple(c["categories"])}) for name, c in data["columns"].items()}
        return Profile(**{**data, "columns": columns})


Profiles = Mapping[str, Profile]
"""The profile of every table, by name."""


def _tuple(values: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def profile(ask: Ask, survey: Survey) -> Profile:
    """What the survey found, and the categories of every categorical column that has few."""
    table = survey.table
    few = [c.name for c in table.columns if c.semantic is Semantic.CATEGORICAL and c in table.features]
    few = [name for name in few if survey.columns[name].distinct <= 1.2 * CATEGORIES]  # an estimate: the sets are cut below
    categories: dict[str, tuple[str, ...] | None] = {}
    for start in range(0, len(few), BATCH):
        names = few[start : start + BATCH]
        sets = ask(f"SELECT {', '.join(_distinct(name) for name in names)} FROM {rows_of(table)}")[0]
        categories |= {
            n: tuple(values or ()) if len(values or ()) <= CATEGORIES else None for n, values in zip(names, sets, strict=True)
        }
    columns = {}
    for column in table.columns:
        facts = survey.columns[column.name]
        known = float(f"{facts.known / max(table.rows, 1):.6g}")
        found = categories.get(column.name)
        columns[column.name] = ColumnProfile(
            column.sql_type, column.semantic.value, known, facts.distinct, facts.low, facts.high, facts.mean, found
        )
    events = survey.events
    return Profile(table.rows, bool(table.key or table.time), events.last, events.days, events.gap, columns)


def _distinct(name: str) -> str:
    """SQL of a column's values in order, long ones shortened to what tells them apart."""
    text = f"CAST({quote(name)} AS VARCHAR)"
    short = f"CASE WHEN length({text}) > {_LONG} THEN left({text}, {_LONG // 2}) || '…' || md5({text}) ELSE {text} END"
    return f"list_sort(list(DISTINCT {short}) FILTER ({text} IS NOT NULL))"
