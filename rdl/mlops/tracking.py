"""One run of MLflow a fit: what went in, what came out, and the model itself.

A run holds the settings and the lineage as parameters, every metric of every regime and member (`fresh.blend.roc_auc`), the
snapshot of the database as an input (its digest, not its rows), the evaluations, a figure of each, and the packaged model.
"""

import json
import logging
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdl.database import Database
from rdl.errors import UsageError
from rdl.evaluate.figure import metric_by_cutoff
from rdl.evaluate.strict import without_nan
from rdl.mlops.artifacts import reaching
from rdl.mlops.contender import SETTINGS
from rdl.mlops.lineage import FOLDER, inputs, lineage_of, write_lineage
from rdl.mlops.package import Example, make_example, write_package
from rdl.mlops.store import find_store, safe_name
from rdl.project import Project
from rdl.task import Task
from rdl.timeline import format_duration, format_time

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from rdl.evaluate import Evaluation
    from rdl.model import FitSettings, Model

log = logging.getLogger(__name__)

BLEND = "blend"


@dataclass(frozen=True)
class RunInfo:
    """A finished run.

    Attributes:
        run_id: MLflow's name of the run.
        model_id: MLflow's name of the logged model.
        model_uri: `models:/MODEL_ID`.
        lineage: what the model was made from, by tag.
        metrics: every number that was logged, by name.
    """

    run_id: str
    model_id: str
    model_uri: str
    lineage: Mapping[str, str]
    metrics: Mapping[str, float]


def log_run(
    project: Project,
    database: Database,
    task: Task,
    model: "Model",
    evaluations: "Sequence[Evaluation]" = (),
    *,
    settings: "FitSettings | None" = None,
    report: Path | None = None,
) -> RunInfo:
    """Log a fitted model, the evaluations that speak for it, and where it came from.

    Args:
        project: whose store is written.
        database: the snapshot that was fitted on.
        task: the question.
        model: fitted; it is saved and packaged here.
        evaluations: backtests with the same settings, one a regime.
        settings: how it was fitted.
        report: a page to keep beside the run; by default, one is written of what is logged.

    Raises:
        UsageError: two evaluations are of one regime, or the report is missing, or what reaches the store is not installed.
        ProjectError, UnavailableError: the place of the files refuses, or does not answer: see `reaching`.
    """
    regimes = [str(e.regime) for e in evaluations]
    if len(set(regimes)) < len(regimes):
        raise UsageError(f"several evaluations of one regime: {', '.join(regimes)}", fix="log one evaluation a regime")
    if report is not None and not report.is_file():
        raise UsageError(f"no report at {report}", fix="write the report page first")
    store = find_store(project)
    client = store.client()
    lineage, metrics = lineage_of(database, task, model, settings), flatten_metrics(evaluations) | _out_of_fold(model)
    experiment = store.experiment_id(client, task.name)
    place = str(client.get_experiment(experiment).artifact_location)
    run_of, scratch_of = _run(client, experiment, task, lineage), tempfile.TemporaryDirectory(prefix="rdl-run-")
    with reaching(place), run_of as run_id, scratch_of as scratch:
        _log_facts(client, run_id, model, settings, lineage)
        _log_metrics(client, run_id, metrics | _findings(database))
        client.log_inputs(run_id, list(inputs(database, model)))
        write_lineage(Path(scratch) / FOLDER, database, task, model, settings)
        client.log_artifacts(run_id, str(Path(scratch) / FOLDER), FOLDER)
        _log_files(client, run_id, Path(scratch) / "files", database, model, evaluations)
        page = report or _write_page(Path(scratch), database, task, model, evaluations, lineage | {"run": run_id})
        client.log_artifact(run_id, str(page), "report")
        example = make_example(database, task, model)
        model_id = _log_model(client, run_id, experiment, Path(scratch), model, example, lineage)
    log.info("run %s: model %s logged", run_id, model_id)
    return RunInfo(run_id, model_id, f"models:/{model_id}", lineage, metrics)


def flatten_metrics(evaluations: "Sequence[Evaluation]") -> dict[str, float]:
    """`REGIME.MEMBER.METRIC` -> value, where it is defined."""
    return {
        f"{evaluation.regime}.{member}.{metric}": float(value)
        for evaluation in evaluations
        for member, metrics in evaluation.metrics.items()
        for metric, value in metrics.items()
        if isfinite(value)
    }


def _findings(database: Database) -> dict[str, float]:
    """`checks.CHECK` -> what it counted, over all tables."""
    counts = Counter[str]()
    for finding in database.findings:
        counts[f"checks.{finding.check}"] += finding.count
    return {name: float(count) for name, count in counts.items()}


def _out_of_fold(model: "Model") -> dict[str, float]:
    return {f"out_of_fold.{name}.loss": float(v) for name, v in model.choices.out_of_fold.items() if isfinite(v)}


