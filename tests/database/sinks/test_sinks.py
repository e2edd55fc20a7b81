"""Whatever holds the scores, it holds of each cutoff what was published last."""

import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rdl.database.engine import connect
from rdl.database.sinks import parse_target, publish_scores
from rdl.errors import DataError, LockedError, ProjectError, UnavailableError, UsageError
from tests.database.sinks.scored import write_scores
from tests.projects import opened, write_project
from tests.servers import PASSWORD


def publish(path, text, key=("customer_id",)):
    return publish_scores([path], key, parse_target(text, "churn"))


def rows(file, sql):
    connection = connect()
    try:
        connection.execute(f"ATTACH '{file}' AS f (READ_ONLY)").fetchall()
        connection.execute("USE f").fetchall()
        return connection.sql(sql).fetchall()
    finally:
        connection.close()


def test__parquet__twice_and_again__one_file_a_partition(tmp_path):
    first = write_scores(tmp_path / "a.parquet", {1: 0.1, 2: 0.2})
    for _ in range(2):
        found = publish(first, f"{tmp_path}/lake/")
    place = tmp_path / "lake" / "task=churn" / "as_of=2025-12-01" / "scores.parquet"
    assert (found.place, found.rows) == (str(place), 2)
    assert place.read_bytes() == first.read_bytes()
    publish(write_scores(tmp_path / "b.parquet", {2: 0.5}), f"{tmp_path}/lake/")
    publish(write_scores(tmp_path / "c.parquet", {2: 0.5}, "2025-12-02"), f"{tmp_path}/lake/")
    files = sorted(p.relative_to(tmp_path / "lake") for p in (tmp_path / "lake").rglob("*") if p.is_file())
    assert [file.parts[1] for file in files] == ["as_of=2025-12-01", "as_of=2025-12-02"]
    assert pq.read_table(place, partitioning=None).column("prediction").to_pylist() == [0.5]


def test__parquet__parts__become_one_file(tmp_path):
    parts = [write_scores(tmp_path / f"{i}.parquet", {i: i / 10}) for i in range(3)]
    publish_scores(parts, ["customer_id"], parse_target(f"{tmp_path}/lake/", "churn"))
    (file,) = (tmp_path / "lake").rglob("*.parquet")
    assert pq.read_table(file, partitioning=None).column("customer_id").to_pylist() == [0, 1, 2]
    assert pq.read_schema(file).metadata[b"rdl.task"] == b"churn"


