"""How models are fitted: one section for the step that trains and the step that evaluates, so that they speak of the same model."""

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import Field

from rdl.errors import PipelineError, TimeError
from rdl.pipeline.step import Context, Settings
from rdl.task import Kind
from rdl.timeline import SECOND, parse_duration

if TYPE_CHECKING:
    from rdl.model import FitSettings


class FitSection(Settings):
    """`[fit]`: the seed, the members of the blend, the training rows at most, the wall time of one fit, and tuning's trials.

    Each task takes those of the members that answer its kind.
    A budget makes results depend on the machine's speed; leave it out where runs must repeat exactly.
    """

    seed: int = 0
    members: list[str] | None = None
    rows: int | None = Field(default=None, ge=100)
    budget: str | None = None
    trials: int | None = Field(default=None, ge=1)


def fit_settings(context: Context) -> "FitSettings":
    """The model room's settings.

    Raises:
        PipelineError: the budget is no duration.
        UsageError: a member is unknown.
    """
    from rdl.model import FitSettings
    from rdl.model.registry import members_for

    section = context.section(FitSection, "fit")
    kind = context.source.task(context.unit.task).kind
    members = own_members(section.members, kind) if section.members is not None else ()
    try:
        budget = parse_duration(section.budget) / SECOND if section.budget is not None else None
    except TimeError as error:
        raise PipelineError(error.what, where=f"{context.pipeline.path}, [fit] budget", fix=error.fix) from error
    tunable = "features" in (members or members_for(kind, ()))
    trials = section.trials if tunable else None
    settings = FitSettings(seed=section.seed, budget_s=budget, members=members, trials=trials)
    return settings if section.rows is None else replace(settings, rows=section.rows)


def own_members(names: list[str], kind: Kind) -> tuple[str, ...]:
    """Of the members that are named, those that answer this kind of question; all where none does, which the fit refuses."""
    from rdl.model import resolve_members
    from rdl.model.registry import members_for

    named = resolve_members(names)
    return tuple(name for name in named if name in members_for(kind, ())) or named
