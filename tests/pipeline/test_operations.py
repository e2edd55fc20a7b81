"""How a run behaves, whatever it makes: time limits, retries, what it waits for, its heartbeat, whom it tells of a failure."""

import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import polars as pl
import pytest

from rdl.errors import DataError, NotReadyError, PipelineError, TimeLimitError, UnavailableError
from rdl.pipeline import Ledger, Status, attempt, heartbeat, read_pipeline, ready, run_pipeline
from rdl.process import Process
from rdl.timeline import parse_time
from tests.pipeline.workshop import PIPELINE, STEPS, contents, gone, halted, open_small, write_pipeline


def statuses(pipeline):
    ledger = Ledger.of(pipeline.home)
    return {step.unit: step.status.value for step in ledger.steps(ledger.runs()[0].id)}


@pytest.mark.slow
def test__limit__step_that_outlasts_it__is_killed_and_the_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("HALT_IN", "count/churn")
    monkeypatch.setenv("HALT_FILE", str(tmp_path / "pid"))
    pipeline = open_small(tmp_path, PIPELINE + '[run]\nlimits = { count = "6 seconds" }\n')
    started = time.monotonic()
    with pytest.raises(TimeLimitError, match="count/churn took longer than its limit of 6 s") as caught:
        run_pipeline(pipeline)
    assert time.monotonic() - started < 50
    assert caught.value.exit_code == 124
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text(encoding="utf-8")), 0)
    assert statuses(pipeline) == {
        "count/churn": "failed",
        "count/other": "done",
        "double/churn": "blocked",
        "double/other": "done",
        "sum": "blocked",
    }
    assert not list((pipeline.home / "aside").iterdir())


@pytest.mark.slow
def test__limit__step_apart__does_and_raises_what_it_would_here(tmp_path):
    pipeline = open_small(tmp_path, PIPELINE.replace("offset = 1", 'fail = "churn"') + '[run]\nlimits = { count = "5 minutes" }\n')
    with pytest.raises(DataError, match="told to fail") as caught:
        run_pipeline(pipeline)
    assert (caught.value.where, caught.value.fix) == ("churn", "set fail to nothing")
    assert contents(pipeline.home)["doubles/other/as_of=2025-04-01/double.txt"] == "180"
    ledger = Ledger.of(pipeline.home)
    apart = {step.unit: step.cpu for step in ledger.steps(ledger.runs()[0].id)}
    assert apart["count/other"] > apart["double/other"] >= 0
    assert apart["count/churn"] > 0, "what failed has cost something too"


def test__source__away_twice__is_tried_again(tmp_path, monkeypatch):
    pauses, calls = [], []
    real = STEPS["count"].run

    def away(context):
        calls.append(str(context.unit))
        if len(calls) < 3:
            raise UnavailableError("nobody answers", where="there", fix="wait")
        return real(context)

    monkeypatch.setattr(attempt.time, "sleep", pauses.append)
    open_small(tmp_path)
    steps = {**STEPS, "count": replace(STEPS["count"], run=away)}
    pipeline = read_pipeline(write_pipeline(tmp_path, PIPELINE + '[run]\nwait = "5 seconds"\nretries = 2\n'), steps, tmp_path)
    run_pipeline(pipeline)
    assert (pauses, calls) == ([5.0, 10.0], ["count/churn"] * 3 + ["count/other"])
    ledger = Ledger.of(pipeline.home)
    assert [step.attempts for step in ledger.steps(ledger.runs()[0].id)][:2] == [3, 1]


def test__source__server_away__is_asked_again_and_then_refused_as_not_ready(tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(attempt.time, "sleep", pauses.append)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "rdl.toml").write_text('[database]\nsource = "postgresql://ann:word@127.0.0.1:1/shop"\n', encoding="utf-8")
    pipeline = open_small(tmp_path, PIPELINE + '[run]\nretries = 2\nwait = "1 minute"\n')
    with pytest.raises(UnavailableError, match="cannot connect"):
        run_pipeline(pipeline)
    assert pauses == [60.0, 120.0]
    run = Ledger.of(pipeline.home).runs()[0]
    assert (run.status, "word" in run.error) == (Status.FAILED, False)


