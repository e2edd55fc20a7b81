"""What a column means, from its SQL type, its name and its values.

A simple, stated rule for each type; a declaration in `rdl.toml` wins over all of them.
"""

import re
from dataclasses import dataclass

from rdl.database.schema import Semantic

_CODE_NAME = re.compile(r"(^|_)(id|code|type|status|class|category|kind|zip|group)$|[a-z](Id|Code|Type|Status)$")
_NUMBER = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$")
_WHOLE = re.compile(r"^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$")


@dataclass(frozen=True)
class TextProfile:
    """Facts of a text column: distinct values, non-null values, mean words a value."""

    distinct: int
    known: int
    words: float


def from_type(name: str, sql_type: str) -> Semantic | None:
    """The meaning that type and name decide alone; None for text, whose values must be looked at."""
    kind = sql_type.upper()
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return Semantic.IDENTIFIER  # nested values describe nothing that a feature can read
    if kind == "BOOLEAN":
        return Semantic.BOOLEAN
    if kind.startswith(("TIMESTAMP", "DATE")):
        return Semantic.TIMESTAMP
    if _WHOLE.match(kind) and _CODE_NAME.search(name):
        return Semantic.CATEGORICAL
    if _NUMBER.match(kind):
        return Semantic.NUMERIC
    if kind.startswith("ENUM"):
        return Semantic.CATEGORICAL
    if kind.startswith("VARCHAR"):
        return None
    return Semantic.IDENTIFIER


def from_values(profile: TextProfile) -> Semantic:
    """The meaning of a text column: free text, a name of the row itself, or a category.

    Near-unique short values identify a row and describe nothing; near-unique long ones are text.
    """
    distinct_share = profile.distinct / max(profile.known, 1)
    if profile.words >= 4 and profile.distinct > 100:
        return Semantic.TEXT
    if distinct_share > 0.98 and profile.known >= 50:
        return Semantic.IDENTIFIER
    return Semantic.CATEGORICAL
