"""Fit a task's model on every label that is known at the run's as-of, and save it under its key."""

from pathlib import Path
from typing import TYPE_CHECKING

from rdl.pipeline.step import Context, Outcome, Step
from rdl.pipeline.steps.fit import FitSection, fit_settings
from rdl.timeline import format_time

if TYPE_CHECKING:
    from rdl.model import Model


def train(context: Context) -> Outcome:
    """Write the saved model's files."""
    from rdl.model import fit_model, save_model

    source = context.source
    task = source.task(context.unit.task)
    model = fit_model(source.database, task, source.fit_as_of, fit_settings(context))
    save_model(model, context.aside)
    facts = {"as_of": format_time(model.as_of), "members": list(model.members), "weights": dict(model.weights)}
    return Outcome(int(model.facts.get("rows", 0)), facts)


def trained_model(context: Context) -> "Model":
    """The model that this run fitted for the context's task; its manifest is checked first.

    Raises:
        ModelFileError: its files were altered.
    """
    from rdl.model import load_model

    (done,) = context.before("train")
    return load_model(context.home / "models" / done.unit.task / done.key)


def _place(context: Context) -> Path:
    return context.home / "models" / context.unit.task / context.key


STEP = Step("train", train, _place, needs=("demo",), guards=("ingest", "check", "labels", "graph"), sections={"fit": FitSection})
