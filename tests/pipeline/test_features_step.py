"""The step that materialises tonight's features: made once, for the model that scores, and read by it."""

import json
import logging
import sys
from http.client import HTTPConnection

import pyarrow.parquet as pq
import pytest

from rdl.features import tables_of
from rdl.features.kept.lineage import made_by
from rdl.pipeline import read_pipeline, run_pipeline
from rdl.pipeline.source import open_source
from rdl.timeline import format_time
from tests.mlops.served import free_port, serving
from tests.mlops.shop import write_shop
from tests.pipeline.workshop import write_pipeline

PIPELINE = """
name    = "night"
project = "shop"
steps   = ["train", {features}"score"]
tasks   = ["churn"]
[fit]
members = ["entity"]
"""


@pytest.mark.slow
def test__features__night__is_made_once_and_scored_from(tmp_path, caplog):
    write_shop(tmp_path / "shop")
    plain = read_pipeline(write_pipeline(tmp_path, PIPELINE.format(features="")), base=tmp_path)
    wanted = pq.read_table(run_pipeline(plain).paths["score/churn"][0])
    pipeline = read_pipeline(write_pipeline(tmp_path, PIPELINE.format(features='"features", ')), base=tmp_path)
    with caplog.at_level(logging.INFO):
        run = run_pipeline(pipeline)
    assert "features are read from the table" in caplog.text
    assert pq.read_table(run.paths["score/churn"][0]).equals(wanted)
    ((folder, facts),) = tables_of(open_source(pipeline, None).database, "churn")
    assert {path.parent for path in run.paths["features/churn"]} == {folder}
    assert facts.rows == 60
    assert format_time(facts.as_of) == "2025-12-01"
    assert {step.unit: step.status.value for step in run_pipeline(pipeline).steps} == dict.fromkeys(run.paths, "skipped")


DEMO = """
name    = "demo"
project = "shop"
steps   = ["demo", "train", "register", "promote", "features", "score"]
tasks   = ["churn"]
[demo]
rows = 3000
[fit]
members = ["features"]
rows    = 500
"""

SERVE = """
import sys
from rdl.features.kept import table
from rdl.mlops import serve
from rdl.project import open_project

table.made_by = lambda: sys.argv[3]  # the code that is being tested may change while a test runs
serve(open_project(sys.argv[1]), "churn", port=int(sys.argv[2]))
"""


@pytest.mark.slow
def test__features__demo_night__is_served_as_it_was_scored_bit_by_bit(tmp_path):
    pipeline = read_pipeline(write_pipeline(tmp_path, DEMO), base=tmp_path)
    scored = pq.read_table(run_pipeline(pipeline).paths["score/churn"][0]).to_pylist()
    port = free_port()
    with serving([sys.executable, "-c", SERVE, str(pipeline.project), str(port), made_by()], port):
        connection = HTTPConnection("127.0.0.1", port, timeout=60)
        body = {"dataframe_records": [{"customer_id": row["customer_id"]} for row in scored]}
        connection.request("POST", "/invocations", json.dumps(body), {"Content-Type": "application/json"})
        online = json.loads(connection.getresponse().read())["predictions"]
        connection.close()
    assert [(row["customer_id"], row["prediction"]) for row in online] == [
        (row["customer_id"], row["prediction"]) for row in scored
    ]
    assert len(scored) > 50
