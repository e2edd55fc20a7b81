"""The wall around users' SQL, held against a corpus of attacks: `attacks.sql`."""

import hashlib
import os
import re
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
import pytest

from rdl.database.sandbox import Sandbox, memory_bytes
from rdl.errors import SqlError

LIMIT = 0.5
MARKER = "the-marker-that-must-not-come-out"
marker_frame = pa.table({"x": [MARKER]})

_ENTRY = re.compile(r"^-- (refused|stopped|harmless): (.*)$", re.MULTILINE)
_TIMES = re.compile(r"\{(\d+)x([^{}]*)\}")


class Shop(NamedTuple):
    """A database of five orders, and of visits that are a view over a Parquet file."""

    path: Path
    parquet: Path


def corpus() -> list[tuple[str, str, str]]:
    text = (Path(__file__).parent / "attacks.sql").read_text()
    marks = list(_ENTRY.finditer(text))
    ends = [m.start() for m in marks[1:]] + [len(text)]
    return [(m.group(1), m.group(2), text[m.end() : end].strip()) for m, end in zip(marks, ends, strict=True)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Shop:
    folder = tmp_path_factory.mktemp("it's a shop")
    made = Shop(folder / "shop.duckdb", folder / "visits.parquet")
    with duckdb.connect(str(made.path)) as connection:
        for statement in (
            "CREATE SCHEMA rows",
            "CREATE TABLE rows.orders AS SELECT i AS _row, i * 10 AS _time, i AS id, i + 0.5 AS amount FROM range(5) t(i)",
            "CREATE VIEW orders AS SELECT id, amount FROM rows.orders",
            "CREATE VIEW \"Größe; 'x'\" AS SELECT 1 AS x",
            f"COPY (SELECT i AS x FROM range(7) t(i)) TO {quoted(made.parquet)} (FORMAT parquet)",
            f"CREATE VIEW visits AS SELECT x FROM read_parquet([{quoted(made.parquet)}])",
        ):
            connection.execute(statement).fetchall()
    return made


@pytest.fixture(scope="module")
def box(shop, tmp_path_factory):
    with sandbox(shop, tmp_path_factory.mktemp("spill"), seconds=LIMIT) as opened:
        yield opened


def sandbox(shop: Shop, temp: Path, memory: str = "200MB", seconds: float = 10, temp_limit: str = "100MB") -> Sandbox:
    return Sandbox(shop.path, memory, 1, int(seconds * 1e6), temp, [shop.parquet], temp_limit)


def quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def filled(sql: str, shop: Shop, folder: Path) -> str:
    places = {"secret": folder / "secret.csv", "out": folder / "out", "db": shop.path, "parquet": shop.parquet}
    words = {name: str(value).replace("'", "''") if f"'{{{name}}}'" in sql else str(value) for name, value in places.items()}
    for name, value in {**words, "table": "orders", "0": "\0", "surrogate": "\udce4"}.items():
        sql = sql.replace(f"{{{name}}}", value)
    return _TIMES.sub(lambda m: m.group(2) * int(m.group(1)), sql)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test__corpus__is_large_and_has_no_attack_twice():
    texts = [sql for _, _, sql in corpus()]
    assert len(set(texts)) == len(texts) >= 200


@pytest.mark.parametrize(
    ("verdict", "name", "sql"),
    [  # each asks a process of its own; the default suite tries every second
        pytest.param(*attack, id=f"{attack[0]}-{place}", marks=[pytest.mark.slow] if place % 2 else [])
        for place, attack in enumerate(corpus())
    ],
)
def test__attack__is_refused_stopped_or_harmless(box, shop, tmp_path, monkeypatch, verdict, name, sql):
    monkeypatch.setenv("RDL_MARKER", MARKER)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.csv").write_text(f"a,b\n{MARKER},1\n")
    before = digest(shop.path), digest(shop.parquet)
    sql = filled(sql, shop, tmp_path)
    box.select("SELECT 1 AS x", "warm", {})  # starting the process does not count against a query
    start = time.monotonic()
    if verdict == "harmless":
        found = str(box.select(sql, "attacks.sql", {}).to_pylist())
        assert MARKER not in found
    else:
        with pytest.raises(SqlError) as error:
            box.select(sql, "attacks.sql", {})
        assert MARKER not in str(error.value)
        assert len(error.value.what) < 3_000
        assert error.value.where == "attacks.sql"
        assert error.value.fix
        assert verdict == "stopped" or not re.search("its limit|its process", error.value.what), "it ran"
    assert time.monotonic() - start < LIMIT + 1, name
    assert (digest(shop.path), digest(shop.parquet)) == before
    assert [f.name for f in tmp_path.iterdir()] == ["secret.csv"]
    assert box.select("SELECT count(*) AS n FROM orders", "after", {})["n"].to_pylist() == [5], "the next query runs as ever"


def test__select__reads_tables_and_parameters_it_is_given(box):
    grid = pa.table({"cutoff": pa.array([0, 1], pa.timestamp("us"))})
    sql = "SELECT c.cutoff + $horizon AS t FROM cutoffs c ORDER BY ALL"
    params = {"horizon": timedelta(days=1, microseconds=1), "unused": timedelta(1)}
    found = box.select(sql, "test", {"cutoffs": grid}, params)
    assert found["t"].cast(pa.int64()).to_pylist() == [86_400_000_001, 86_400_000_002]


def test__tables__are_gone_after_the_query(box):
    box.select("SELECT * FROM cutoffs", "test", {"cutoffs": pa.table({"x": [1]})})
    with pytest.raises(SqlError, match="cutoffs"):
        box.select("SELECT * FROM cutoffs", "test", {})


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT count(*) FROM visits", 7),
        ("SELECT count(*) FROM db.main.visits", 7),
        ("SELECT count(*) FROM db.Visits", 7),
        ("FROM rows.orders SELECT count(*)", 5),
        ("SELECT x FROM \"Größe; 'x'\"", 1),
        ("VALUES (3)", 3),
        ("WITH a AS (SELECT 4 AS x) SELECT x FROM a;", 4),
        ("WITH RECURSIVE r AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM r WHERE i < 9) SELECT max(i) FROM r", 9),
        ("SELECT count(*) FROM (PIVOT orders ON id IN (1, 2) USING sum(amount) GROUP BY amount)", 5),
        ("SELECT max(v) FROM (UNPIVOT visits ON x INTO NAME n VALUE v)", 6),
        ("SELECT count(*) FROM orders o, LATERAL (SELECT 1 FROM visits v WHERE v.x = o.id)", 5),
        ("SELECT sum(i) FROM range(3) t(i) CROSS JOIN (SELECT unnest([1, 2]))", 6),
        ("SELECT count(*) FROM orders a ASOF JOIN rows.orders b ON a.id >= b._time", 5),
    ],
)
def test__select__answers_every_form_of_query(box, sql, rows):
    assert next(iter(box.select(sql, "test", {}).to_pylist()[0].values())) == rows


