"""A real PostgreSQL becomes a feed: its tables, their types, their keys, in one snapshot, without its password in any text."""

import datetime as dt
import logging
import socket
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pytest

from rdl.database.engine import connect
from rdl.database.engine import quote as as_name
from rdl.database.sources.postgres import postgres_feed
from rdl.database.sources.source import Constraints, Feed, ForeignKey
from rdl.errors import ProjectError
from rdl.project import DatabaseSettings, Project
from tests.servers import PASSWORD, USER, PostgresServer

_ODD = "select; -- \"Grüße\" 'x'"


@pytest.fixture(scope="module")
def warehouse(postgres_server: PostgresServer) -> str:
    """The URL of a database with everything in it."""
    script = Path(__file__).with_name("warehouse.sql").read_text(encoding="utf-8")
    return postgres_server.create("warehouse", script)


@pytest.fixture
def scratch(postgres_server: PostgresServer) -> Callable[[str], str]:
    """Makes a database from a script, and returns its URL."""
    return lambda script: postgres_server.create("scratch", script)


def _project(url: str = "", include: tuple[str, ...] = (), schemas: tuple[str, ...] = ()) -> Project:
    settings = DatabaseSettings(source=url or "x", include=list(include), schemas=list(schemas))
    return Project("shop", Path("/shop"), Path("/shop/.rdl"), settings, {})


def _landed(feed: Feed, name: str, since: tuple[str, object] | None = None) -> list[tuple[object, ...]]:
    """The rows of a table as DuckDB has them after the casts that landing makes."""
    table = feed.tables[name]
    connection = connect()
    connection.register("stream", feed.read(table, since))
    casts = ", ".join(_cast(column, kind) for column, kind in table.columns.items())
    try:
        return connection.execute(f"SELECT {casts} FROM stream").fetchall()
    finally:
        connection.close()


def _cast(column: str, kind: str) -> str:
    cast = f"CAST({as_name(column)} AS {kind})"
    return f"CAST({cast} AS TIMESTAMP)" if kind == "TIMESTAMP WITH TIME ZONE" else cast


def _told(feed: Feed, name: str, columns: str) -> list[tuple[object, ...]]:
    connection = connect()
    connection.register("stream", feed.read(feed.tables[name]))
    try:
        return connection.execute(f"SELECT {columns} FROM stream").fetchall()
    finally:
        connection.close()


def _read(url: str, name: str, since: tuple[str, object] | None = None) -> list[tuple[object, ...]]:
    with postgres_feed(url, _project())() as feed:
        return _landed(feed, name, since)


def test__tables__two_schemas__every_kind_of_relation_under_one_name_each(warehouse: str) -> None:
    with postgres_feed(warehouse, _project())() as feed:
        names = {"customers", "orders", "sales_orders", "archive_orders", "lines", "events", "big_orders", "per_customer"}
        assert set(feed.tables) == names | {"nothing", "exotic", _ODD}


def test__tables__keys__as_the_catalog_declares_them(warehouse: str) -> None:
    with postgres_feed(warehouse, _project())() as feed:
        keys = {name: table.constraints for name, table in feed.tables.items()}
    to_customers = ForeignKey(("customer",), "customers", ("id",))
    assert keys["customers"] == Constraints(("id",), (ForeignKey(("referred_by",), "customers", ("id",)),))
    assert keys["sales_orders"].key == ("shop", "number")
    assert set(keys["sales_orders"].foreign_keys) == {to_customers, ForeignKey(("contact",), "customers", ("email",))}
    assert keys["lines"] == Constraints(("id",), (ForeignKey(("order_shop", "order_number"), "sales_orders", ("shop", "number")),))
    assert keys["big_orders"] == keys["per_customer"] == keys["events"] == Constraints()


def test__tables__parent_left_out__its_foreign_keys_too(warehouse: str) -> None:
    with postgres_feed(warehouse, _project(include=("SALES_*", "lines")))() as feed:
        assert sorted(feed.tables) == ["lines", "sales_orders"]
        assert feed.tables["sales_orders"].constraints == Constraints(("shop", "number"))


