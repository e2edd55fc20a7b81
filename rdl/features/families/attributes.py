"""What a row says of itself: columns of the entity and of its last rows, and of their parents."""

from collections.abc import Iterator
from dataclasses import replace

from rdl.database import Column, Semantic, quote
from rdl.features.chain import Chain, ascents
from rdl.features.families.family import Context, Family
from rdl.features.plan import Anchor, Feature, Measure
from rdl.features.proposing.survey import WORDED
from rdl.features.proposing.words import single, spoken
from rdl.features.reading import PARTS, finite_sql, moment_sql, part_sql
from rdl.features.text import TESTS, text_sql
from rdl.features.uses import Uses
from rdl.timeline import visible_sql

NAME = "attributes"
MOMENTS = (Semantic.TIMESTAMP, Semantic.DATE)

MOST_VALUES = 300
"""Categories with more distinct values name things rather than describe them; past labels tell of those (see `alike`)."""


def _propose(context: Context) -> Iterator[Feature]:
    block = context.block
    if block.anchor is not Anchor.SELF or block.facts is None:
        return
    own = Chain(block.facts.table)
    last_values = block.facts.hops and context.timed and not context.lean
    for chain in (own, *(() if context.lean else ascents(context.schema, own.table, context.settings.depth))):
        if block.facts.hops and chain.hops[:1] == block.facts.hops[:1]:
            continue
        table = context.schema[chain.end]
        for column in table.features:
            if chain.hops or not last_values or column.semantic is not Semantic.NUMERIC:
                yield from _of(context, chain, column)
        named = len(chain.hops) == 1 and chain.hops[0].column in {c.name for c in context.schema[own.table].columns}
        if named and 1 < context.survey.rows[table.name] <= MOST_VALUES:
            yield _feature(context, Chain(own.table), Column(chain.hops[0].column, Semantic.CATEGORICAL, ""))


def _of(context: Context, chain: Chain, column: Column) -> Iterator[Feature]:
    seen = context.survey.columns.get((chain.end, column.name))
    if seen is None or seen.filled == 0:
        return
    if column.semantic is Semantic.EMBEDDING:
        for part in range(min(PARTS, seen.length)):
            yield _part(context, chain, column, part)
    elif column.semantic in WORDED:
        for test in TESTS:
            yield _words(context, chain, column, test)
    elif column.semantic in MOMENTS or (
        seen.distinct > 1 and (column.semantic is Semantic.NUMERIC or seen.distinct <= MOST_VALUES)
    ):
        yield _feature(context, chain, column)


def _feature(context: Context, chain: Chain, column: Column) -> Feature:
    aged = column.semantic in MOMENTS
    said = f"{spoken(column.name)} of {_row(context, chain)}"
    suffix = ".".join((*(h.column for h in chain.hops), column.name))
    return _made(
        context,
        suffix,
        "value" if not aged else "age" if column.semantic is Semantic.DATE else "since",
        f"days from {said} to the cutoff" if aged else said,
        column=column.name,
        ascent=chain,
        categorical=column.semantic in (Semantic.CATEGORICAL, Semantic.BOOLEAN),
        aged=aged,
    )


def _words(context: Context, chain: Chain, column: Column, test: str) -> Feature:
    """How long a text is, or how many of its words fall into one bucket."""
    suffix = ".".join((*(h.column for h in chain.hops), column.name, test))
    says = single(Measure(column.name, test), _row(context, chain))
    return _made(context, suffix, test, says, column=column.name, ascent=chain)


def _part(context: Context, chain: Chain, column: Column, part: int) -> Feature:
    """The sum of every eighth number of an embedding."""
    suffix = ".".join((*(h.column for h in chain.hops), column.name, f"part{part}"))
    says = f"part {part + 1} of {spoken(column.name)} of {_row(context, chain)}"
    return _made(context, suffix, "part", says, column=column.name, ascent=chain, parameter=float(part))


def _row(context: Context, chain: Chain) -> str:
    return context.speaker.above(context.speaker.last(context.block), chain)


def _made(context: Context, suffix: str, aggregate: str, says: str, **facts: object) -> Feature:
    """A feature of the entity itself is static; one of its last rows is not."""
    own = context.block.facts is not None and not context.block.facts.hops
    return replace(context.feature(NAME, f"@{suffix}", aggregate, says, **facts), family="static" if own else NAME)


def _sql(feature: Feature, uses: Uses) -> str:
    assert feature.ascent is not None
    alias = uses.parent(feature.ascent)
    column = f"{alias}.{uses.native(feature.column) if alias == 'h' else quote(feature.column)}"
    if feature.categorical:
        return f"CAST({column} AS VARCHAR)"
    if feature.aged:
        moment = moment_sql(column)
        seen = moment if feature.aggregate == "age" else f"CASE WHEN {visible_sql(moment, 'p.as_of')} THEN {moment} END"
        return uses.days("p.as_of", seen)
    if feature.aggregate == "part":
        return part_sql(column, int(feature.parameter))
    if feature.aggregate in TESTS:
        return text_sql(feature.aggregate, column)
    return finite_sql(column)


FAMILY = Family(NAME, _propose, _sql)