def test__source__stays_away__the_run_says_so(tmp_path, monkeypatch):
    def away(context):
        raise UnavailableError("nobody answers", where="there", fix="wait")

    monkeypatch.setattr(attempt.time, "sleep", lambda pause: None)
    open_small(tmp_path)
    steps = {**STEPS, "count": replace(STEPS["count"], run=away)}
    with pytest.raises(UnavailableError) as caught:
        run_pipeline(read_pipeline(write_pipeline(tmp_path), steps, tmp_path))
    assert caught.value.exit_code == 6


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('fresh = "1 day"', "the data ends 2025-03-31T09:00:00, more than 1 day before 2025-04-03"),
        ('fresh = "2 days"\ntables = ["customers"]', "customers ends 2025-01-05"),
        ('labels = "10 days"', "the newest known labels of churn are of 2025-03-"),
    ],
)
def test__ready__rows_or_labels_late__refused_before_any_work(tmp_path, section, said):
    pipeline = open_small(tmp_path, PIPELINE + f"[ready]\n{section}\n")
    with pytest.raises(NotReadyError, match="not ready") as caught:
        run_pipeline(pipeline, parse_time("2025-04-03"))
    assert said in caught.value.what
    assert caught.value.exit_code == 6
    assert statuses(pipeline) == {}


def test__ready__rows_come_while_it_waits__the_run_goes_on_with_them(tmp_path, monkeypatch):
    pipeline = open_small(tmp_path, PIPELINE + '[ready]\nfresh = "1 day"\nwait = "1 hour"\nevery = "2 minutes"\n')
    orders, pauses = pipeline.project / "data" / "orders.parquet", []

    def arrive(pause):
        pauses.append(pause)
        rows = pl.read_parquet(orders)
        pl.concat(
            [rows, rows.tail(1).with_columns(order_id=pl.lit(900, rows.schema["order_id"]), ordered_at=pl.datetime(2025, 4, 4))]
        ).write_parquet(orders)

    monkeypatch.setattr(ready.time, "sleep", arrive)
    run_pipeline(pipeline, parse_time("2025-04-05"))
    assert pauses == [120.0]
    assert contents(pipeline.home)["doubles/churn/as_of=2025-04-05/double.txt"] == "184"


def test__ready__no_as_of__is_counted_back_from_now(tmp_path):
    with pytest.raises(NotReadyError, match="the data ends 2025-03-31T09:00:00, more than 30 days before 20"):
        run_pipeline(open_small(tmp_path, PIPELINE + '[ready]\nfresh = "30 days"\n'))


def test__ready__unknown_table__refused(tmp_path):
    with pytest.raises(PipelineError, match="'order', which is no table with a time"):
        run_pipeline(open_small(tmp_path, PIPELINE + '[ready]\nfresh = "1 day"\ntables = ["order"]\n'))


def test__heartbeat__tells_where_the_run_is_and_how_it_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.05)
    seen = []
    real = STEPS["count"].run

    def looking(context):
        time.sleep(0.2)
        seen.append(json.loads((tmp_path / "beat.json").read_text(encoding="utf-8")))
        return real(context)

    open_small(tmp_path)
    steps = {**STEPS, "count": replace(STEPS["count"], run=looking)}
    text = PIPELINE + f'[run]\nheartbeat = "{tmp_path}/beat.json"\n'
    result = run_pipeline(read_pipeline(write_pipeline(tmp_path, text), steps, tmp_path))
    assert [(beat["unit"], beat["status"], beat["as_of"]) for beat in seen] == [
        ("count/churn", "running", "2025-04-01"),
        ("count/other", "running", "2025-04-01"),
    ]
    last = json.loads((tmp_path / "beat.json").read_text(encoding="utf-8"))
    assert (last["status"], last["run"], last["pid"]) == ("done", result.run, os.getpid())
    assert [path.name for path in tmp_path.glob("*beat*")] == ["beat.json"]


@pytest.fixture
def listener():
    """A web server on loopback that keeps what it is sent; one that is told to waits before it answers."""
    got, slow = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if slow.is_set():
                time.sleep(3)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *words):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/hook", got, slow
        server.shutdown()
        thread.join()


def failing(tmp_path, section):
    return open_small(tmp_path, PIPELINE.replace("offset = 1", 'fail = "churn"') + f"[on_failure]\n{section}\n")


