"""What a step is, and what it is given.

A step is a function from a context to an outcome. It writes into a folder aside, and the run publishes what it wrote; so a step
that dies leaves nothing half done, and a step need not know what ran before it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict

from rdl.timeline import format_time

if TYPE_CHECKING:
    from rdl.pipeline.file import Pipeline
    from rdl.pipeline.source import Source


class Settings(BaseModel):
    """A section of a pipeline file: frozen, strict, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class Outcome:
    """What a step tells of its work, beside the files it wrote.

    Attributes:
        rows: how many rows it read or wrote, for the ledger.
        facts: JSON-able findings that later steps and the reader of the ledger need.
    """

    rows: int = 0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unit:
    """The smallest piece of work that is done, skipped or redone: one step, for one task, for one part."""

    step: str
    task: str = ""
    part: str = ""

    def __str__(self) -> str:
        return "/".join(word for word in (self.step, self.task, self.part) if word)


@dataclass(frozen=True)
class Done:
    """Finished work.

    Attributes:
        key: the hash of everything the work depended on.
        outputs: the files it published.
    """

    unit: Unit
    key: str
    rows: int
    outputs: tuple[Path, ...]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Context:
    """Everything that one unit of work may read, and the folder it writes.

    Attributes:
        key: the hash of everything this work depends on.
        aside: an empty folder; every file left in it is published to the step's place.
        upstream: the finished units that this one needs.
        rows: the opened project, None for a step that reads no rows.
        inputs: what `Step.inputs` declared when the key was made: the step works with these, and does not look again.
    """

    pipeline: "Pipeline"
    unit: Unit
    key: str
    aside: Path
    upstream: tuple[Done, ...]
    rows: "Source | None"
    inputs: Mapping[str, Any]

    def section(self, kind: type[S], name: str) -> S:
        """The settings of section `name`."""
        found = self.pipeline.sections[name]
        assert isinstance(found, kind)
        return found

    @property
    def source(self) -> "Source":
        """The opened project, for steps that read rows."""
        assert self.rows is not None, f"{self.unit} does not read rows"
        return self.rows

    @property
    def home(self) -> Path:
        """The project's home."""
        return self.pipeline.home

    @property
    def partition(self) -> str:
        """The folder name of this run's as-of: `as_of=2025-12-21`."""
        return f"as_of={format_time(self.source.as_of).replace(':', '-')}"

    def before(self, step: str) -> tuple[Done, ...]:
        """The finished units of `step` that this one builds on; none where the pipeline leaves the step out."""
        return tuple(done for done in self.upstream if done.unit.step == step)


def whole(pipeline: "Pipeline") -> tuple[str, ...]:  # noqa: ARG001
    """The parts of a step that is not divided."""
    return ("",)


def nothing(pipeline: "Pipeline", unit: Unit, source: "Source") -> Mapping[str, Any]:  # noqa: ARG001
    """The further inputs of a step that has none."""
    return {}


@dataclass(frozen=True)
class Step:
    """One kind of work.

    Attributes:
        name: as pipeline files write it.
        run: does the work; pure but for the files it leaves in `context.aside` and what its room keeps for itself.
        place: the folder that the files are published to. A folder named by the key is never overwritten with other content.
        requires: the steps that must come before.
        needs: the steps that come before where the pipeline has them.
        guards: the steps that must have passed before, where the pipeline has them, but of which it reads nothing: that they are
            done again is no reason to do this again.
        falls_back: those of the steps above without which it can do: where they failed, it has another way.
        sections: the sections of the pipeline file that it reads.
        per_task: whether it is done once for each task.
        parts: what it is further divided into.
        reads_rows: whether it depends on the database; one that does not runs before the database is opened.
        dated: whether it depends on the run's as-of.
        reads_tasks: whether one that is not done once for each task depends on the tasks of the pipeline.
        inputs: what else it reads, in values of JSON that change when that does.
    """

    name: str
    run: Callable[[Context], Outcome]
    place: Callable[[Context], Path]
    requires: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    guards: tuple[str, ...] = ()
    falls_back: tuple[str, ...] = ()
    sections: Mapping[str, type[Settings]] = field(default_factory=dict)
    per_task: bool = True
    parts: Callable[["Pipeline"], tuple[str, ...]] = whole
    reads_rows: bool = True
    dated: bool = True
    reads_tasks: bool = False
    inputs: Callable[["Pipeline", Unit, "Source"], Mapping[str, Any]] = nothing
