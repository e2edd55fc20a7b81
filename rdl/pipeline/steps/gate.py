"""Refuse a model that should not be registered: too few rows, too low a figure, or a leak.

The figure is the one that the temporal folds gave while the model was fitted; nothing is decided on rows that a backtest tests.
What the gate refuses is not registered and not promoted; the champion scores instead, and the run ends with exit code 4.
"""

import json
from pathlib import Path

from pydantic import Field

from rdl.errors import GateError, PipelineError, nearest
from rdl.pipeline.step import Context, Outcome, Settings, Step
from rdl.pipeline.steps.train import trained_model
from rdl.task import mature_cutoffs


class GateSection(Settings):
    """`[gate]`: by task, the figure in its metric that must be reached; out-of-fold rows at least; whether leaks are looked for."""

    reach: dict[str, float] = Field(default_factory=dict)
    rows: int = Field(default=100, ge=0)
    audit: bool = True


def gate(context: Context) -> Outcome:
    """Write `gate.json`: what was asked of the model, and what it had to show.

    Raises:
        GateError: it is refused.
    """
    from rdl.evaluate import BLEND, LARGER_IS_BETTER, audit

    wanted, source = context.section(GateSection, "gate"), context.source
    for name in wanted.reach:
        if name not in context.pipeline.tasks:
            where = f"{context.pipeline.path}, [gate] reach"
            raise PipelineError(
                f"a figure for {name!r}, which is no task here", where=where, fix=nearest(name, context.pipeline.tasks)
            )
    model, task = trained_model(context), source.task(context.unit.task)
    figure, better = float(model.choices.out_of_fold[BLEND]), LARGER_IS_BETTER[task.metric]
    least = wanted.reach.get(task.name)
    refusals = []
    if model.choices.rows < wanted.rows:
        refusals.append(f"{model.choices.rows} out-of-fold rows; {wanted.rows} are needed")
    if least is not None and not (figure >= least if better else figure <= least):
        refusals.append(f"{task.metric} {figure:.4f} out of fold; {least} is to be reached")
    said = ""
    if wanted.audit:
        cutoff = int(mature_cutoffs(task, source.fit_as_of, source.database.span)[-1])
        found = audit(source.database, task, model, cutoff)
        said = found.sentence()
        refusals += [] if found.passes else [said]
    if refusals:
        fix = "see what changed in the rows, or [gate] in the pipeline; the champion stays"
        raise GateError(f"the model of {task.name!r} is refused: {'; '.join(refusals)}", where=str(context.pipeline.path), fix=fix)
    facts = {"metric": task.metric, "out_of_fold": figure, "reach": least, "rows": model.choices.rows, "audit": said}
    (context.aside / "gate.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return Outcome(model.choices.rows, facts)


def _place(context: Context) -> Path:
    return context.home / "gates" / context.unit.task / context.key


STEP = Step("gate", gate, _place, requires=("train",), guards=("evaluate",), sections={"gate": GateSection})
