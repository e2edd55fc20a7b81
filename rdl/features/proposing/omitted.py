"""Which columns of the database no feature of a plan reads, and why: no column is left out silently."""

from collections.abc import Iterable, Iterator, Sequence

from rdl.database import Column, Schema, Semantic, Table
from rdl.features.chain import ascents, descents
from rdl.features.plan import Block, Feature, Omission
from rdl.features.proposing.survey import Survey


def unread_columns(
    schema: Schema,
    entity: str,
    depth: int,
    blocks: Sequence[Block],
    proposed: Sequence[Feature],
    kept: Sequence[Feature],
    survey: Survey,
) -> Iterator[Omission]:
    """A line for every column that is neither a key, a reference, nor an event time, and that nothing reads.

    Args:
        schema: the tables, without what the task hides.
        entity: the entity table.
        depth: how far references were walked.
        blocks: of the plan.
        proposed: every feature that was thought of.
        kept: those that stayed within the budget.
        survey: what the columns hold.
    """
    read, thought = set(columns_read(blocks, kept)), set(columns_read(blocks, proposed))
    reached = _reached(schema, entity, depth)
    for table in schema.tables.values():
        structural = {*table.key, table.time, *(c for r in table.references for c in r.columns)}
        for column in table.columns:
            place = (table.name, column.name)
            if place in read or column.name in structural:
                continue
            why = "it would exceed the budget of features" if place in thought else _why(table, column, depth, reached, survey)
            yield Omission(f"{table.name}.{column.name}", why)


def columns_read(blocks: Iterable[Block], features: Iterable[Feature]) -> Iterator[tuple[str, str]]:
    """(table, column) of everything that the features read."""
    by_name = {block.name: block for block in blocks}
    for feature in features:
        block = by_name.get(feature.block)
        if block is None:
            continue
        if block.group and block.ascent:
            yield block.ascent.end, block.group
        if block.group and not block.facts:
            continue
        if feature.ascent is not None:
            yield feature.ascent.end, feature.column
        elif block.facts is not None:
            measure = block.measures[feature.measure] if feature.measure >= 0 else None
            for column in (measure.column, measure.by) if measure else (feature.column,):
                yield block.facts.table, column


def _reached(schema: Schema, entity: str, depth: int) -> set[str]:
    below = {entity, *(chain.table for chain in descents(schema, entity, depth))}
    return below | {chain.end for table in below for chain in ascents(schema, table, depth)}


def _why(table: Table, column: Column, depth: int, reached: set[str], survey: Survey) -> str:
    if column.name in table.hide:
        return "it is hidden"
    if table.name not in reached:
        return f"no chain of at most {depth} references leads to its table"
    if column.semantic is Semantic.IDENTIFIER:
        return f"it is an identifier or of a type that holds neither numbers nor categories ({column.sql_type or 'unknown'})"
    if survey.rows[table.name] == 0:
        return "its table has no visible row"
    seen = survey.columns.get((table.name, column.name))
    if seen is None:
        return f"values of type {column.sql_type} cannot be read as {column.semantic.value}"
    if seen.filled == 0:
        return f"it has no visible value that can be read as {column.semantic.value}"
    if column.semantic in (Semantic.CATEGORICAL, Semantic.BOOLEAN, Semantic.NUMERIC) and seen.distinct <= 1:
        return "all its visible values are the same"
    if column.semantic is Semantic.CATEGORICAL and seen.distinct > survey.rows[table.name] / 2:
        return f"nearly every row has its own value ({seen.distinct} different ones)"
    return "no family has a use for it"


def name_collisions(features: Sequence[Feature]) -> Iterator[Omission]:
    """Features that share a name, of which the last one stays."""
    seen: dict[str, Feature] = {}
    for feature in features:
        before = seen.get(feature.name)
        if before is not None and before != feature:
            yield Omission(f"{before.name} ({before.provenance})", "another feature has its name", 1)
        seen[feature.name] = feature
