"""A real MariaDB, started on loopback where its Debian package is installed."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT

from rdl.database.sources.landing import land
from rdl.database.sources.source import Constraints, ForeignKey
from rdl.database.sources.sqlalchemy_url import sqlalchemy_feed
from rdl.errors import ProjectError
from rdl.project import DatabaseSettings, Project, TableSettings
from tests.database.sources.memory_feed import rows_of

ENCODED = "hunter2%40%2F%3A%25"
ODD = 'order; "x" 100% :y'
SHOP = """
CREATE DATABASE shop CHARACTER SET utf8mb4; USE shop; SET time_zone = '+02:00'; SET sql_mode = '';
CREATE TABLE customers (id BIGINT UNSIGNED PRIMARY KEY, name VARCHAR(40), born DATE, joined TIMESTAMP NULL, updated DATETIME(6),
    balance DECIMAL(12, 2), score DOUBLE, active TINYINT(1), kind ENUM('a', 'b'), tags SET('x', 'y'), founded YEAR, bits BIT(3),
    picture BLOB, document JSON, opens TIME, huge DECIMAL(50, 5)) ENGINE = InnoDB;
INSERT INTO customers VALUES (18446744073709551615, 'Zoë 日本', '2000-02-29', '2025-01-01 12:00:00', '2025-01-01 12:00:00.123456',
    1234567890.12, 0.1, 1, 'a', 'y,x', 2024, b'101', x'00ff', '{"a": [1]}', '10:11:12', 123.5);
INSERT INTO customers (id, born) VALUES (2, '0000-00-00');
CREATE TABLE `order; "x" 100% :y` (a INT, b INT, customer BIGINT UNSIGNED, `a %s :c` INT, PRIMARY KEY (a, b),
    FOREIGN KEY (customer) REFERENCES customers (id)) ENGINE = InnoDB;
