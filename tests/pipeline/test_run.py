import os
import signal
import time
from dataclasses import replace

import pytest

from rdl.errors import DataError, LockedError, SqlError
from rdl.pipeline import Ledger, Status, read_pipeline, run_pipeline
from rdl.timeline import parse_time
from tests.pipeline.workshop import PIPELINE, STEPS, contents, files, halted, open_small, write_pipeline

MAKING = PIPELINE.replace('["count"', '["make", "count"')
UNITS = ["make", "count/churn", "count/other", "double/churn", "double/other", "sum"]


def statuses(result):
    return {step.unit: step.status.value for step in result.steps}


def done(result):
    return [step.unit for step in result.steps if step.status is Status.DONE]


def test__run_pipeline__first_run__does_all_at_the_midnight_after_the_data(tmp_path):
    pipeline = open_small(tmp_path)
    result = run_pipeline(pipeline)
    assert set(statuses(result).values()) == {"done"}
    assert result.as_of == parse_time("2025-04-01")
    assert contents(pipeline.home)["sums/as_of=2025-04-01/sum.json"] == '{"churn": "182", "other": "182"}'
    assert result.paths["sum"] == (pipeline.home / "sums" / "as_of=2025-04-01" / "sum.json",)
    run = Ledger.of(pipeline.home).runs()[0]
    assert (run.id, run.status, run.as_of) == (result.run, Status.DONE, result.as_of)
    assert not list((pipeline.home / "aside").iterdir())


def test__run_pipeline__again__does_nothing(tmp_path):
    pipeline = open_small(tmp_path, MAKING)
    first = run_pipeline(pipeline)
    before = files(pipeline.home)
    second = run_pipeline(pipeline)
    assert set(statuses(second).values()) == {"skipped"}
    assert files(pipeline.home) == before
    assert second.paths == first.paths


def test__run_pipeline__another_as_of__own_partition_and_shared_work_is_not(tmp_path):
    pipeline = open_small(tmp_path)
    run_pipeline(pipeline)
    before = files(pipeline.home)
    run_pipeline(pipeline, parse_time("2025-03-01T06:00:00"))
    assert "sums/as_of=2025-03-01T06-00-00/sum.json" in contents(pipeline.home)
    assert before.items() <= files(pipeline.home).items()


def test__run_pipeline__changed_setting__redoes_what_depends_on_it(tmp_path):
    run_pipeline(open_small(tmp_path, MAKING))
    changed = open_small(tmp_path, MAKING.replace("offset = 1", "offset = 2"))
    assert done(run_pipeline(changed)) == ["count/churn", "count/other", "double/churn", "double/other", "sum"]
    assert contents(changed.home)["doubles/churn/as_of=2025-04-01/double.txt"] == "184"


def test__run_pipeline__setting_changed_back__partitions_follow(tmp_path):
    for offset, doubled in ((1, "182"), (2, "184"), (1, "182")):
        pipeline = open_small(tmp_path, PIPELINE.replace("offset = 1", f"offset = {offset}"))
        run_pipeline(pipeline)
        assert contents(pipeline.home)["doubles/other/as_of=2025-04-01/double.txt"] == doubled


def test__run_pipeline__task_changed__its_work_alone_is_redone(tmp_path):
    pipeline = open_small(tmp_path)
    run_pipeline(pipeline)
    path = pipeline.project / "sql" / "tasks" / "churn.sql"
    path.write_text(path.read_text(encoding="utf-8").replace("7 days", "8 days"), encoding="utf-8")
    assert done(run_pipeline(pipeline)) == ["count/churn", "double/churn", "sum"]


def test__run_pipeline__rows_changed__redone(tmp_path):
    pipeline = open_small(tmp_path)
    run_pipeline(pipeline)
    orders = pipeline.project / "data" / "orders.parquet"
    import polars as pl

    pl.read_parquet(orders).head(80).write_parquet(orders)
    assert len(done(run_pipeline(pipeline, parse_time("2025-04-01")))) == 5
    assert contents(pipeline.home)["doubles/churn/as_of=2025-04-01/double.txt"] == "162"


def test__run_pipeline__code_changed__redone(tmp_path, monkeypatch):
    pipeline = open_small(tmp_path)
    run_pipeline(pipeline)
    monkeypatch.setattr("rdl.pipeline.plan.code_version", lambda: "another")
    assert len(done(run_pipeline(pipeline))) == 5


def test__run_pipeline__output_deleted__that_alone_is_redone(tmp_path):
    pipeline = open_small(tmp_path)
    before = contents((run_pipeline(pipeline), pipeline.home)[1])
    (pipeline.home / "doubles" / "churn" / "as_of=2025-04-01" / "double.txt").unlink()
    assert done(run_pipeline(pipeline)) == ["double/churn"]
    assert contents(pipeline.home) == before


