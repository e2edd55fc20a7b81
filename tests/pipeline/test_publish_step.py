"""The step that publishes: a receipt for every sink, which is filled again only for other scores."""

from dataclasses import replace

import pytest

from rdl.errors import PipelineError, UnavailableError
from rdl.pipeline import STEPS, Context, Ledger, Outcome, Step, read_pipeline, run_pipeline
from rdl.timeline import parse_time
from tests.database.sinks.scored import write_scores
from tests.database.sinks.test_sinks import rows
from tests.pipeline.workshop import write_pipeline, write_project

NIGHT = """
name    = "night"
project = "shop"
steps   = ["score", "publish"]
tasks   = ["churn"]
[publish]
to = ["{base}/lake/", "{base}/w.duckdb#{{task}}", "{base}/other.duckdb#scores"]
"""


def scoring(value: float) -> Step:
    """A step that scores three customers in no time."""

    def score(context: Context) -> Outcome:
        write_scores(context.aside / "scores.parquet", dict.fromkeys(range(3), value), "2025-04-01")
        return Outcome(3, {"value": value})

    return replace(STEPS["score"], run=score, needs=())


def night(base, value=0.5, text=NIGHT):
    if not (base / "shop").exists():
        write_project(base / "shop")
    steps = {**STEPS, "score": scoring(value)}
    return read_pipeline(write_pipeline(base, text.format(base=base)), steps, base)


def done(result):
    return [step.unit for step in result.steps if step.status.value == "done"]


def test__publish__every_sink__filled_once_and_again_for_other_scores(tmp_path, monkeypatch):
    pipeline = night(tmp_path)
    units = ["publish/churn/parquet", "publish/churn/duckdb", "publish/churn/duckdb-2"]
    assert done(run_pipeline(pipeline)) == ["score/churn", *units]
    assert len(list((tmp_path / "lake").rglob("scores.parquet"))) == 1
    assert done(run_pipeline(pipeline)) == []
    receipt = pipeline.home / "published" / "churn" / "as_of=2025-04-01" / "duckdb.json"
    assert '"rows": 3' in receipt.read_text(encoding="utf-8")
    receipt.unlink()
    assert done(run_pipeline(pipeline)) == ["publish/churn/duckdb"]
    monkeypatch.setattr("rdl.pipeline.plan.code_version", lambda: "scores otherwise")
    assert done(run_pipeline(night(tmp_path, 0.75))) == ["score/churn", *units]
    for file, table in (("w", "churn"), ("other", "scores")):
        assert rows(tmp_path / f"{file}.duckdb", f"SELECT count(*), min(prediction) FROM {table}") == [(3, 0.75)]


def test__publish__one_sink_away__the_others_have_their_scores(tmp_path):
    text = NIGHT.replace('"{base}/lake/"', '"postgresql://ann:word@127.0.0.1:1/shop#churn"') + "[run]\nretries = 0\n"
    pipeline = night(tmp_path, text=text)
    with pytest.raises(UnavailableError, match="cannot connect"):
        run_pipeline(pipeline, parse_time("2025-04-01"))
    ledger = Ledger.of(pipeline.home)
    statuses = [step.status.value for step in ledger.steps(ledger.runs()[0].id)]
    assert statuses == ["done", "failed", "done", "done"]
    assert "word" not in "".join(map(str, ledger.steps(ledger.runs()[0].id)))


def test__publish__sinks_that_are_none__refused_when_the_file_is_read(tmp_path):
    with pytest.raises(PipelineError, match="cannot publish to 's3://lake'"):
        night(tmp_path, text=NIGHT.replace("{base}/lake/", "s3://lake"))
    shared = night(tmp_path, text=NIGHT.replace('["churn"]', '["churn", "other"]'))
    with pytest.raises(PipelineError, match="2 tasks would write one table") as caught:
        run_pipeline(shared)
    assert "{task}" in caught.value.fix


def test__publish__same_words_in_another_folder_or_environment__fill_that_one_too(tmp_path, monkeypatch):
    text = NIGHT.replace('"{base}/lake/", "{base}/w.duckdb#{{task}}", "{base}/other.duckdb#scores"', '"lake/", "${{STORE}}#scores"')
    units = ["publish/churn/parquet", "publish/churn/duckdb"]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("STORE", str(folder / "store.duckdb"))
        assert set(units) <= set(done(run_pipeline(night(tmp_path, text=text))))
        assert done(run_pipeline(night(tmp_path, text=text))) == []
    assert all(len(list((folder / "lake").rglob("scores.parquet"))) == 1 for folder in folders)
    assert all(rows(folder / "store.duckdb", "SELECT count(*) FROM scores") == [(3,)] for folder in folders)