def test__tables__schemas_named__plain_names_of_those_alone(warehouse: str) -> None:
    with postgres_feed(warehouse, _project(schemas=("sales",)))() as feed:
        assert sorted(feed.tables) == ["big_orders", "events", "lines", "orders", "per_customer"]
    with (
        pytest.raises(ProjectError, match=r"no table in a schema 'sale'[\s\S]*did you mean 'sales'"),
        postgres_feed(warehouse, _project(schemas=("sale",)))(),
    ):
        pass


def test__tables__include_with_schema__fits_the_full_name(warehouse: str) -> None:
    with postgres_feed(warehouse, _project(include=("archive.*",)))() as feed:
        assert sorted(feed.tables) == ["archive_orders"]
    with (
        pytest.raises(ProjectError, match=r"'custmers' matches no table[\s\S]*did you mean 'customers'"),
        postgres_feed(warehouse, _project(include=("custmers",)))(),
    ):
        pass


def test__read__plain_types__their_values(warehouse: str) -> None:
    with postgres_feed(warehouse, _project())() as feed:
        kinds = list(feed.tables["customers"].columns.values())
        rows = _landed(feed, "customers")
    assert kinds == ["BIGINT", "VARCHAR", "BIGINT", "TIMESTAMP WITH TIME ZONE", "DATE", "VARCHAR", "VARCHAR[]", "INTEGER[]"]
    assert rows[0] == (
        1,
        "a@x",
        None,
        dt.datetime(2020, 1, 1),
        "0044-03-15 (BC)",
        "happy",
        ["a", "b c", None],
        [1, None, 3],
    )
    assert rows[2][1] == "c'\"; DROP TABLE customers; --"
    assert rows[3] == (4, "ü@x", 2, None, None, "ok", None, None)


def test__read__infinite_and_bc_times__stay_what_they_are(warehouse: str) -> None:
    with postgres_feed(warehouse, _project())() as feed:
        told = _told(feed, "customers", "joined::TIMESTAMP::VARCHAR, born::VARCHAR")
        ages = _told(feed, "events", '"at"::VARCHAR')
    assert told == [
        ("2020-01-01 00:00:00", "0044-03-15 (BC)"),
        ("infinity", "infinity"),
        ("-infinity", "-infinity"),
        (None, None),
    ]
    assert ages == [("2020-05-01 00:00:00.000001",), ("2021-05-01 00:00:00",), ("infinity",)]


def test__read__numerics__exact_or_double(warehouse: str, caplog: pytest.LogCaptureFixture) -> None:
    with postgres_feed(warehouse, _project())() as feed:
        columns = feed.tables["sales_orders"].columns
        rows = _landed(feed, "sales_orders")
    assert [columns[name] for name in ("total", "rate", "huge", "cost")] == [
        "DECIMAL(10,2)",
        "DOUBLE",
        "DECIMAL(30,10)",
        "DECIMAL(12,3)",
    ]
    assert [row[4] for row in rows] == [Decimal("12.34"), Decimal("-0.01"), Decimal("99999999.99"), None]
    assert str([row[5] for row in rows]) == "[0.1, nan, inf, None]"
    assert rows[0][6] == Decimal("12345678901234567890.0123456789")
    assert [row[7] for row in rows] == [Decimal("1.234"), None, Decimal("999999999.999"), None]
    assert "sales_orders.total: 1 NaN, which a DECIMAL cannot hold, became null" in caplog.text
    assert "sales_orders.huge: 1 NaN" in caplog.text


def test__read__long_and_short_decimals__no_digit_lost(postgres_server: PostgresServer) -> None:
    url = postgres_server.create(
        "scratch",
        "CREATE TABLE n AS SELECT (i * 7919 % 999999999999999 * (1 - 2 * (i % 2)))::numeric(15, 0) AS a,"
        " (i * 99999999937 % 999999999999999 / 10::numeric ^ 7)::numeric(15, 7) AS b,"
        " (i * 99999999937 % 999999999999999 / 10::numeric ^ 15)::numeric(15, 15) AS c,"
        " (i / 3::numeric % 10)::numeric(16, 15) AS d FROM generate_series(1::bigint, 20000) i;"
        "INSERT INTO n VALUES (999999999999999, 99999999.9999999, 0.999999999999999, 9.999999999999999)",
    )
    landed = [[f"{value:f}" for value in row if isinstance(value, Decimal)] for row in _read(url, "n")]
    assert landed == [line.split("|") for line in postgres_server.run("SELECT * FROM n", "scratch").splitlines()]