def test__run_pipeline__dry__writes_nothing_and_says_what_a_run_would_do(tmp_path):
    pipeline = open_small(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    plan = run_pipeline(pipeline, dry_run=True)
    assert sorted(tmp_path.rglob("*")) == before
    assert (plan.run, plan.as_of, set(statuses(plan).values())) == ("", parse_time("2025-04-01"), {"planned"})
    run_pipeline(pipeline)
    before = sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*"))
    assert set(statuses(run_pipeline(pipeline, dry_run=True)).values()) == {"skipped"}
    assert sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*")) == before


def test__run_pipeline__dry_before_the_project_is_made__all_is_planned(tmp_path):
    plan = run_pipeline(open_small(tmp_path, MAKING), dry_run=True)
    assert set(statuses(plan).values()) == {"planned"}
    assert plan.as_of is None
    assert not (tmp_path / "shop").exists()


def test__run_pipeline__one_task_fails__others_finish_and_the_error_is_raised(tmp_path):
    pipeline = open_small(tmp_path, PIPELINE.replace("offset = 1", 'fail = "churn"'))
    with pytest.raises(DataError, match="told to fail"):
        run_pipeline(pipeline)
    ledger = Ledger.of(pipeline.home)
    run = ledger.runs()[0]
    assert run.status is Status.FAILED
    assert "told to fail" in run.error
    assert {step.unit: step.status.value for step in ledger.steps(run.id)} == {
        "count/churn": "failed",
        "count/other": "done",
        "double/churn": "blocked",
        "double/other": "done",
        "sum": "blocked",
    }
    fixed = open_small(tmp_path, PIPELINE.replace("offset = 1", "offset = 0"))
    assert set(statuses(run_pipeline(fixed)).values()) == {"done"}


def test__run_pipeline__bad_project__run_fails_and_says_so(tmp_path):
    pipeline = open_small(tmp_path)
    (pipeline.project / "data" / "orders.parquet").write_bytes(b"no parquet")
    with pytest.raises((SqlError, DataError)):
        run_pipeline(pipeline)
    assert Ledger.of(pipeline.home).runs()[0].status is Status.FAILED


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What an undisturbed run makes."""
    pipeline = open_small(tmp_path_factory.mktemp("whole"), MAKING)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rdl.pipeline.plan.code_version", lambda: "fixed")
        run_pipeline(pipeline)
    return contents(pipeline.home)


MORE = [pytest.param(unit, marks=pytest.mark.slow) for unit in ("make", "count/other", "double/churn", "sum")]


@pytest.mark.parametrize("unit", ["count/churn", *MORE])
def test__run_pipeline__killed_in_a_step__resumes_to_the_same_result(tmp_path, unit, expected):
    pipeline = open_small(tmp_path, MAKING)
    with halted(tmp_path, unit) as process:
        with pytest.raises(LockedError):
            run_pipeline(pipeline)
        process.send_signal(signal.SIGKILL)
    if unit in {"make", "count/churn"}:  # what was half written is nowhere to be seen
        assert not contents(pipeline.home)
    finished = files(pipeline.home)
    result = run_pipeline(pipeline, resume=True)
    assert contents(pipeline.home) == expected
    assert finished.items() <= files(pipeline.home).items()
    assert done(result) == UNITS[UNITS.index(unit) :]
    assert [run.status for run in Ledger.of(pipeline.home).runs()] == [Status.DONE, Status.DIED]
    assert not list((pipeline.home / "aside").iterdir())


def test__run_pipeline__terminated__ends_cleanly_and_frees_the_lock(tmp_path, expected):
    pipeline = open_small(tmp_path, MAKING)
    with halted(tmp_path, "double/churn") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 143
    ledger = Ledger.of(pipeline.home)
    run = ledger.runs()[0]
    assert run.status is Status.INTERRUPTED
    assert ledger.steps(run.id)[-1].status is Status.INTERRUPTED
    assert not list((pipeline.home / "aside").iterdir())
    run_pipeline(pipeline, resume=True)
    assert contents(pipeline.home) == expected


def test__run_pipeline__resume_after_newer_rows__finishes_the_as_of_that_was_begun(tmp_path):
    broken = open_small(tmp_path, PIPELINE.replace("offset = 1", 'fail = "churn"'))
    with pytest.raises(DataError):
        run_pipeline(broken, parse_time("2025-03-01"))
    pipeline = open_small(tmp_path)
    assert run_pipeline(pipeline, resume=True).as_of == parse_time("2025-03-01")
    assert run_pipeline(pipeline, resume=True).as_of == parse_time("2025-04-01")


@pytest.mark.slow
def test__run_pipeline__another_as_of_is_running__both_may_run(tmp_path):
    pipeline = open_small(tmp_path, MAKING)
    with halted(tmp_path, "double/churn") as process:
        run_pipeline(pipeline, parse_time("2025-03-01"))
        with pytest.raises(LockedError):
            run_pipeline(pipeline, parse_time("2025-04-01"))
        assert process.poll() is None
    assert Ledger.of(pipeline.home).runs()[0].status is Status.DONE


def test__run_pipeline__handler_of_the_caller__is_put_back(tmp_path):
    before = signal.getsignal(signal.SIGTERM)
    run_pipeline(open_small(tmp_path))
    assert signal.getsignal(signal.SIGTERM) is before


def test__run_pipeline__home_not_writable__typed_error(tmp_path):
    pipeline = open_small(tmp_path)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="cannot write the home"):
        run_pipeline(replace(pipeline, home=tmp_path / "file" / "home"))


def test__run_pipeline__moved_home__nothing_is_redone(tmp_path):
    pipeline = open_small(tmp_path)
    run_pipeline(pipeline)
    os.replace(tmp_path / "shop", tmp_path / "moved")
    path = write_pipeline(tmp_path, PIPELINE.replace('"shop"', '"moved"'))
    time.sleep(0.01)
    assert done(run_pipeline(read_pipeline(path, STEPS, tmp_path))) == []
