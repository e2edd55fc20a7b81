"""The real steps in a process of their own; after the work of the unit HALT_IN, before it is published, it waits to be killed."""

import sys
from dataclasses import replace
from pathlib import Path

from rdl.pipeline import STEPS, Context, Outcome, Step, read_pipeline, run_pipeline
from rdl.pipeline import plan as plan_module
from tests.pipeline.workshop import halt

PIPELINE = """
name    = "night"
project = "shop"
steps   = ["demo", "ingest", "check", "labels", "graph", "train", "evaluate", "gate", "register", "promote", "features", "score",
           "publish", "monitor", "report"]
tasks   = ["churn"]
[demo]
rows = 4000
[fit]
members = ["entity"]
[evaluate]
regimes = ["fresh"]
[gate]
rows = 1
[publish]
to = ["lake/", "warehouse.duckdb#scores.{task}"]
"""
UNITS = (
    "demo",
    "ingest",
    "check",
    "labels/churn",
    "graph/churn",
    "train/churn",
    "evaluate/churn/fresh",
    "gate/churn",
    "register/churn",
    "promote/churn",
    "features/churn",
    "score/churn",
    "publish/churn/parquet",
    "publish/churn/duckdb",
    "monitor/churn",
    "report/churn",
)


def halting(step: Step) -> Step:
    def run(context: Context) -> Outcome:
        outcome = step.run(context)
        halt(context)
        return outcome

    return replace(step, run=run)


def main(path: str, base: str) -> None:
    plan_module.code_version = lambda: "fixed"
    run_pipeline(read_pipeline(path, {name: halting(step) for name, step in STEPS.items()}, Path(base)))


if __name__ == "__main__":
    main(*sys.argv[1:])
