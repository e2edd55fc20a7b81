"""A pipeline file, read once and validated at the edge.

    name    = "nightly"
    project = "shop"                  # the project folder
    home    = "/var/lib/rdl/shop"     # optional; `.rdl` in the project by default
    steps   = ["check", "train", "register", "promote", "score"]
    tasks   = ["churn"]
    [fit]                             # a section for each thing that the steps listed above read; all of it optional
    seed    = 0
    [run]                             # how it runs, see `rdl.pipeline.operations`; so are [ready] and [on_failure]
    limit   = "2 hours"

Relative paths start at the current working directory, wherever the file itself lies: the same file can then be run on any folder,
and a pipeline that ships with rdl writes nothing beside the package. Unknown keys, sections and steps are refused with the
nearest known one.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import Field

from rdl.database.engine import shipped
from rdl.errors import PipelineError, ProjectError, nearest
from rdl.pipeline.operations import Operations
from rdl.pipeline.step import S, Settings, Step
from rdl.pipeline.steps import STEPS
from rdl.project import validate

_OPERATIONS = [section.name for section in fields(Operations)]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class _Head(Settings):
    name: str
    project: str
    home: str | None = None
    steps: list[str] = Field(min_length=1)
    tasks: list[str] = Field(default_factory=list)


@dataclass(frozen=True)
class Pipeline:
    """A validated pipeline.

    Attributes:
        path: the file, for messages.
        project: the project folder, absolute.
        home: where everything that is made goes, absolute.
        steps: in the order they run.
        tasks: what they run for.
        sections: the settings by section, defaults included.
        operations: how it runs; no work depends on it.
    """

    name: str
    path: Path
    project: Path
    home: Path
    steps: tuple[Step, ...]
    tasks: tuple[str, ...]
    sections: Mapping[str, Settings]
    operations: Operations = field(default_factory=Operations)


def read_pipeline(name: str | Path, registry: Mapping[str, Step] = STEPS, base: Path | None = None) -> Pipeline:
    """Read and validate a pipeline.

    Args:
        name: a file, or the bare name of a pipeline that ships with rdl where there is no such file.
        registry: every step that a pipeline may list, by name.
        base: where relative paths start; the current working directory by default.

    Raises:
        PipelineError: there is no such pipeline, or a key, section, step or value is wrong.
    """
    path = find_pipeline(name)
    raw = _read(path)
    head = _head(raw, registry, path)
    steps = _steps(head, registry, path)
    base = base if base is not None else Path.cwd()
    project = (base / Path(head.project).expanduser()).resolve()
    home = (base / Path(head.home).expanduser()).resolve() if head.home is not None else project / ".rdl"
    sections, operations = _sections(raw, steps, registry, path), _operations(raw, steps, path)
    return Pipeline(head.name, path, project, home, steps, tuple(head.tasks), sections, operations)


def find_pipeline(name: str | Path) -> Path:
    """The file that `name` means.

    Raises:
        PipelineError: it is neither a file nor a shipped pipeline.
    """
    path = Path(name)
    if path.is_file():
        return path
    ours = {file.stem: file for file in shipped("pipelines").glob("*.toml")}
    if str(name) in ours:
        return ours[str(name)]
    hint = nearest(str(name), ours)
    raise PipelineError(f"no pipeline {str(name)!r}", where=str(path.absolute()), fix=f"name a file, or a shipped pipeline: {hint}")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise PipelineError(f"not readable as TOML: {error}", where=str(path), fix="mend the line named above") from error


def _head(raw: Mapping[str, Any], registry: Mapping[str, Step], path: Path) -> _Head:
    sections = {*_OPERATIONS, *(section for step in registry.values() for section in step.sections)}
    for key in raw:
        if key not in _Head.model_fields and key not in sections:
            raise PipelineError(f"unknown key {key!r}", where=str(path), fix=nearest(key, [*_Head.model_fields, *sections]))
    head = _validate(_Head, {key: value for key, value in raw.items() if key not in sections}, str(path))
    for what, words in (("name", [head.name]), ("task", head.tasks)):
        for word in words:
            if not _NAME.fullmatch(word):
                raise PipelineError(f"{what} {word!r} cannot name a file", where=str(path), fix="use letters, digits, _ . -")
    if len(set(head.tasks)) < len(head.tasks):
        raise PipelineError(f"a task is listed twice: {head.tasks}", where=str(path), fix="list each task once")
    return head


def _steps(head: _Head, registry: Mapping[str, Step], path: Path) -> tuple[Step, ...]:
    where = f"{path}, steps"
    for i, name in enumerate(head.steps):
        if name not in registry:
            raise PipelineError(f"unknown step {name!r}", where=where, fix=nearest(name, registry))
        if name in head.steps[:i]:
            raise PipelineError(f"step {name!r} is listed twice", where=where, fix="list each step once")
        absent = [need for need in registry[name].requires if need not in head.steps]
        if absent:
            raise PipelineError(f"step {name!r} needs {absent[0]!r}", where=where, fix=f"list {absent[0]!r} before {name!r}")
        late = [need for need in _before(registry[name]) if need in head.steps[i:]]
        if late:
            raise PipelineError(f"step {name!r} stands before {late[0]!r}", where=where, fix=f"move {late[0]!r} before {name!r}")
        if registry[name].per_task and not head.tasks:
            raise PipelineError(f"step {name!r} needs a task", where=str(path), fix='add tasks = ["…"]')
    return tuple(registry[name] for name in head.steps)


def _before(step: Step) -> tuple[str, ...]:
    return (*step.needs, *step.requires, *step.guards)


def _sections(raw: Mapping[str, Any], steps: tuple[Step, ...], registry: Mapping[str, Step], path: Path) -> dict[str, Settings]:
    read = {name: kind for step in steps for name, kind in step.sections.items()}
    for name in raw:
        if name not in _Head.model_fields and name not in read and name not in _OPERATIONS:
            readers = sorted(step.name for step in registry.values() if name in step.sections)
            raise PipelineError(f"no step reads [{name}]", where=str(path), fix=f"remove it, or add one of: {', '.join(readers)}")
    return {name: _section(raw, name, kind, path) for name, kind in sorted(read.items())}


def _operations(raw: Mapping[str, Any], steps: tuple[Step, ...], path: Path) -> Operations:
    found = Operations()
    found = Operations(**{name: _section(raw, name, type(getattr(found, name)), path) for name in _OPERATIONS})
    names = [step.name for step in steps]
    for name in found.run.limits:
        if name not in names:
            raise PipelineError(
                f"a limit of {name!r}, which is no step here", where=f"{path}, [run] limits", fix=nearest(name, names)
            )
    return found


def _section(raw: Mapping[str, Any], name: str, kind: type[S], path: Path) -> S:
    section = raw.get(name, {})
    if not isinstance(section, dict):
        raise PipelineError(f"{name} = {section!r} is no section", where=str(path), fix=f"write [{name}] and its keys below")
    return _validate(kind, section, f"{path}, [{name}]")


def _validate(kind: type[S], raw: Mapping[str, Any], where: str) -> S:
    try:
        return validate(kind, raw, where)
    except ProjectError as error:
        raise PipelineError(error.what, where=error.where, fix=error.fix) from error
