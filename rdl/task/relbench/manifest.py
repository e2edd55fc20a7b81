"""RelBench v3 task manifests, read as they are: `{timedelta}` and `timestamps` keep RelBench's meaning.

RelBench's label windows are (cutoff, cutoff + timedelta]: closed on the right, so a label is mature one microsecond later than a
half-open one would be.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdl.errors import ProjectError, TaskError, TimeError, nearest
from rdl.project import read_yaml
from rdl.task.task import Kind
from rdl.timeline import format_duration, parse_duration

FORECAST, AUTOCOMPLETE, EXTERNAL = "forecast", "autocomplete", "external"
RECOMMENDATION = "recommendation"
GRID = ("timestamps", "timestamp")

KINDS = {
    "binary_classification": Kind.BINARY,
    "regression": Kind.REGRESSION,
    "multiclass_classification": Kind.MULTICLASS,
    "multilabel_classification": Kind.MULTILABEL,
    RECOMMENDATION: Kind.RECOMMENDATION,
}
"""The kind of question by RelBench's type."""

_TEXTS = (
    "description",
    "entity_table",
    "entity_col",
    "target_col",
    "time_col",
    "src_entity_table",
    "src_entity_col",
    "dst_entity_table",
    "dst_entity_col",
    "sql",
    "evaluator",
)


@dataclass(frozen=True)
class TaskManifest:
    """All that a RelBench task's manifest says; None where it says nothing.

    Attributes:
        kind: where labels come from: `forecast` (its SQL), `autocomplete` (a column of the entity table), `external` (its files).
        task_type: what is predicted, in RelBench's words: `binary_classification`, …, `recommendation`.
        path: the file; the label tables lie beside it.
        timedelta: microseconds of the label's window.
        num_eval_timestamps: how many validation and test cutoffs there are at most.
        eval_k: length of the ranked lists of a recommendation.
        remove_columns: (table, column) pairs that the task must not see.
        evaluator: an outside protocol that RelBench itself does not score.
    """

    name: str
    kind: str
    task_type: str
    path: Path
    description: str | None = None
    entity_table: str | None = None
    entity_col: str | None = None
    target_col: str | None = None
    time_col: str | None = None
    src_entity_table: str | None = None
    src_entity_col: str | None = None
    dst_entity_table: str | None = None
    dst_entity_col: str | None = None
    eval_k: int | None = None
    timedelta: int | None = None
    num_eval_timestamps: int = 1
    remove_columns: tuple[tuple[str, str], ...] = ()
    sql: str | None = None
    evaluator: str | None = None
    extra_files: tuple[str, ...] = ()
    manifest_version: int = 1

    @property
    def recommends(self) -> bool:
        """Whether what is predicted is a ranked list."""
        return self.task_type == RECOMMENDATION

    @property
    def hidden(self) -> tuple[tuple[str, str], ...]:
        """(table, column) pairs that nothing that predicts may read: those removed, and an autocomplete's own target."""
        own = ((self.entity_table or "", self.target_col or ""),) if self.kind == AUTOCOMPLETE else ()
        return tuple(dict.fromkeys((*self.remove_columns, *own)))


def read_manifest(path: Path) -> TaskManifest:
    """What the manifest at `path` says.

    Raises:
        TaskError: it is no YAML, lacks a key, or holds a value that RelBench does not know.
    """
    try:
        raw = read_yaml(path)
    except ProjectError as error:
        raise TaskError(error.what, where=error.where, fix=error.fix) from error
    try:
        manifest = _parsed(raw, path)
    except KeyError as error:
        raise TaskError(f"the manifest lacks {error}", where=str(path), fix="see RelBench's v3 format") from error
    except (TypeError, ValueError) as error:
        raise TaskError(f"the manifest holds a wrong value: {error}", where=str(path), fix="see RelBench's v3 format") from error
    except TimeError as error:
        raise TaskError(error.what, where=f"{path}, timedelta", fix=error.fix) from error
    _check(manifest)
    return manifest


def forecast_sql(manifest: TaskManifest) -> str:
    """The label query of a forecast with its window filled in."""
    return str(manifest.sql).replace("{timedelta}", format_duration(manifest.timedelta or 0))


def _parsed(raw: dict[str, Any], path: Path) -> TaskManifest:
    texts = {key: str(raw[key]) for key in _TEXTS if raw.get(key) is not None}
    return TaskManifest(
        name=str(raw["name"]),
        kind=str(raw["kind"]),
        task_type=str(raw["task_type"]),
        path=path,
        eval_k=None if raw.get("eval_k") is None else int(raw["eval_k"]),
        timedelta=None if raw.get("timedelta") is None else parse_duration(str(raw["timedelta"])),
        num_eval_timestamps=int(raw.get("num_eval_timestamps", 1)),
        remove_columns=tuple((str(table), str(column)) for table, column in raw.get("remove_columns") or ()),
        extra_files=tuple(str(file) for file in raw.get("extra_files") or ()),
        manifest_version=int(raw.get("manifest_version", 1)),
        **texts,
    )


def _check(manifest: TaskManifest) -> None:
    """What RelBench itself demands of a manifest."""
    for value, known in ((manifest.kind, (FORECAST, AUTOCOMPLETE, EXTERNAL)), (manifest.task_type, tuple(KINDS))):
        if value not in known:
            raise TaskError(f"RelBench knows no {value!r}", where=str(manifest.path), fix=nearest(value, known))
    missing = [key for key in _required(manifest) if not getattr(manifest, key)]
    if missing:
        raise TaskError(
            f"the manifest of a {manifest.kind} {manifest.task_type} lacks {missing[0]!r}",
            where=str(manifest.path),
            fix="see RelBench's v3 format",
        )


def _required(manifest: TaskManifest) -> tuple[str, ...]:
    if manifest.recommends:
        keys: tuple[str, ...] = ("src_entity_table", "src_entity_col", "dst_entity_table", "dst_entity_col")
        keys += () if manifest.kind == EXTERNAL and manifest.evaluator else ("eval_k",)
    elif manifest.kind == AUTOCOMPLETE:
        keys = ("entity_table", "target_col")
    elif manifest.kind == FORECAST:
        keys = ("entity_table", "entity_col", "target_col", "time_col")
    else:
        keys = ("entity_table",)
    return (*keys, "timedelta", "sql") if manifest.kind == FORECAST else keys
