"""Offline scores: whole, repeatable, and with their origin inside."""

import dataclasses
import logging
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from rdl.database.engine import connect
from rdl.errors import TaskError, TimeError, UsageError
from rdl.mlops import score
from rdl.model import parts, save_model
from rdl.task import population_at
from rdl.timeline import DAY, parse_time
from tests.cli.calls import call

AS_OF = parse_time("2025-11-15")
SLOW = """
import sys, time
from pathlib import Path
from rdl.database import open_database
from rdl.mlops import score
from rdl.model import parts, save_model
from rdl.mlops.kept_parts import KeptParts
from rdl.model import load_model
from rdl.project import open_project

def add(self, *part, add=KeptParts.add):
    add(self, *part)
    time.sleep(0.1)

KeptParts.add = add
database, model = open_database(open_project(sys.argv[1])), load_model(Path(sys.argv[2]))
score(database.project, database, model.task, model, int(sys.argv[4]), Path(sys.argv[3]), chunk=5)
"""


@pytest.fixture
def scored(project, database, task, model):
    return lambda out, as_of=AS_OF, **more: score(project, database, task, model, as_of, out, **more)


def test__score__file__holds_the_population_once_with_its_origin(scored, database, task, tmp_path):
    summary = scored(tmp_path / "deep" / "scores.parquet", version="3")
    table = pq.read_table(summary.path)
    assert table.column_names == ["customer_id", "cutoff", "prediction"]
    assert summary.rows == table.num_rows == len(population_at(database, task, np.array([AS_OF])))
    assert len(set(table["customer_id"].to_pylist())) == table.num_rows
    assert set(table["cutoff"].cast("int64").to_pylist()) == {AS_OF}
    about = pq.read_schema(summary.path).metadata
    assert about[b"rdl.as_of"] == b"2025-11-15"
    assert about[b"rdl.model_version"] == b"3"
    assert about[b"rdl.snapshot"].decode() == database.fingerprint
    assert summary.summary.low - 1e-12 <= summary.summary.mean <= summary.summary.high + 1e-12  # a mean is rounded


def test__score__same_as_of_twice__gives_the_same_bytes(scored, tmp_path):
    first, second = scored(tmp_path / "a.parquet"), scored(tmp_path / "b.parquet")
    assert first.path.read_bytes() == second.path.read_bytes()


@pytest.mark.parametrize("chunk", [1, 7, 30])
def test__score__any_chunk__gives_the_same_bytes(scored, tmp_path, chunk):
    whole, parts = scored(tmp_path / "a.parquet"), scored(tmp_path / "b.parquet", chunk=chunk)
    assert whole.path.read_bytes() == parts.path.read_bytes()
    assert whole.summary == parts.summary


def test__score__place_that_cannot_be_written__is_refused_before_the_work(scored, tmp_path, monkeypatch):
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "file").write_text("no folder")
    monkeypatch.chdir(tmp_path)
    for place in ("folder.parquet", "file/scores.parquet", "s3://bucket/scores.parquet", "/proc/none/scores.parquet"):
        with pytest.raises(UsageError, match="cannot write scores to") as caught:
            scored(Path(place))
        assert caught.value.where == "--out"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.parquet"]


@pytest.fixture
def dying(monkeypatch):
    """Predicting fails after so many parts."""
    predict = parts.predict_parts

    def die_after(count):
        def some(*asked, **more):
            for i, part in enumerate(predict(*asked, **more)):
                if i == count:
                    raise MemoryError
                yield part

        monkeypatch.setattr(parts, "predict_parts", some)

    return die_after