def test__read__exotic_types__text_or_numbers_and_never_a_crash(warehouse: str) -> None:
    with postgres_feed(warehouse, _project())() as feed:
        columns = feed.tables["exotic"].columns
        row, empty = (dict(zip(columns, values, strict=True)) for values in _landed(feed, "exotic"))
    assert set(empty.values()) == {None}
    assert row == {
        "inside": "10.0.0.1/8",
        "span": "[1,5)",
        "home": '("Main ""St""",5)',
        "raw": b"\x00\xff",
        "matrix": "{{1,2},{3,4}}",
        "moments": ["infinity", "2020-01-01 00:00:00+00"],
        "amounts": pytest.approx([1.5, float("nan")], nan_ok=True),
        "moods": ["sad", "ok"],
        "bits": "101",
        "words": "'a' 'b'",
        "doc": "<a/>",
        "who": "me",
        "one": "x",
        "ref": 4294967295,
        "small": -5,
        "lone": pytest.approx(0.1),
        "spot": "(1,2)",
    }
    assert [columns[name] for name in ("raw", "ref", "small", "lone")] == ["BLOB", "BIGINT", "SMALLINT", "FLOAT"]


def test__read__json_uuid_money_interval_time__usable_values(warehouse: str) -> None:
    orders = _read(warehouse, "sales_orders")
    assert (orders[0][9], str(orders[0][10])) == ('{"a": [1, 2]}', "00000000-0000-0000-0000-00000000000a")
    first, second = _read(warehouse, "archive_orders")
    assert first[:3] == (1, 12.5, -79200.0)
    assert first[4] == "10:00:00+02"
    assert second == (2, None, None, dt.time(0, 0, 0, 1), None)


def test__read__odd_names__columns_under_their_names(warehouse: str) -> None:
    with postgres_feed(warehouse, _project())() as feed:
        assert list(feed.tables[_ODD].columns) == ["from", "a;b", 'q"q', "naïve 日本", "{curly} %s $1 ?"]
        assert _landed(feed, _ODD) == [(1, "x", 2, 3, 4)]


def test__read__views_partitions_generated_columns__rows(warehouse: str) -> None:
    with postgres_feed(warehouse, _project())() as feed:
        assert _landed(feed, "big_orders")[0] == (1, 1, Decimal("12.34"))
        assert sorted(_landed(feed, "per_customer")) == [(1, 2), (3, 2)]
        assert sorted(str(row[2]) for row in _landed(feed, "events")) == ["a", "b", "c"]  # char(5) without its padding
        assert {row[3] for row in _landed(feed, "lines")} == {7}


def test__read__empty_table__no_rows_in_the_stated_types(warehouse: str) -> None:
    with postgres_feed(warehouse, _project())() as feed:
        table = feed.tables["nothing"]
        reader = feed.read(table)
        assert reader.schema.names == ["a", "b", "c", "d"]
        assert reader.read_all().num_rows == 0
        assert list(table.columns.values()) == ["INTEGER", "TIMESTAMP WITH TIME ZONE", "DECIMAL(10,2)", "VARCHAR[]"]


_MARKS = """
CREATE TABLE w (i int, f float8, n numeric(8, 2), free numeric, t text, d date, ts timestamp, tz timestamptz);
INSERT INTO w VALUES
    (1, 0.2999, 0.29, 0.2, 'b', '2020-01-01', '2020-01-01 00:00:00.000001', '2020-01-01 00:00:00.000001+00'),
    (2, 0.3, 0.3, 0.3, 'b''', '2020-01-02', '2020-01-01 00:00:00.000002', '2020-01-01 01:00:00.000002+01'),
    (3, 0.4, 0.4, 0.4, 'b''c', 'infinity', 'infinity', 'infinity'),
    (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
"""
_ZONED = dt.datetime(2020, 1, 1, 2, 0, 0, 2, tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("i", 2),
        ("f", 0.3),
        ("n", Decimal("0.30")),
        ("free", 0.3),
        ("t", "b'"),
        ("d", dt.date(2020, 1, 2)),
        ("ts", dt.datetime(2020, 1, 1, 0, 0, 0, 2)),
        ("ts", _ZONED),
        ("tz", dt.datetime(2020, 1, 1, 0, 0, 0, 2)),
        ("tz", _ZONED),
    ],
)
def test__read__since__rows_from_the_value_on_and_those_without_one(
    scratch: Callable[[str], str], column: str, value: object
) -> None:
    assert [row[0] for row in _read(scratch(_MARKS), "w", (column, value))] == [2, 3, None]


