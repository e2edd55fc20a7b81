import json
import re
from types import SimpleNamespace

import pytest

from rdl.errors import PipelineError
from rdl.pipeline import STEPS, Ledger, read_pipeline, run_pipeline
from rdl.pipeline.steps.fit import FitSection, fit_settings, own_members
from rdl.task import Kind
from rdl.timeline import parse_time
from tests.pipeline import workshop
from tests.pipeline.workshop import write_pipeline, write_project

DEMO = """
name    = "try"
project = "shop"
steps   = ["demo", "check"]
tasks   = ["churn"]
[demo]
rows = 2000
"""


def test__steps__every_name__is_its_key_and_names_only_known_steps():
    for name, step in STEPS.items():
        assert name == step.name
        assert {*step.needs, *step.requires} <= STEPS.keys()


@pytest.mark.slow
def test__demo__empty_folder__makes_the_shop_once(tmp_path):
    pipeline = read_pipeline(write_pipeline(tmp_path, DEMO), base=tmp_path)
    run_pipeline(pipeline)
    orders = pipeline.project / "data" / "orders.parquet"
    settings = pipeline.project / "rdl.toml"
    before = (orders.stat().st_mtime_ns, settings.stat().st_mtime_ns)
    assert run_pipeline(pipeline).steps[0].status.value == "skipped"
    assert (orders.stat().st_mtime_ns, settings.stat().st_mtime_ns) == before
    assert sorted(p.name for p in pipeline.project.iterdir()) == [".rdl", "data", "rdl.toml", "sql"]


@pytest.mark.slow
def test__demo__other_seed__replaces_the_shop(tmp_path):
    pipeline = read_pipeline(write_pipeline(tmp_path, DEMO), base=tmp_path)
    run_pipeline(pipeline)
    before = (pipeline.project / "data" / "orders.parquet").read_bytes()
    run_pipeline(read_pipeline(write_pipeline(tmp_path, DEMO + "seed = 1\n"), base=tmp_path))
    assert (pipeline.project / "data" / "orders.parquet").read_bytes() != before


def test__demo__somebody_elses_project__is_left_alone(tmp_path):
    write_project(tmp_path / "shop")
    before = (tmp_path / "shop" / "rdl.toml").read_bytes()
    with pytest.raises(PipelineError, match="no demo shop"):
        run_pipeline(read_pipeline(write_pipeline(tmp_path, DEMO), base=tmp_path))
    assert (tmp_path / "shop" / "rdl.toml").read_bytes() == before


def test__check__dirty_rows__are_counted(tmp_path):
    import polars as pl

    write_project(tmp_path / "shop")
    path = tmp_path / "shop" / "data" / "orders.parquet"
    late = pl.when(pl.col("order_id") < 7).then(None).otherwise(pl.col("ordered_at"))
    lost = pl.when(pl.col("order_id") < 3).then(99).otherwise(pl.col("customer_id"))
    pl.read_parquet(path).with_columns(ordered_at=late, customer_id=lost).write_parquet(path)
    text = 'name = "c"\nproject = "shop"\nsteps = ["check"]\n'
    (step,) = run_pipeline(read_pipeline(write_pipeline(tmp_path, text), base=tmp_path)).steps
    report = json.loads(step.outputs[0].read_text(encoding="utf-8"))
    assert report["rows"] == 95
    counts = {(f["table"], f["check"], f["column"]): f["count"] for f in report["found"]}
    assert counts["orders", "null_time", "ordered_at"] == 7
    assert counts["orders", "dangling", "customer_id"] == 3
    assert report["last_event"].startswith("2025-03-31")


def test__check__unknown_task__fails_with_the_nearest(tmp_path):
    write_project(tmp_path / "shop")
    text = 'name = "c"\nproject = "shop"\nsteps = ["check"]\ntasks = ["chrun"]\n'
    pipeline = read_pipeline(write_pipeline(tmp_path, text), base=tmp_path)
    with pytest.raises(Exception, match=re.escape("no task 'chrun'")) as caught:
        run_pipeline(pipeline)
    assert "'churn'" in str(caught.value)
    assert Ledger.of(pipeline.home).runs()[0].error.startswith("TaskError")


def test__fit__section_is_shared__train_and_evaluate_speak_of_one_model():
    assert STEPS["train"].sections["fit"] is STEPS["evaluate"].sections["fit"]
    assert set(workshop.STEPS) != set(STEPS)


def test__fit__members__every_task_takes_those_that_answer_its_kind():
    named = ["features", "ranking"]
    assert own_members(named, Kind.BINARY) == own_members(named, Kind.MULTILABEL) == ("features",)
    assert own_members(named, Kind.RECOMMENDATION) == ("popular", "past", "ranked")
    assert own_members(["features"], Kind.RECOMMENDATION) == ("features",)  # which the fit refuses, naming those that could


@pytest.mark.parametrize(
    ("kind", "members", "trials"), [("binary", None, 7), ("recommendation", None, None), ("binary", ["entity"], None)]
)
def test__fit__trials__are_for_tasks_whose_members_can_be_tuned(kind, members, trials):
    section = FitSection(members=members, trials=7)
    task = SimpleNamespace(kind=Kind(kind))
    source = SimpleNamespace(task=lambda name: task)
    context = SimpleNamespace(section=lambda *_: section, source=source, unit=SimpleNamespace(task="t"))
    assert fit_settings(context).trials == trials


@pytest.mark.slow
def test__evaluate__task_without_time__is_backtested_in_the_one_regime_that_tells_something(tmp_path):
    from tests.task.test_static import write

    write(tmp_path / "papers")
    text = 'name = "p"\nproject = "papers"\nsteps = ["evaluate", "report"]\ntasks = ["topic"]\n[fit]\nmembers = ["entity"]\n'
    found = run_pipeline(read_pipeline(write_pipeline(tmp_path, text), base=tmp_path), as_of=parse_time("2026-01-01"))
    rows = {step.unit: step.rows for step in found.steps}
    assert rows["evaluate/topic/fresh"] > 20
    assert rows["evaluate/topic/frozen"] == rows["evaluate/topic/rolling"] == 0
    assert [len(found.paths[f"evaluate/topic/{regime}"]) for regime in ("fresh", "frozen", "rolling")] == [2, 0, 0]
    assert "fresh" in found.paths["report/topic"][0].read_text(encoding="utf-8")