def test__pivot_statement__is_a_query_where_it_lists_its_values(box):
    found = box.select("PIVOT orders ON id IN (1, 2) USING sum(amount) GROUP BY amount;", "test", {})
    assert set(found.column_names) == {"amount", "1", "2"}
    with pytest.raises(SqlError, match="IN list") as error:
        box.select("PIVOT orders ON id USING sum(amount)", "test", {})
    assert "PIVOT t ON x IN" in error.value.fix


def test__misspelt_table__brings_the_nearest_to_mind(box):
    with pytest.raises(SqlError, match="'oders'") as error:
        box.select("SELECT * FROM oders", "test", {})
    assert error.value.fix == "did you mean 'orders'?"


def test__naive_times__are_utc_in_every_zone(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    with sandbox(shop, tmp_path) as opened:
        found = opened.select("SELECT epoch_us('2025-01-01'::TIMESTAMPTZ::TIMESTAMP) AS t", "test", {})
    assert found["t"].to_pylist() == [1_735_689_600_000_000]


def test__empty_and_large_results__come_back_whole(box):
    assert box.select("SELECT 1 AS x WHERE false", "test", {}).num_rows == 0
    assert box.select("SELECT i FROM range(300000) t(i)", "test", {})["i"].to_pylist()[-1] == 299_999


def test__failing_query__names_the_place_and_the_database_s_message(box):
    with pytest.raises(SqlError) as error:
        box.select("SELECT amont FROM orders", "tasks/churn.sql, label query", {})
    assert error.value.where == "tasks/churn.sql, label query"
    assert "amont" in error.value.what


def test__slow_query__says_which_limit_and_what_to_do(box):
    with pytest.raises(SqlError) as error:
        box.select("SELECT sleep_ms(60000)", "test", {})
    assert error.value.what == "the query ran past its limit of 0.5 s"
    assert "query_limit" in error.value.fix


def test__large_query__says_which_limit_and_what_to_do(shop, tmp_path):
    with sandbox(shop, tmp_path) as opened, pytest.raises(SqlError) as error:
        opened.select("SELECT len(list(x)) FROM range(1000000000) t(x)", "test", {})
    assert error.value.what == "the query takes more memory than its limit of 200MB"
    assert "memory_limit" in error.value.fix


def test__spilling_query__says_which_limit_and_what_to_do(shop, tmp_path):
    sql = "SELECT * FROM (SELECT hash(i) AS h, i FROM range(100000000) t(i)) ORDER BY h, i"
    with sandbox(shop, tmp_path, memory="100MB", temp_limit="20MB") as opened:
        with pytest.raises(SqlError) as error:
            opened.select(sql, "test", {})
        assert sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file()) <= 20e6
        assert opened.select("SELECT count(*) AS n FROM visits", "test", {})["n"].to_pylist() == [7]
    assert error.value.what == "the query spills more to disk than its limit of 20MB"
    assert "temp_limit" in error.value.fix


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test__limit__that_is_no_time_is_refused(shop, tmp_path, limit):
    with pytest.raises(SqlError, match="lets no query run"):
        Sandbox(shop.path, "200MB", 1, limit, tmp_path)


