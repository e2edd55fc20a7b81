"""What a run would do, without a trace of having asked."""

from contextlib import ExitStack

from rdl.pipeline.file import Pipeline
from rdl.pipeline.ledger import Ledger, Status
from rdl.pipeline.plan import declared, reads, unit_key, units
from rdl.pipeline.result import RunResult, StepResult
from rdl.pipeline.source import glance
from rdl.pipeline.step import Unit


def dry_run(pipeline: Pipeline, as_of: int | None) -> RunResult:
    """The units of work, each skipped or planned.

    Work on rows that are not there yet, because a step before would make them, counts as not done.
    """
    ledger, keys, results = Ledger.of(pipeline.home), dict[Unit, str](), list[StepResult]()
    with ExitStack() as stack:
        source, unknown = None, False
        for unit, step in units(pipeline):
            found = None
            if step.reads_rows and source is None and not unknown:
                source = stack.enter_context(glance(pipeline, as_of))
            if not (step.reads_rows and unknown):
                upstream = {str(other): key for other, key in keys.items() if reads(unit, step, other)}
                keys[unit] = unit_key(unit, step, pipeline, source, upstream, declared(unit, step, pipeline, source))
                found = ledger.done(unit, keys[unit])
            unknown = unknown or (not step.reads_rows and found is None)
            status = Status.PLANNED if found is None else Status.SKIPPED
            rows, outputs, facts = (0, (), {}) if found is None else (found.rows, found.outputs, found.facts)
            results.append(StepResult(str(unit), status, rows, outputs, facts, 0.0))
        return RunResult("", pipeline.name, source.as_of if source else as_of, tuple(results))
