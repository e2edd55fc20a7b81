"""Offline scores: whole, repeatable, and with their origin inside."""

import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest

from rdl.errors import TaskError, TimeError, UsageError
from rdl.mlops import score
from rdl.task import population_at
from rdl.timeline import DAY, parse_time

AS_OF = parse_time("2025-11-15")


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


def test__score__any_chunk__gives_the_same_rows(scored, tmp_path):
    whole, parts = scored(tmp_path / "a.parquet"), scored(tmp_path / "b.parquet", chunk=30)
    assert pq.read_table(whole.path).equals(pq.read_table(parts.path))


def test__score__crash_half_way__leaves_the_last_good_file(project, database, task, model, tmp_path):
    out = tmp_path / "scores.parquet"
    out.write_bytes(b"the last good scores")

    class Failing:
        task, as_of = model.task, model.as_of
        calls = 0

        def tables(self, database):
            return ()

        def predict(self, database, seeds, table):
            self.calls += 1
            if self.calls > 1:
                raise MemoryError
            return model.predict(database, seeds)

    with pytest.raises(MemoryError):
        score(project, database, task, Failing(), AS_OF, out, chunk=10)
    assert out.read_bytes() == b"the last good scores"
    assert [p.name for p in tmp_path.iterdir()] == ["scores.parquet"]


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
