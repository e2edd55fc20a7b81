"""The kinds of work that a pipeline may list: one file and one line each."""

from collections.abc import Mapping
from types import MappingProxyType

from rdl.pipeline.step import Step
from rdl.pipeline.steps import (
    check,
    demo,
    evaluate,
    features,
    gate,
    graph,
    ingest,
    labels,
    monitor,
    promote,
    publish,
    register,
    report,
    score,
    train,
)

_ALL = (
    demo.STEP,
    ingest.STEP,
    check.STEP,
    labels.STEP,
    graph.STEP,
    train.STEP,
    evaluate.STEP,
    gate.STEP,
    register.STEP,
    promote.STEP,
    features.STEP,
    score.STEP,
    publish.STEP,
    monitor.STEP,
    report.STEP,
)

STEPS: Mapping[str, Step] = MappingProxyType({step.name: step for step in _ALL})
