import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.errors import PipelineError
from rdl.pipeline.ledger import Ledger, Status
from rdl.pipeline.step import Done, Unit

UNIT = Unit("train", "churn")


@pytest.fixture
def ledger(tmp_path):
    return Ledger.of(tmp_path)


def finish(ledger, run, key, *paths, now=1):
    for path in paths:
        path.write_text(key, encoding="utf-8")
    ledger.start_run(run, "nightly", None, now)
    ledger.start_step(run, UNIT, key, now)
    ledger.finish_step(run, Done(UNIT, key, 3, paths, {"a": [1]}), now)
    ledger.end_run(run, Status.DONE, now)


def test__ledger__never_written__reads_as_empty(ledger, tmp_path):
    assert (ledger.runs(), ledger.steps("x"), ledger.unfinished("x"), ledger.done(UNIT, "k")) == ((), (), None, None)
    assert not list(tmp_path.iterdir())


def test__done__finished_step__comes_back_whole(ledger, tmp_path):
    finish(ledger, "r", "k", tmp_path / "out")
    assert ledger.done(UNIT, "k") == Done(UNIT, "k", 3, (tmp_path / "out",), {"a": [1]})
    (step,) = ledger.steps("r")
    assert (step.unit, step.status, step.rows, step.outputs) == ("train/churn", Status.DONE, 3, (tmp_path / "out",))
    assert ledger.runs()[0].status is Status.DONE


def test__done__output_gone__is_not_done(ledger, tmp_path):
    finish(ledger, "r", "k", tmp_path / "out")
    (tmp_path / "out").unlink()
    assert ledger.done(UNIT, "k") is None


def test__done__home_moved__is_still_done(ledger, tmp_path):
    home = tmp_path / "a"
    home.mkdir()
    finish(Ledger.of(home), "r", "k", home / "out")
    home.rename(tmp_path / "b")
    assert Ledger.of(tmp_path / "b").done(UNIT, "k").outputs == (tmp_path / "b" / "out",)


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from("klm"), st.sets(st.sampled_from("abc"), min_size=1)), max_size=6))
def test__done__any_order_of_work__last_owner_of_every_output_alone_is_done(tmp_path_factory, work):
    home = tmp_path_factory.mktemp("home", numbered=True)
    ledger, owner, outputs = Ledger.of(home), {}, {}
    for i, (key, names) in enumerate(work):
        finish(ledger, str(i), key, *(home / name for name in sorted(names)), now=i)
        owner.update(dict.fromkeys(names, key))
        outputs[key] = names
    for key in "klm":
        expected = key in outputs and all(owner[name] == key for name in outputs[key])
        assert (ledger.done(UNIT, key) is not None) == expected


def test__start_run__earlier_run_still_running__is_dead(ledger):
    ledger.start_run("dead", "nightly", 5, 1)
    ledger.start_step("dead", UNIT, "k", 1)
    ledger.start_run("other", "weekly", 5, 1)
    assert ledger.start_run("new", "nightly", 5, 2) == ("dead",)
    assert {run.id: run.status for run in ledger.runs()} == {"dead": Status.DIED, "other": Status.RUNNING, "new": Status.RUNNING}
    assert ledger.steps("dead")[0].status is Status.DIED
    assert ledger.unfinished("nightly").id == "new"


def test__date_run__as_of_found_later__buries_the_dead_of_that_date(ledger):
    ledger.start_run("dead", "nightly", 5, 1)
    ledger.start_run("new", "nightly", None, 2)
    assert ledger.date_run("new", "nightly", 5, 3) == ("dead",)
    assert ledger.runs(1)[0].as_of == 5


def test__end_run__open_step__ends_with_it(ledger):
    ledger.start_run("r", "nightly", 5, 1)
    ledger.start_step("r", UNIT, "k", 1)
    ledger.end_run("r", Status.INTERRUPTED, 2, "told to stop")
    assert ledger.steps("r")[0].status is Status.INTERRUPTED
    assert ledger.unfinished("nightly").error == "told to stop"


def test__write__dies_inside__nothing_is_written(ledger):
    ledger.start_run("r", "nightly", 5, 1)
    with pytest.raises(PipelineError, match="ledger"):
        ledger.start_run("r", "nightly", 6, 1)
    assert [run.status for run in ledger.runs()] == [Status.RUNNING]


def test__ledger__not_sqlite__says_so(tmp_path):
    (tmp_path / "ledger.db").write_text("no database" * 100, encoding="utf-8")
    with pytest.raises(PipelineError, match="ledger cannot be used"):
        Ledger.of(tmp_path).runs()
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(tmp_path / "ledger.db").execute("SELECT * FROM runs")


OLD = """
CREATE TABLE runs (id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, asked INTEGER, as_of INTEGER, status TEXT NOT NULL,
    started INTEGER NOT NULL, ended INTEGER, error TEXT);
CREATE TABLE steps (run TEXT NOT NULL, unit TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, started INTEGER NOT NULL,
    ended INTEGER, rows INTEGER, outputs TEXT, facts TEXT, error TEXT, PRIMARY KEY (run, unit));
INSERT INTO runs VALUES ('r', 'nightly', 5, 5, 'failed', 1, 2, 'no');
INSERT INTO steps VALUES ('r', 'train/churn', 'k', 'done', 1, 2, 3, '[]', '{}', NULL);
"""


def test__ledger__of_an_older_rdl__is_read_and_goes_on(ledger, tmp_path):
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.executescript(OLD)
    connection.close()
    assert [(run.id, run.status) for run in ledger.runs()] == [("r", Status.FAILED)]
    (step,) = ledger.steps("r")
    assert (step.rows, step.cpu, step.attempts) == (3, None, None)
    finish(ledger, "s", "k2", tmp_path / "out")
    assert [run.id for run in ledger.runs(1, "nightly")] in (["r"], ["s"])
    assert len(ledger.runs()) == 2