def test__read__since_what_has_no_order__refused(warehouse: str) -> None:
    with postgres_feed(warehouse, _project())() as feed:
        orders = feed.tables["sales_orders"]
        for since, message in (
            (("paid", True), "no order of the column"),
            (("number", "1; DROP TABLE x"), "holds numbers"),
            (("nmber", 1), "did you mean 'number'"),
        ):
            with pytest.raises(ProjectError, match=message):
                feed.read(orders, since)


def test__feed__rows_committed_meanwhile__not_seen(postgres_server: PostgresServer) -> None:
    url = postgres_server.create("scratch", "CREATE TABLE a (i int); INSERT INTO a VALUES (1); CREATE TABLE b AS TABLE a")
    with postgres_feed(url, _project())() as feed:
        assert _landed(feed, "a") == [(1,)]
        postgres_server.run("INSERT INTO a VALUES (2); INSERT INTO b VALUES (2); CREATE TABLE c (i int)", "scratch")
        assert _landed(feed, "a") == _landed(feed, "b") == [(1,)]
    assert _read(url, "b") == [(1,), (2,)]


def test__feed__writing__refused_by_the_server(scratch: Callable[[str], str]) -> None:
    url = scratch(
        "CREATE TABLE a (i int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'INSERT INTO public.a VALUES (1) RETURNING i';"
        "CREATE VIEW v AS SELECT f()"
    )
    with postgres_feed(url, _project())() as feed, pytest.raises(ProjectError, match="read-only transaction"):
        feed.read(feed.tables["v"]).read_all()


def test__feed__reader_abandoned__next_one_whole(scratch: Callable[[str], str]) -> None:
    url = scratch("CREATE TABLE a AS SELECT i, repeat('x', 1000) AS t FROM generate_series(1, 60000) i")
    with postgres_feed(url, _project())() as feed:
        reader = feed.read(feed.tables["a"])
        assert reader.read_next_batch().num_rows < 60000
        assert feed.read(feed.tables["a"]).read_all().num_rows == 60000
        feed.read(feed.tables["a"]).read_next_batch()


def test__read__source_fails_midway__typed_error_that_names_the_table(scratch: Callable[[str], str]) -> None:
    url = scratch("CREATE VIEW v AS SELECT 1 / (i - 50000) AS x FROM generate_series(1, 100000) i")
    with postgres_feed(url, _project())() as feed:
        reader = feed.read(feed.tables["v"])
        with pytest.raises(ProjectError, match=r"cannot read 'v'.*division by zero") as caught:
            reader.read_all()
    _assert_hidden(caught.value)


