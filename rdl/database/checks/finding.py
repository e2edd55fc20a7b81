"""What can be wrong with a table, what is done about it, and how that is reported."""

from dataclasses import dataclass
from enum import StrEnum


class Policy(StrEnum):
    """What is done with what a check finds: refuse the database, drop the rows, set the values to null, or keep them as they are."""

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
    COLUMN_ADDED = "column_added"
    COLUMN_REMOVED = "column_removed"
    COLUMN_RETYPED = "column_retyped"
    COLUMN_RENAMED = "column_renamed"
    NEW_CATEGORIES = "new_categories"
    STALE = "stale"
    ROW_COUNT = "row_count"


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
