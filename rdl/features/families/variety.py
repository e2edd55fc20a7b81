"""How mixed the categories of a window are: entropy over the frequent values, and the share of the most frequent one.

What is not among the frequent values counts as one more value, so the numbers follow from running counts alone.
"""

from collections.abc import Iterator

from rdl.features.families.family import Context, Family
from rdl.features.plan import Block, Feature, describe
from rdl.features.proposing.words import span, spoken
from rdl.features.uses import POSITION, Uses

NAME = "variety"


def _propose(context: Context) -> Iterator[Feature]:
    block = context.block
    if not context.mine or not block.facts or context.lean:
        return
    for column, measures in _values(block).items():
        if len(measures) < 2:
            continue
        for window in (context.settings.windows[:2][-1], 0) if context.timed else (0,):
            for aggregate, says in (("entropy", "how mixed"), ("dominance", "share of the most frequent")):
                mixed = f"{says} {spoken(column)} {'is among' if aggregate == 'entropy' else 'among'} {context.rows} {span(window)}"
                suffix = f"{column}.{aggregate}.{describe(window)}"
                yield context.feature(NAME, suffix, aggregate, mixed, column=column, window=window)


def _values(block: Block) -> dict[str, list[int]]:
    """The measures that ask for one value of a column, by column."""
    found: dict[str, list[int]] = {}
    for i, measure in enumerate(block.measures):
        if measure.test == "is":
            found.setdefault(measure.column, []).append(i)
    return found


def _sql(feature: Feature, uses: Uses) -> str:
    side = uses.before_window(feature.window)
    shares = [f"coalesce({uses.mean(i, side)}, 0)" for i in _values(uses.block)[feature.column]]
    rest = f"greatest(1 - ({' + '.join(shares)}), 0)"
    rows = uses.between(POSITION, side)
    if feature.aggregate == "dominance":
        return f"CASE WHEN {rows} > 0 THEN greatest({', '.join((*shares, rest))}) END"
    terms = " + ".join(f"(CASE WHEN {p} > 1e-9 THEN -({p}) * ln({p}) ELSE 0 END)" for p in (*shares, rest))
    return f"CASE WHEN {rows} > 0 THEN {terms} END"


FAMILY = Family(NAME, _propose, _sql, lambda feature, block: _values(block)[feature.column])
