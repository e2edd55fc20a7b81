"""Which categories past labels are told by: those of the entity's last rows, and those of its and their parents.

A category of few values is told by shares and codes already, so the many-valued come first: nothing else reads them.
"""

from collections.abc import Iterator, Sequence

from rdl.database import Column, Schema, Semantic
from rdl.features.chain import Chain, ascents
from rdl.features.plan import Anchor, Block, Measure, PlanSettings
from rdl.features.proposing.survey import Survey

MOST_COHORTS = 8
"""Blocks of this kind; each reads all past labels."""
MOST_LABELS = 32
"""Numbers of labels over all of these blocks: where a label is told by many, one a class, the blocks are fewer."""
MANY = 300
"""A category with more values than this is not told otherwise."""
REPEATED = 2
"""Rows a value at least, on average: what is never shared tells nothing of others."""


def alikes(
    schema: Schema, entity: str, own: Sequence[Block], labels: tuple[Measure, ...], settings: PlanSettings, survey: Survey
) -> Iterator[Block]:
    """The blocks of past labels of those who were alike, the most telling first and no more than `MOST_COHORTS`."""
    found: list[tuple[tuple[int, int, int], Block]] = []
    for source in (Block(entity, Anchor.SELF, Chain(entity)), *(b for b in own if b.facts and len(b.facts.hops) == 1)):
        assert source.facts is not None
        table = source.facts.table
        for ascent in (Chain(table), *(c for c in ascents(schema, table, settings.depth) if c.straight)):
            if (not ascent.hops and not source.facts.hops) or ascent.hops[:1] == source.facts.hops[:1] != ():
                continue  # the entity's own columns make peers; and a row's entity is the entity itself
            for place, column in _columns(schema, ascent, source, survey, settings):
                name = f"alike {source.name}@{'.'.join((*(h.column for h in ascent.hops), column))}"
                block = Block(name, Anchor.ALIKE, None, labels, (), source.name, ascent, "alike", column)
                found.append(((place, len(ascent.hops), -survey.rows[table]), block))
    ranked = sorted(found, key=lambda pair: (*pair[0], pair[1].name))
    yield from (block for _, block in ranked[: max(1, min(MOST_COHORTS, MOST_LABELS // len(labels)))])


def _columns(schema: Schema, ascent: Chain, source: Block, survey: Survey, settings: PlanSettings) -> Iterator[tuple[int, str]]:
    """(how late it comes, column) of what rows at the end of a chain have in common with others."""
    table = schema[ascent.end]
    for column in table.features:
        if _shared(column, survey.columns[table.name, column.name].distinct, survey.rows[table.name]):
            yield (0 if survey.columns[table.name, column.name].distinct > MANY else 2), column.name
    assert source.facts is not None
    for reference in table.references if source.facts.hops and not ascent.hops else ():
        seen = survey.references[table.name, reference.column]
        single = len(reference.columns) == 1 and reference.column != source.facts.hops[0].column
        if single and seen.children >= REPEATED and seen.lifetime > settings.horizon:
            yield 1, reference.column


def _shared(column: Column, distinct: int, rows: int) -> bool:
    return column.semantic in (Semantic.CATEGORICAL, Semantic.BOOLEAN) and 1 < distinct <= rows / REPEATED
