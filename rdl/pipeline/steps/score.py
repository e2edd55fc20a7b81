"""Predict the task's population at the run's as-of, once, into its own partition.

The champion scores, also where tonight's model could not be fitted or was refused. It may not know the future of what it scores:
where a later run has already promoted a newer model (a backfill), the champion before it scores, or where none was fitted early
enough, the model that this run fitted for its own as-of. The champion's version is part of the work's key: after a rollback the
night is scored again.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdl.errors import GateError
from rdl.pipeline.step import Context, Outcome, Step, Unit
from rdl.pipeline.steps.register import registered_version
from rdl.pipeline.steps.train import trained_model
from rdl.timeline import format_time

if TYPE_CHECKING:
    from rdl.model import Model
    from rdl.pipeline.file import Pipeline
    from rdl.pipeline.source import Source


def score(context: Context) -> Outcome:
    """Write `scores.parquet`: entity key, cutoff, and the answer's columns.

    Raises:
        GateError: the champion was fitted later than the as-of, and the pipeline fits no model of its own.
        UsageError: no champion is registered.
    """
    from rdl.mlops import score as write_scores

    source = context.source
    model, version = scoring_model(context)
    task, out = source.task(context.unit.task), context.aside / "scores.parquet"
    summary = write_scores(source.project, source.database, task, model, source.as_of, out, version=version)
    facts = {"version": version, "model_as_of": format_time(model.as_of), **summary.summary.to_json()}
    return Outcome(summary.rows, facts)


def scoring_model(context: Context) -> "tuple[Model, str]":
    """What scores, and its version; no version where it is not registered.

    Raises:
        GateError, UsageError: see `score`.
    """
    from rdl.mlops import find_version, load_version

    source, task = context.source, context.unit.task
    listed = {step.name for step in context.pipeline.steps}
    own = context.before("train") and (context.before("gate") or "gate" not in listed)
    number = registered_version(context).number if own and context.before("register") else ""
    if own and "promote" not in listed:
        return trained_model(context), number
    if context.inputs["champion"] is not None:
        version = find_version(source.project, task, context.inputs["champion"][1])
        return load_version(source.project, version), version.number
    if own:
        return trained_model(context), number
    present = find_version(source.project, task)
    raise GateError(
        f"the champion of {task!r} was fitted as of {present.tags.get('rdl.as_of')}, after {format_time(source.as_of)}",
        where=f"version {present.number}",
        fix="add train to the pipeline's steps, or score a later as-of",
    )


def champion(pipeline: "Pipeline", unit: Unit, source: "Source") -> Mapping[str, Any]:  # noqa: ARG001
    """The champion that may score: its name and number, None where there is none."""
    from rdl.mlops import champion_at

    found = champion_at(source.project, unit.task, source.as_of)
    return {"champion": None if found is None else [found.name, found.number]}


def _place(context: Context) -> Path:
    return context.home / "scores" / context.unit.task / context.partition


MADE = ("train", "gate", "register", "promote")
"""The steps that make a model of tonight; where they fail, the champion is there."""

STEP = Step(
    "score",
    score,
    _place,
    needs=("demo", *MADE, "features"),
    guards=("ingest", "check"),
    falls_back=(*MADE, "features"),
    inputs=champion,
)
