"""When: age of the last and the first row, gaps between rows, and how overdue the next one is."""

from collections.abc import Iterator

from rdl.features.families.family import Context, Family
from rdl.features.plan import Anchor, Feature
from rdl.features.uses import FIRST, POSITION, Uses

NAME = "recency"


def _propose(context: Context) -> Iterator[Feature]:
    block, rows = context.block, context.rows
    if not context.timed or (block.facts and not block.facts.hops):
        return
    if block.anchor not in (Anchor.SELF, Anchor.LAST, Anchor.WORLD):
        return
    yield context.feature(NAME, "age_last", "age_last", f"days from the last of {rows} to the cutoff", aged=True)
    if block.anchor is Anchor.WORLD:
        return
    yield context.feature(NAME, "age_first", "age_first", f"days from the first of {rows} to the cutoff", aged=True)
    if block.anchor is Anchor.SELF:
        yield context.feature(NAME, "gap_mean", "gap_mean", f"mean days between {rows}")
        yield context.feature(NAME, "gap_last", "gap_last", f"days between the last two of {rows}")
        overdue = f"days since the last of {rows} over the mean days between them"
        yield context.feature(NAME, "overdue", "overdue", overdue)


def _sql(feature: Feature, uses: Uses) -> str:
    gap = f"({uses.days('h._time', f'h.{FIRST}')} / nullif(h.{POSITION} - 1, 0))"
    match feature.aggregate:
        case "age_last":
            return uses.days("p.as_of", "h._time")
        case "age_first":
            return uses.days("p.as_of", f"h.{FIRST}")
        case "gap_mean":
            return gap
        case "gap_last":
            return uses.days("h._time", f"{uses.before_last(1)}._time")
        case _:
            return f"{uses.days('p.as_of', 'h._time')} / nullif({gap}, 0)"


FAMILY = Family(NAME, _propose, _sql)
