"""Whoever is champion scores the night, and a night whose champion was rolled back is scored again."""

import json

import pyarrow.parquet as pq
import pytest

from rdl.mlops import Version, champion_at, promote, rollback
from rdl.mlops.store import find_store
from rdl.pipeline import plan, read_pipeline, run_pipeline
from rdl.timeline import DAY, format_time, parse_time
from tests.database.sinks.test_sinks import rows
from tests.pipeline.workshop import write_pipeline

NIGHT = """
name    = "night"
project = "{folder}"
home    = "{home}"
steps   = ["features", "score", "publish", "monitor"]
tasks   = ["churn"]
[publish]
to = ["{base}/w.duckdb#churn"]
"""


@pytest.fixture
def pipeline(folder, copy, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "code_version", lambda: "fixed")
    return read_pipeline(write_pipeline(tmp_path, NIGHT.format(folder=folder, home=copy.home, base=tmp_path)))


@pytest.fixture
def add(copy):
    """Make a further version of the first one's files, as if fitted at another moment."""
    client = find_store(copy).client()

    def make(as_of):
        first = client.get_model_version("churn", "1")
        made = client.create_model_version("churn", first.source, tags={**first.tags, "rdl.as_of": format_time(as_of)})
        return Version("churn", str(made.version), dict(made.tags))

    return make


def statuses(result):
    return {step.unit.partition("/")[0]: step.status.value for step in result.steps}


def test__champion_at__earlier_moment__the_champion_of_then(copy, database, task, model, add):
    for days in (1, 2):
        promote(copy, database, task, add(model.as_of + days * DAY), force="newer")
    found = [champion_at(copy, "churn", model.as_of + days * DAY) for days in (-1, 0, 1, 2, 9)]
    assert [version and version.number for version in found] == [None, "1", "2", "3", "3"]
    rollback(copy, "churn")
    assert champion_at(copy, "churn", model.as_of + 9 * DAY).number == "2"
    assert champion_at(copy, "nobody", model.as_of) is None


def test__champion_at__no_store__nobody_and_no_trace(project, tmp_path):
    import dataclasses

    fresh = dataclasses.replace(project, home=tmp_path / "new")
    assert champion_at(fresh, "churn", 0) is None
    assert not fresh.home.exists()


@pytest.mark.slow
def test__night__champion_moves_and_is_rolled_back__is_scored_and_published_again(pipeline, copy, database, task, add, tmp_path):
    as_of = parse_time("2025-12-02")
    anew = {"features": "done", "score": "done", "publish": "done", "monitor": "done"}

    def night(version):
        result = run_pipeline(pipeline, as_of)
        (scores,) = result.paths["score/churn"]
        assert pq.read_schema(scores).metadata[b"rdl.model_version"].decode() == version
        assert rows(tmp_path / "w.duckdb", "SELECT DISTINCT model_version FROM churn") == [(version,)]
        assert json.loads(result.paths["monitor/churn"][0].read_text(encoding="utf-8"))["version"] == version
        return statuses(result)

    assert night("1") == anew
    promote(copy, database, task, add(as_of), force="for the test")
    assert night("2") == anew
    rollback(copy, "churn")
    assert night("1") == {**anew, "features": "skipped"}
    assert set(night("1").values()) == {"skipped"}
    promote(copy, database, task, add(as_of + DAY), force="newer than the night")
    assert set(night("1").values()) == {"skipped"}, "a night that is past keeps its champion"
