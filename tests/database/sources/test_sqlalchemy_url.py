import logging
import sqlite3
import sys
import traceback
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from rdl.database.sources.landing import land
from rdl.database.sources.source import Constraints, ForeignKey
from rdl.database.sources.sqlalchemy_types import array, kind_of
from rdl.database.sources.sqlalchemy_url import sqlalchemy_feed
from rdl.errors import ProjectError, SchemaError
from rdl.project import DatabaseSettings, Project, TableSettings
from tests.database.sources.memory_feed import rows_of

SHOP = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(20), born DATE, joined DATETIME, balance NUMERIC(10, 2), rate NUMERIC,
    active BOOLEAN, picture BLOB, opens TIME, odd);
INSERT INTO customers VALUES (1, 'Zoë', '2000-02-29', '2025-01-01 10:00:00', 1.5, 0.25, 1, x'00ff', '10:30:00', 'x'),
    (2, NULL, NULL, NULL, 7, NULL, 0, NULL, NULL, 5);
CREATE TABLE lines (number INTEGER, line INTEGER, customer INTEGER REFERENCES customers(id), PRIMARY KEY (number, line));
INSERT INTO lines VALUES (10, 1, 1), (10, 2, 1), (11, 1, 9);
CREATE TABLE visits (id INTEGER PRIMARY KEY, at DATETIME, cost NUMERIC(10, 2), name TEXT);
INSERT INTO visits VALUES (1, '2025-01-01 10:00:00', 7.25, 'a'), (-3, '2024-12-31 10:00:00', 1.5, 'b'),
    (2, '2025-02-01 00:00:00', 9.5, 'c');