INSERT INTO `order; "x" 100% :y` VALUES (1, 2, 2, 3);
CREATE VIEW per_kind AS SELECT kind, count(*) AS n FROM customers GROUP BY kind;
CREATE DATABASE archive; CREATE TABLE archive.customers (x INT); INSERT INTO archive.customers VALUES (1);
CREATE USER ann@'127.0.0.1' IDENTIFIED BY 'hunter2@/:%';
GRANT SELECT, SHOW VIEW ON shop.* TO ann@'127.0.0.1'; GRANT SELECT ON archive.* TO ann@'127.0.0.1';
CREATE USER bob@'127.0.0.1' IDENTIFIED BY 'hunter2@/:%'; GRANT SELECT ON shop.* TO bob@'127.0.0.1';
"""


class Server:
    """A running server."""

    def __init__(self, port: int, socket_file: Path) -> None:
        self._port, self._socket = port, socket_file

    def run(self, sql: str) -> None:
        connection = pymysql.connect(
            unix_socket=str(self._socket), user="root", autocommit=True, charset="utf8mb4", client_flag=CLIENT.MULTI_STATEMENTS
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            while cursor.nextset():
                pass

    def url(self, user: str = "ann", database: str = "shop", before: str = "") -> str:
        return f"{before}mysql://{user}:{ENCODED}@127.0.0.1:{self._port}/{database}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    install, run = shutil.which("mariadb-install-db"), shutil.which("mariadbd")
    if install is None or run is None:
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server")
    with TemporaryDirectory(prefix="rdl") as folder:
        data, socket_file, port = Path(folder) / "data", Path(folder) / "s", _free_port()
        common = ["--no-defaults", f"--datadir={data}", *(["--user=root"] if os.geteuid() == 0 else [])]
        subprocess.run(
            [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"], check=True, capture_output=True
        )
        small = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={socket_file}", "--innodb-buffer-pool-size=32M"]
        with (Path(folder) / "log").open("wb") as log, subprocess.Popen([run, *common, *small], stderr=log, stdout=log) as process:
            try:
                server = _ready(Server(port, socket_file), port)
                server.run(SHOP)
                yield server
            finally:
                process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ready(server: Server, port: int) -> Server:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.1)
    pytest.fail("MariaDB does not start")


def project(folder: Path, tables: dict[str, TableSettings] | None = None, **database: Any) -> Project:
    return Project("shop", folder, folder / "home", DatabaseSettings(source="url", **database), tables or {})


def test__feed__tables__have_types_and_constraints(server: Server, tmp_path: Path) -> None:
    with sqlalchemy_feed(server.url(), project(tmp_path))() as feed:
        tables = feed.tables

    assert list(tables) == ["customers", ODD, "per_kind"]
    assert list(tables["customers"].columns.values()) == [
        *("UBIGINT", "VARCHAR", "DATE", "TIMESTAMP", "TIMESTAMP", "DECIMAL(12,2)", "DOUBLE", "BIGINT"),
        *("VARCHAR", "VARCHAR", "BIGINT", "BLOB", "BLOB", "VARCHAR", "TIME", "DOUBLE"),
    ]
    assert tables[ODD].constraints == Constraints(("a", "b"), (ForeignKey(("customer",), "customers", ("id",)),))


def test__land__rows__are_those_of_the_database_in_utc(server: Server, tmp_path: Path) -> None:
    source = land(sqlalchemy_feed(server.url(), project(tmp_path)), project(tmp_path), "shop")

    full = (
        "18446744073709551615",
        "Zoë 日本",
        "2000-02-29",
        "2025-01-01 10:00:00",
        "2025-01-01 12:00:00.123456",
        "1234567890.12",
        "0.1",
    )
    rest = ("1", "a", "x,y", "2024", "\\x05", "\\x00\\xFF", '{"a": [1]}', "10:11:12", "123.5")
    assert rows_of(source, "customers") == {full + rest: 1, ("2", *[None] * 15): 1}
    assert rows_of(source, ODD) == {("1", "2", "2", "3"): 1}
    assert rows_of(source, "per_kind") == {("a", "1"): 1, (None, "1"): 1}


def test__connectorx__rows__are_the_same(server: Server, tmp_path: Path) -> None:
    only = project(tmp_path, include=[ODD.replace('"', "?"), "per_kind"])
    slow = land(sqlalchemy_feed(server.url(), only), only, "slow")
    fast = land(sqlalchemy_feed(server.url(before="connectorx+"), only), only, "fast")

    assert fast.identity == slow.identity


def test__feed__url_without_a_database__reads_all_of_them(server: Server, tmp_path: Path) -> None:
    with sqlalchemy_feed(server.url(database=""), project(tmp_path))() as feed:
        assert list(feed.tables) == ["archive_customers", ODD, "per_kind", "shop_customers"]
        assert feed.tables[ODD].constraints.foreign_keys[0].parent == "shop_customers"
    with sqlalchemy_feed(server.url(), project(tmp_path, schemas=["archive"]))() as feed:
        assert list(feed.tables) == ["customers"]
        assert feed.read(feed.tables["customers"]).read_all().to_pylist() == [{"x": 1}]


def test__feed__what_others_commit_meanwhile__is_not_seen(server: Server, tmp_path: Path) -> None:
    server.run("CREATE TABLE shop.a (x INT); CREATE TABLE shop.b (x INT); INSERT INTO shop.a VALUES (1)")
    try:
        with sqlalchemy_feed(server.url(), project(tmp_path, include=["a", "b"]))() as feed:
            assert feed.read(feed.tables["a"]).read_all().num_rows == 1
            server.run("INSERT INTO shop.a VALUES (2); INSERT INTO shop.b VALUES (2)")
            assert feed.read(feed.tables["b"]).read_all().num_rows == 0
            assert feed.read(feed.tables["a"]).read_all().num_rows == 1
    finally:
        server.run("DROP TABLE shop.a; DROP TABLE shop.b")


def test__refresh__on_a_server__equals_a_full_reload(server: Server, tmp_path: Path) -> None:
    server.run(
        "CREATE TABLE shop.events (id INT PRIMARY KEY, at TIMESTAMP(3), name TEXT); SET time_zone = '+05:00'; USE shop; "
        "INSERT INTO shop.events SELECT seq, timestamp'2025-01-01 00:00:00' + INTERVAL seq MINUTE, 'x' FROM seq_1_to_100"
    )
    try:
        declared = project(tmp_path, {"events": TableSettings(watermark="at")}, include=["events"])
        plain = project(tmp_path, include=["events"])
        land(sqlalchemy_feed(server.url(), declared), declared, "shop")
        server.run(
            "INSERT INTO shop.events VALUES (500, '2025-02-01', 'new'); "
            "UPDATE shop.events SET at = '2025-02-02', name = 'changed' WHERE id = 7"
        )
        refreshed = land(sqlalchemy_feed(server.url(), declared), declared, "shop")
        assert refreshed.identity == land(sqlalchemy_feed(server.url(), plain), plain, "whole").identity
        assert refreshed.tables["events"].note.startswith("3 rows read")
    finally:
        server.run("DROP TABLE shop.events")


def test__feed__view_that_may_not_be_looked_into__is_left_out_and_said(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with sqlalchemy_feed(server.url("bob"), project(tmp_path))() as feed:
        assert "per_kind" not in feed.tables
    assert "the view per_kind is left out" in caplog.text
    asked = sqlalchemy_feed(server.url("bob"), project(tmp_path, include=["per_kind"]))
    with pytest.raises(ProjectError, match="SHOW VIEW command denied"), asked():
        pass


def test__open__wrong_password__is_not_told(server: Server, tmp_path: Path) -> None:
    wrong = server.url().replace(ENCODED, "let-me-in")
    with pytest.raises(ProjectError, match="Access denied") as caught, sqlalchemy_feed(wrong, project(tmp_path))():
        pass
    assert "let-me-in" not in str(caught.value)
