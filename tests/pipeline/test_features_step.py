"""The step that materialises tonight's features: made once, for the model that scores, and read by it."""

import logging

import pyarrow.parquet as pq

from rdl.features import tables_of
from rdl.pipeline import read_pipeline, run_pipeline
from rdl.pipeline.source import open_source
from rdl.timeline import format_time
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
