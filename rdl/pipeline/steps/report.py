"""One HTML page a task: the regimes side by side, for whoever has to decide."""

from pathlib import Path

from rdl.pipeline.step import Context, Outcome, Step
from rdl.pipeline.steps.evaluate import read_evaluations
from rdl.pipeline.steps.train import trained_model


def report(context: Context) -> Outcome:
    """Write `report.html`."""
    from rdl.evaluate import write_report

    evaluations = read_evaluations(context)
    plan = trained_model(context).plan if context.before("train") else None
    database, task = context.source.database, context.source.task(context.unit.task)
    write_report(context.aside / "report.html", database, task, evaluations, plan)
    return Outcome(len(evaluations))


def _place(context: Context) -> Path:
    return context.home / "reports" / context.unit.task / context.partition


STEP = Step("report", report, _place, requires=("evaluate",), needs=("train",))
