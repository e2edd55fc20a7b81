"""Let the registered version take the alias `champion`, if the gate lets it pass.

A version that does not beat the champion is not a failure of the night: the champion stays, scores are made with it, and the
decision is written down. Each as-of is judged once, so repeating an old night does not bring back an old champion.
"""

import json
from pathlib import Path

from pydantic import Field

from rdl.pipeline.step import Context, Outcome, Settings, Step
from rdl.pipeline.steps.register import registered_version


class PromoteSection(Settings):
    """`[promote]`: by how much of the task's metric a version must be better than the champion, and how surely.

    A negative margin lets a fresher version in that is surely not worse by more than that.
    """

    margin: float = 0.0
    confidence: float = Field(default=0.95, ge=0.5, lt=1.0)


def promote(context: Context) -> Outcome:
    """Write `promotion.json`: what was decided, and why."""
    from rdl.mlops import GateSettings
    from rdl.mlops import promote as ask_gate

    source = context.source
    version = registered_version(context)
    wanted = context.section(PromoteSection, "promote")
    gate, task = GateSettings(wanted.margin, wanted.confidence), source.task(context.unit.task)
    decision = ask_gate(source.project, source.database, task, version, gate=gate, as_of=source.fit_as_of)
    facts = {**decision.to_json(), "version": version.number}
    (context.aside / "promotion.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return Outcome(1, facts)


def _place(context: Context) -> Path:
    return context.home / "promotions" / context.unit.task / context.partition


STEP = Step("promote", promote, _place, requires=("register",), sections={"promote": PromoteSection})
