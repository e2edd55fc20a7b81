"""The wall around users' SQL, held against a corpus of attacks: `attacks.sql`."""

import hashlib
import os
import re
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from rdl.database import Database
from rdl.database.sandbox import Sandbox, check_select, memory_bytes, statements
from rdl.errors import SqlError
from tests.projects import opened, write_shop

LIMIT = 1.0
MARKER = "the-marker-that-must-not-come-out"
marker_frame = pa.table({"x": [MARKER]})

_ENTRY = re.compile(r"^-- (refused|stopped|harmless): (.*)$", re.MULTILINE)


def corpus() -> list[tuple[str, str, str]]:
    text = (Path(__file__).parent / "attacks.sql").read_text()
    marks = list(_ENTRY.finditer(text))
    ends = [m.start() for m in marks[1:]] + [len(text)]
    return [(m.group(1), m.group(2), text[m.end() : end].strip()) for m, end in zip(marks, ends, strict=True)]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Database:
    return opened(write_shop(tmp_path_factory.mktemp("shop") / "project"))


@pytest.fixture(scope="module")
def box(shop, tmp_path_factory):
    with Sandbox(shop.path, "200MB", 1, int(LIMIT * 1e6), tmp_path_factory.mktemp("spill")) as sandbox:
        yield sandbox


def filled(sql: str, shop: Database, folder: Path) -> str:
    places = {"secret": folder / "secret.csv", "out": folder / "out", "db": shop.path, "table": "orders"}
    for name, value in {**places, "padding": "+ 1" * 40_000, "parens": "(" * 5_000 + "1" + ")" * 5_000}.items():
        sql = sql.replace(f"{{{name}}}", str(value))
    return sql


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test__corpus__is_large_enough():
    assert len(corpus()) >= 80


@pytest.mark.parametrize(("verdict", "name", "sql"), corpus(), ids=[f"{v}-{i}" for i, (v, _, _) in enumerate(corpus())])
def test__attack__is_refused_stopped_or_harmless(box, shop, tmp_path, monkeypatch, verdict, name, sql):
    monkeypatch.setenv("RDL_MARKER", MARKER)
    (tmp_path / "secret.csv").write_text(f"a,b\n{MARKER},1\n")
    before = digest(shop.path)
    sql = filled(sql, shop, tmp_path)
    box.select("SELECT 1 AS x", "warm", {})  # starting the process does not count against a query
    start = time.monotonic()
    if verdict == "harmless":
        assert MARKER not in str(box.select(sql, "attacks.sql", {}).to_pylist())
    else:
        with pytest.raises(SqlError) as error:
            box.select(sql, "attacks.sql", {})
        assert MARKER not in str(error.value)
        assert error.value.where == "attacks.sql"
        assert error.value.fix
    assert time.monotonic() - start < LIMIT + 1, name
    assert digest(shop.path) == before
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


def test__naive_times__are_utc_in_every_zone(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    with Sandbox(shop.path, "200MB", 1, 10**7, tmp_path) as sandbox:
        found = sandbox.select("SELECT epoch_us('2025-01-01'::TIMESTAMPTZ::TIMESTAMP) AS t", "test", {})
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
    assert error.value.what == "the query ran past its limit of 1 s"
    assert "query_limit" in error.value.fix


def test__dead_process__is_said_and_replaced(box):
    box.select("SELECT 1 AS x", "test", {})
    box._process.kill()
    box._process.wait()
    with pytest.raises(SqlError, match="its process died"):
        box.select("SELECT 1 AS x", "test", {})
    assert box.select("SELECT 1 AS x", "test", {})["x"].to_pylist() == [1]


def test__leaving__ends_the_process_and_removes_what_it_spilled(shop, tmp_path):
    with Sandbox(shop.path, "200MB", 1, 10**7, tmp_path) as sandbox:
        sandbox.select("SELECT 1 AS x", "test", {})
        process = sandbox._process
    assert process.returncode is not None
    assert list(tmp_path.iterdir()) == []


def test__worker__ends_with_its_parent(shop, tmp_path):
    import subprocess
    import sys

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
    "sql", ["SELECT 1", "FROM t", "VALUES (1)", "WITH x AS (SELECT 1) SELECT * FROM x", "SELECT 1;", "TABLE t"]
)
def test__check_select__accepts_one_select(sql):
    check_select(sql, "test")


def test__statements__are_split_by_the_parser_not_by_the_character():
    assert statements("SELECT ';' AS a; -- one; two\nSELECT 2 /* ; */; -- end;", "test") == ["SELECT ';' AS a", "SELECT 2 /* ; */"]


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4 * 10**9), ("1.5 GiB", 3 * 2**29), ("100MB", 10**8), ("7 B", 7), ("80%", None), ("lots", None)]
)
def test__memory_bytes(text, size):
    assert memory_bytes(text) == size
