"""From a schema and its survey to a plan: which blocks there are around the entity, and what each family sees in them."""

from collections.abc import Iterator, Sequence

from rdl.database import Schema, Table
from rdl.features.chain import Chain, ascents, descents, timed
from rdl.features.families import FAMILIES, Context, calendar, relative
from rdl.features.plan import Anchor, Block, FeaturePlan, PlanSettings
from rdl.features.proposing.budget import within_budget
from rdl.features.proposing.cohorts import alikes
from rdl.features.proposing.measures import categorical, conditional_measures, label_measures, measures_of, token_measures
from rdl.features.proposing.omitted import name_collisions, unread_columns
from rdl.features.proposing.survey import Survey
from rdl.features.proposing.words import Speaker

MOST_MEASURES = 40
"""Of a table that has more, each is told by its main features only."""
LASTING = 0.5
"""Where a smaller share of rows changes the parent, the last row's is the entity's present group; else the recent ones count."""


def plan_features(schema: Schema, entity_table: str, settings: PlanSettings, survey: Survey) -> FeaturePlan:
    """The plan for one entity table: every block within the depth, and what the families propose for each.

    What exceeds the budget is left out by whole groups; these and the columns that nothing reads are named in `omitted`.
    """
    blocks = tuple(_blocks(schema, entity_table, settings, survey))
    speaker = Speaker(schema, entity_table, blocks)
    features = [
        feature
        for block in blocks
        for family in FAMILIES.values()
        for feature in family.propose(Context(block, settings, schema, survey, speaker, _lean(block, blocks)))
    ]
    features += relative.propose(blocks, features)
    features += calendar.propose()
    unique = tuple({f.name: f for f in features}.values())
    kept, beyond = within_budget(blocks, unique, settings)
    unread = unread_columns(schema, entity_table, settings.depth, blocks, unique, kept, survey)
    omitted = (*beyond, *name_collisions(features), *unread)
    plan = FeaturePlan(entity_table, settings, blocks, tuple(kept), omitted=omitted)
    return plan.keep(*settings.families) if settings.families else plan


def _lean(block: Block, blocks: Sequence[Block]) -> bool:
    """Whether only the main features of a block are worth proposing: a nearer one reads the same table, or it is far or wide."""
    if sum(not m.special for m in block.measures) > MOST_MEASURES or len(block.attributes) > MOST_MEASURES:
        return True
    if block.anchor is not Anchor.SELF or block.facts is None or not block.facts.hops:
        return False
    hops = len(block.facts.hops)
    own = [b.facts for b in blocks if b.anchor is Anchor.SELF and b.facts and b.facts.hops]
    return hops > 2 or any(f.table == block.facts.table and len(f.hops) < hops for f in own)


def _blocks(schema: Schema, entity: str, settings: PlanSettings, survey: Survey) -> Iterator[Block]:
    yield Block(entity, Anchor.SELF, Chain(entity))
    own = [_own(schema, chain, survey) for chain in descents(schema, entity, settings.depth)]
    yield from own
    if settings.history:
        yield Block("history", Anchor.SELF, None, label_measures(settings), family="target")
        for column in _groups(schema[entity], survey):
            label = label_measures(settings)
            yield Block(f"peers {column}", Anchor.PEERS, None, label, ascent=Chain(entity), family="peers", group=column)
        yield from alikes(schema, entity, own, label_measures(settings), settings, survey)
    yield from _records(schema, entity, own, settings, survey)
    for table in dict.fromkeys(block.facts.table for block in own if block.facts):
        if schema[table].time is not None:
            measures = measures_of(schema[table], survey)
            yield Block(f"all {table}", Anchor.WORLD, Chain(table), measures, family="world")
            yield Block(f"season {table}", Anchor.SEASON, Chain(table), family="season")
    if settings.history:
        yield Block("all history", Anchor.WORLD, None, label_measures(settings), family="target")
        yield Block("season history", Anchor.SEASON, None, label_measures(settings), family="target")


def _groups(table: Table, survey: Survey) -> list[str]:
    """Columns of the entity whose value it shares with others: its references, and categories however many values they have."""
    references = [r.column for r in table.references if len(r.columns) == 1]
    seen = {c.name: survey.columns.get((table.name, c.name)) for c in table.features if categorical(c)}
    rows = survey.rows[table.name]
    return [*references, *(name for name, column in seen.items() if column is not None and 1 < column.distinct <= rows / 2)]


def _own(schema: Schema, chain: Chain, survey: Survey) -> Block:
    table = schema[chain.table]
    categories = tuple(c.name for c in table.features if categorical(c) and survey.columns[table.name, c.name].distinct > 1)
    references = tuple(r.column for r in table.references if r.column != chain.hops[0].column and len(r.columns) == 1)
    near = (*conditional_measures(table, survey), *token_measures(table, survey)) if len(chain.hops) == 1 else ()
    return Block(str(chain), Anchor.SELF, chain, (*measures_of(table, survey), *near), (*categories, *references))


def _records(schema: Schema, entity: str, own: list[Block], settings: PlanSettings, survey: Survey) -> Iterator[Block]:
    """What became of everybody's rows with the entity's parents: the team's results, the supplier's lines.

    Rows of a table are seen from the parents of the entity's own rows of that table (the lines of the suppliers of its lines), or
    of its most numerous rows where it has none of its own.
    """
    leading: dict[tuple[str, str], dict[str, tuple[Block, Chain]]] = {}
    for block in sorted((Block(entity, Anchor.SELF, Chain(entity)), *own), key=lambda b: (-survey.rows[b.table], b.name)):
        assert block.facts is not None
        for ascent in ascents(schema, block.facts.table, settings.depth):
            if _elsewhere(block.facts, ascent, survey) and _lives(schema, ascent, settings, survey):
                leading.setdefault((ascent.end, ascent.hops[-1].column), {}).setdefault(block.table, (block, ascent))
    for (end, _), sources in leading.items():
        for facts in descents(schema, end, settings.depth):
            if facts.straight and timed(schema, facts):
                source, ascent = sources.get(facts.table) or next(iter(sources.values()))
                yield _record(schema, source, ascent, facts, survey)


def _elsewhere(facts: Chain, ascent: Chain, survey: Survey) -> bool:
    """Whether a chain leads from the rows to others than those they belong to."""
    return ascent.straight and ascent.hops[:1] != facts.hops[:1] and survey.echo.get((facts, ascent), 0.0) < LASTING


def _record(schema: Schema, source: Block, ascent: Chain, facts: Chain, survey: Survey) -> Block:
    assert source.facts is not None
    lasting = not source.facts.hops or survey.turnover[source.facts, ascent] < LASTING
    return Block(
        f"{ascent}>{facts}",
        Anchor.LAST if lasting else Anchor.RECENT,
        facts,
        measures_of(schema[facts.table], survey),
        source=source.name,
        ascent=ascent,
        family="record",
    )


def _lives(schema: Schema, ascent: Chain, settings: PlanSettings, survey: Survey) -> bool:
    """Whether every parent on the way gets children over more than a horizon: an event's rows all come at once."""
    return all(_lasts(schema, hop.table, settings, survey) for hop in ascent.hops)


def _lasts(schema: Schema, table: str, settings: PlanSettings, survey: Survey) -> bool:
    timed = [survey.references[c.name, r.column].lifetime for c, r in schema.children(table) if c.time is not None]
    return max(timed) > settings.horizon if timed else schema[table].time is None
