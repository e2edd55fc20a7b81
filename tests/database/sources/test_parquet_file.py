"""Parquet is read where it lies; the table says of itself whether it is exactly its files."""

import duckdb
import pytest

from rdl.errors import ProjectError, SchemaError
from tests.database.sources.reading import files, reading


def write(path, sql):
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)").fetchall()


def test__one_file__is_its_table(tmp_path):
    write(tmp_path / "year=2024" / "t.parquet", "SELECT i, i % 7 AS b FROM range(300000) r(i)")
    with reading("year=2024", tmp_path) as found:
        assert found.source.tables["t"].parquet
        assert found.types("t") == {"i": "BIGINT", "b": "BIGINT"}, "what lies above the source is no column"
        assert [i for (i,) in found.rows("t", "i")] == list(range(300_000))


def test__parts_alike__are_their_table_in_the_order_of_their_paths(tmp_path):
    for i, part in enumerate(["a", "b/1", "b/2", "c"]):
        write(tmp_path / "data" / "t" / f"{part}.parquet", f"SELECT {i} AS i, 'x' AS b")
    with reading("data", tmp_path) as found:
        table = found.source.tables["t"]
        assert table.parquet
        assert [f.name for f in table.files] == ["a.parquet", "1.parquet", "2.parquet", "c.parquet"]
        assert found.rows("t", "i") == [(0,), (1,), (2,), (3,)]


def test__parts_that_differ__are_united_by_name_and_no_plain_files(tmp_path):
    write(tmp_path / "data" / "t" / "1.parquet", "SELECT CAST(1 AS INTEGER) AS a, 'x' AS b")
    write(tmp_path / "data" / "t" / "2.pq", "SELECT 2.5 AS c, CAST(3000000000 AS BIGINT) AS a")
    with reading("data", tmp_path) as found:
        assert not found.source.tables["t"].parquet
        assert found.rows("t", "a, b, CAST(c AS DOUBLE)") == [(1, "x", None), (3_000_000_000, None, 2.5)]


def test__parts_with_one_more_column__are_no_plain_files(tmp_path):
    write(tmp_path / "data" / "t" / "1.parquet", "SELECT 1 AS a, 2 AS b")
    write(tmp_path / "data" / "t" / "2.parquet", "SELECT 2 AS b, 1 AS a")
    with reading("data", tmp_path) as found:
        assert not found.source.tables["t"].parquet
        assert found.rows("t", "a, b") == [(1, 2), (1, 2)]


def test__key_folders__are_columns(tmp_path):
    for year, month in ((2023, "01"), (2024, "02")):
        write(tmp_path / "env=prod" / "orders" / f"year={year}" / f"month={month}" / "part-0.parquet", "SELECT 1 AS a")
    with reading("env=prod", tmp_path) as found:
        assert not found.source.tables["orders"].parquet
        assert found.types("orders") == {"a": "INTEGER", "month": "VARCHAR", "year": "BIGINT"}
        assert found.rows("orders", "a, year, month") == [(1, 2023, "01"), (1, 2024, "02")]
    with reading("env=prod/orders", tmp_path) as found:
        assert found.rows("orders", "a, year, month") == [(1, 2023, "01"), (1, 2024, "02")]


def test__null_key_folder__is_null(tmp_path):
    write(tmp_path / "data" / "t" / "day=__HIVE_DEFAULT_PARTITION__" / "1.parquet", "SELECT 1 AS a")
    write(tmp_path / "data" / "t" / "day=2024-01-02" / "1.parquet", "SELECT 2 AS a")
    with reading("data", tmp_path) as found:
        assert found.types("t")["day"] == "DATE"
        assert sorted(found.rows("t", "a, day IS NULL")) == [(1, True), (2, False)]


def test__key_folders_of_some_parts_only__are_refused(tmp_path):
    write(tmp_path / "data" / "t" / "year=2024" / "1.parquet", "SELECT 1 AS a")
    write(tmp_path / "data" / "t" / "2.parquet", "SELECT 2 AS a")
    with pytest.raises(ProjectError) as error, reading("data", tmp_path):
        pass
    assert "1.parquet" in error.value.what
    assert "2.parquet" in error.value.what


def test__truncated_part__is_named(tmp_path):
    write(tmp_path / "data" / "t" / "1.parquet", "SELECT 1 AS a")
    files(tmp_path, {"data/t/2.parquet": "PAR1 and no more"})
    with pytest.raises(SchemaError) as error, reading("data", tmp_path):
        pass
    assert error.value.where.endswith("2.parquet")


def test__decimals_and_nested_values__are_kept(tmp_path):
    sql = "SELECT CAST('12345678901234567890.12' AS DECIMAL(38,2)) AS d, {'x': [1, 2]} AS s, repeat('é', 1000000) AS t"
    write(tmp_path / "data" / "t.parquet", sql)
    with reading("data", tmp_path) as found:
        assert found.rows("t", "CAST(d AS VARCHAR), s.x[2], length(t)") == [("12345678901234567890.12", 2, 1_000_000)]


def test__rel_f1__is_nine_tables_in_place(rel_f1_folder, tmp_path):
    with reading(str(rel_f1_folder / "db"), tmp_path) as found:
        assert len(found.source.tables) == 9
        assert all(table.parquet for table in found.source.tables.values())
        assert found.rows("results", "count(*)") == [(26080,)]
