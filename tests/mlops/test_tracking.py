"""What a run of MLflow holds."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pyarrow as pa
import pytest

from rdl.errors import UsageError
from rdl.evaluate.figure import metric_by_cutoff
from rdl.mlops import log_run
from rdl.mlops.contender import settings_of
from rdl.mlops.store import find_store
from rdl.mlops.tracking import flatten_metrics, tuning_facts
from tests.mlops.shop import small_fit


@pytest.fixture
def evaluation():
    """A backtest of eight rows at two cutoffs."""
    from rdl.evaluate import AtCutoff, Evaluation, Regime

    cutoffs = (AtCutoff("2025-10-01", 4, 0.5, 0.5, 1.0), AtCutoff("2025-10-31", 4, 0.5, 0.5, float("nan")))
    metrics = {"blend": {"roc_auc": 1.0, "log_loss": float("nan")}, "features": {"roc_auc": 0.5}}
    return Evaluation(
        task="churn",
        kind="binary",
        metric="roc_auc",
        regime=Regime.FRESH,
        seed=0,
        rows=8,
        cutoffs=2,
        metrics=metrics,
        weights={"features": 1.0},
        chosen={},
        out_of_fold={},
        by_cutoff=cutoffs,
        fits=("2025-10-01",),
        importance={},
        facts={},
        seconds=1.0,
        predictions=pa.table({"customer_id": [1], "cutoff": [0], "prediction": [0.5]}),
    )


def test__log_run__parameters_and_inputs__say_what_was_fitted_on_what(project, run, database, model):
    found = find_store(project).client().get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params["task"] == "churn"
    assert found.data.params["settings.boost.rounds"] == "8"
    assert found.data.params["plan"] == model.plan.hash
    assert found.data.params["snapshot"] == database.fingerprint
    inputs = {one.dataset.name: one.dataset for one in found.inputs.dataset_inputs}
    assert inputs.keys() == {"corner-shop", "corner-shop.customers", "corner-shop.orders"}
    assert inputs["corner-shop"].digest == database.fingerprint
    assert json.loads(inputs["corner-shop.orders"].profile)["num_rows"] == database.schema["orders"].rows
    assert found.outputs.model_outputs[0].model_id == run.model_id


def test__log_run__lineage__says_what_the_model_was_made_from(project, run, task, tmp_path):
    folder = Path(find_store(project).client().download_artifacts(run.run_id, "lineage", str(tmp_path)))
    assert task.label_sql.strip() in (folder / "task.sql").read_text()
    versions, environment = (json.loads((folder / f"{name}.json").read_text()) for name in ("versions", "environment"))
    assert versions == {name: value for name, value in run.lineage.items() if name != "rdl.settings"}
    assert [pin for pin in environment["packages"] if pin.startswith("xgboost==")]
    assert settings_of({"rdl.settings": (folder / "settings.json").read_text()}) == small_fit()
    text = "".join(file.read_text() for file in folder.iterdir())
    assert str(project.root) not in text
    assert str(project.home) not in text


def test__log_run__no_report_given__writes_the_runs_page(project, run, tmp_path):
    page = Path(find_store(project).client().download_artifacts(run.run_id, "report/report.html", str(tmp_path))).read_text()
    assert run.run_id in page
    assert run.lineage["rdl.snapshot"] in page
    assert "No backtest was run" in page


def test__log_run__evaluations_and_report__are_kept(copy, database, task, model, small, evaluation, tmp_path):
    page = tmp_path / "report.html"
    page.write_text("<p>fine</p>")
    run = log_run(copy, database, task, model, [evaluation], settings=small, report=page)
    client = find_store(copy).client()
    metrics = client.get_run(run.run_id).data.metrics
    assert metrics["fresh.blend.roc_auc"] == 1.0
    assert metrics["fresh.features.roc_auc"] == 0.5
    assert "fresh.blend.log_loss" not in metrics
    checks = {name: value for name, value in metrics.items() if name.startswith("checks.")}
    assert sum(checks.values()) == sum(finding.count for finding in database.findings)
    names = {a.path for a in client.list_artifacts(run.run_id)}
    assert {"database.json", "fresh.json", "fresh.parquet", "fresh.svg", "model.json", "report"} <= names


def test__log_run__packaging_fails__leaves_a_failed_run_and_no_ready_model(copy, database, task, model, monkeypatch):
    import rdl.mlops.tracking

    def refuse(*_args):
        raise OSError("disk full")

    monkeypatch.setattr(rdl.mlops.tracking, "write_package", refuse)
    with pytest.raises(OSError, match="disk full"):
        log_run(copy, database, task, model)
    client = find_store(copy).client()
    experiment = client.get_experiment_by_name("corner-shop/churn").experiment_id
    run = client.search_runs([experiment], max_results=1)[0]
    assert run.info.status == "FAILED"
    assert client.search_logged_models([experiment], max_results=1)[0].status.value == "FAILED"


def test__log_run__one_regime_twice__is_refused(copy, database, task, model, evaluation):
    with pytest.raises(UsageError, match="several evaluations of one regime"):
        log_run(copy, database, task, model, [evaluation, evaluation])


def test__flatten_metrics__undefined__is_left_out(evaluation):
    assert flatten_metrics([evaluation]) == {"fresh.blend.roc_auc": 1.0, "fresh.features.roc_auc": 0.5}


def test__metric_by_cutoff__any_lines__is_well_formed():
    for lines in ({}, {"a<b": [float("nan")]}, {"x": [0.5, float("nan"), 0.7], "y": [0.5, 0.5, 0.5]}):
        drawn = ET.fromstring(metric_by_cutoff("roc & auc", ["2025-01-01", "2025-02-01", "2025-03-01"], lines))
        assert drawn.tag.endswith("svg")
    assert json.dumps(metric_by_cutoff("t", [], {}))


def test__tuning_facts__tuned_member__its_settings_and_trials_are_parameters():
    told = {"settings": {"max_depth": 5, "half_life": None}, "tried": 40, "pruned": 11, "change": -0.1, "error": 0.02}
    found = tuning_facts({"entity": {"rounds": 9}, "features": {"rounds": 9, "tuning": told}})
    assert found["tuning.features.settings.max_depth"] == 5
    assert found["tuning.features.tried"] == 40
    assert len(found) == 6