def test__parquet__dies_while_writing__the_last_partition_stays(tmp_path, monkeypatch):
    publish(write_scores(tmp_path / "a.parquet", {1: 0.1}), f"{tmp_path}/lake/")
    before = {p: p.read_bytes() for p in (tmp_path / "lake").rglob("*") if p.is_file()}
    monkeypatch.setattr(os, "replace", lambda a, b: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(ProjectError, match="full"):
        publish(write_scores(tmp_path / "b.parquet", {1: 0.2}), f"{tmp_path}/lake/")
    assert {p: p.read_bytes() for p in (tmp_path / "lake").rglob("*") if p.is_file()} == before


def test__duckdb__second_publication__replaces_its_cutoff_alone(tmp_path):
    file = tmp_path / "w.duckdb"
    publish(write_scores(tmp_path / "a.parquet", {1: 0.1, 2: 0.2}), f"{file}#s.churn")
    publish(write_scores(tmp_path / "b.parquet", {1: 0.3}, "2025-12-02"), f"{file}#s.churn")
    found = publish(write_scores(tmp_path / "c.parquet", {2: 0.9, 3: 0.4}, version="4"), f"{file}#s.churn")
    assert (found.rows, found.removed) == (2, 1)
    wanted = [("2025-12-01", 2, 0.9, "4"), ("2025-12-01", 3, 0.4, "4"), ("2025-12-02", 1, 0.3, "3")]
    sql = "SELECT strftime(cutoff, '%Y-%m-%d'), customer_id, prediction, model_version FROM s.churn ORDER BY ALL"
    assert rows(file, sql) == wanted


@pytest.mark.parametrize("table", ["fresh", "whole", "main.fresh"])
def test__duckdb__name_of_a_table_that_publishing_makes__holds_the_scores(tmp_path, table):
    file = tmp_path / "w.duckdb"
    for i, score in enumerate((0.1, 0.3)):
        publish(write_scores(tmp_path / f"{i}.parquet", {1: score}), f"{file}#{table}")
    assert rows(file, f"SELECT customer_id, prediction FROM {table}") == [(1, 0.3)]


def test__duckdb__owners_column_and_a_new_one__both_are_kept(tmp_path):
    file = tmp_path / "w.duckdb"
    publish(write_scores(tmp_path / "a.parquet", {1: 0.1, 2: 0.2}), f"{file}#churn")
    connection = connect()
    connection.execute(f"ATTACH '{file}' AS f").fetchall()
    connection.execute("ALTER TABLE f.churn ADD COLUMN called BOOLEAN; UPDATE f.churn SET called = true").fetchall()
    connection.close()
    publish(write_scores(tmp_path / "b.parquet", {1: 0.5, 3: 0.6}, lower=pa.array([0.4, 0.5])), f"{file}#churn")
    assert rows(file, "SELECT customer_id, called, lower FROM churn ORDER BY 1") == [(1, True, 0.4), (3, None, 0.5)]
    publish(write_scores(tmp_path / "a.parquet", {1: 0.1}), f"{file}#churn")
    assert rows(file, "SELECT customer_id, called, lower FROM churn ORDER BY 1") == [(1, True, None)]


def test__duckdb__doubles_or_another_key__refused_and_nothing_changes(tmp_path):
    file = tmp_path / "w.duckdb"
    sound = write_scores(tmp_path / "a.parquet", {1: 0.1})
    publish(sound, f"{file}#churn")
    double = tmp_path / "d.parquet"
    pq.write_table(pa.concat_tables([pq.read_table(sound)] * 2), double)
    with pytest.raises(DataError, match="two rows"):
        publish(double, f"{file}#churn")
    with pytest.raises(UsageError, match="no column 'customer'"):
        publish(sound, f"{file}#churn", ("customer",))
    assert rows(file, "SELECT count(*) FROM churn") == [(1,)]


def owned(file, statements):
    """Run the owner's statements in the file `f`."""
    connection = connect()
    connection.execute(f"ATTACH '{file}' AS f; USE f").fetchall()
    connection.execute(statements).fetchall()
    connection.close()


TABLE = "CREATE TABLE churn (customer_id BIGINT, cutoff TIMESTAMP, called BOOLEAN);"
COMMENTS = (
    "SELECT comment FROM duckdb_tables() UNION ALL SELECT comment FROM duckdb_columns() WHERE comment IS NOT NULL ORDER BY ALL"
)


@pytest.mark.parametrize("more", ["", "COMMENT ON COLUMN churn.customer_id IS 'ours'"])
def test__duckdb__owners_comment__stays_and_the_table_is_still_no_source(tmp_path, more):
    file = tmp_path / "w.duckdb"
    people = "CREATE TABLE customers AS SELECT 1 AS customer_id, TIMESTAMP '2025-01-01' AS joined_at;"
    owned(file, f"{people}{TABLE}COMMENT ON TABLE churn IS 'whom we call';{more}")
    for score in (0.1, 0.2):
        publish(write_scores(tmp_path / "a.parquet", {1: score}), f"{file}#churn")
    comments = [comment for (comment,) in rows(file, COMMENTS) if comment]
    assert comments == sorted(["whom we call", "rdl: scores of churn", *(["ours"] if more else [])])
    folder = write_project(tmp_path / "p", f'[database]\nsource = "{file}"\n[tables.customers]\ntime = "joined_at"\n')
    assert set(opened(folder).schema.tables) == {"customers"}


def test__duckdb__table_with_doubles__refused_where_a_column_of_its_owner_could_be_lost(tmp_path):
    file, path = tmp_path / "w.duckdb", write_scores(tmp_path / "a.parquet", {1: 0.1, 2: 0.2})
    doubles = "INSERT INTO churn SELECT 1, TIMESTAMP '2025-12-01', called FROM (VALUES (true), (false)) t(called);"
    owned(file, TABLE + doubles)
    with pytest.raises(DataError, match="two rows are of") as caught:
        publish(path, f"{file}#churn")
    assert "which 'called' stays cannot be told" in caught.value.fix
    assert rows(file, "SELECT * EXCLUDE cutoff FROM churn ORDER BY ALL") == [(1, False), (1, True)]
    owned(file, "ALTER TABLE churn DROP COLUMN called")
    assert publish(path, f"{file}#churn").rows == 2
    assert rows(file, "SELECT customer_id, prediction FROM churn ORDER BY ALL") == [(1, 0.1), (2, 0.2)]


def test__duckdb__doubles_at_another_cutoff__are_no_affair_of_this_one(tmp_path):
    file = tmp_path / "w.duckdb"
    owned(file, TABLE + "INSERT INTO churn SELECT 1, TIMESTAMP '2025-11-01', called FROM (VALUES (true), (false)) t(called);")
    publish(write_scores(tmp_path / "a.parquet", {1: 0.1}), f"{file}#churn")
    assert rows(file, "SELECT count(*) FROM churn") == [(3,)]


HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


def test__duckdb__held_by_another_process__locked(tmp_path):
    file = tmp_path / "w.duckdb"
    path = write_scores(tmp_path / "a.parquet", {1: 0.1})
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(file)], **pipes) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(LockedError):
            publish(path, f"{file}#churn")
        process.communicate()
    assert publish(path, f"{file}#churn").rows == 1


