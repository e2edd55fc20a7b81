"""What a run comes to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rdl.pipeline.ledger import Status


@dataclass(frozen=True)
class StepResult:
    """How one unit of work ended.

    Attributes:
        unit: `train/churn`, for example.
        status: done, skipped, or planned (dry run).
        seconds: wall time that it took in this run.
        cpu: seconds of processors that it took in this run.
    """

    unit: str
    status: Status
    rows: int
    outputs: tuple[Path, ...]
    facts: Mapping[str, object]
    seconds: float
    cpu: float = 0.0


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Attributes:
        run: the run's id in the ledger, empty for a dry run.
        as_of: microseconds UTC; None where a dry run could not know it yet.
    """

    run: str
    pipeline: str
    as_of: int | None
    steps: tuple[StepResult, ...]

    @property
    def paths(self) -> dict[str, tuple[Path, ...]]:
        """Files by unit of work, whether they were made now or earlier."""
        return {step.unit: step.outputs for step in self.steps}