def test__score__dies_half_way__leaves_the_last_good_file_and_goes_on_from_there(
    scored, database, task, tmp_path, dying, monkeypatch, caplog
):
    whole = scored(tmp_path / "whole.parquet")
    out = tmp_path / "out" / "scores.parquet"
    out.parent.mkdir()
    out.write_bytes(b"the last good scores")
    dying(2)
    with pytest.raises(MemoryError):
        scored(out, chunk=10)
    assert out.read_bytes() == b"the last good scores"
    assert [p.name for p in out.parent.iterdir()] == ["scores.parquet"]
    monkeypatch.undo()
    with caplog.at_level(logging.INFO):
        again = scored(out, chunk=7)
    assert f"of {whole.rows} were scored before" in caplog.text
    assert out.read_bytes() == whole.path.read_bytes()
    assert again.summary == whole.summary
    assert not list((database.project.home / "scoring").iterdir())


def test__score__altered_part__is_scored_again(scored, database, tmp_path, dying, monkeypatch):
    whole = scored(tmp_path / "whole.parquet")
    dying(2)
    with pytest.raises(MemoryError):
        scored(tmp_path / "a.parquet", chunk=10)
    monkeypatch.undo()
    broken, *_ = (database.project.home / "scoring").rglob("part-*.arrow")
    broken.write_bytes(broken.read_bytes()[:-50])
    assert scored(tmp_path / "a.parquet").path.read_bytes() == whole.path.read_bytes()


@pytest.mark.slow
def test__score__process_is_killed__the_next_one_goes_on_from_its_parts(scored, project, database, model, tmp_path):
    whole = scored(tmp_path / "whole.parquet")
    save_model(model, tmp_path / "model")
    command = [sys.executable, "-c", SLOW, str(project.root), str(tmp_path / "model"), str(tmp_path / "killed.parquet"), str(AS_OF)]
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + 120
        while len(list((database.project.home / "scoring").rglob("part-*.arrow"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed.parquet").exists()
    before = [(part, part.stat().st_mtime_ns) for part in (database.project.home / "scoring").rglob("part-*.arrow")]
    assert 2 <= len(before) < whole.rows // 5
    subprocess.run(command, check=True)
    assert (tmp_path / "killed.parquet").read_bytes() == whole.path.read_bytes()


def test__score__as_of_far_after_the_data__is_refused(scored, database, tmp_path):
    with pytest.raises(TimeError, match="lies in the future"):
        scored(tmp_path / "a.parquet", database.span[1] + 31 * DAY)


def test__score__wrong_out_or_task__is_refused(scored, project, database, task, model, tmp_path):
    with pytest.raises(UsageError, match=r"ends in \.parquet"):
        scored(tmp_path / "a.csv")
    other = dataclasses.replace(task, name="spend")
    with pytest.raises(UsageError, match="answers 'churn', not 'spend'"):
        score(project, database, other, model, AS_OF, tmp_path / "a.parquet")


def test__score__nobody_in_the_population__says_so(project, database, task, model, tmp_path):
    nobody = dataclasses.replace(task, population_sql=task.population_sql.replace("90 DAY", "0 DAY"))
    with pytest.raises(TaskError, match="population is empty as of 2025-11-15"):
        score(project, database, nobody, model, AS_OF, tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test__rdl_score__table__holds_what_the_file_would(project, champion, scored, tmp_path, monkeypatch, capsys):
    expected = pq.read_table(scored(tmp_path / "a.parquet").path)
    table = f"{tmp_path / 'warehouse.duckdb'}#churn"
    for _ in range(2):
        words = ("score", "churn", "--as-of", "2025-11-15", "--out", table, "--project", project.root)
        assert call(monkeypatch, *words) == 0
    assert f"{expected.num_rows} predictions" in capsys.readouterr().out
    with closing(connect()) as connection:
        connection.execute(f"ATTACH '{tmp_path / 'warehouse.duckdb'}' AS w").fetchall()
        found = connection.sql("SELECT customer_id, prediction FROM w.churn ORDER BY customer_id").to_arrow_table()
    assert found["prediction"].to_pylist() == expected.sort_by("customer_id")["prediction"].to_pylist()
    assert not list((project.home / "aside").glob("scores-*"))
