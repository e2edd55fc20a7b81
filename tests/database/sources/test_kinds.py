"""The same rows from every kind of source, through the whole of ingestion."""

import sqlite3

import duckdb
import pytest
from pyarrow import ipc

from tests.projects import SHOP_TOML, opened, rows, write_shop

TABLES = ("customers", "orders")


def raw(folder, name):
    return f"SELECT * FROM read_csv('{folder}/data/{name}.csv', nullstr = ['', '\\N'])"


def as_files(folder, suffix, options):
    (folder / "store").mkdir()
    for name in TABLES:
        duckdb.sql(f"COPY ({raw(folder, name)}) TO '{folder}/store/{name}{suffix}' ({options})")
    return "store"


def as_parts(folder):
    for name in TABLES:
        (folder / "store" / name / "k").mkdir(parents=True)
        for part, rest in (("1", 0), ("k/2", 1)):
            sql = f"SELECT * EXCLUDE (n) FROM (SELECT *, row_number() OVER () AS n FROM ({raw(folder, name)})) WHERE n % 2 = {rest}"
            duckdb.sql(f"COPY ({sql}) TO '{folder}/store/{name}/{part}.parquet'")
    return "store/**/*.parquet"


def as_arrow(folder):
    (folder / "store").mkdir()
    for name, new in zip(TABLES, (ipc.new_file, ipc.new_stream), strict=True):
        table = duckdb.sql(raw(folder, name)).to_arrow_table()
        with new(folder / "store" / f"{name}.arrow", table.schema) as writer:
            writer.write_table(table)
    return "store/*.arrow"


def as_duckdb(folder):
    with duckdb.connect(str(folder / "shop.db")) as connection:
        connection.execute("CREATE SCHEMA s").fetchall()
        connection.execute(f"CREATE TABLE s.customers AS {raw(folder, 'customers')}").fetchall()
        connection.execute(f"CREATE TABLE kept AS {raw(folder, 'orders')}; CREATE VIEW orders AS FROM kept").fetchall()
    return "shop.db"


def as_sqlite(folder):
    connection = sqlite3.connect(folder / "shop.sqlite")
    for name in TABLES:
        table = duckdb.sql(raw(folder, name))
        kinds = ", ".join(f"{c} {t}" for c, t in zip(table.columns, table.types, strict=True))
        connection.execute(f"CREATE TABLE {name} ({kinds})")
        time = {"customers": "created_at", "orders": "ordered_at"}[name]
        values = duckdb.sql(f"SELECT * REPLACE (CAST({time} AS VARCHAR) AS {time}) FROM ({raw(folder, name)})").fetchall()
        connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(table.columns))})", values)
    connection.commit()
    connection.close()
    return "shop.sqlite"


KINDS = {
    "parquet": lambda folder: as_files(folder, ".parquet", "FORMAT parquet"),
    "json lines": lambda folder: as_files(folder, ".jsonl", "FORMAT json"),
    "json array": lambda folder: as_files(folder, ".json.gz", "FORMAT json, ARRAY true, COMPRESSION gzip"),
    "tsv": lambda folder: as_files(folder, ".tsv", "FORMAT csv, DELIMITER '\t', HEADER true"),
    "parts": as_parts,
    "arrow": as_arrow,
    "duckdb": as_duckdb,
    "sqlite": as_sqlite,
}


@pytest.mark.parametrize("kind", KINDS)
def test__every_kind__holds_the_same_rows(tmp_path, kind):
    folder = write_shop(tmp_path)
    expected = opened(folder)
    source = KINDS[kind](folder)
    (folder / "rdl.toml").write_text(SHOP_TOML.replace('"data"', f'"{source}"') + "[tables.kept]\nkey = []\n" * (kind == "duckdb"))
    database = opened(folder)
    assert database.fingerprint != expected.fingerprint
    for table in TABLES:
        assert rows(database, table) == rows(expected, table)