def test__on_failure__command_and_webhook__are_told_what_and_where(tmp_path, listener):
    url, got, _ = listener
    words = json.dumps([sys.executable, "-c", f"import sys; open({str(tmp_path / 'told')!r}, 'w').write(sys.stdin.read())"])
    pipeline = failing(tmp_path, f'webhook = "{url}"\ncommand = {words}')
    with pytest.raises(DataError, match="told to fail"):
        run_pipeline(pipeline)
    assert got == [json.loads((tmp_path / "told").read_text(encoding="utf-8"))]
    told = {name: got[0][name] for name in ("pipeline", "error", "what", "where", "exit_code")}
    assert told == {"pipeline": "small", "error": "DataError", "what": "told to fail", "where": "churn", "exit_code": 3}
    assert got[0]["run"] == Ledger.of(pipeline.home).runs()[0].id
    run_pipeline(open_small(tmp_path, PIPELINE + f'[on_failure]\nwebhook = "{url}"\n'))
    assert len(got) == 1, "a run that ends well tells nobody"


@pytest.mark.parametrize("how", ["ledger", "home"])
def test__on_failure__before_a_run_begins__is_told_too(tmp_path, listener, how):
    url, got, _ = listener
    text = PIPELINE + f'[on_failure]\nwebhook = "{url}"\n'
    pipeline = open_small(tmp_path, text if how == "ledger" else text.replace("steps ", f'home = "{tmp_path}/file"\nsteps '))
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    pipeline.project.joinpath(".rdl").mkdir()
    (pipeline.project / ".rdl" / "ledger.db").write_text("no ledger", encoding="utf-8")
    with pytest.raises(PipelineError):
        run_pipeline(pipeline, resume=True)
    assert [(told["error"], told["run"], told["exit_code"]) for told in got] == [("PipelineError", None, 3)]


@pytest.mark.slow
def test__on_failure__slow_absent_or_failing_hook__never_hides_the_error(tmp_path, listener, caplog):
    url, _, slow = listener
    slow.set()
    sections = {
        f'webhook = "{url}"\ntimeout = "100 ms"': "the failure webhook: 127.0.0.1",
        'webhook = "http://127.0.0.1:1/secret"': "127.0.0.1: <urlopen error",
        'command = ["/no/such/command"]': "No such file",
        'command = ["sleep", "60"]\ntimeout = "100 ms"': "took longer than 0.1 s, and was ended",
        'command = ["false"]': "ended with code 1",
    }
    for section, said in sections.items():
        caplog.clear()
        started = time.monotonic()
        with pytest.raises(DataError, match="told to fail"):
            run_pipeline(failing(tmp_path, section))
        assert time.monotonic() - started < 20
        assert said in caplog.text, section
        assert "secret" not in caplog.text


@pytest.mark.slow
def test__terminated__hook_is_told(tmp_path, listener):
    url, got, _ = listener
    open_small(tmp_path, PIPELINE + f'[on_failure]\nwebhook = "{url}"\n')
    with halted(tmp_path, "double/churn") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 143
    assert [(told["error"], told["exit_code"]) for told in got] == [("Terminated", 143)]


@pytest.mark.slow
def test__ledger__process_gone__run_reads_as_died(tmp_path):
    pipeline = open_small(tmp_path)
    with halted(tmp_path, "double/churn") as process:
        assert Ledger.of(pipeline.home).runs()[0].status is Status.RUNNING
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert Ledger.of(pipeline.home).runs()[0].status is Status.DIED


def test__process__number_that_went_to_another__is_not_alive():
    own = Process.current()
    assert own.alive
    assert not replace(own, started="boot:1").alive
    assert not replace(own, pid=2**22 + 1).alive
    assert replace(own, pid=2**22 + 1, host="elsewhere").alive


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test__limit__run_is_stopped_or_killed__the_step_apart_ends_with_it(tmp_path, number):
    pipeline = open_small(tmp_path, PIPELINE + '[run]\nlimit = "10 minutes"\n')
    with halted(tmp_path, "double/churn") as process:
        apart = int((tmp_path / "halted-double-churn").read_text(encoding="utf-8"))
        assert apart != process.pid
        process.send_signal(number)
        assert process.wait(30) == (143 if number is signal.SIGTERM else -number)
        assert gone(apart)
    if number is signal.SIGTERM:
        assert statuses(pipeline)["double/churn"] == "interrupted"
    run_pipeline(open_small(tmp_path), resume=True)
    assert contents(pipeline.home)["sums/as_of=2025-04-01/sum.json"] == '{"churn": "182", "other": "182"}'
