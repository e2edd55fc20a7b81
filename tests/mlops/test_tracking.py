"""What a run of MLflow holds."""

import dataclasses
import json
import xml.etree.ElementTree as ET

import polars as pl
import pytest

from rdl.errors import UsageError
from rdl.mlops import log_run
from rdl.mlops.figure import metric_by_cutoff
from rdl.mlops.store import find_store
from rdl.mlops.tracking import flatten_metrics
from tests.mlops.shop import SMALL


@dataclasses.dataclass(frozen=True)
class Backtest:
    """The part of an evaluation that a run reads."""

    task: object
    regime: str
    metrics: dict
    predictions: pl.DataFrame

    def to_json(self):
        return {"regime": self.regime, "metrics": self.metrics}


@pytest.fixture
def backtest(task):
    from datetime import datetime

    cutoff = [datetime(2025, 10, 1)] * 4 + [datetime(2025, 10, 31)] * 4
    frame = pl.DataFrame({"cutoff": cutoff, "target": [0.0, 1, 0, 1] * 2, "prediction": [0.1, 0.9, 0.2, 0.8] * 2, "features": [0.5] * 8})
    metrics = {"blend": {"roc_auc": 1.0, "log_loss": float("nan")}, "features": {"roc_auc": 0.5}}
    return Backtest(task, "fresh", metrics, frame)


def test__log_run__parameters_and_inputs__say_what_was_fitted_on_what(project, run, database, model):
    found = find_store(project).client().get_run(run.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.params["task"] == "churn"
    assert found.data.params["settings.boost.rounds"] == "8"
    assert found.data.params["plan"] == model.plan.hash
    assert found.data.params["snapshot"] == database.fingerprint
    assert found.inputs.dataset_inputs[0].dataset.digest == database.fingerprint
    assert found.outputs.model_outputs[0].model_id == run.model_id


def test__log_run__evaluations_and_report__are_kept(copy, database, task, model, backtest, tmp_path):
    page = tmp_path / "report.html"
    page.write_text("<p>fine</p>")
    run = log_run(copy, database, task, model, [backtest], settings=SMALL, report=page)
    client = find_store(copy).client()
    metrics = client.get_run(run.run_id).data.metrics
    assert metrics["fresh.blend.roc_auc"] == 1.0
    assert metrics["fresh.features.roc_auc"] == 0.5
    assert "fresh.blend.log_loss" not in metrics
    names = {a.path for a in client.list_artifacts(run.run_id)}
    assert {"fresh.json", "fresh.svg", "model.json", "report"} <= names


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


def test__log_run__one_regime_twice__is_refused(copy, database, task, model, backtest):
    with pytest.raises(UsageError, match="several evaluations of one regime"):
        log_run(copy, database, task, model, [backtest, backtest])


def test__flatten_metrics__undefined__is_left_out(backtest):
    assert flatten_metrics([backtest]) == {"fresh.blend.roc_auc": 1.0, "fresh.features.roc_auc": 0.5}


def test__metric_by_cutoff__any_lines__is_well_formed():
    for lines in ({}, {"a<b": [float("nan")]}, {"x": [0.5, float("nan"), 0.7], "y": [0.5, 0.5, 0.5]}):
        drawn = ET.fromstring(metric_by_cutoff("roc & auc", ["2025-01-01", "2025-02-01", "2025-03-01"], lines))
        assert drawn.tag.endswith("svg")
    assert json.dumps(metric_by_cutoff("t", [], {}))
