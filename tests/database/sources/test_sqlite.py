"""SQLite files become feeds: their tables, the types that their values have, their keys, in one snapshot."""

import datetime as dt
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.database.engine import connect, quote
from rdl.database.sources.source import Constraints, Feed, ForeignKey
from rdl.database.sources.sqlite import sqlite_feed
from rdl.errors import ProjectError
from rdl.project import DatabaseSettings, Project

Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a database file from a script and rows for a table `t`."""

    def build(script: str, rows: Sequence[Sequence[object]] = (), name: str = "shop.db") -> Path:
        path = tmp_path / name
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
            for row in rows:
                connection.execute(f"INSERT INTO t VALUES ({', '.join('?' for _ in row)})", row)
            connection.commit()
        return path

    return build


def _project(include: tuple[str, ...] = ()) -> Project:
    settings = DatabaseSettings(source="shop.db", include=list(include))
    return Project("shop", Path("/shop"), Path("/shop/.rdl"), settings, {})


@contextmanager
def _open(path: Path, *include: str) -> Iterator[Feed]:
    with sqlite_feed(path, _project(include))() as feed:
        yield feed


def _landed(feed: Feed, name: str = "t", since: tuple[str, object] | None = None) -> list[tuple[object, ...]]:
    """The rows of a table as DuckDB has them after the casts that landing makes."""
    table = feed.tables[name]
    connection = connect()
    connection.register("stream", feed.read(table, since))
    try:
        return connection.execute(
            f"SELECT {', '.join(_cast(column, kind) for column, kind in table.columns.items())} FROM stream"
        ).fetchall()
    finally:
        connection.close()


def _cast(column: str, kind: str) -> str:
    cast = f"CAST({quote(column)} AS {kind})"
    return f"CAST({cast} AS TIMESTAMP)" if kind == "TIMESTAMP WITH TIME ZONE" else cast


def _column(make: Make, declared: str, *values: object) -> tuple[str, list[object]]:
    """The type and the values of a column of a table that holds `values`."""
    path = make(f"DROP TABLE IF EXISTS t; CREATE TABLE t (c {declared})", [(value,) for value in values])
    with _open(path) as feed:
        return feed.tables["t"].columns["c"], [row[0] for row in _landed(feed)]


_TIME = dt.datetime(2020, 2, 29, 12, 30)
_DAY = dt.datetime(2020, 2, 29)


@pytest.mark.parametrize(
    ("declared", "values", "kind", "expected"),
    [
        ("INTEGER", [1, None, 2**63 - 1, -(2**63)], "BIGINT", [1, None, 2**63 - 1, -(2**63)]),
        ("BIGINT UNSIGNED", [1], "BIGINT", [1]),
        ("DOUBLE PRECISION", [1, 1.5, None, float("inf")], "DOUBLE", [1.0, 1.5, None, float("inf")]),
        (
            "DECIMAL(10, 2)",
            [1, 1.25, -99999999.99, None],
            "DECIMAL(10,2)",
            [Decimal(1), Decimal("1.25"), Decimal("-99999999.99"), None],
        ),
        ("NUMERIC", [1, 2], "BIGINT", [1, 2]),
        ("NUMERIC", [1, 2.5], "DOUBLE", [1.0, 2.5]),
        ("DECIMAL(30, 10)", [1.5], "DOUBLE", [1.5]),
        ("BOOLEAN", [True, False, None], "BOOLEAN", [True, False, None]),
        ("VARCHAR(10)", ["a", "ü", "", None, "a\x00b", "'; --"], "VARCHAR", ["a", "ü", "", None, "a\x00b", "'; --"]),
        ("BLOB", [b"\x00\xff", b"", None], "BLOB", [b"\x00\xff", b"", None]),
        ("DATE", ["2020-02-29", None], "DATE", [dt.date(2020, 2, 29), None]),
        ("DATETIME", ["2020-02-29", "2020-02-29T12:30", None], "TIMESTAMP", [_DAY, _TIME, None]),
        ("", [None, None], "VARCHAR", [None, None]),
        ("", [1, 2], "BIGINT", [1, 2]),
        ("", ["a"], "VARCHAR", ["a"]),
        ("STRING", ["x", "y"], "VARCHAR", ["x", "y"]),
        ("JSON", ['{"a": 1}'], "VARCHAR", ['{"a": 1}']),
    ],
)
def test__types__values_as_declared__their_type(
    make: Make, caplog: pytest.LogCaptureFixture, declared: str, values: list[object], kind: str, expected: list[object]
) -> None:
    assert _column(make, declared, *values) == (kind, expected)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("declared", "values", "kind", "expected"),
    [
        ("INTEGER", [1, "abc", 2.5, b"\xff", None], "VARCHAR", ["1", "abc", "2.5", "FF", None]),
        ("INTEGER", [1, 2.5], "DOUBLE", [1.0, 2.5]),
        ("INTEGER", [2**53 + 1, 2.5], "VARCHAR", ["9007199254740993", "2.5"]),
        ("REAL", [1.5, "n/a", 0.1 + 0.2], "VARCHAR", ["1.5", "n/a", "0.30000000000000004"]),
        ("REAL", ["a", "b"], "VARCHAR", ["a", "b"]),
        ("DECIMAL(5, 2)", [1.25, 1.255], "DOUBLE", [1.25, 1.255]),
        ("DECIMAL(5, 2)", [1.25, 1000, -(2**63)], "VARCHAR", ["1.25", "1000", "-9223372036854775808"]),
        ("TEXT", ["a", b"\xff"], "VARCHAR", ["a", "FF"]),
        ("TEXT", [b"a", b"\xff"], "BLOB", [b"a", b"\xff"]),
        ("BOOLEAN", [0, 1, 2], "BIGINT", [0, 1, 2]),
        ("BOOLEAN", ["true", "F", None], "BOOLEAN", [True, False, None]),
        ("BOOLEAN", ["true", "maybe"], "VARCHAR", ["true", "maybe"]),
        ("DATE", ["2020-02-29", "2020-02-29 12:30:00"], "TIMESTAMP", [_DAY, _TIME]),
        ("DATE", ["2020-02-30", "2020-02-29"], "VARCHAR", ["2020-02-30", "2020-02-29"]),
        ("DATE", ["0000-00-00"], "VARCHAR", ["0000-00-00"]),
        ("DATE", [20200229, 20200301], "BIGINT", [20200229, 20200301]),
        ("DATE", [2020, 2021], "BIGINT", [2020, 2021]),
        ("DATETIME", ["now"], "VARCHAR", ["now"]),
        ("DATETIME", ["2020-02-29 24:00"], "VARCHAR", ["2020-02-29 24:00"]),
        ("DATETIME", ["2020-02-29 12:30", 1582979400], "VARCHAR", ["2020-02-29 12:30", "1582979400"]),
        ("TIMESTAMP", [1582979400, None, 0], "TIMESTAMP", [_TIME, None, dt.datetime(1970, 1, 1)]),
        ("TIMESTAMP", [1582979400.25], "TIMESTAMP", [_TIME.replace(microsecond=250000)]),
        ("TIMESTAMP", [1582979400123], "TIMESTAMP", [_TIME.replace(microsecond=123000)]),
        ("TIMESTAMP", [1582979400123456], "TIMESTAMP", [_TIME.replace(microsecond=123456)]),
        ("DATETIME", [2458909.0208333335], "TIMESTAMP", [_TIME]),
        (
            "DATETIME",
            ["2020-02-29T14:30:00.000001+02:00", "2020-02-29 12:30:00.5Z"],
            "TIMESTAMP WITH TIME ZONE",
            [_TIME.replace(microsecond=1), _TIME.replace(microsecond=500000)],
        ),
        ("", [1, "a"], "VARCHAR", ["1", "a"]),
    ],
)
def test__types__values_of_another_kind__read_as_what_they_are_and_said(
    make: Make, caplog: pytest.LogCaptureFixture, declared: str, values: list[object], kind: str, expected: list[object]
) -> None:
    assert _column(make, declared, *values) == (kind, expected)
    assert "t.c is declared" in caplog.text


@pytest.mark.parametrize("odd", ["abc", 2.5, b"x"])
def test__types__odd_value_after_many_batches__nothing_lost(make: Make, odd: object) -> None:
    path = make("CREATE TABLE t (c INTEGER, d TEXT)")
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany("INSERT INTO t VALUES (?, NULL)", ((i,) for i in range(40_000)))
        connection.execute("INSERT INTO t VALUES (?, 'late')", (odd,))
        connection.commit()
    with _open(path) as feed:
        rows = _landed(feed)
    assert len(rows) == 40_001
    assert rows[-1][1] == "late"
    assert rows[39_999][0] in {"39999", 39999.0}


def test__types__bytes_that_are_no_text__replaced_and_counted(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    path = make("CREATE TABLE t (c TEXT); INSERT INTO t VALUES (CAST(x'47FC' AS TEXT)), ('Grüße'), (NULL)")
    with _open(path) as feed:
        assert _landed(feed) == [("G�",), ("Grüße",), (None,)]
    assert "t.c: 1 texts that are no UTF-8" in caplog.text


_ANYTHING = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
    st.binary(max_size=3),
    st.datetimes().map(str),
    st.datetimes().map(lambda time: time.isoformat() + "Z"),
    st.dates().map(str),
    st.sampled_from([0, 1, "0", "true", "1e5", " 1", "9999-12-31 23:59:59.9999999", 1e300, -0.0]),
)


@pytest.mark.slow
@given(
    st.sampled_from(["INT", "REAL", "TEXT", "BLOB", "", "NUMERIC", "DECIMAL(6,2)", "BOOLEAN", "DATE", "DATETIME"]),
    st.lists(_ANYTHING, max_size=6),
)
def test__types__any_values_under_any_declaration__land_without_a_crash_or_a_loss(
    tmp_path_factory: pytest.TempPathFactory, declared: str, values: list[object]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous = off")
        connection.execute(f"CREATE TABLE t (c {declared})")
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
        connection.commit()
        stored = [row[0] for row in connection.execute("SELECT c FROM t")]
    with _open(path) as feed:
        kind, landed = feed.tables["t"].columns["c"], [row[0] for row in _landed(feed)]
    assert [value is None for value in landed] == [value is None for value in stored]
    if kind in {"BIGINT", "DOUBLE", "BLOB", "BOOLEAN"} and not any(isinstance(value, str) for value in stored):
        assert landed == stored


def test__tables__names_of_all_sorts__read_under_them(make: Make) -> None:
    path = make(
        """CREATE TABLE "select; -- ""Grüße"" 'x'" ("from" INT, "a;b" TEXT, "q""q" INT, "日本 {c}" DATE);
        INSERT INTO "select; -- ""Grüße"" 'x'" VALUES (1, 'x', 2, '2020-01-01'); CREATE TABLE sqlitecopy (a INT);
        CREATE VIEW "a view" AS SELECT "from" + 1 AS more, "a;b" FROM "select; -- ""Grüße"" 'x'";
        CREATE TABLE auto (id INTEGER PRIMARY KEY AUTOINCREMENT)"""
    )
    with _open(path) as feed:
        name = "select; -- \"Grüße\" 'x'"
        assert sorted(feed.tables) == ["a view", "auto", name, "sqlitecopy"]
        assert dict(feed.tables[name].columns) == {"from": "BIGINT", "a;b": "VARCHAR", 'q"q': "BIGINT", "日本 {c}": "DATE"}
        assert _landed(feed, name) == [(1, "x", 2, dt.date(2020, 1, 1))]
        assert _landed(feed, "a view") == [(2, "x")]


def test__tables__keys__as_declared(make: Make) -> None:
    path = make(
        """CREATE TABLE shops (id INTEGER PRIMARY KEY, boss INT REFERENCES Shops);
        CREATE TABLE tills (shop INT, number INT, PRIMARY KEY (number, shop)) WITHOUT ROWID;
        CREATE TABLE slips (
            id INT, shop INT REFERENCES shops (id), number INT, twice AS (id * 2) STORED, lost INT REFERENCES gone (id),
            FOREIGN KEY (number, shop) REFERENCES tills
        )"""
    )
    with _open(path) as feed:
        keys = {name: table.constraints for name, table in feed.tables.items()}
        assert "twice" in feed.tables["slips"].columns
    assert keys["shops"] == Constraints(("id",), (ForeignKey(("boss",), "shops", ("id",)),))
    assert keys["tills"] == Constraints(("number", "shop"))
    assert keys["slips"].key == ()
    assert set(keys["slips"].foreign_keys) == {
        ForeignKey(("shop",), "shops", ("id",)),
        ForeignKey(("number", "shop"), "tills", ("number", "shop")),
    }


def test__tables__include__patterns_whatever_their_case(make: Make) -> None:
    path = make("CREATE TABLE sales_a (i INT); CREATE TABLE sales_b (i INT REFERENCES c); CREATE TABLE c (i INTEGER PRIMARY KEY)")
    with _open(path, "SALES_*") as feed:
        assert sorted(feed.tables) == ["sales_a", "sales_b"]
        assert feed.tables["sales_b"].constraints == Constraints()
    with pytest.raises(ProjectError, match=r"'slaes_a' matches no table[\s\S]*did you mean 'sales_a'"), _open(path, "slaes_a"):
        pass


def test__tables__empty__no_rows_in_the_declared_types(make: Make) -> None:
    path = make("CREATE TABLE t (a INT, b TEXT, c DATE, d DECIMAL(9,2), e, f BLOB)")
    with _open(path) as feed:
        assert list(feed.tables["t"].columns.values()) == ["BIGINT", "VARCHAR", "DATE", "DECIMAL(9,2)", "VARCHAR", "BLOB"]
        assert _landed(feed) == []


def test__tables__hundreds_of_columns__all_read(make: Make) -> None:
    columns = ", ".join(f"c{i} {('INT', 'REAL', 'TEXT', 'DATE')[i % 4]}" for i in range(600))
    path = make(f"CREATE TABLE t ({columns})", [[i if i % 4 < 2 else "2020-01-01" for i in range(600)], ["x"] * 600])
    with _open(path) as feed:
        assert len(_landed(feed)[0]) == 600


def test__views__broken__refused_unless_left_out(make: Make) -> None:
    path = make("CREATE TABLE t (a INT); CREATE TABLE u (a INT); CREATE VIEW v AS SELECT a FROM u; DROP TABLE u")
    with pytest.raises(ProjectError, match=r"cannot read 'v'.*no such table[\s\S]*include"), _open(path):
        pass
    with _open(path, "t") as feed:
        assert sorted(feed.tables) == ["t"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("i", 2),
        ("f", 0.3),
        ("n", Decimal("0.30")),
        ("t", "b'"),
        ("d", dt.date(2020, 1, 2)),
        ("ts", dt.datetime(2020, 1, 1, 10)),
        ("ts", dt.datetime(2020, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
        ("z", dt.datetime(2020, 1, 1, 10, 0, 0, 1)),
        ("e", dt.datetime(2020, 1, 1, 10, 0, 0)),
        ("j", dt.datetime(2020, 1, 1, 12)),
        ("m", "b"),
    ],
)
def test__read__since__rows_from_the_value_on_and_those_without_one(make: Make, column: str, value: object) -> None:
    path = make(
        "CREATE TABLE t (i INT, f REAL, n DECIMAL(8, 2), t TEXT COLLATE NOCASE, d DATE,"
        " ts DATETIME, z DATETIME, e DATETIME, j DATETIME, m)",
        [
            (1, 0.2999, 0.29, "B", "2020-01-01", "2020-01-01T09:59:59.99", "2020-01-01T10:00:00Z", 1577872799, 2458849.5, 7),
            (2, 0.3, 0.3, "b'", "2020-01-02", "2020-01-01T10:00", "2020-01-01T12:00:00.000001+02:00", 1577872800, 2458850.0, "b"),
            (3, 0.4, 0.4, "b'c", "2020-01-03", "2020-01-01 10:00:00.000", "2020-01-01T10:00:01Z", 1577872801, 2458851.5, "c"),
            [None] * 10,
        ],
    )
    with _open(path) as feed:
        assert [row[0] for row in _landed(feed, "t", (column, value))] == [2, 3, None]


def test__read__since_midnight__days_written_in_any_way(make: Make) -> None:
    rows = ["2020-01-01", "2020-01-01 00:00", "2020-01-01T00:00:00", "2020-01-01 00:00:00.0", "2019-12-31 23:59:59.9999"]
    path = make("CREATE TABLE t (c DATETIME)", [(row,) for row in rows])
    with _open(path) as feed:
        assert len(_landed(feed, "t", ("c", dt.datetime(2020, 1, 1)))) == 4
        with pytest.raises(ProjectError, match="holds dates or times"):
            feed.read(feed.tables["t"], ("c", 5))
        with pytest.raises(ProjectError, match="did you mean 'c'"):
            feed.read(feed.tables["t"], ("cc", 5))


_OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)
for line in sys.stdin:
    try:
        connection.execute(line)
        print("done", flush=True)
    except sqlite3.Error as error:
        print(error, flush=True)
"""


