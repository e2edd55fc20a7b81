"""Materialise the features of all entities at the run's as-of, for the model that scores: scoring and serving read this table.

It is made from the rows once a night, however often it is read. What is asked of other moments, models or rows is computed as ever.
"""

from pathlib import Path

from rdl.database.pruning import TONIGHT, prune
from rdl.pipeline.step import Context, Outcome, Step
from rdl.pipeline.steps.score import MADE, champion, scoring_model
from rdl.timeline import format_time


def features(context: Context) -> Outcome:
    """Write the table's files; none for a recommendation, whose candidates are not the same from one request to the next.

    Raises:
        GateError, UsageError: no model may score, see the step `score`.
    """
    model, version = scoring_model(context)
    if not model.plan.features:
        return Outcome(0, {"version": version})
    facts = model.materialise(context.source.database, context.source.as_of, context.aside)
    prune(context.source.project)
    columns = len(facts.names) + len(facts.category_names)
    return Outcome(facts.rows, {"version": version, "as_of": format_time(facts.as_of), "features": columns, "plan": facts.plan})


def _place(context: Context) -> Path:
    return context.home / TONIGHT / context.unit.task / f"{context.partition}-{context.key}"


STEP = Step("features", features, _place, needs=("demo", *MADE), guards=("ingest", "check"), falls_back=MADE, inputs=champion)
