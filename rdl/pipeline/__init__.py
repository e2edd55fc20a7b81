"""Scheduled work: TOML pipelines, steps, a ledger, locks, resume."""

from rdl.pipeline.file import Pipeline, find_pipeline, read_pipeline
from rdl.pipeline.ledger import Ledger, RunRecord, Status, StepRecord
from rdl.pipeline.result import RunResult, StepResult
from rdl.pipeline.run import run_pipeline
from rdl.pipeline.step import Context, Outcome, Settings, Step, Unit
from rdl.pipeline.steps import STEPS
from rdl.pipeline.stop import Terminated

__all__ = [
    "STEPS",
    "Context",
    "Ledger",
    "Outcome",
    "Pipeline",
    "RunRecord",
    "RunResult",
    "Settings",
    "Status",
    "Step",
    "StepRecord",
    "StepResult",
    "Terminated",
    "Unit",
    "find_pipeline",
    "read_pipeline",
    "run_pipeline",
]