CREATE VIEW names AS SELECT id, name FROM customers;
CREATE TABLE "order; ""x"" 100% :y" ("select" INTEGER, "a %s :b" TEXT);
INSERT INTO "order; ""x"" 100% :y" VALUES (1, '100% :y');
"""
ODD = 'order; "x" 100% :y'
URLS = ["sqlite+pysqlite:///shop.sqlite", "connectorx+sqlite:///shop.sqlite"]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SHOP)
    connection.close()
    return tmp_path


def project(folder: Path, tables: dict[str, TableSettings] | None = None, **database: Any) -> Project:
    return Project("shop", folder, folder / "home", DatabaseSettings(source="url", **database), tables or {})


def change(folder: Path, sql: str) -> None:
    with sqlite3.connect(folder / "shop.sqlite") as connection:
        connection.executescript(sql)
    connection.close()


def test__feed__tables__have_types_and_constraints(shop: Path) -> None:
    with sqlalchemy_feed(URLS[0], project(shop))() as feed:
        tables = feed.tables

    assert list(tables) == ["customers", "lines", "names", ODD, "visits"]
    assert tables["customers"].columns == {
        "id": "BIGINT",
        "name": "VARCHAR",
        "born": "DATE",
        "joined": "TIMESTAMP",
        "balance": "DECIMAL(10,2)",
        "rate": "DOUBLE",
        "active": "BOOLEAN",
        "picture": "BLOB",
        "opens": "TIME",
        "odd": "VARCHAR",
    }
    assert tables["lines"].constraints == Constraints(("number", "line"), (ForeignKey(("customer",), "customers", ("id",)),))
    assert tables["names"].constraints == Constraints()


@pytest.mark.parametrize("url", URLS)
def test__land__rows__are_those_of_the_database(shop: Path, url: str) -> None:
    source = land(sqlalchemy_feed(url, project(shop, include=["lines", "names", "order*"])), project(shop), "shop")

    assert rows_of(source, "lines") == {("10", "1", "1"): 1, ("10", "2", "1"): 1, ("11", "1", "9"): 1}
    assert rows_of(source, "names") == {("1", "Zoë"): 1, ("2", None): 1}
    assert rows_of(source, ODD) == {("1", "100% :y"): 1}


def test__read__values__come_in_the_stated_types(shop: Path) -> None:
    with sqlalchemy_feed(URLS[0], project(shop))() as feed:
        rows = feed.read(feed.tables["customers"]).read_all().to_pylist()

    assert rows[0] == {
        "id": 1,
        "name": "Zoë",
        "born": date(2000, 2, 29),
        "joined": datetime(2025, 1, 1, 10),
        "balance": Decimal("1.50"),
        "rate": 0.25,
        "active": True,
        "picture": b"\0\xff",
        "opens": time(10, 30),
        "odd": "x",
    }
    assert (rows[1]["balance"], rows[1]["odd"]) == (Decimal("7.00"), "5")


def test__read__value_of_another_type__is_named(shop: Path) -> None:
    change(shop, "INSERT INTO customers (id, born) VALUES (3, 'never')")

    with pytest.raises(SchemaError) as caught:
        land(sqlalchemy_feed(URLS[0], project(shop)), project(shop), "shop")
    assert caught.value.what == "the value 'never' is no DATE"
    assert caught.value.where == "table customers, column born"


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize(("column", "value"), [("id", 1), ("at", datetime(2025, 1, 1, 10)), ("cost", Decimal("7.25"))])
def test__read__since__has_no_row_below_and_every_row_above(shop: Path, url: str, column: str, value: object) -> None:
    with sqlalchemy_feed(url, project(shop))() as feed:
        rows = feed.read(feed.tables["visits"], (column, value)).read_all().to_pylist()

    assert {row["id"] for row in rows} == {1, 2}


@pytest.mark.parametrize("url", URLS)
def test__refresh__through_a_url__equals_a_full_reload(shop: Path, url: str) -> None:
    included = {"include": ["visits"]}
    declared, plain = (
        project(shop, {"visits": TableSettings(watermark="at", lookback="2 days")}, **included),
        project(shop, **included),
    )
    land(sqlalchemy_feed(url, declared), declared, "shop")
    change(shop, "INSERT INTO visits VALUES (3, '2025-03-01 00:00:00', 1.5, 'd'), (4, '2025-01-31 00:00:00', 1.5, 'late')")
    change(shop, "UPDATE visits SET name = 'new', at = '2025-04-01 00:00:00' WHERE id = 1")
    refreshed = land(sqlalchemy_feed(url, declared), declared, "shop")

    assert refreshed.identity == land(sqlalchemy_feed(url, plain), plain, "whole").identity
    assert refreshed.tables["visits"].note.startswith("4 rows read, at >= 2025-01-29 23:59:59.999999; they replace 2")


def test__feed__what_others_commit_meanwhile__is_not_seen(shop: Path) -> None:
    with sqlalchemy_feed(URLS[0], project(shop))() as feed:
        before = feed.read(feed.tables["names"]).read_all().num_rows
        change(shop, "DELETE FROM lines; INSERT INTO customers (id) VALUES (3)")
        assert feed.read(feed.tables["names"]).read_all().num_rows == before
        assert feed.read(feed.tables["lines"]).read_all().num_rows == 3
    with sqlalchemy_feed(URLS[0], project(shop))() as feed:
        assert feed.read(feed.tables["lines"]).read_all().num_rows == 0


def test__connectorx__is_said_to_read_table_by_table(shop: Path, caplog: pytest.LogCaptureFixture) -> None:
    with sqlalchemy_feed(URLS[1], project(shop))():
        assert "not in one transaction" in caplog.text


def test__connectorx__failure__is_a_typed_error(shop: Path) -> None:
    with sqlalchemy_feed(URLS[1], project(shop))() as feed:
        table = feed.tables["lines"]
        change(shop, "DROP TABLE lines")
        with pytest.raises(ProjectError, match="cannot read 'lines'"):
            feed.read(table).read_all()


def test__connectorx__not_installed__names_the_extra(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "connectorx", None)
    with sqlalchemy_feed(URLS[1], project(shop))() as feed, pytest.raises(ProjectError, match="connectorx") as caught:
        feed.read(feed.tables["lines"])
    assert caught.value.fix == "pip install 'rdl[connectorx]'"


def test__include__pattern__is_case_blind_and_refused_where_it_fits_nothing(shop: Path) -> None:
    with sqlalchemy_feed(URLS[0], project(shop, include=["L*"]))() as feed:
        assert list(feed.tables) == ["lines"]
    with (
        pytest.raises(ProjectError, match="'custs' matches no table") as caught,
        sqlalchemy_feed(URLS[0], project(shop, include=["custs"]))(),
    ):
        pass
    assert caught.value.fix == "did you mean 'customers'?"


def test__schemas__name_that_is_not_there__is_refused(shop: Path) -> None:
    with (
        pytest.raises(ProjectError, match="no schema 'mian'") as caught,
        sqlalchemy_feed(URLS[0], project(shop, schemas=["mian"]))(),
    ):
        pass
    assert caught.value.fix == "did you mean 'main'?"


@pytest.mark.parametrize(
    ("url", "match", "fix"),
    [
        ("mssql+pyodbc://ann:hunter2@host/db", "needs the package pyodbc", "pip install pyodbc"),
        ("mysql+mysqldb://ann:hunter2@host/db", "needs the package mysqlclient", "pip install mysqlclient"),
        ("nosuch://ann:hunter2@host/db", "no kind of source is called 'nosuch'", "SQLAlchemy dialect"),
        ("mysql+pymysql://ann:hunter2@host:port/db", "not a URL of a database", "driver://user"),
        ("sqlite+pysqlite:///nosuch.sqlite", "no SQLite file at", "correct the path"),
        ("mysql+pymysql://ann:hunter2@127.0.0.1:1/db", "OperationalError", "is the server there"),
    ],
)
def test__open__what_cannot_be__is_a_typed_error_without_credentials(tmp_path: Path, url: str, match: str, fix: str) -> None:
    with pytest.raises(ProjectError, match=match) as caught, sqlalchemy_feed(url, project(tmp_path))():
        pass
    assert fix in caught.value.fix
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("found", "value", "sql", "expected"),
    [
        (sa.Integer(), Decimal(7), "BIGINT", 7),
        (mysql.BIGINT(unsigned=True), 2**64 - 1, "UBIGINT", 2**64 - 1),
        (mysql.INTEGER(unsigned=True), 2**32 - 1, "BIGINT", 2**32 - 1),
        (mysql.YEAR(), 2024, "BIGINT", 2024),
        (sa.Numeric(10, 2), 0.1 + 0.2, "DECIMAL(10,2)", Decimal("0.30")),
        (sa.Numeric(10, 2), "12.5", "DECIMAL(10,2)", Decimal("12.50")),
        (sa.Numeric(), Decimal("12.5"), "DOUBLE", 12.5),
        (sa.Numeric(60, 2), Decimal("12.5"), "DOUBLE", 12.5),
        (sa.Double(), Decimal("12.5"), "DOUBLE", 12.5),
        (sa.Boolean(), b"\x01", "BOOLEAN", True),
        (sa.DateTime(timezone=True), "2025-01-01 10:00+02:00", "TIMESTAMP WITH TIME ZONE", None),
        (sa.DateTime(), "2025-01-01T10:00+02:00", "TIMESTAMP", datetime(2025, 1, 1, 8)),
        (sa.DateTime(), "0000-00-00 00:00:00", "TIMESTAMP", None),
        (sa.Date(), "0000-00-00", "DATE", None),
        (sa.Time(), timedelta(hours=3), "TIME", time(3)),
        (sa.Interval(), timedelta(minutes=-3), "DOUBLE", -180.0),
        (sa.LargeBinary(), b"a", "BLOB", b"a"),
        (mysql.BIT(3), b"\x05", "BLOB", b"\x05"),
        (sa.JSON(), {"a": [1]}, "JSON", '{"a": [1]}'),
        (sa.Uuid(), UUID(int=5), "UUID", str(UUID(int=5))),
        (mysql.SET("a", "b"), "a,b", "VARCHAR", "a,b"),
        (sa.types.NullType(), 5, "VARCHAR", "5"),
    ],
)
def test__kind__values_of_drivers__become_the_stated_type(found: Any, value: Any, sql: str, expected: Any) -> None:
    kind = kind_of(found)
    assert kind.sql == sql
    made = array([value, None], kind, "t", "c")
    assert made.type == kind.arrow
    if "ZONE" in sql:
        expected = made[0].as_py()
        assert made.cast(pa.int64())[0].as_py() == int(datetime.fromisoformat(value).timestamp() * 1e6)
    assert made.to_pylist() == [expected, None]


@pytest.mark.parametrize(
    ("found", "value"),
    [
        (sa.Integer(), 1.5),
        (sa.Integer(), 2**70),
        (sa.Numeric(4, 2), Decimal("1.234")),
        (sa.Numeric(4, 2), Decimal("123.45")),
        (sa.Boolean(), 2),
        (sa.Date(), datetime(2025, 1, 1, 10)),
        (sa.Time(), timedelta(hours=30)),
        (sa.DateTime(), "31.12.2025"),
        (sa.Double(), "much"),
    ],
)
def test__kind__value_that_would_lose_something__is_refused(found: Any, value: Any) -> None:
    with pytest.raises(SchemaError, match="is no") as caught:
        array([value, "x"], kind_of(found), "t", "c")
    assert caught.value.where == "table t, column c"


def test__kind__dates_that_mean_none__are_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        array(["0000-00-00", date(2025, 1, 1), "0000-00-00"], kind_of(sa.Date()), "t", "c")
    assert "table t, column c: 2 times 0000-00-00" in caplog.text


def test__refresh__by_a_text__equals_a_full_reload(shop: Path) -> None:
    only = {"include": ["visits"]}
    declared, plain = project(shop, {"visits": TableSettings(watermark="name")}, **only), project(shop, **only)
    land(sqlalchemy_feed(URLS[0], declared), declared, "shop")
    change(shop, "INSERT INTO visits VALUES (5, '2025-03-01 00:00:00', 1.5, 'cc'), (6, NULL, NULL, 'é')")
    refreshed = land(sqlalchemy_feed(URLS[0], declared), declared, "shop")

    assert refreshed.identity == land(sqlalchemy_feed(URLS[0], plain), plain, "whole").identity
    assert refreshed.tables["visits"].note == "3 rows read, name >= c; they replace 1 earlier ones"
