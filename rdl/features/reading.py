"""How a column's values are read as numbers and moments; what cannot be read so is null.

Declared meanings may not fit the values, and types may hold what a number cannot: nothing of that may end a run.
"""

PARTS = 8
"""An embedding is told by so many sums, each of every eighth of its numbers; a short one by its numbers themselves."""


def finite_sql(column: str) -> str:
    """SQL of a column as a finite DOUBLE, never -0; null where it is none."""
    number = f"TRY_CAST({column} AS DOUBLE)"
    return f"CASE WHEN isfinite({number}) THEN {number} + 0e0 END"


def moment_sql(column: str) -> str:
    """SQL of a column as microseconds UTC, null where it is no moment or an infinite one."""
    return f"epoch_us(TRY_CAST({column} AS TIMESTAMP))"


def vector_sql(column: str) -> str:
    """SQL of a column as a list of DOUBLEs, null where it is none."""
    return f"TRY_CAST({column} AS DOUBLE[])"


def part_sql(column: str, part: int) -> str:
    """SQL of one of an embedding's `PARTS`, a DOUBLE."""
    return f"list_sum(list_filter({vector_sql(column)}, lambda x, i: (i - 1) % {PARTS} = {part} AND isfinite(x)))"
