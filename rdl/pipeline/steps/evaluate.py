"""Backtest a task's settings, one unit of work a regime, so that a killed run repeats only the regime it was in."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rdl.pipeline.step import Context, Outcome, Settings, Step, Unit
from rdl.pipeline.steps.fit import FitSection, fit_settings

if TYPE_CHECKING:
    from rdl.evaluate import Evaluation
    from rdl.pipeline.file import Pipeline

JSON, PREDICTIONS = "evaluation.json", "predictions.parquet"


class EvaluateSection(Settings):
    """`[evaluate]`: in which regimes, and at every how many test cutoffs the rolling one fits anew (a quarter by default).

    Where no regime is named, those that tell something of a task: a split by chance knows one only.
    """

    regimes: list[Literal["frozen", "fresh", "rolling"]] = Field(default=["frozen", "fresh", "rolling"], min_length=1)
    refit_every: int | None = Field(default=None, ge=1)


def evaluate(context: Context) -> Outcome:
    """Write `evaluation.json` and `predictions.parquet` of one regime; nothing where it tells nothing of the task."""
    from rdl.evaluate import Regime, regimes_for
    from rdl.evaluate import evaluate as backtest
    from rdl.evaluate.strict import without_nan

    source, section = context.source, context.section(EvaluateSection, "evaluate")
    task, regime = source.task(context.unit.task), Regime(context.unit.part)
    if "regimes" not in section.model_fields_set and regime not in regimes_for(task):
        return Outcome(0, {"left_out": f"of this task the {regime} regime tells nothing"})
    found = backtest(source.database, task, regime, fit_settings(context), section.refit_every)
    found.write(context.aside / JSON)
    found.write_predictions(context.aside / PREDICTIONS)
    facts = {"metric": found.called(found.metric), "blend": found.headline, "best_member": found.best_member}
    return Outcome(found.rows, without_nan(facts))


def read_evaluations(context: Context) -> "tuple[Evaluation, ...]":
    """What the pipeline's evaluate step found for the context's task."""
    from rdl.evaluate import read_evaluation

    folders = [_folder(context, done.unit, done.key) for done in context.before("evaluate") if done.outputs]
    return tuple(read_evaluation(folder / JSON, folder / PREDICTIONS) for folder in folders)


def _folder(context: Context, unit: Unit, key: str) -> Path:
    return context.home / "evaluations" / unit.task / unit.part / key


def _regimes(pipeline: "Pipeline") -> tuple[str, ...]:
    section = pipeline.sections["evaluate"]
    assert isinstance(section, EvaluateSection)
    return tuple(dict.fromkeys(section.regimes))


def _place(context: Context) -> Path:
    return _folder(context, context.unit, context.key)


STEP = Step(
    "evaluate",
    evaluate,
    _place,
    needs=("demo",),
    guards=("ingest", "check", "labels", "graph"),
    sections={"fit": FitSection, "evaluate": EvaluateSection},
    parts=_regimes,
    dated=False,
)
