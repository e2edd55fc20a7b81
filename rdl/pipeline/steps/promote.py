"""Let the registered version take the alias `champion`, if the gate lets it pass.

A version that is worse than the champion is not a failure of the night: the champion stays, scores are made with it, and the
decision is written down. Each as-of is judged once, so repeating an old night does not bring back an old champion.
"""

import json
from dataclasses import asdict
from pathlib import Path

from pydantic import Field

from rdl.pipeline.step import Context, Outcome, Settings, Step
from rdl.pipeline.steps.register import registered_version


class PromoteSection(Settings):
    """`[promote]`: how much worse than the champion a version may be, in the task's metric's units."""

    tolerance: float = Field(default=0.0, ge=0.0)


def promote(context: Context) -> Outcome:
    """Write `promotion.json`: what was decided, and why."""
    from rdl.mlops import promote as ask_gate

    source = context.source
    version = registered_version(context)
    wanted = context.section(PromoteSection, "promote")
    decision = ask_gate(source.project, source.task(context.unit.task), version, tolerance=wanted.tolerance)
    facts = {**asdict(decision), "version": version.number}
    (context.aside / "promotion.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return Outcome(1, facts)


def _place(context: Context) -> Path:
    return context.home / "promotions" / context.unit.task / context.partition


STEP = Step("promote", promote, _place, requires=("register",), sections={"promote": PromoteSection})
