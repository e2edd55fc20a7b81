"""Runs in the last rows: how long something has held, how long ago it last did, and the present episode of rows.

An episode is a run of rows with no gap longer than the task's horizon. All of it looks at the last `recent` rows: what lies further
back counts as that far.
"""

from collections.abc import Iterator

from rdl.features.families.family import Context, Family
from rdl.features.plan import Feature
from rdl.features.proposing.words import marked, span
from rdl.features.uses import GAP, POSITION, Uses

NAME = "streaks"


def _propose(context: Context) -> Iterator[Feature]:
    block = context.block
    if not context.mine or not context.timed or context.lean:
        return
    for i, measure in enumerate(block.measures):
        if not block.facts or (measure.test in ("is", "filled") and len(block.facts.hops) == 1):
            yield from _runs(context, i)
    if block.facts:
        yield from _episodes(context)


def _runs(context: Context, measure: int) -> Iterator[Feature]:
    label, rows = context.block.measures[measure].label, context.rows
    said = marked(context.block.measures[measure])
    facts = {"measure": measure, "column": label, "rows": context.settings.recent}
    yield context.feature(NAME, f"{label}.streak", "streak", f"last {said} in a row among {rows}", **facts)
    yield context.feature(NAME, f"{label}.since", "since", f"number of {rows} since the last {said}", **facts)
    age = f"days from the last {said} among {rows} to the cutoff"
    yield context.feature(NAME, f"{label}.age", "age_of", age, aged=True, **facts)


def _episodes(context: Context) -> Iterator[Feature]:
    settings, rows = context.settings, context.rows
    gap = f"no gap over {span(settings.horizon).removeprefix('in the last ')}"
    facts = {"rows": settings.recent, "parameter": float(settings.horizon)}
    yield context.feature(NAME, "episode.rows", "episode_rows", f"number of {rows} in the present run with {gap}", **facts)
    age = f"days from the start of the present run of {rows} with {gap} to the cutoff"
    yield context.feature(NAME, "episode.age", "episode_age", age, aged=True, **facts)
    runs = f"number of runs with {gap} among the last {settings.recent} of {rows}"
    yield context.feature(NAME, "episodes", "episodes", runs, **facts)


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