@contextmanager
def _run(client: "MlflowClient", experiment: str, task: Task, tags: Mapping[str, str]) -> Iterator[str]:
    """A run that ends as FINISHED, or as FAILED where its body raises."""
    run_id = str(client.create_run(experiment, run_name=f"{task.name} {tags['rdl.as_of']}", tags=dict(tags)).info.run_id)
    try:
        yield run_id
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def _log_facts(
    client: "MlflowClient", run_id: str, model: "Model", settings: "FitSettings | None", lineage: Mapping[str, str]
) -> None:
    from mlflow.entities import Param

    task = model.task
    facts: dict[str, Any] = {
        "task": task.name,
        "kind": task.kind.value,
        "entity": task.entity_table,
        "key": ",".join(task.entity_columns),
        "metric": task.metric,
        "horizon": format_duration(task.horizon),
        "every": task.spacing,
        "validate": format_time(task.validate),
        "test": format_time(task.test),
        "as_of": format_time(model.as_of),
        **_kind_facts(task),
        "members": ",".join(model.members),
        **{f"weight.{name}": f"{weight:.6g}" for name, weight in model.weights.items()},
        **{k: v for k, v in model.facts.items() if isinstance(v, str | int | float)},
        **{name.removeprefix("rdl."): value for name, value in lineage.items() if name not in ("rdl.task", "rdl.as_of", SETTINGS)},
        **(dict(_flatten("settings", asdict(settings))) if is_dataclass(settings) else {}),
        **tuning_facts(model.choices.members),
    }
    params = [Param(name, str(value)[:6000]) for name, value in facts.items()]
    for start in range(0, len(params), 100):  # MLflow takes a hundred at a time
        client.log_batch(run_id, params=params[start : start + 100])


def tuning_facts(choices: "Mapping[str, Mapping[str, Any]]") -> dict[str, Any]:
    """`tuning.MEMBER.…`: what was tried and found, from the members' choices; nothing where nothing was tuned."""
    return {k: v for name, choice in choices.items() for k, v in _flatten(f"tuning.{name}", choice.get("tuning", {}))}


def _kind_facts(task: Task) -> dict[str, Any]:
    """What a task of its kind has beside the others."""
    hidden = ",".join(f"{table}.{column}" for table, column in task.hide)
    return {
        **({"class_names": json.dumps(task.classes)} if task.kind.classed else {}),
        **({"target": task.target_table, "top": task.top} if task.target_table is not None else {}),
        **({"hide": hidden} if hidden else {}),
        **({"autocomplete": True} if task.autocomplete else {}),
        **({"split": "random"} if task.static else {}),
    }


def _flatten(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flatten(f"{prefix}.{name}", inner)
    else:
        yield prefix, value


def _log_metrics(client: "MlflowClient", run_id: str, metrics: Mapping[str, float]) -> None:
    import time

    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    client.log_batch(run_id, metrics=[Metric(name, value, now, 0) for name, value in metrics.items()])


def _log_files(
    client: "MlflowClient",
    run_id: str,
    folder: Path,
    database: Database,
    model: "Model",
    evaluations: "Sequence[Evaluation]",
) -> None:
    folder.mkdir()
    tables = {name: {"rows": table.rows, "read": database.notes.get(name, "")} for name, table in database.schema.tables.items()}
    found = {"tables": tables, "found": [finding.to_json() for finding in database.findings]}
    (folder / "database.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    facts = {"out_of_fold": model.choices.out_of_fold, "chosen": model.choices.members, "facts": dict(model.facts)}
    facts["importance"] = dict(list(model.importance().items())[:100])
    (folder / "model.json").write_text(json.dumps(without_nan(facts), indent=1, allow_nan=False), encoding="utf-8")
    for evaluation in evaluations:
        evaluation.write(folder / f"{evaluation.regime}.json")
        evaluation.write_predictions(folder / f"{evaluation.regime}.parquet")
        (folder / f"{evaluation.regime}.svg").write_text(_figure(evaluation), encoding="utf-8")
    client.log_artifacts(run_id, str(folder))


def _write_page(
    scratch: Path, database: Database, task: Task, model: "Model", evaluations: "Sequence[Evaluation]", lineage: Mapping[str, str]
) -> Path:
    """The run's page."""
    from rdl.evaluate import write_report

    shown = {name: value for name, value in lineage.items() if name != SETTINGS}
    write_report(scratch / "report.html", database, task, evaluations, model=model, lineage=shown)
    return scratch / "report.html"


def _figure(evaluation: "Evaluation") -> str:
    """The blend's metric at each cutoff."""
    title = f"{evaluation.task}, {evaluation.regime}: {evaluation.called(evaluation.metric)}"
    rows = evaluation.by_cutoff
    return metric_by_cutoff(title, [row.cutoff[:10] for row in rows], {BLEND: [row.metric for row in rows]})


def _log_model(
    client: "MlflowClient",
    run_id: str,
    experiment: str,
    scratch: Path,
    model: "Model",
    example: Example,
    lineage: Mapping[str, str],
) -> str:
    """Save, package and upload; the logged model is READY only when all of it is there."""
    from mlflow.entities import LoggedModelOutput

    from rdl.model import save_model

    save_model(model, scratch / "model")
    name = safe_name(model.task.name)
    logged = client.create_logged_model(experiment, name, run_id, tags=dict(lineage), model_type="rdl")
    model_id = str(logged.model_id)
    try:
        write_package(scratch / "package", scratch / "model", example, dict(lineage), run_id, model_id)
        client.log_model_artifacts(model_id, str(scratch / "package"))
    except BaseException:
        client.finalize_logged_model(model_id, "FAILED")
        raise
    client.finalize_logged_model(model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(model_id, 0)])
    return model_id
