"""What a column means, from its SQL type, its name and its values.

A simple, stated rule for each type; a declaration in `rdl.toml` wins over all of them. Ingestion applies `from_type` and
`from_values` by itself. The rules below them are what inference proposes in their place, to be written down and so declared:
nothing that reads a database today changes because a column could be read as more.
"""

import re
from dataclasses import dataclass

from rdl.database.schema import Semantic

_CODE_NAME = re.compile(
    r"(^|_)(id|code|type|status|class|category|kind|zip|group|nr|key|sku|upc|ean|isbn)$|[a-z](Id|ID|Code|Type|Status|Nr|Key)$"
)
_NUMBER = re.compile(r"^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$")
_WHOLE = re.compile(r"^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$")
_REAL_LIST = re.compile(r"^(FLOAT|DOUBLE|REAL)\[\d*\]$")
_WHOLE_LIST = re.compile(r"^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?\[\d*\]$")
_TEXT_LIST = re.compile(r"^(VARCHAR|ENUM\(.*\)|UUID)\[\d*\]$", re.DOTALL)
_FLAG_NAME = re.compile(
    r"(^|_)(is|has|was|can|are|should|ist|hat)_|^(is|has|was|can)[A-Z]|(^|_)(flag|enabled|active|yn|bool)$|Flag$", re.ASCII
)


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


def from_list(sql_type: str, shortest: int, longest: int) -> Semantic | None:
    """The meaning of a list column whose lists hold `shortest` to `longest` values; None where it has none that can be read.

    Lists of text are sets of categories. Real numbers of one length, two at least, are a vector. Whole numbers are a vector where
    the type itself fixes the length, and otherwise codes.
    """
    kind = sql_type.upper()
    if _TEXT_LIST.match(kind):
        return Semantic.MULTI_CATEGORICAL
    fixed = not kind.endswith("[]")
    if _REAL_LIST.match(kind) or (fixed and _WHOLE_LIST.match(kind)):
        return Semantic.EMBEDDING if shortest == longest >= 2 else None
    return Semantic.MULTI_CATEGORICAL if _WHOLE_LIST.match(kind) else None


def from_flag(name: str, low: float, high: float) -> Semantic:
    """The meaning of a column of whole numbers whose least and greatest value are known.

    0 and 1 are a boolean where the name asks a question (`is_member`, `opt_in_flag`); elsewhere they are counted as numbers, which
    loses nothing. Texts of two values (Y and N, t and f) stay categories: which of them is true is not for rdl to say.
    """
    return Semantic.BOOLEAN if (low, high) == (0, 1) and _FLAG_NAME.search(name) else Semantic.NUMERIC


@dataclass(frozen=True)
class TokenProfile:
    """Facts of a text column that a separator divides: values, different and divided ones; parts, different ones, words a part."""

    values: int
    distinct: int
    divided: int
    parts: int
    distinct_parts: int
    words: float


def from_parts(profile: TokenProfile) -> Semantic | None:
    """Several categories in one text, where a separator divides it into few parts that come again in other combinations; else None.

    A tenth of the values at least is divided; the parts are short; each occurs five times on average; and there are fewer different
    parts than different values: otherwise the values themselves are the categories.
    """
    reused = profile.parts >= 5 * profile.distinct_parts and profile.distinct_parts < profile.distinct
    divided = profile.divided >= max(2, 0.1 * profile.values)
    return Semantic.MULTI_CATEGORICAL if divided and reused and 0 < profile.words <= 3 else None
