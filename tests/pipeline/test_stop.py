"""A run that is told to stop, whatever it is in the middle of: SIGTERM to real processes."""

import json
import signal
import sys
import time

import pytest

from rdl.pipeline import Ledger, Status, run_pipeline
from rdl.pipeline.stop import GRACE_S
from tests.pipeline.workshop import PIPELINE, contents, gone, halted, open_small

pytestmark = pytest.mark.slow


def hooked(tmp_path):
    """The pipeline, with a hook that writes a line whenever it is called."""
    write = f"import sys; open({str(tmp_path / 'told')!r}, 'a').write(sys.stdin.read() + '\\n')"
    return PIPELINE + f"[on_failure]\ncommand = {json.dumps([sys.executable, '-c', write])}\n"


def check_left_clean(pipeline, unit):
    """The ledger has it, somebody was told once, nothing is left aside, and the next run goes on."""
    ledger = Ledger.of(pipeline.home)
    run = ledger.runs()[0]
    assert (run.status, {step.unit: step.status for step in ledger.steps(run.id)}[unit]) == (Status.INTERRUPTED,) * 2
    assert "Terminated" in run.error
    told = [json.loads(line) for line in (pipeline.path.parent / "told").read_text(encoding="utf-8").splitlines()]
    assert [(one["error"], one["exit_code"], one["run"]) for one in told] == [("Terminated", 143, run.id)]
    assert json.loads((pipeline.home / "heartbeats" / "small.json").read_text(encoding="utf-8"))["status"] == "interrupted"
    assert not list((pipeline.home / "aside").iterdir())
    again = run_pipeline(pipeline, resume=True)
    assert contents(pipeline.home)["sums/as_of=2025-04-01/sum.json"] == '{"churn": "182", "other": "182"}'
    assert {step.unit: step.status for step in again.steps}["count/churn"] is Status.SKIPPED, "what was done is kept"


def test__sigterm__in_a_statement__ends_at_once_and_is_no_failure_of_the_step(tmp_path, monkeypatch):
    monkeypatch.setenv("HALT_HOW", "query")
    pipeline = open_small(tmp_path, hooked(tmp_path))
    with halted(tmp_path, "double/churn") as process:
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=GRACE_S + 10) == 143
    check_left_clean(pipeline, "double/churn")


def test__ctrl_c__in_a_statement__ends_and_nobody_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("HALT_HOW", "query")
    pipeline = open_small(tmp_path, hooked(tmp_path))
    with halted(tmp_path, "double/churn") as process:
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == -signal.SIGINT
    assert Ledger.of(pipeline.home).runs()[0].status is Status.INTERRUPTED
    assert not (tmp_path / "told").exists()


@pytest.mark.parametrize("how", ["native", "deaf"])
def test__sigterm__in_native_code_or_swallowed__ends_when_its_grace_is_over(tmp_path, monkeypatch, how):
    monkeypatch.setenv("HALT_HOW", how)
    pipeline = open_small(tmp_path, hooked(tmp_path))
    with halted(tmp_path, "double/churn") as process:
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=GRACE_S + 10) == 143
        assert time.monotonic() - begun >= GRACE_S - 1
    check_left_clean(pipeline, "double/churn")


def test__sigterm__again__ends_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("HALT_HOW", "native")
    pipeline = open_small(tmp_path, hooked(tmp_path))
    with halted(tmp_path, "double/other") as process:
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=GRACE_S) == 143
        assert time.monotonic() - begun < GRACE_S - 2
    check_left_clean(pipeline, "double/other")


def test__sigterm__step_has_started_a_process__that_ends_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HALT_HOW", "child")
    pipeline, flag = open_small(tmp_path, hooked(tmp_path)), tmp_path / "halted-sum.child"
    with halted(tmp_path, "sum") as process:
        until = time.monotonic() + 20
        while not (flag.is_file() and flag.read_text(encoding="utf-8")) and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=GRACE_S + 10) == 143
        assert gone(int(flag.read_text(encoding="utf-8")))
    check_left_clean(pipeline, "sum")