def test__read__latin1_database__arrives_as_unicode(postgres_server: PostgresServer) -> None:
    postgres_server.run("DROP DATABASE IF EXISTS latin")
    postgres_server.run("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    postgres_server.run('CREATE TABLE "é" ("ü" text); INSERT INTO "é" VALUES (\'Grüße\')', "latin")
    assert _read(postgres_server.url("latin"), "é") == [("Grüße",)]


def test__names__collide_in_what_sql_does_not_tell_apart__refused(scratch: Callable[[str], str]) -> None:
    url = scratch('CREATE TABLE "Orders" (i int); CREATE TABLE orders (i int); CREATE TABLE c (a int, "A" int)')
    with pytest.raises(ProjectError, match=r"two tables would be called 'orders': public.Orders and public.orders"):
        _read_included(url, "*orders")
    with pytest.raises(ProjectError, match=r"columns of public.c differ in their case alone: 'a'"):
        _read_included(url, "c")


def _read_included(url: str, pattern: str) -> None:
    with postgres_feed(url, _project(include=(pattern,)))():
        pass


def test__permissions__table_not_granted__refused_unless_left_out(
    postgres_server: PostgresServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    postgres_server.create(
        "scratch",
        "CREATE TABLE open (a int PRIMARY KEY, secret int); CREATE TABLE locked (i int); CREATE SCHEMA closed;"
        "CREATE TABLE closed.x (i int); DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN PASSWORD 'zebra7';"
        "GRANT SELECT (a) ON open TO reader",
    )
    url = f"postgresql://reader:zebra7@127.0.0.1:{postgres_server.port}/scratch"
    try:
        with pytest.raises(ProjectError, match=r"the user may not read public.locked[\s\S]*GRANT SELECT[\s\S]*include"):
            _read(url, "open")
        with postgres_feed(url, _project(include=("open",)))() as feed:
            assert dict(feed.tables["open"].columns) == {"a": "INTEGER"}
            assert _landed(feed, "open") == []
    finally:
        postgres_server.run("DROP OWNED BY reader; DROP ROLE reader", "scratch")
    assert "the schema closed is left out" in caplog.text
    assert "public.open: left out, since the user may not read them: secret" in caplog.text
    assert "zebra7" not in caplog.text


def _assert_hidden(error: BaseException) -> None:
    told = f"{error}{error!r}{error.__cause__}"
    assert error.__suppress_context__ or error.__context__ is None
    for secret in (PASSWORD, quote(PASSWORD, safe=""), "hunter2"):
        assert secret not in told


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("${RDL_TEST_PASSWORD}", "hunter2"), r"password authentication failed[\s\S]*correct user and password"),
        (("/warehouse", "/nowhere"), r'database "nowhere" does not exist[\s\S]*correct the name of the database'),
        ((f"//{USER}", "//nobody"), r'authentication failed for user "nobody"'),
        ((f"{USER}:${{RDL_TEST_PASSWORD}}@127.0.0.1", f"{USER}:hunter2@nowhere.invalid"), r"nowhere.invalid[\s\S]*host and port"),
        (("${RDL_TEST_PASSWORD}", "hunter2@x/y"), r"holds characters that need encoding[\s\S]*\$\{PASSWORD\}"),
        (("${RDL_TEST_PASSWORD}", "${NOT_THERE}"), r"'NOT_THERE' is not set"),
        (("/warehouse", "/warehouse?nonsense=1"), r"cannot connect to postgresql://rdl:\*\*\*@127"),
    ],
)
def test__connect__something_wrong__typed_error_without_password(warehouse: str, change: tuple[str, str], message: str) -> None:
    with pytest.raises(ProjectError, match=message) as caught:
        _read(warehouse.replace(*change), "customers")
    assert "rdl.toml, [database] source" in str(caught.value)
    _assert_hidden(caught.value)


def test__connect__no_server__says_so(unused_port: int) -> None:
    with pytest.raises(ProjectError, match=r"Connection refused[\s\S]*is the server running") as caught:
        _read(f"postgresql://{USER}:hunter2@127.0.0.1:{unused_port}/x", "customers")
    _assert_hidden(caught.value)


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test__connect__password_from_the_environment_or_a_file__as_libpq_finds_it(
    warehouse: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare = warehouse.replace(":${RDL_TEST_PASSWORD}", "")
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    with pytest.raises(ProjectError, match="no password supplied"):
        _read(bare, "nothing")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert _read(bare, "nothing") == []
    monkeypatch.delenv("PGPASSWORD")
    file = tmp_path / "pgpass"
    file.write_text(f"127.0.0.1:*:*:{USER}:{PASSWORD}\n", encoding="utf-8")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert _read(bare, "nothing") == []


def test__connect__driver_missing__names_the_extra(warehouse: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql.dbapi", None)
    with pytest.raises(ProjectError, match=r"adbc-driver-postgresql[\s\S]*pip install 'rdl\[postgres\]'"):
        _read(warehouse, "nothing")


def test__repr__opener_feed_session__no_password(warehouse: str, caplog: pytest.LogCaptureFixture) -> None:
    url = warehouse.replace("${RDL_TEST_PASSWORD}", quote(PASSWORD, safe=""))
    opener = postgres_feed(url, _project())
    with caplog.at_level(logging.DEBUG), opener() as feed:
        _landed(feed, "customers")
        told = f"{opener!r}{opener}{opener()!r}{feed!r}{feed}{feed._session!r}{feed.tables!r}{caplog.text}"
    assert PASSWORD not in told
    assert quote(PASSWORD, safe="") not in told
