"""Counts, means, spreads and extremes over time windows that end at `as_of`, and over all history."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from rdl.features.families.family import Context, Family
from rdl.features.plan import Anchor, Feature, describe
from rdl.features.proposing.words import span
from rdl.features.uses import MOMENT, POSITION, Uses

NAME = "windows"
_SAYS = {"mean": "mean", "std": "spread", "min": "least", "max": "greatest"}


def _propose(context: Context) -> Iterator[Feature]:
    block, windows = context.block, _windows(context)
    if block.facts and block.anchor is Anchor.SELF and not block.facts.hops:
        return
    for window in windows:
        said = f"{context.rows}{_when(context, window)}"
        yield context.feature(NAME, f"count.{describe(window)}", "count", f"number of {said}", window=window)
        if block.anchor in (Anchor.WORLD, Anchor.SEASON):
            yield context.feature(NAME, f"times.{describe(window)}", "times", f"number of distinct times of {said}", window=window)
    for i, measure in enumerate(block.measures):
        if measure.special:
            yield from (replace(_of(context, "mean", i, window), family=measure.special) for window in context.long)
            continue
        for window in _main(context, windows):
            yield _of(context, "mean", i, window)
        if context.mine and not measure.test and not context.lean:
            for window in context.long:
                yield _of(context, "std", i, window)
            yield _of(context, "min", i, 0)
            yield _of(context, "max", i, 0)
    if context.mine and not context.lean:
        yield from _bursts(context, windows[:-1])


def _bursts(context: Context, windows: tuple[int, ...]) -> Iterator[Feature]:
    for short, long in pairwise(windows):
        said = f"number of {context.rows} {span(short)} over that {span(long)}"
        yield context.feature(NAME, f"burst.{describe(short)}", "burst", said, window=short, parameter=float(long))


def _windows(context: Context) -> tuple[int, ...]:
    windows = context.settings.windows
    if not context.timed:
        return (0,)
    two = tuple(dict.fromkeys(windows[min(i, len(windows) - 1)] for i in (1, 3)))
    match context.block.anchor:
        case Anchor.SELF:
            return (*context.windows, 0)
        case Anchor.WORLD:
            return two
        case Anchor.ALIKE:
            return (two[-1], 0)
        case Anchor.SEASON:
            return (context.settings.horizon,)
        case _:
            return (*two, 0)


def _when(context: Context, window: int) -> str:
    """The window in words; a season's is in the name of its rows."""
    return "" if context.block.anchor is Anchor.SEASON else f" {span(window)}"


def _main(context: Context, windows: tuple[int, ...]) -> tuple[int, ...]:
    """The windows of means: of a lean block one and all history."""
    return windows[-3::2] if context.lean and len(windows) > 2 else windows


def _of(context: Context, aggregate: str, measure: int, window: int) -> Feature:
    label = context.block.measures[measure].label
    return context.feature(
        NAME,
        f"{label}.{aggregate}.{describe(window)}",
        aggregate,
        f"{context.told(_SAYS[aggregate], measure)}{_when(context, window)}",
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
        case "sum":
            return f"CAST({uses.between(uses.run('s', i), side)} AS DOUBLE) * {uses.unit(i)}"
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