def test__publish__file_that_scoring_did_not_write__refused(tmp_path):
    pq.write_table(pa.table({"customer_id": [1]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="no scores of rdl"):
        publish(tmp_path / "x.parquet", f"{tmp_path}/lake/")
    (tmp_path / "y.parquet").write_bytes(b"no parquet")
    with pytest.raises(DataError, match="not readable as Parquet"):
        publish(tmp_path / "y.parquet", f"{tmp_path}/lake/")


def test__postgresql__upsert__one_row_an_entity_and_cutoff(postgres_server, tmp_path):
    url = postgres_server.create("sink_upsert") + "#marts.churn"
    first = write_scores(tmp_path / "a.parquet", {1: 0.1, 2: 0.2}, lower=pa.array([0.0, 0.1]))
    assert (publish(first, url).rows, publish(first, url).removed) == (2, 0)
    publish(write_scores(tmp_path / "b.parquet", {1: 0.3}, "2025-12-02"), url)
    postgres_server.run("ALTER TABLE marts.churn ADD COLUMN called boolean; UPDATE marts.churn SET called = true", "sink_upsert")
    likely = pa.array([{"yes": 0.9, "no": 0.1}, {"yes": 0.4, "no": 0.6}])
    found = publish(write_scores(tmp_path / "c.parquet", {2: 0.9, 3: 0.4}, version="4", probabilities=likely), url)
    assert (found.rows, found.removed) == (2, 1)
    sql = (
        "SELECT customer_id, cutoff AT TIME ZONE 'UTC', prediction, model_version, called, lower, probabilities->>'yes' "
        "FROM marts.churn ORDER BY cutoff, customer_id"
    )
    assert postgres_server.run(sql, "sink_upsert").splitlines() == [
        "2|2025-12-01 00:00:00|0.9|4|t||0.9",
        "3|2025-12-01 00:00:00|0.4|4|||0.4",
        "1|2025-12-02 00:00:00|0.3|3|t||",
    ]
    assert PASSWORD not in found.place


SOURCE = """
CREATE TABLE customers (customer_id bigint PRIMARY KEY, joined_at timestamp);
INSERT INTO customers SELECT i, timestamp '2025-01-01' + i * interval '1 day' FROM generate_series(1, 9) i;
"""


def test__sink_is_the_source__its_tables_are_not_read_back(postgres_server, tmp_path):
    url = postgres_server.create("sink_source", SOURCE)
    path = write_scores(tmp_path / "a.parquet", {1: 0.1, 2: 0.2})
    tables = '[tables.customers]\nkey = "customer_id"\ntime = "joined_at"\n'
    file = tmp_path / "w.duckdb"
    connection = connect()
    connection.execute(f"ATTACH '{file}' AS f").fetchall()
    connection.execute("CREATE TABLE f.customers AS SELECT 1 AS customer_id, TIMESTAMP '2025-01-01' AS joined_at").fetchall()
    connection.close()
    for name, source, sink in (("p", url, f"{url}#churn"), ("d", str(file), f"{file}#churn")):
        folder = write_project(tmp_path / name, f'[database]\nsource = "{source}"\n{tables}')
        before = opened(folder).fingerprint
        publish(path, sink)
        database = opened(folder)
        assert set(database.schema.tables) == {"customers"}
        assert database.fingerprint == before or name == "d"


def test__postgresql__fails_on_the_way__nothing_of_it_is_seen(postgres_server, tmp_path):
    url = postgres_server.create("sink_atomic") + "#churn"
    publish(write_scores(tmp_path / "a.parquet", {1: 0.1}), url)
    postgres_server.run("ALTER TABLE churn ADD CHECK (prediction < 0.8)", "sink_atomic")
    with pytest.raises(ProjectError, match="check constraint") as caught:
        publish(write_scores(tmp_path / "b.parquet", {1: 0.2, 2: 0.9}), url)
    assert PASSWORD not in str(caught.value)
    assert postgres_server.run("SELECT customer_id, prediction FROM churn", "sink_atomic") == "1|0.1"


def test__postgresql__no_unique_index_or_no_server__says_what_to_do(postgres_server, tmp_path):
    script = "CREATE TABLE churn (customer_id bigint, cutoff timestamp, prediction real)"
    url = postgres_server.create("sink_index", script) + "#churn"
    path = write_scores(tmp_path / "a.parquet", {1: 0.25})
    with pytest.raises(UsageError, match="no unique index") as caught:
        publish(path, url)
    assert "CREATE UNIQUE INDEX" in caught.value.fix
    postgres_server.run("CREATE UNIQUE INDEX ON churn (customer_id, cutoff)", "sink_index")
    publish(path, url)
    assert postgres_server.run("SELECT cutoff, prediction FROM churn", "sink_index") == "2025-12-01 00:00:00|0.25"
    with pytest.raises(UnavailableError, match="cannot connect") as caught:
        publish(path, "postgresql://ann:word@127.0.0.1:1/shop#churn")
    assert caught.value.exit_code == 6
    assert ":word@" not in str(caught.value)


def test__files__variable_of_the_environment__is_filled_in(tmp_path, monkeypatch):
    monkeypatch.setenv("LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("WAREHOUSE", str(tmp_path / "w.duckdb"))
    scores = write_scores(tmp_path / "a.parquet", {1: 0.1})
    publish(scores, "${LAKE}/scores/")
    publish(scores, "${WAREHOUSE}#churn")
    assert len(list((tmp_path / "lake" / "scores").rglob("*.parquet"))) == 1
    assert rows(tmp_path / "w.duckdb", "SELECT prediction FROM churn") == [(0.1,)]
