"""Backtest a task's settings, one unit of work a regime, so that a killed run repeats only the regime it was in."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rdl.pipeline.step import Context, Outcome, Settings, Step
from rdl.pipeline.steps.fit import FitSection, fit_settings

if TYPE_CHECKING:
    from rdl.evaluate import Evaluation
    from rdl.pipeline.file import Pipeline


class EvaluateSection(Settings):
    """`[evaluate]`: in which regimes."""

    regimes: list[Literal["frozen", "fresh", "rolling"]] = Field(default=["frozen", "fresh", "rolling"], min_length=1)


def evaluate(context: Context) -> Outcome:
    """Write `evaluation.json` and `predictions.parquet` of one regime."""
    from rdl.evaluate import Regime
    from rdl.evaluate import evaluate as backtest

    source = context.source
    task = source.task(context.unit.task)
    found = backtest(source.database, task, Regime(context.unit.part), fit_settings(context))
    (context.aside / "evaluation.json").write_text(json.dumps(found.to_json(), indent=1), encoding="utf-8")
    found.write_predictions(context.aside / "predictions.parquet")
    return Outcome(len(found.predictions), {"blend": dict(found.metrics["blend"])})


def read_evaluations(context: Context) -> "tuple[Evaluation, ...]":
    """What the pipeline's evaluate step found for the context's task."""
    from rdl.evaluate import read_evaluation

    folders = [context.home / "evaluations" / done.unit.task / done.unit.part / done.key for done in context.before("evaluate")]
    return tuple(read_evaluation(folder / "evaluation.json", folder / "predictions.parquet") for folder in folders)


def _regimes(pipeline: "Pipeline") -> tuple[str, ...]:
    section = pipeline.sections["evaluate"]
    assert isinstance(section, EvaluateSection)
    return tuple(dict.fromkeys(section.regimes))


def _place(context: Context) -> Path:
    return context.home / "evaluations" / context.unit.task / context.unit.part / context.key


STEP = Step(
    "evaluate",
    evaluate,
    _place,
    needs=("demo", "check"),
    sections={"fit": FitSection, "evaluate": EvaluateSection},
    parts=_regimes,
    dated=False,
)
