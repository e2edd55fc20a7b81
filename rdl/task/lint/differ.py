"""What differs between two results of one query: an example, for a finding to show."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rdl.database import Table

if TYPE_CHECKING:
    import polars as pl

LABEL = "\x00label"
_NEAR = 1e-9  # sums of floats differ in their last digits with the order of rows


@dataclass(frozen=True)
class Difference:
    """An example of what differs, and whether any value differs and not only who has one."""

    example: str
    values: bool


def culprit(
    tables: Sequence[Table], compare: Callable[[Sequence[Table]], Difference | None]
) -> tuple[tuple[Table, ...], Difference] | None:
    """The table that makes the difference, and the difference; all together where none does alone."""
    together = compare(tables) if tables else None
    if together is None:
        return None
    for table in tables if len(tables) > 1 else ():
        alone = compare([table])
        if alone is not None:
            return (table,), alone
    return tuple(tables), together


def difference(before: "pl.DataFrame", after: "pl.DataFrame", people: "pl.DataFrame | None") -> Difference | None:
    """The first entity whose value differs, or that has one in one result only; among `people` where they are given."""
    import polars as pl

    keys = [c for c in before.columns if c != LABEL]
    if people is not None and set(keys) <= set(people.columns):
        before, after = (frame.join(people.select(keys), on=keys, how="semi") for frame in (before, after))
    both = before.join(after, on=keys, how="inner", suffix=" after", nulls_equal=True)
    a, b = pl.col(LABEL), pl.col(f"{LABEL} after")
    other = a.ne_missing(b)
    if both.schema[LABEL].is_float() or both.schema[f"{LABEL} after"].is_float():
        near = (a - b).abs() <= _NEAR * pl.max_horizontal(a.abs(), b.abs(), 1.0)
        other = other & ~near.fill_null(value=False)
    changed = both.filter(other).sort(keys)
    if len(changed):
        row = changed.row(0, named=True)
        return Difference(f"{_named(row, keys)} from {row[LABEL]} to {row[f'{LABEL} after']}", values=True)
    for one, two, said in ((before, after, "is gone"), (after, before, "appears")):
        only = one.join(two, on=keys, how="anti", nulls_equal=True).sort(keys)
        if len(only):
            return Difference(f"{_named(only.row(0, named=True), keys)} {said}", values=False)
    return None


def _named(row: dict[str, object], keys: list[str]) -> str:
    return ", ".join(f"{key} {row[key]}" for key in keys)
