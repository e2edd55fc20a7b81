import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.database import load_sql, quote
from rdl.database.engine import connect, literal
from rdl.database.keys import as_key
from rdl.errors import SqlError
from tests.projects import opened, write_shop

texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return opened(write_shop(tmp_path_factory.mktemp("engine") / "p"))


@settings(max_examples=30)
@given(texts)
def test__quote_and_literal__keep_every_text_a_name_or_a_string(text):
    with connect(threads=1) as connection:
        found = connection.sql(f"SELECT {literal(text)} AS {quote(text)}")
        assert (found.columns, found.fetchall()) == ([text], [(text,)])


def test__engine__cannot_change_the_rows(shop):
    with shop.engine() as engine:
        for sql in ("DELETE FROM rows.orders", "DROP TABLE rows.orders", "CREATE TABLE db.main.x AS SELECT 1"):
            with pytest.raises(SqlError, match="read-only"):
                engine.execute(sql)


def test__engine__keeps_temporary_tables_to_itself(shop):
    with shop.engine() as one, shop.engine() as two:
        one.execute("CREATE TEMP TABLE mine AS SELECT 1 AS x")
        assert one.numpy("SELECT x FROM mine")["x"].tolist() == [1]
        with pytest.raises(SqlError, match="mine"):
            two.arrow("SELECT * FROM mine")


def test__engine__reads_registered_frames_and_parameters(shop):
    with shop.engine() as engine:
        engine.register("a", pl.DataFrame({"x": [1, 2]}))
        engine.register("b", pa.table({"x": [2, 3]}))
        assert engine.polars("SELECT a.x FROM a JOIN b USING (x) WHERE x > $low", {"low": 1}).to_dicts() == [{"x": 2}]
        engine.unregister("a")
        with pytest.raises(SqlError) as error:
            engine.polars("-- a note\nSELECT * FROM a")
        assert error.value.where == "SELECT * FROM a"


def test__load_sql__leaves_out_the_header():
    assert load_sql("staging/number.sql").startswith("CREATE TABLE {target}")


@pytest.mark.parametrize(
    ("value", "kind", "key_kind", "found"),
    [
        ("1.0", "DOUBLE", "BIGINT", 1),
        ("1.5", "DOUBLE", "BIGINT", None),
        ("'nan'", "DOUBLE", "BIGINT", None),
        ("1e30", "DOUBLE", "BIGINT", None),
        ("300", "INTEGER", "TINYINT", None),
        ("7.00", "DECIMAL(9,2)", "VARCHAR", "7"),
        ("1.5", "DOUBLE", "VARCHAR", "1.5"),
        ("'12'", "VARCHAR", "BIGINT", 12),
        ("'12.5'", "VARCHAR", "BIGINT", None),
        ("9007199254740993", "BIGINT", "DOUBLE", None),
        ("NULL", "VARCHAR", "BIGINT", None),
    ],
)
def test__as_key__rounds_nothing(value, kind, key_kind, found):
    with connect(threads=1) as connection:
        sql = f"SELECT {as_key('v', kind, key_kind)} FROM (SELECT CAST({value} AS {kind}) AS v)"
        assert connection.sql(sql).fetchall() == [(found,)]
