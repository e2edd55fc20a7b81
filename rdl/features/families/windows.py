"""Counts, means, spreads and extremes over time windows that end at `as_of`, and over all history."""

from collections.abc import Iterator
from itertools import pairwise

from rdl.features.families.family import Context, Family
from rdl.features.plan import Anchor, Feature, describe
from rdl.features.uses import MOMENT, POSITION, Uses

NAME = "windows"


def _propose(context: Context) -> Iterator[Feature]:
    block, windows = context.block, _windows(context)
    if block.facts and block.anchor is Anchor.SELF and not block.facts.hops:
        return
    for window in windows:
        yield context.feature(
            NAME, f"count.{describe(window)}", "count", f"rows of {block.table} in {describe(window)}", window=window
        )
        if block.anchor in (Anchor.WORLD, Anchor.SEASON):
            yield context.feature(
                NAME, f"times.{describe(window)}", "times", f"distinct times of {block.table} in {describe(window)}", window=window
            )
    for i, measure in enumerate(block.measures):
        for window in windows:
            yield _of(context, "mean", i, window)
        if block.anchor is Anchor.SELF and not measure.test:
            for window in (context.settings.windows[-2], 0):
                yield _of(context, "std", i, window)
            yield _of(context, "min", i, 0)
            yield _of(context, "max", i, 0)
    if block.anchor is Anchor.SELF:
        for short, long in pairwise(windows[:-1]):
            yield context.feature(
                NAME,
                f"burst.{describe(short)}",
                "burst",
                f"rows of {block.table} in {describe(short)} over those in {describe(long)}",
                window=short,
                parameter=float(long),
            )


def _windows(context: Context) -> tuple[int, ...]:
    windows = context.settings.windows
    match context.block.anchor:
        case Anchor.SELF:
            return (*windows, 0)
        case Anchor.LAST:
            return (windows[1], windows[3], 0)
        case Anchor.RECENT | Anchor.PEERS:
            return (windows[1], windows[3], 0)
        case Anchor.WORLD:
            return (windows[1], windows[3])
        case Anchor.SEASON:
            return (context.settings.horizon,)


def _of(context: Context, aggregate: str, measure: int, window: int) -> Feature:
    label = context.block.measures[measure].label
    return context.feature(
        NAME,
        f"{label}.{aggregate}.{describe(window)}",
        aggregate,
        f"{aggregate} of {label} of {context.block.table} in {describe(window)}",
        measure=measure,
        column=label,
        window=window,
    )


def _sql(feature: Feature, uses: Uses) -> str:
    side, i = uses.before_window(feature.window), feature.measure
    match feature.aggregate:
        case "count":
            return f"coalesce({uses.between(POSITION, side)}, 0)"
        case "times":
            return f"coalesce({uses.between(MOMENT, side)}, 0)"
        case "burst":
            longer = uses.between(POSITION, uses.before_window(int(feature.parameter)))
            return f"CAST({uses.between(POSITION, side)} AS DOUBLE) / nullif({longer}, 0)"
        case "mean":
            return uses.mean(i, side)
        case "std":
            return _std(uses, i, side)
        case "min":
            return f"h.{uses.run('lo', i)}"
        case _:
            return f"h.{uses.run('hi', i)}"


def _std(uses: Uses, measure: int, side: str) -> str:
    """Sample deviation from exact sums; what is below rounding counts as 0, fewer than two numbers as null."""
    n = uses.number(measure, side)
    s, q = (f"CAST({uses.between(uses.run(kind, measure), side)} AS DOUBLE)" for kind in "sq")
    spread = f"({q} - {s} * {s} / nullif({n}, 0))"
    deviation = f"CASE WHEN {spread} > 1e-12 * {q} THEN sqrt({spread} / ({n} - 1)) * {uses.unit(measure)} ELSE 0 END"
    return f"CASE WHEN {n} > 1 THEN {deviation} END"


FAMILY = Family(NAME, _propose, _sql)
