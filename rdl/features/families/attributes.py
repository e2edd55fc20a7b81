"""What a row says of itself: columns of the entity and of its last rows, and of their parents."""

from collections.abc import Iterator

from rdl.database import Column, Semantic, quote
from rdl.features.chain import Chain, ascents
from rdl.features.families.family import Context, Family
from rdl.features.plan import Anchor, Feature
from rdl.features.survey import WORDED
from rdl.features.text import TESTS, text_sql
from rdl.features.uses import Uses

NAME = "attributes"

MOST_VALUES = 300
"""Categories with more distinct values name things rather than describe them."""


def _propose(context: Context) -> Iterator[Feature]:
    block = context.block
    if block.anchor is not Anchor.SELF or block.facts is None:
        return
    own = Chain(block.facts.table)
    for chain in (own, *ascents(context.schema, own.table, context.settings.depth)):
        if block.facts.hops and chain.hops[:1] == block.facts.hops[:1]:
            continue
        table = context.schema[chain.end]
        for column in table.features:
            if chain.hops or not block.facts.hops or column.semantic is not Semantic.NUMERIC:
                yield from _of(context, chain, column)
        single = chain.hops and chain.hops[-1].column in {c.name for c in context.schema[own.table].columns}
        if single and 1 < context.survey.rows[table.name] <= MOST_VALUES and len(chain.hops) == 1:
            yield _feature(context, Chain(own.table), Column(chain.hops[-1].column, Semantic.CATEGORICAL, ""))


def _of(context: Context, chain: Chain, column: Column) -> Iterator[Feature]:
    surveyed = context.survey.columns.get((chain.end, column.name))
    match column.semantic:
        case Semantic.NUMERIC:
            keep = surveyed is not None and surveyed.distinct > 1
        case Semantic.CATEGORICAL | Semantic.BOOLEAN:
            keep = surveyed is not None and 1 < surveyed.distinct <= MOST_VALUES
        case Semantic.TIMESTAMP | Semantic.DATE:
            keep = True
        case _:
            keep = False
    if keep:
        yield _feature(context, chain, column)
    elif column.semantic in WORDED and surveyed is not None and surveyed.filled > 0:
        for test in TESTS:
            yield _words(context, chain, column, test)


def _feature(context: Context, chain: Chain, column: Column) -> Feature:
    aged = column.semantic in (Semantic.TIMESTAMP, Semantic.DATE)
    family = "static" if context.block.facts and not context.block.facts.hops else NAME
    suffix = ".".join((*(h.column for h in chain.hops), column.name))
    said = f"{'days from ' if aged else ''}{column.name} of {chain.end}{' to the cutoff' if aged else ''}, at the last row"
    feature = context.feature(
        NAME,
        f"@{suffix}",
        "age" if aged else "value",
        said,
        column=column.name,
        ascent=chain,
        categorical=column.semantic in (Semantic.CATEGORICAL, Semantic.BOOLEAN),
        aged=aged,
    )
    return Feature(**{**feature.__dict__, "family": family})


def _words(context: Context, chain: Chain, column: Column, test: str) -> Feature:
    """How long a text is, or how many of its words fall into one bucket."""
    family = "static" if context.block.facts and not context.block.facts.hops else NAME
    suffix = ".".join((*(h.column for h in chain.hops), column.name, test))
    says = f"{test} of {column.name} of {chain.end}, at the last row"
    feature = context.feature(NAME, f"@{suffix}", test, says, column=column.name, ascent=chain)
    return Feature(**{**feature.__dict__, "family": family})


def _sql(feature: Feature, uses: Uses) -> str:
    assert feature.ascent is not None
    alias = uses.parent(feature.ascent)
    column = f"{alias}.{uses.native(feature.column) if alias == 'h' else quote(feature.column)}"
    if feature.categorical:
        return f"CAST({column} AS VARCHAR)"
    if feature.aged:
        return uses.days("p.as_of", f"epoch_us(CAST({column} AS TIMESTAMP))")
    if feature.aggregate in TESTS:
        return text_sql(feature.aggregate, column)
    return f"CASE WHEN isfinite(CAST({column} AS DOUBLE)) THEN CAST({column} AS DOUBLE) END"


FAMILY = Family(NAME, _propose, _sql)
