"""The command about one prediction: why it is what it is."""

from pathlib import Path
from typing import Annotated

import typer

from rdl.cli.models import Version
from rdl.cli.options import AsOf, HomeDir, Json, ProjectDir, TaskName, open_named
from rdl.cli.output import progress, say
from rdl.errors import UsageError


def explain(
    task: TaskName,
    entity: Annotated[list[str], typer.Option("--entity", help="The entity's key; once for each of its columns, in their order.")],
    as_of: AsOf = None,
    model: Version = "champion",
    reasons: Annotated[int, typer.Option(help="How many features to tell of.", min=1, max=50)] = 8,
    project: ProjectDir = Path(),
    home: HomeDir = None,
    as_json: Json = False,
) -> None:
    """Say what a registered model predicts for one entity, and which features move the prediction most."""
    from rdl.mlops import find_version, load_version
    from rdl.mlops.requests import AS_OF, Question
    from rdl.mlops.scorer import Scorer

    with progress():
        database = open_named(project, home)
        version = find_version(database.project, task, model)
        scorer = Scorer.on(database, load_version(database.project, version), version.number)
        names = scorer.model.task.entity_columns
        if len(entity) != len(names):
            raise UsageError(f"{len(entity)} values for the key {', '.join(names)}", where="--entity", fix="give one a column")
        keys = {name: [value] for name, value in zip(names, entity, strict=True)}
        answer = scorer.answer(Question({**keys, **({AS_OF: [as_of]} if as_of else {})}, reasons))
    (facts,) = answer.records()
    (why,) = answer.why or ()
    about = "" if why.about is None else f" of {why.about}"
    of_key = ", ".join(f"{name} {facts[name]}" for name in names)
    lines = [f"{of_key} as of {facts['cutoff']}: {facts['prediction']}, by {version.uri}"]
    lines += [f"  {why.unit}{about} by the member {why.member}, whose weight is {why.weight:.2f}:"]
    lines += [f"  {why.base:+.3f}  where it begins", *(f"  {reason.sentence()}" for reason in why.top)]
    lines += [f"  {why.rest:+.3f}  all other features together"] if why.rest else []
    say(as_json, facts, lines)
