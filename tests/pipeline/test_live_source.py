"""A source that changes while a run is at work: every step sees the rows that the run has read."""

import sqlite3
from contextlib import closing

import polars as pl
import pytest

from rdl.errors import ProjectError
from rdl.pipeline import attempt, run_pipeline
from rdl.pipeline.source import open_source, reopen_source
from tests.pipeline.workshop import PIPELINE, contents, open_small, write_project


def live(base):
    """The workshop's rows in a SQLite file."""
    write_project(base / "shop")
    folder = base / "shop"
    with closing(sqlite3.connect(folder / "live.db")) as connection, connection:
        for name, key in (("customers", "customer_id"), ("orders", "order_id")):
            rows = pl.read_parquet(folder / "data" / f"{name}.parquet").cast({pl.Datetime: pl.String})
            columns = ", ".join(f"{column} {'TIMESTAMP' if column.endswith('_at') else 'INTEGER'}" for column in rows.columns)
            connection.execute(f"CREATE TABLE {name} ({columns}, PRIMARY KEY ({key}))")
            connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * rows.width)})", rows.rows())
    settings = folder / "rdl.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("data/", "live.db"), encoding="utf-8")
    return folder / "live.db"


def sell(path):
    """One more order, in the middle of the others."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO orders SELECT max(order_id) + 1, 1, '2025-02-01 10:00:00.000000' FROM orders")


def orders(source):
    with source.database.engine() as engine:
        return int(engine.numpy("SELECT count(*) AS n FROM orders")["n"][0])


def test__reopen_source__source_has_changed_or_is_gone__the_rows_that_were_read(tmp_path):
    path = live(tmp_path)
    pipeline = open_small(tmp_path)
    first = open_source(pipeline, None)
    sell(path)
    assert orders(open_source(pipeline, None)) == 91
    path.unlink()
    again = reopen_source(pipeline, first.as_of, first.database.path, first.database.fingerprint)
    assert (orders(again), again.as_of, again.fit_as_of) == (90, first.as_of, first.fit_as_of)
    assert again.database == first.database
    first.database.path.unlink()
    with pytest.raises(ProjectError, match="the rows that were read are gone"):
        reopen_source(pipeline, first.as_of, first.database.path, first.database.fingerprint)


@pytest.mark.slow
def test__limit__source_changes_before_every_step__all_see_the_rows_of_the_run(tmp_path, monkeypatch):
    path, real = live(tmp_path), attempt.run_apart

    def later(step, context, limit):
        sell(path)
        return real(step, context, limit)

    monkeypatch.setattr(attempt, "run_apart", later)
    pipeline = open_small(tmp_path, PIPELINE + '[run]\nlimit = "5 minutes"\n')
    run_pipeline(pipeline)
    assert contents(pipeline.home)["sums/as_of=2025-04-01/sum.json"] == '{"churn": "182", "other": "182"}'
