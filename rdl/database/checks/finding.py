"""What can be wrong with a table, what is done about it, and how that is reported."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Policy(StrEnum):
    """What is done with what a check finds: refuse the database, drop the rows, set the values to null, or keep all as it is."""

    REFUSE = "refuse"
    DROP = "drop"
    NULL = "null"
    KEEP = "keep"


class Check(StrEnum):
    """What is looked for."""

    DUPLICATE_KEY = "duplicate_key"
    NULL_KEY = "null_key"
    DANGLING = "dangling"
    NULL_TIME = "null_time"
    FUTURE_TIME = "future_time"
    ABSURD_TIME = "absurd_time"
    BEFORE_PARENT = "before_parent"
    TIMELESS = "timeless"
    INFINITE = "infinite"
    PADDED = "padded"
    CONSTANT = "constant"
    ALL_NULL = "all_null"
    NEAR_UNIQUE = "near_unique"
    MANY_CATEGORIES = "many_categories"
    MIXED_ZONES = "mixed_zones"
    ENCODING = "encoding"
    UNREAD = "unread"
    EMPTY = "empty"
    TABLE_ADDED = "table_added"
    TABLE_REMOVED = "table_removed"
    COLUMN_ADDED = "column_added"
    COLUMN_REMOVED = "column_removed"
    COLUMN_RETYPED = "column_retyped"
    COLUMN_RENAMED = "column_renamed"
    NEW_CATEGORIES = "new_categories"
    STALE = "stale"
    ROW_COUNT = "row_count"


class Severity(StrEnum):
    """How soon a user should look at a finding."""

    SERIOUS = "serious"
    WARNING = "warning"
    NOTICE = "notice"


WORDS = {
    Check.DUPLICATE_KEY: "rows repeat a key",
    Check.NULL_KEY: "rows without a key",
    Check.DANGLING: "values that name no row",
    Check.NULL_TIME: "rows without a time",
    Check.FUTURE_TIME: "times in the future",
    Check.ABSURD_TIME: "times that cannot be",
    Check.BEFORE_PARENT: "rows older than their parent",
    Check.TIMELESS: "no time, though a parent has one",
    Check.INFINITE: "numbers that are not finite",
    Check.PADDED: "lines that were too short",
    Check.CONSTANT: "one value throughout",
    Check.ALL_NULL: "no value at all",
    Check.NEAR_UNIQUE: "nearly a value of its own in every row",
    Check.MANY_CATEGORIES: "very many categories",
    Check.MIXED_ZONES: "mixed time zones",
    Check.ENCODING: "damaged text",
    Check.UNREAD: "not read by any feature",
    Check.EMPTY: "no rows",
    Check.TABLE_ADDED: "new table",
    Check.TABLE_REMOVED: "table is gone",
    Check.COLUMN_ADDED: "new column",
    Check.COLUMN_REMOVED: "column is gone",
    Check.COLUMN_RETYPED: "column of another type",
    Check.COLUMN_RENAMED: "column of another name",
    Check.NEW_CATEGORIES: "new categories",
    Check.STALE: "no new events",
    Check.ROW_COUNT: "unusual number of rows",
}
"""What a check found, in words."""

_SERIOUS = {
    Check.TIMELESS,
    Check.TABLE_REMOVED,
    Check.COLUMN_REMOVED,
    Check.COLUMN_RETYPED,
    Check.STALE,
    Check.ROW_COUNT,
}
_NOTICE = {
    Check.CONSTANT,
    Check.NEAR_UNIQUE,
    Check.UNREAD,
    Check.PADDED,
    Check.TABLE_ADDED,
    Check.COLUMN_ADDED,
    Check.NEW_CATEGORIES,
}


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    Attributes:
        column: where in the table; "" where it concerns whole rows.
        count: rows (or values) concerned.
        share: of the rows looked at, in [0, 1].
        examples: a few of the values, as text.
        policy: what was done.
        detail: a sentence that says what it means, where the check's name does not.
    """

    table: str
    check: Check
    column: str
    count: int
    share: float
    examples: tuple[str, ...]
    policy: Policy
    detail: str = ""

    @property
    def severity(self) -> Severity:
        """Serious where rows or values were lost or refused, or where the database is no longer what it was."""
        if self.policy is not Policy.KEEP or self.check in _SERIOUS:
            return Severity.SERIOUS
        return Severity.NOTICE if self.check in _NOTICE else Severity.WARNING

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return {**asdict(self), "check": self.check.value, "policy": self.policy.value, "examples": list(self.examples)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Finding":
        """The finding that `to_json` wrote."""
        known = {**data, "check": Check(data["check"]), "policy": Policy(data["policy"]), "examples": tuple(data["examples"])}
        return Finding(**known)


def examples(values: "list[object] | None") -> tuple[str, ...]:
    """Values as short, printable text: what a report or an error may show of them."""
    return tuple(shown(value) for value in values or ())


def shown(value: object, width: int = 60) -> str:
    """`value` as text of at most `width` characters, in which no character moves the cursor or hides."""
    text = str(value)
    cut = text[:width]
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return plain if len(text) <= width and len(plain) <= width else plain[: width - 1] + "…"
