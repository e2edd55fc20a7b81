"""RelBench v3 task manifests, read as they are: `{timedelta}` and `timestamps` keep RelBench's meaning.

RelBench's label windows are (cutoff, cutoff + timedelta]: closed on the right, so a label is mature one microsecond later than a
half-open one would be.
"""

from pathlib import Path

from rdl.errors import TaskError
from rdl.project import Project, read_yaml
from rdl.task.task import DEFAULT_METRIC, Kind, Task
from rdl.timeline import format_duration, parse_duration

_KINDS = {"binary_classification": Kind.BINARY, "regression": Kind.REGRESSION}


def read_manifest(project: Project, path: Path) -> Task:
    """The task that the manifest at `path` describes.

    Raises:
        TaskError: the manifest lacks a key, or its kind is not supported.
    """
    raw = read_yaml(path)
    splits = project.relbench
    assert splits is not None, "a manifest belongs to a RelBench project"
    try:
        kind = _KINDS.get(raw["task_type"])
        if kind is None or raw["kind"] != "forecast":
            raise TaskError(
                f"task type {raw['kind']!r} / {raw['task_type']!r} is not supported",
                where=str(path),
                fix=f"use a forecast of type: {', '.join(_KINDS)}",
            )
        horizon = parse_duration(str(raw["timedelta"]))
        return Task(
            name=raw["name"],
            kind=kind,
            entity_table=raw["entity_table"],
            entity_column=raw["entity_col"],
            horizon=horizon,
            every=horizon,
            validate=splits.validate,
            test=splits.test,
            metric=DEFAULT_METRIC[kind],
            label_sql=raw["sql"].replace("{timedelta}", format_duration(horizon)),
            population_sql=None,
            path=path,
            cutoff_column=raw["time_col"],
            label_column=raw["target_col"],
            grid=("timestamps", "timestamp"),
            closed=True,
            evaluations=int(raw["num_eval_timestamps"]),
        )
    except KeyError as error:
        raise TaskError(f"the manifest lacks {error}", where=str(path), fix="see RelBench's v3 format") from error
