"""Put the run's scores where others read them: a lake's partitions, a table of a DuckDB file, a table of PostgreSQL.

Each sink is a unit of work of its own, so one that is away does not keep the others waiting. Left in the home is a receipt; without
it, or with other scores, the sink is filled again, with the same result.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from rdl.database.sinks import Target, parse_target, publish_scores
from rdl.errors import PipelineError, RdlError
from rdl.pipeline.step import Context, Outcome, Settings, Step, Unit

if TYPE_CHECKING:
    from rdl.pipeline.file import Pipeline
    from rdl.pipeline.source import Source


class PublishSection(Settings):
    """`[publish]`: the sinks, each a folder, `FILE.duckdb#TABLE`, or `postgresql://…#SCHEMA.TABLE`; `{task}` is the task's name."""

    to: list[str] = Field(min_length=1)

    @field_validator("to")
    @classmethod
    def _sinks(cls, value: list[str]) -> list[str]:
        for text in value:
            try:
                parse_target(text, "task")
            except RdlError as error:
                raise ValueError(f"{error.what}; {error.fix}") from None
        return value


def publish(context: Context) -> Outcome:
    """Write the receipt, once the sink holds the scores.

    Raises:
        UnavailableError, LockedError: the sink is away or in use; the run tries again.
        UsageError, ProjectError: the sink refuses.
    """
    (scored,) = context.before("score")
    task, name = context.source.task(context.unit.task), context.unit.part
    found = publish_scores(scored.outputs, task.entity_columns, _target(context.pipeline, context.unit))
    (context.aside / f"{name}.json").write_text(json.dumps(asdict(found), indent=1), encoding="utf-8")
    return Outcome(found.rows, asdict(found))


def _sinks(pipeline: "Pipeline") -> dict[str, str]:
    """The sinks by the name of their unit: the kind, and a number where there are several of it.

    Raises:
        PipelineError: several tasks would share a table.
    """
    section, found = pipeline.sections["publish"], dict[str, str]()
    assert isinstance(section, PublishSection)
    for text in section.to:
        target = parse_target(text, "task", f"{pipeline.path}, [publish]")
        if target.table and len(pipeline.tasks) > 1 and "{task}" not in text:
            what = f"{len(pipeline.tasks)} tasks would write one table: {target}"
            raise PipelineError(what, where=f"{pipeline.path}, [publish]", fix="name it after the task: scores_{task}")
        number = 1 + sum(name.partition("-")[0] == target.kind for name in found)
        found[target.kind if number == 1 else f"{target.kind}-{number}"] = text
    return found


def _target(pipeline: "Pipeline", unit: Unit) -> Target:
    return parse_target(_sinks(pipeline)[unit.part], unit.task, f"{pipeline.path}, [publish]")


def _inputs(pipeline: "Pipeline", unit: Unit, source: "Source") -> Mapping[str, Any]:  # noqa: ARG001
    """Where the sink is: the same words mean another one in another folder or environment, which has not got the scores."""
    return {"location": _target(pipeline, unit).location}


def _parts(pipeline: "Pipeline") -> tuple[str, ...]:
    return tuple(_sinks(pipeline))


def _place(context: Context) -> Path:
    return context.home / "published" / context.unit.task / context.partition


STEP = Step("publish", publish, _place, requires=("score",), sections={"publish": PublishSection}, parts=_parts, inputs=_inputs)
