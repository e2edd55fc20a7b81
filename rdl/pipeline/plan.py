"""Which work a pipeline is, and the key that says whether it has been done.

The key of a unit is a hash of its step, its settings, the task's definition, the keys of the units it reads, the rows'
fingerprint, the as-of and the code. Equal keys mean equal results, so work is done once and redone only when something it
depends on changed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rdl.database.version import code_version
from rdl.pipeline.step import Step, Unit

if TYPE_CHECKING:
    from rdl.pipeline.file import Pipeline
    from rdl.pipeline.source import Source
    from rdl.task import Task


def units(pipeline: "Pipeline") -> tuple[tuple[Unit, Step], ...]:
    """Every unit of work in the order it runs."""
    return tuple(
        (Unit(step.name, task, part), step)
        for step in pipeline.steps
        for task in (pipeline.tasks if step.per_task else ("",))
        for part in step.parts(pipeline)
    )


def reads(unit: Unit, step: Step, other: Unit) -> bool:
    """Whether `unit` reads what `other` made: a step it names, for the same task where both have one."""
    return _names(step.requires + step.needs, unit, other)


def waits_for(unit: Unit, step: Step, other: Unit) -> bool:
    """Whether `unit` cannot be done where `other` failed."""
    named = (name for name in step.requires + step.needs + step.guards if name not in step.falls_back)
    return _names(tuple(named), unit, other)


def _names(steps: tuple[str, ...], unit: Unit, other: Unit) -> bool:
    return other.step in steps and (not unit.task or not other.task or unit.task == other.task)


def declared(unit: Unit, step: Step, pipeline: "Pipeline", source: "Source | None") -> dict[str, Any]:
    """What `unit` reads besides rows, settings and the work of others, as it is now."""
    return {} if source is None else dict(step.inputs(pipeline, unit, source))


def unit_key(
    unit: Unit,
    step: Step,
    pipeline: "Pipeline",
    source: "Source | None",
    upstream: Mapping[str, str],
    inputs: Mapping[str, Any],
) -> str:
    """The key of `unit`: 20 hex digits.

    Args:
        unit: the work.
        step: its step.
        pipeline: whose settings count.
        source: the opened project; needed by steps that read rows.
        upstream: key by unit of everything it reads.
        inputs: what is `declared`.
    """
    facts: dict[str, Any] = {
        "unit": str(unit),
        "settings": {name: pipeline.sections[name].model_dump(mode="json") for name in step.sections},
        "upstream": dict(upstream),
        "code": code_version(),
    }
    if step.reads_rows:
        assert source is not None, f"{unit} reads rows"
        facts["rows"] = source.database.fingerprint
        facts["as_of"] = source.as_of if step.dated else None
        facts["task"] = _definition(source.task(unit.task)) if unit.task else None
        facts["tasks"] = [_definition(source.task(name)) for name in pipeline.tasks] if step.reads_tasks else None
        facts["inputs"] = dict(inputs)
    text = json.dumps(facts, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _definition(task: "Task") -> dict[str, Any]:
    """What decides a task's labels; where its file lies does not."""
    return {name: value for name, value in asdict(task).items() if name != "path"}
