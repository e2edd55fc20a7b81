"""Many nights: each is run, whatever becomes of the others."""

import signal
import subprocess
import sys
import time

import pytest

from rdl.errors import TimeError, UsageError
from rdl.pipeline import Ledger
from rdl.pipeline.backfill import backfill, backfill_apart, nights
from rdl.timeline import parse_time
from tests.pipeline.workshop import PIPELINE, ROOT, contents, open_small


def test__nights__both_ends_are_nights():
    assert nights("2025-03-01", "2025-03-03", "1 day") == tuple(parse_time(f"2025-03-0{i}") for i in (1, 2, 3))
    assert nights("2025-03-01", "2025-03-01T23:00:00", "12 hours") == (parse_time("2025-03-01"), parse_time("2025-03-01T12:00:00"))
    for words, kind in (
        (("2025-03-02", "2025-03-01", "1 day"), UsageError),
        (("2025-03-01", "2025-03-02", "0 days"), UsageError),
        (("1999-01-01", "2025-01-01", "1 minute"), UsageError),
        (("soon", "2025-03-01", "1 day"), TimeError),
    ):
        with pytest.raises(kind):
            nights(*words)


def test__backfill__one_night_fails__the_others_are_done_and_a_second_time_nothing_is(tmp_path):
    pipeline = open_small(tmp_path, PIPELINE + '[ready]\nfresh = "10 days"\n')
    as_ofs = nights("2025-03-31", "2025-04-20", "10 days")
    found = list(backfill(pipeline, as_ofs))
    assert [(night.as_of, night.exit_code) for night in found] == list(zip(as_ofs, (0, 0, 6), strict=True))
    assert found[2].error.startswith("not ready: the data ends 2025-03-31")
    assert [name for name in contents(pipeline.home) if name.startswith("sums")] == [
        "sums/as_of=2025-03-31/sum.json",
        "sums/as_of=2025-04-10/sum.json",
    ]
    before = contents(pipeline.home)
    assert [night.exit_code for night in backfill(pipeline, as_ofs)] == [0, 0, 6]
    assert contents(pipeline.home) == before
    ledger = Ledger.of(pipeline.home)
    assert {step.status.value for run in ledger.runs(3) for step in ledger.steps(run.id)} == {"skipped"}


NIGHT = "import sys, time; open(sys.argv[1], 'a').write('+\\n'); time.sleep(float(sys.argv[2])); sys.exit(int(sys.argv[3]))"


def test__backfill_apart__so_many_at_a_time_and_all_of_them(tmp_path):
    log, most = tmp_path / "log", []

    def command(as_of):
        most.append(as_of)
        return [sys.executable, "-c", NIGHT, str(log), "0.2", str(as_of % 3)]

    found = list(backfill_apart(range(5), command, 2))
    assert sorted((night.as_of, night.exit_code) for night in found) == [(0, 0), (1, 1), (2, 2), (3, 0), (4, 1)]
    assert most == [0, 1, 2, 3, 4]
    assert log.read_text(encoding="utf-8") == "+\n" * 5


def test__backfill_apart__left_early__its_nights_end(tmp_path):
    started = []

    def command(as_of):
        started.append(as_of)
        return [sys.executable, "-c", f"import time; time.sleep({60 * as_of})"]

    running = backfill_apart(range(4), command, 2)
    begun = time.monotonic()
    assert next(running).as_of == 0
    running.close()
    assert time.monotonic() - begun < 30
    assert started == [0, 1]


PARALLEL = """
import sys
from pathlib import Path
from rdl.pipeline.backfill import backfill_apart, nights
from rdl.pipeline.stop import terminable
from rdl.timeline import format_time
base, first, last = sys.argv[1:]
def command(as_of):
    return [sys.executable, "-m", "tests.pipeline.workshop", base + "/small.toml", base, format_time(as_of)]
with terminable():
    for night in backfill_apart(nights(first, last, "1 day"), command, 2):
        print(night.exit_code, flush=True)
"""


@pytest.mark.slow
def test__backfill_apart__real_nights_at_once__are_what_one_by_one_makes(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for base in (one, two):
        base.mkdir()
        open_small(base)
    list(backfill(open_small(one), nights("2025-03-01", "2025-03-04", "1 day")))
    words = [sys.executable, "-c", PARALLEL, str(two), "2025-03-01", "2025-03-04"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0"] * 4
    assert {name: text for name, text in contents(open_small(one).home).items() if not name.startswith("counts")} == {
        name: text for name, text in contents(open_small(two).home).items() if not name.startswith("counts")
    }


def halted(ledger):
    """How many nights stand in the middle of one step."""
    units = [(step.unit, step.status.value) for run in ledger.runs() for step in ledger.steps(run.id)]
    return units.count(("double/churn", "running"))


@pytest.mark.slow
def test__backfill_apart__told_to_stop__every_night_ends_cleanly(tmp_path, monkeypatch):
    pipeline = open_small(tmp_path)
    monkeypatch.setenv("HALT_IN", "double/churn")
    monkeypatch.setenv("HALT_FILE", str(tmp_path / "flag"))
    words = [sys.executable, "-c", PARALLEL, str(tmp_path), "2025-03-01", "2025-03-04"]
    with subprocess.Popen(words, cwd=ROOT) as process:
        until = time.monotonic() + 60
        while halted(Ledger.of(pipeline.home)) < 2:
            assert time.monotonic() < until
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert [run.status.value for run in Ledger.of(pipeline.home).runs()] == ["interrupted"] * 2
