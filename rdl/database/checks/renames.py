"""Which of the columns that came is one of those that went, by another name.

Of the same type and filled as much; and its values are the same, or nearly: the same categories, the same ends, or, of numbers,
nearly the same range and mean. Where values say little (two of them, or none), the names must be alike as well.
"""

from collections.abc import Mapping

from rapidfuzz.fuzz import ratio

from rdl.database.checks.profile import ColumnProfile

_NULLS = 0.05  # by which the share of nulls may differ
_ALIKE = 0.8  # of values, from which on they are the same


def renamed(removed: Mapping[str, ColumnProfile], added: Mapping[str, ColumnProfile]) -> dict[str, str]:
    """New name by old name, the likeliest pairs first; each name once."""
    pairs = [
        (likeness, old, new)
        for old, before in removed.items()
        for new, now in added.items()
        if (likeness := _likeness(old, new, before, now)) > 0
    ]
    found: dict[str, str] = {}
    for _, old, new in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if old not in found and new not in found.values():
            found[old] = new
    return found


def _likeness(old: str, new: str, before: ColumnProfile, now: ColumnProfile) -> float:
    """How sure it is, in (0, 2]; 0 where it is not."""
    if before.sql_type != now.sql_type or abs(before.known - now.known) > _NULLS:
        return 0.0
    names = ratio(old.lower(), new.lower()) / 100
    values = _values(before, now)
    telling = before.distinct > 2 and before.known > 0
    return values + names if values >= _ALIKE and (telling or names >= 0.5) else 0.0


def _values(before: ColumnProfile, now: ColumnProfile) -> float:
    """How much of the values is the same, in [0, 1]."""
    if before.categories is not None and now.categories is not None:
        old, new = set(before.categories), set(now.categories)
        return len(old & new) / len(old | new) if old | new else 1.0
    if before.mean is not None and now.mean is not None:
        return _numbers(before, now)
    near = abs(before.distinct - now.distinct) <= 0.1 * max(before.distinct, now.distinct)
    return 1.0 if near and (before.low, before.high) == (now.low, now.high) else 0.0


def _numbers(before: ColumnProfile, now: ColumnProfile) -> float:
    """How much of the two ranges is shared, less the distance of the means."""
    a, b = _ends(before), _ends(now)
    if a is None or b is None or before.mean is None or now.mean is None:
        return 0.0
    width = max(a[1], b[1]) - min(a[0], b[0])
    if width == 0:
        return 1.0
    shared = min(a[1], b[1]) - max(a[0], b[0])
    return max(shared / width - abs(before.mean - now.mean) / width, 0.0)


def _ends(column: ColumnProfile) -> tuple[float, float] | None:
    words = {"true": 1.0, "false": 0.0}
    try:
        low, high = (words[end] if end in words else float(end) for end in (column.low or "", column.high or ""))
    except ValueError:
        return None
    return low, high
