"""The last rows in their order: last values, means of the last k, exponentially weighted means, extremes, trend, variety."""

from collections.abc import Iterator

from rdl.features.families.family import Context, Family
from rdl.features.plan import Anchor, Feature
from rdl.features.proposing.words import single, spoken
from rdl.features.uses import Uses

NAME = "sequence"

WEIGHT_BITS = 20
"""Weights are integers of this many bits, so that weighted sums are exact."""


def weight(half_life: float, place: int) -> int:
    """Integer weight of the row `place` rows back."""
    return round(2.0 ** (WEIGHT_BITS - place / half_life))


def _propose(context: Context) -> Iterator[Feature]:
    block, settings = context.block, context.settings
    if block.anchor not in (Anchor.SELF, Anchor.LAST) or (block.facts and not block.facts.hops):
        return
    own = block.anchor is Anchor.SELF
    for i, measure in enumerate(block.measures if context.timed else ()):
        if context.lean and own and block.facts is None:
            yield from _values(context, i, 0)
        if context.lean or measure.special:
            continue
        yield from _means(context, i, own)
        if own:
            yield from _values(context, i, 0 if measure.test else 2)
        if own and not measure.test:
            yield from _shape(context, i, settings.counts[1])
    for attribute in block.attributes if own and not context.lean else ():
        said = f"number of distinct {spoken(attribute)} in the last {settings.recent} of {context.rows}"
        suffix = f"{attribute}.distinct.last{settings.recent}"
        yield context.feature(NAME, suffix, "distinct", said, column=attribute, rows=settings.recent)


def _means(context: Context, measure: int, own: bool) -> Iterator[Feature]:
    """Plain and weighted means; of a group only the longer ones, for it has more rows at a time."""
    settings = context.settings
    for rows in settings.counts if own else settings.counts[1:]:
        yield _of(context, "mean", measure, rows, context.told("mean", measure, f"the last {rows} of {context.rows}"))
    for place, half_life in enumerate(settings.half_lives):
        if own or place + 1 == len(settings.half_lives):
            says = f"{context.told('mean', measure)}, a row {half_life:g} further back weighs half"
            yield _of(context, f"ewm{half_life:g}", measure, settings.recent, says, float(place))


def _values(context: Context, measure: int, most: int) -> Iterator[Feature]:
    for back in range(most + 1):
        says = single(context.block.measures[measure], context.speaker.last(context.block, back))
        yield _of(context, "last", measure, back, says)


def _shape(context: Context, measure: int, rows: int) -> Iterator[Feature]:
    last = f"the last {rows} of {context.rows}"
    yield _of(context, "low", measure, rows, context.told("least", measure, last))
    yield _of(context, "high", measure, rows, context.told("greatest", measure, last))
    yield _of(context, "trend", measure, rows, f"{context.told('trend in', measure, last)}, a row")


def _of(context: Context, aggregate: str, measure: int, rows: int, says: str, parameter: float = 0.0) -> Feature:
    label = context.block.measures[measure].label
    suffix = (
        f"{label}.{aggregate}"
        if aggregate.startswith("ewm")
        else f"{label}.{aggregate}{rows}"
        if aggregate == "last"
        else f"{label}.{aggregate}.last{rows}"
    )
    facts = {"measure": measure, "column": label, "rows": rows, "parameter": parameter}
    return context.feature(NAME, suffix, aggregate, says, **facts)


def _sql(feature: Feature, uses: Uses) -> str:
    i, rows = feature.measure, feature.rows
    if feature.aggregate.startswith("ewm"):
        w = f"l.w{int(feature.parameter)}"
        total, mass = uses.over_recent(f"sum({w} * f.x{i})"), uses.over_recent(f"sum({w}) FILTER (f.x{i} IS NOT NULL)")
        return f"CAST({total} AS DOUBLE) / nullif({mass}, 0) * {uses.unit(i)}"
    match feature.aggregate:
        case "mean":
            return uses.mean(i, uses.before_last(rows))
        case "last":
            return f"h.v{i}" if rows == 0 else uses.over_recent(f"max(f.v{i}) FILTER (l.j = {rows})")
        case "low":
            return uses.over_recent(f"min(f.v{i}) FILTER (l.j < {rows})")
        case "high":
            return uses.over_recent(f"max(f.v{i}) FILTER (l.j < {rows})")
        case "trend":
            return _trend(uses, i, rows)
        case _:
            return f"coalesce({uses.over_recent(f'count(DISTINCT f.{uses.native(feature.column)})')}, 0)"


def _trend(uses: Uses, measure: int, rows: int) -> str:
    """Slope of the values against their place, later minus earlier; null with fewer than two numbers."""
    where = f"FILTER (l.j < {rows} AND f.x{measure} IS NOT NULL)"
    n, j, jj, x, jx = (
        f"CAST({uses.over_recent(f'{aggregate} {where}')} AS DOUBLE)"
        for aggregate in ("count(*)", "sum(l.j)", "sum(l.j * l.j)", f"sum(f.x{measure})", f"sum(l.j * f.x{measure})")
    )
    return f"({j} * {x} - {n} * {jx}) / nullif({n} * {jj} - {j} * {j}, 0) * {uses.unit(measure)}"


FAMILY = Family(NAME, _propose, _sql)
