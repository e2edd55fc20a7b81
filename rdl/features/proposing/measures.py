"""Which numbers are taken from a table's rows: its numeric columns, whether a column has a frequent value, words of its texts."""

import math
from collections.abc import Iterator

from rdl.database import Column, Semantic, Table
from rdl.features.plan import Measure, PlanSettings
from rdl.features.proposing.survey import WORDED, ColumnSurvey, Survey
from rdl.features.text import HAS, LENGTH

SCALE_BITS = 32
"""A measure's largest magnitude at the survey takes this many bits; values up to 2**10 times larger still count exactly."""
MOST_CATEGORIES = 300
MOST_CONDITIONS = 6
"""Conditional measures of a table."""


def measures_of(table: Table, survey: Survey) -> tuple[Measure, ...]:
    """The plain measures of a table."""
    return tuple(m for c in table.features for m in _column_measures(c, survey.columns.get((table.name, c.name))))


def _column_measures(column: Column, seen: ColumnSurvey | None) -> Iterator[Measure]:
    if seen is None or seen.filled == 0.0:
        return
    if column.semantic is Semantic.NUMERIC and seen.distinct > 1:
        yield Measure(column.name, scale=_scale(seen.magnitude))
    if 0.02 < seen.filled < 0.98:
        yield Measure(column.name, "filled")
    if column.semantic in WORDED:
        yield Measure(column.name, LENGTH)
    if categorical(column) and 1 < seen.distinct <= MOST_CATEGORIES:
        for value in _values(column, seen):
            yield Measure(column.name, "is", value)


def _scale(magnitude: float) -> int:
    """Bits after the point; 2**scale and its inverse stay within a double's range."""
    return max(-900, min(SCALE_BITS - math.ceil(math.log2(magnitude)), 900)) if magnitude > 0 else SCALE_BITS


def label_measures(settings: PlanSettings) -> tuple[Measure, ...]:
    """Past labels: one number, or one a class."""
    names = [f"value_{i}" for i in range(settings.label_channels)] or ["value"]
    return tuple(Measure(name, scale=_scale(settings.label_magnitude)) for name in names)


def conditional_measures(table: Table, survey: Survey) -> tuple[Measure, ...]:
    """Numbers of the rows in which a category has one of its two most frequent values: the amounts of returned orders.

    The most varied numbers and the most frequent values come first.
    """
    seen = {c: survey.columns[table.name, c.name] for c in table.features}
    numbers = [c for c in seen if c.semantic is Semantic.NUMERIC and seen[c].filled > 0 and seen[c].distinct > 2]
    kinds = [c for c in seen if categorical(c) and 1 < seen[c].distinct <= MOST_CATEGORIES]
    found = [
        Measure(number.name, value=_values(kind, seen[kind])[rank], scale=_scale(seen[number].magnitude), by=kind.name)
        for rank in range(2)
        for number in sorted(numbers, key=lambda c: -seen[c].distinct)[:2]
        for kind in kinds
        if rank < len(_values(kind, seen[kind]))
    ]
    return tuple(found[:MOST_CONDITIONS])


def token_measures(table: Table, survey: Survey) -> tuple[Measure, ...]:
    """Whether a text has one of the telling words that were found in its column."""
    texts = [c for c in table.features if c.semantic in WORDED]
    return tuple(Measure(c.name, HAS, token) for c in texts for token in survey.columns[table.name, c.name].tokens)


def _values(column: Column, seen: ColumnSurvey) -> tuple[str, ...]:
    """The values that are asked for, the most frequent first; of a boolean one says all."""
    return ("true",) if column.semantic is Semantic.BOOLEAN else seen.top


def categorical(column: Column) -> bool:
    """Whether a column's values are kinds of things."""
    return column.semantic in (Semantic.CATEGORICAL, Semantic.BOOLEAN)
