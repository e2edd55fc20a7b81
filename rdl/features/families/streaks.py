"""Runs in the last rows: how long something has held, how long ago it last did, and the present episode of rows.

An episode is a run of rows with no gap longer than the task's horizon. All of it looks at the last `recent` rows: what lies further
back counts as that far.
"""

from collections.abc import Iterator

from rdl.features.families.family import Context, Family
from rdl.features.plan import Anchor, Feature
from rdl.features.uses import GAP, POSITION, Uses

NAME = "streaks"


def _propose(context: Context) -> Iterator[Feature]:
    block, settings = context.block, context.settings
    if block.anchor is not Anchor.SELF or (block.facts and not (block.facts.hops and context.schema[block.facts.table].time)):
        return
    for i, measure in enumerate(block.measures):
        if block.facts and (measure.test not in ("is", "filled") or len(block.facts.hops) > 1):
            continue
        said = f"{measure.label} of {block.table}"
        facts = {"measure": i, "column": measure.label, "rows": settings.recent}
        yield context.feature(NAME, f"{measure.label}.streak", "streak", f"last rows in a row with {said}", **facts)
        yield context.feature(NAME, f"{measure.label}.since", "since", f"rows since the last one with {said}", **facts)
        yield context.feature(
            NAME, f"{measure.label}.age", "age_of", f"days from the last row with {said} to the cutoff", aged=True, **facts
        )
    if block.facts:
        facts = {"rows": settings.recent, "parameter": float(settings.horizon)}
        yield context.feature(NAME, "episode.rows", "episode_rows", f"rows of {block.table} in the present episode", **facts)
        yield context.feature(
            NAME, "episode.age", "episode_age", f"days from the start of the present episode of {block.table}", aged=True, **facts
        )
        yield context.feature(NAME, "episodes", "episodes", f"episodes of {block.table} in the last rows", **facts)


def _sql(feature: Feature, uses: Uses) -> str:
    i, rows = feature.measure, f"CASE WHEN h.{POSITION} > 0 THEN least(h.{POSITION}, {feature.rows}) END"
    starts = f"(f.{GAP} IS NULL OR f.{GAP} > {int(feature.parameter)})"
    match feature.aggregate:
        case "streak":
            return f"coalesce({uses.over_recent(f'min(l.j) FILTER (WHERE coalesce(f.v{i}, 0) = 0)')}, {rows})"
        case "since":
            return f"coalesce({uses.over_recent(f'min(l.j) FILTER (WHERE f.v{i} <> 0)')}, {rows})"
        case "age_of":
            return uses.days("p.as_of", uses.over_recent(f"max(f._time) FILTER (WHERE f.v{i} <> 0)"))
        case "episode_rows":
            return f"coalesce({uses.over_recent(f'min(l.j) FILTER (WHERE {starts})')} + 1, {rows})"
        case "episode_age":
            return uses.days("p.as_of", uses.over_recent(f"max(f._time) FILTER (WHERE {starts})"))
        case _:
            return uses.over_recent(f"count(*) FILTER (WHERE {starts})")


FAMILY = Family(NAME, _propose, _sql)
