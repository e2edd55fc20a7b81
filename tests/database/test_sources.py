"""The same tables from every kind of source, and the raw Formula 1 export as a user would stage it."""

import csv

import duckdb
import pytest

from rdl.database import Semantic, open_database
from rdl.errors import SchemaError
from rdl.project import open_project
from rdl.timeline import NEVER, parse_time
from tests.projects import SHOP_TOML, opened, rows, write_shop


@pytest.fixture
def from_csv(tmp_path):
    return opened(write_shop(tmp_path / "csv"))


def shop_in(folder, source):
    write_shop(folder)
    (folder / "rdl.toml").write_text(SHOP_TOML.replace('"data"', f'"{source}"'))
    return folder


def test__parquet_folder__holds_the_same_rows(tmp_path, from_csv):
    folder = shop_in(tmp_path / "parquet", "store")
    (folder / "store").mkdir()
    for name in ("customers", "orders"):
        sql = f"SELECT * FROM read_csv('{folder}/data/{name}.csv', nullstr = ['', '\\N'])"
        duckdb.sql(f"COPY ({sql}) TO '{folder}/store/{name}.parquet'")
    database = opened(folder)
    assert all(rows(database, t) == rows(from_csv, t) for t in ("customers", "orders"))


@pytest.mark.parametrize("suffix", ["duckdb", "db", "ddb"])
def test__duckdb_file__holds_the_same_rows_and_stays_as_it_is(tmp_path, from_csv, suffix):
    folder = shop_in(tmp_path / "file", f"shop.{suffix}")
    path = folder / f"shop.{suffix}"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE SCHEMA s").fetchall()
        for name, schema in (("customers", "s"), ("orders", "main")):
            sql = f"SELECT * FROM read_csv('{folder}/data/{name}.csv', nullstr = ['', '\\N'])"
            connection.execute(f"CREATE {'TABLE' if schema == 's' else 'VIEW'} {schema}.{name} AS {sql}").fetchall()
        connection.execute("CREATE TABLE kept AS FROM orders; DROP VIEW orders; ALTER TABLE kept RENAME TO orders").fetchall()
    before = path.read_bytes()
    database = opened(folder)
    assert all(rows(database, t) == rows(from_csv, t) for t in ("customers", "orders"))
    assert path.read_bytes() == before


def test__csv_with_semicolons_and_crlf__is_read(tmp_path):
    folder = write_shop(tmp_path / "p")
    (folder / "data" / "customers.csv").write_bytes(
        'customer_id;created_at;name;city\r\n1;2025-01-01;"Zo\u00eb; ""x""";B\r\n'.encode()
    )
    assert rows(opened(folder), "customers", "name, city") == [{"name": 'Zo\u00eb; "x"', "city": "B"}]


def test__csv_with_local_dates__keeps_their_format(tmp_path):
    folder = write_shop(tmp_path / "p", customers="customer_id,created_at,name,city\n1,31/01/2025,x,y\n2,01/02/2025,x,y\n")
    database = opened(folder)
    assert [r["_time"] for r in rows(database, "customers", "_time")] == [parse_time("2025-01-31"), parse_time("2025-02-01")]


F1_TOML = """
[database]
source = "SOURCE"
staging = "sql/staging/f1"
[tables.drivers]
key = "driverId"
[tables.races]
key = "raceId"
time = "moment"
[tables.results]
key = "resultId"
time = "moment"
references = { raceId = "races", driverId = "drivers", statusId = "status" }
[tables.status]
key = "statusId"
[tables.pit_stops]
key = ["raceId", "driverId", "stop"]
time = "moment"
lag = "1 day"
references = { raceId = "races", driverId = "drivers" }
"""
DATED = "SELECT t.*, CAST(r.date AS DATE) AS moment FROM {table} t JOIN races r USING (raceId)"


def test__raw_formula_1__gets_its_times_from_staging(tmp_path, f1_csv_folder):
    staging = tmp_path / "sql" / "staging" / "f1"
    staging.mkdir(parents=True)
    races = "SELECT *, CAST(date AS TIMESTAMP) + INTERVAL 15 HOURS AS moment FROM races; -- the flag has fallen by three\n"
    (staging / "races.sql").write_text(races)
    for table in ("results", "pit_stops"):
        (staging / f"{table}.sql").write_text(DATED.format(table=table))
    (tmp_path / "rdl.toml").write_text(F1_TOML.replace("SOURCE", f1_csv_folder.as_posix()))
    database = open_database(open_project(tmp_path))
    assert len(database.schema.tables) == 13
    raw = {}
    for table in ("results", "races", "pit_stops"):
        with (f1_csv_folder / f"{table}.csv").open(newline="") as stream:
            raw[table] = sum(1 for _ in csv.reader(stream)) - 1
    assert {t: database.schema[t].rows for t in raw} == raw
    assert all(database.report[t].null_times == 0 for t in raw)
    assert not database.report["results"].dangling
    assert database.report["races"].padded == 24, "the season of 2025 lacks its last ten columns"
    with database.engine() as engine:
        wrong = "SELECT count(*) AS n FROM rows.results o JOIN rows.races r ON o._ref_raceId = r._row WHERE o._time >= r._time"
        assert engine.numpy(wrong)["n"][0] == 0
        lagged = "SELECT count(*) AS n FROM rows.pit_stops WHERE _time <> epoch_us(CAST(moment AS TIMESTAMP)) + 86400000000"
        assert engine.numpy(lagged)["n"][0] == 0
        assert engine.numpy("SELECT count(*) AS n FROM rows.drivers WHERE number IS NULL")["n"][0] > 700
    columns = {c.name: c.semantic for c in database.schema["results"].columns}
    assert (columns["positionText"], columns["points"]) == (Semantic.CATEGORICAL, Semantic.NUMERIC)
    assert all(r["_time"] != NEVER for r in rows(database, "races", "_time"))


def test__short_lines__are_padded_and_counted_in_any_order(tmp_path):
    lines = ["1,2025-01-01,x,y", "2,2025-01-02", '3,2025-01-03,"two\nlines",z']
    for name, body in (("a", lines), ("b", lines[::-1])):
        folder = write_shop(tmp_path / name, customers="\n".join(["customer_id,created_at,name,city", *body]) + "\n")
        database = opened(folder)
        assert rows(database, "customers", "customer_id AS id, name") == [
            {"id": 1, "name": "x"},
            {"id": 2, "name": None},
            {"id": 3, "name": "two\nlines"},
        ]
        assert database.report["customers"].padded == 1


def test__long_lines__are_refused(tmp_path):
    folder = write_shop(tmp_path / "p", customers="customer_id,created_at\n1,2025-01-01\n2,2025-01-01,x\n")
    with pytest.raises(SchemaError) as error:
        opened(folder)
    assert error.value.where.endswith("customers.csv")


def test__hashes_and_bars_in_values__are_values(tmp_path):
    text = "customer_id,created_at,name,city\n1,2025-01-01,#5|a,#c\n# 2,2025-01-02,x|y|z,;\n"
    folder = write_shop(tmp_path / "p", customers=text)
    assert [r["name"] for r in rows(opened(folder), "customers", "name")] == ["#5|a", "x|y|z"]


def test__one_column_file__is_one_column(tmp_path):
    folder = write_shop(tmp_path / "p", data__words_csv="word\na|b\nc;d\n")
    assert {r["word"] for r in rows(opened(folder), "words", "word")} == {"a|b", "c;d"}
