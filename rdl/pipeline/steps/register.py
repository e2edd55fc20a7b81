"""Log the run's model and its evaluations in MLflow, load it back in a clean process, and make it a version in the registry.

The version carries this step's key, so a run that was killed after registering finds it again and registers nothing twice.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rdl.pipeline.step import Context, Outcome, Step
from rdl.pipeline.steps.evaluate import read_evaluations
from rdl.pipeline.steps.fit import FitSection, fit_settings
from rdl.pipeline.steps.train import trained_model

if TYPE_CHECKING:
    from rdl.mlops import Version

KEY_TAG = "rdl.pipeline_key"


def register(context: Context) -> Outcome:
    """Write `version.json`: the registered version's name and number, and the logged model's URI."""
    from rdl.mlops import log_run
    from rdl.mlops import register as make_version

    source = context.source
    task = source.task(context.unit.task)
    version = _registered(context)
    if version is None:
        model = trained_model(context)
        evaluations = read_evaluations(context)
        run = log_run(source.project, source.database, task, model, evaluations, settings=fit_settings(context))
        version = make_version(source.project, task, replace(run, lineage={**run.lineage, KEY_TAG: context.key}))
    facts = {"name": version.name, "number": version.number, "uri": version.uri}
    (context.aside / "version.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return Outcome(1, facts)


def registered_version(context: Context) -> "Version":
    """The version that this run registered, as the registry knows it now."""
    from rdl.mlops import find_version

    (done,) = context.before("register")
    return find_version(context.source.project, context.unit.task, str(done.facts["number"]))


def _registered(context: Context) -> "Version | None":
    """The version that carries this step's key, left by a run that was killed before it could say so."""
    from rdl.mlops import find_version
    from rdl.mlops.store import find_store, safe_name

    name = safe_name(context.unit.task)
    found = find_store(context.source.project).client().search_model_versions(f"name = '{name}'")
    ours = [version for version in found if (version.tags or {}).get(KEY_TAG) == context.key]
    return find_version(context.source.project, context.unit.task, str(ours[0].version)) if ours else None


def _place(context: Context) -> Path:
    return context.home / "registered" / context.unit.task / context.key


STEP = Step("register", register, _place, requires=("train",), needs=("evaluate",), guards=("gate",), sections={"fit": FitSection})
