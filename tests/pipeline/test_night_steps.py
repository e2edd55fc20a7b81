"""The further steps of a night: rows, labels and graph in lines of their own, a gate before the registry, a look back."""

import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.errors import GateError
from rdl.pipeline import Ledger, read_pipeline, run_pipeline
from rdl.pipeline.steps.monitor import shift_of
from rdl.timeline import parse_time
from tests.mlops.shop import write_shop
from tests.pipeline.workshop import write_pipeline, write_project

LOOK = 'name = "look"\nproject = "shop"\nsteps = ["ingest", "check", "labels", "graph"]\ntasks = ["churn"]\n'


def read(result, unit):
    return json.loads(next(path for path in result.paths[unit] if path.suffix == ".json").read_text(encoding="utf-8"))


def test__ingest_labels_graph__say_what_there_is(tmp_path):
    write_project(tmp_path / "shop")
    result = run_pipeline(read_pipeline(write_pipeline(tmp_path, LOOK), base=tmp_path))
    assert {step.unit: step.rows for step in result.steps} == {"ingest": 95, "check": 95, "labels/churn": 58, "graph/churn": 95}
    assert {name: table["rows"] for name, table in read(result, "ingest")["tables"].items()} == {"customers": 5, "orders": 90}
    assert read(result, "labels/churn")["newest"] == "2025-03-22"
    table = pq.read_table(next(path for path in result.paths["labels/churn"] if path.suffix == ".parquet"), partitioning=None)
    assert table.column_names == ["customer_id", "cutoff", "label"]
    assert read(result, "graph/churn")["nodes"] == {"customers": 5, "orders": 90}


NIGHT = """
name    = "night"
project = "shop"
steps   = ["train", "gate", "register", "promote", "score", "monitor"]
tasks   = ["churn"]
[fit]
members = ["entity"]
[gate]
rows  = 1
audit = {audit}
reach = {{ churn = {reach} }}
"""


def night(base, reach, audit="false"):
    return read_pipeline(write_pipeline(base, NIGHT.format(reach=reach, audit=audit)), base=base)


@pytest.mark.slow
def test__night__refused_model__is_not_registered_and_the_champion_scores(tmp_path):
    write_shop(tmp_path / "shop")
    first = run_pipeline(night(tmp_path, 0.0, "true"), parse_time("2025-10-01"))
    assert read(first, "gate/churn")["audit"]
    assert read(first, "monitor/churn")["reached"] == []
    pipeline = night(tmp_path, 1.1)
    with pytest.raises(GateError, match=re.escape("1.1 is to be reached")) as caught:
        run_pipeline(pipeline, parse_time("2025-11-15"))
    assert caught.value.exit_code == 4
    ledger = Ledger.of(pipeline.home)
    steps = {step.unit: step for step in ledger.steps(ledger.runs()[0].id)}
    assert {unit: step.status.value for unit, step in steps.items()} == {
        "train/churn": "done",
        "gate/churn": "failed",
        "register/churn": "blocked",
        "promote/churn": "blocked",
        "score/churn": "done",
        "monitor/churn": "done",
    }
    assert (steps["score/churn"].facts["version"], steps["score/churn"].facts["model_as_of"]) == ("1", "2025-10-01")
    look = json.loads(steps["monitor/churn"].outputs[0].read_text(encoding="utf-8"))
    assert look["before"]["as_of"] == "2025-10-01"
    assert look["before"]["came"] > 0
    (reached,) = look["reached"]
    assert (reached["as_of"], reached["version"]) == ("2025-10-01", "1")
    assert 0 <= reached["roc_auc"] <= 1
    again = run_pipeline(night(tmp_path, 0.0), parse_time("2025-11-15"))
    assert {step.unit: step.status.value for step in again.steps}["train/churn"] == "skipped"
    assert {step.unit: step.status.value for step in again.steps}["register/churn"] == "done"


SAMPLES = st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array)


@given(SAMPLES, SAMPLES)
def test__shift_of__is_never_negative_and_nothing_where_nothing_moved(before, now):
    assert shift_of(before, now) >= 0
    assert shift_of(before, before) == 0
    assert shift_of(np.zeros(50), np.ones(50)) > 0.2


@pytest.mark.slow
def test__real_steps__each_in_a_process_of_its_own__make_the_same(tmp_path):
    here, apart = tmp_path / "here", tmp_path / "apart"
    found = []
    for base, more in ((here, ""), (apart, '[run]\nlimit = "10 minutes"\n')):
        write_project(base / "shop")
        result = run_pipeline(read_pipeline(write_pipeline(base, LOOK + more), base=base))
        found.append({step.unit: (step.rows, step.facts, [path.name for path in step.outputs]) for step in result.steps})
        assert read(result, "labels/churn")["rows"] == 58
    assert found[0].keys() == found[1].keys()
    for unit, (rows, facts, names) in found[0].items():
        assert (rows, names) == (found[1][unit][0], found[1][unit][2])
        assert {k: v for k, v in facts.items() if k != "fingerprint"} == {
            k: v for k, v in found[1][unit][1].items() if k != "fingerprint"
        }