@contextmanager
def _other_process(path: Path) -> Iterator[Callable[[str], str]]:
    """Runs statements on the file in another process: locks do not hold between two users within one."""
    command = [sys.executable, "-c", _OTHER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def execute(sql: str) -> str:
            stdin.write(sql + "\n")
            stdin.flush()
            return stdout.readline().strip()

        yield execute
        stdin.close()


def test__feed__rows_committed_meanwhile_under_wal__not_seen(make: Make) -> None:
    path = make("PRAGMA journal_mode = wal; CREATE TABLE t (a INT); INSERT INTO t VALUES (1)")
    with _other_process(path) as execute:
        with _open(path) as feed:
            assert _landed(feed) == [(1,)]
            assert execute("INSERT INTO t VALUES (2)") == "done"
            assert _landed(feed) == [(1,)]
        with _open(path) as feed:  # what stands in the log only
            assert _landed(feed) == [(1,), (2,)]


def test__feed__another_writes_without_wal__waits_until_all_is_read(make: Make) -> None:
    path = make("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)")
    with _other_process(path) as execute:
        with _open(path) as feed:
            assert execute("INSERT INTO t VALUES (2)") == "database is locked"
            assert _landed(feed) == [(1,)]
        assert execute("INSERT INTO t VALUES (2)") == "done"


def test__feed__file__never_written(make: Make) -> None:
    path = make("CREATE TABLE t (a INT); INSERT INTO t VALUES (1)")
    before = path.read_bytes()
    with _open(path) as feed, pytest.raises(ProjectError, match="readonly"):
        feed._session.execute("INSERT INTO t VALUES (2)")  # type: ignore[attr-defined]
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test__feed__odd_path__opened(make: Make) -> None:
    with _open(make("CREATE TABLE t (a INT)", name="a #1?mode=rwc%20&ü.db")) as feed:
        assert _landed(feed) == []


def test__feed__reader_abandoned__next_one_whole(make: Make) -> None:
    path = make("CREATE TABLE t AS WITH RECURSIVE g (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g LIMIT 50000) SELECT i FROM g")
    with _open(path) as feed:
        assert feed.read(feed.tables["t"]).read_next_batch().num_rows < 50000
        assert feed.read(feed.tables["t"]).read_all().num_rows == 50000
        feed.read(feed.tables["t"]).read_next_batch()


def test__open__what_is_no_database__typed_error(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("not a database " * 100, encoding="utf-8")
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    for path, message in (
        (tmp_path / "none.db", "No such file"),
        (tmp_path, "Is a directory"),
        (text, "is no SQLite database"),
        (broken, "cannot read the source"),
    ):
        with pytest.raises(ProjectError, match=message) as caught, _open(path):
            pass
        assert "rdl.toml, [database] source" in str(caught.value)


def test__open__empty_file__no_tables(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    with _open(tmp_path / "empty.db") as feed:
        assert feed.tables == {}


def test__open__locked_by_another__typed_error(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rdl.database.sources.sqlite._PATIENCE", 50)
    path = make("CREATE TABLE t (a INT)")
    with _other_process(path) as execute:
        assert execute("BEGIN EXCLUSIVE") == "done"
        with pytest.raises(ProjectError, match=r"locked[\s\S]*another program"), _open(path):
            pass


def test__open__driver_missing__names_the_extra(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adbc_driver_sqlite.dbapi", None)
    with (
        pytest.raises(ProjectError, match=r"adbc-driver-sqlite[\s\S]*pip install 'rdl\[sqlite\]'"),
        _open(make("CREATE TABLE t (a)")),
    ):
        pass