def test__limit__beyond_all_clocks_still_runs(shop, tmp_path):
    with sandbox(shop, tmp_path, seconds=1e13) as opened:
        assert opened.select("SELECT 1 AS x", "test", {}).num_rows == 1


def test__vanished_parquet_file__is_named_without_its_folder(shop, tmp_path):
    other = tmp_path / "copy.duckdb"
    other.write_bytes(shop.path.read_bytes())
    gone = tmp_path / "gone.parquet"
    with duckdb.connect(str(other)) as connection:
        connection.execute(f"COPY (SELECT 1 AS x) TO {quoted(gone)}").fetchall()
        connection.execute(f"CREATE OR REPLACE VIEW visits AS SELECT x FROM read_parquet([{quoted(gone)}])").fetchall()
    gone.unlink()
    with Sandbox(other, "200MB", 1, 10**7, tmp_path, [gone]) as opened, pytest.raises(SqlError) as error:
        opened.select("SELECT * FROM visits", "test", {})
    assert "gone.parquet" in error.value.what
    assert str(tmp_path) not in error.value.what


def test__file_that_is_not_listed__is_closed_to_the_views_too(shop, tmp_path):
    with Sandbox(shop.path, "200MB", 1, 10**7, tmp_path) as opened, pytest.raises(SqlError, match="disabled by configuration"):
        opened.select("SELECT * FROM visits", "test", {})


def test__dead_process__is_said_and_replaced(box):
    box.select("SELECT 1 AS x", "test", {})
    box._process.kill()
    box._process.wait()
    with pytest.raises(SqlError, match="its process died"):
        box.select("SELECT 1 AS x", "test", {})
    assert box.select("SELECT 1 AS x", "test", {})["x"].to_pylist() == [1]


def test__leaving__ends_the_process_and_removes_what_it_spilled(shop, tmp_path):
    with sandbox(shop, tmp_path) as opened:
        opened.select("SELECT 1 AS x", "test", {})
        process = opened._process
    assert process.returncode is not None
    assert list(tmp_path.iterdir()) == []


def test__worker__ends_with_its_parent(shop, tmp_path):
    script = (
        "import sys, os; from pathlib import Path; from rdl.database.sandbox import Sandbox\n"
        f"box = Sandbox(Path({str(shop.path)!r}), '200MB', 1, 10**8, Path({str(tmp_path)!r}))\n"
        "box.select('SELECT 1 AS x', 'w', {}); print(box._process.pid, flush=True); os._exit(0)"
    )
    root = Path(__file__).resolve().parents[2]
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True)
    pid = int(ran.stdout)
    for _ in range(50):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{pid}/stat").is_file() and ") Z " in Path(f"/proc/{pid}/stat").read_text():
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its parent")


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4 * 10**9), ("1.5 GiB", 3 * 2**29), ("100MB", 10**8), ("7 B", 7), ("80%", None), ("lots", None)]
)
def test__memory_bytes(text, size):
    assert memory_bytes(text) == size
