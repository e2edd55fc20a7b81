"""The demo shop: the same in every run, as large and as dirty as it says, and with its planted causes to be found."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from rdl.database.demo import TABLES, DemoSummary, write_demo
from rdl.errors import ProjectError
from rdl.project import open_project

ROWS = 40_000
FEATURES = """
/* Features of churn on the demo shop by hand: c_ the customer's own columns, o_ what hangs on the customer by one key, and
s_ the record of the suppliers of the customer's recent lines, over everybody's lines.
inputs:  the tables of the demo shop
outputs: table matrix (cutoff, customer_id, label, c_*, o_*, s_*)
time:    features read rows before the cutoff, the label [cutoff, cutoff + 30 days) */
CREATE OR REPLACE TEMP TABLE cutoffs AS SELECT TIMESTAMP '2025-11-09' - to_days((30 * i)::INTEGER) AS cutoff FROM range(12) t(i);

CREATE TEMP TABLE past AS
SELECT cutoff, customer_id, order_id, ordered_at, amount FROM cutoffs JOIN orders ON ordered_at < cutoff;

CREATE TEMP TABLE one_hop AS
SELECT cutoff, customer_id, count(*) AS o_all,
    count(*) FILTER (ordered_at >= cutoff - INTERVAL 15 DAY) AS o_15,
    count(*) FILTER (ordered_at >= cutoff - INTERVAL 30 DAY) AS o_30,
    count(*) FILTER (ordered_at >= cutoff - INTERVAL 60 DAY) AS o_60,
    count(*) FILTER (ordered_at >= cutoff - INTERVAL 120 DAY) AS o_120,
    date_diff('hour', max(ordered_at), cutoff) AS o_last, date_diff('hour', min(ordered_at), cutoff) AS o_first,
    avg(amount)::DOUBLE AS o_amount
FROM past GROUP BY cutoff, customer_id HAVING max(ordered_at) >= cutoff - INTERVAL 60 DAY;

CREATE TEMP TABLE seen AS
SELECT cutoff, customer_id, count(*) FILTER (visited_at >= cutoff - INTERVAL 30 DAY) AS o_visits_30,
    date_diff('hour', max(visited_at), cutoff) AS o_visit_last
FROM cutoffs JOIN visits ON visited_at < cutoff GROUP BY cutoff, customer_id;

CREATE TEMP TABLE told AS
SELECT cutoff, customer_id, count(*) AS o_tickets, count(*) FILTER (NOT solved_first_day) AS o_unsolved
FROM cutoffs JOIN support_tickets ON opened_at < cutoff - INTERVAL 1 DAY AND opened_at >= cutoff - INTERVAL 60 DAY
GROUP BY cutoff, customer_id;

CREATE TEMP TABLE record AS
SELECT cutoff, supplier_id, avg(returned::INTEGER) AS returned
FROM cutoffs JOIN order_lines ON settled_at < cutoff AND settled_at >= cutoff - INTERVAL 45 DAY JOIN products USING (product_id)
GROUP BY cutoff, supplier_id;

CREATE TEMP TABLE two_hop AS
SELECT p.cutoff, p.customer_id, sum(r.returned) FILTER (settled_at >= p.cutoff - INTERVAL 20 DAY) AS s_20, sum(r.returned) AS s_60,
    avg(r.returned) AS s_mean, max(r.returned) FILTER (settled_at >= p.cutoff - INTERVAL 30 DAY) AS s_worst
FROM past p JOIN order_lines l ON l.order_id = p.order_id AND settled_at < p.cutoff AND settled_at >= p.cutoff - INTERVAL 60 DAY
JOIN products USING (product_id) JOIN record r ON r.supplier_id = products.supplier_id AND r.cutoff = p.cutoff
GROUP BY p.cutoff, p.customer_id;

CREATE TEMP TABLE matrix AS
SELECT h.*, NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = h.customer_id AND o.ordered_at >= h.cutoff
        AND o.ordered_at < h.cutoff + INTERVAL 30 DAY) AS label,
    (plan = 'plus')::INTEGER AS c_plus, newsletter::INTEGER AS c_newsletter, (channel = 'ads')::INTEGER AS c_ads,
    year(birth_date) AS c_born, date_diff('day', joined_at, h.cutoff) AS c_tenure,
    seen.* EXCLUDE (cutoff, customer_id), told.* EXCLUDE (cutoff, customer_id), two_hop.* EXCLUDE (cutoff, customer_id)
FROM one_hop h JOIN customers USING (customer_id)
LEFT JOIN seen ON seen.cutoff = h.cutoff AND seen.customer_id = h.customer_id
LEFT JOIN told ON told.cutoff = h.cutoff AND told.customer_id = h.customer_id
LEFT JOIN two_hop ON two_hop.cutoff = h.cutoff AND two_hop.customer_id = h.customer_id;
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> DemoSummary:
    return write_demo(tmp_path_factory.mktemp("demo") / "shop", rows=ROWS, seed=1)


@pytest.fixture(scope="module")
def sql(shop: DemoSummary) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 2}) as connection:
        for table, file in shop.files.items():
            connection.execute(f"CREATE VIEW {table} AS FROM '{file}'").fetchall()
        yield connection


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[float, ...]:
    return connection.execute(query).fetchall()[0]


def contents(folder: Path) -> list[object]:
    return [pq.read_table(folder / "data" / f"{table}.parquet") for table in TABLES]


@pytest.mark.slow
def test__write_demo__seed__decides_the_tables_alone_and_another_replaces_them(tmp_path: Path) -> None:
    write_demo(tmp_path / "one", rows=2_000, seed=7, threads=1)
    write_demo(tmp_path / "two", rows=2_000, seed=7, threads=2, memory_limit="500MB")
    before = contents(tmp_path / "one")
    assert before == contents(tmp_path / "two"), "same seed, other threads and memory: same tables, in the same order"

    (tmp_path / "two" / "mine.txt").write_text("kept")
    write_demo(tmp_path / "two", rows=2_000, seed=8)
    after = contents(tmp_path / "two")
    assert before[0] == after[0], "the categories are the same in every shop"
    assert not any(one == other for one, other in zip(before[1:], after[1:], strict=True))
    assert (tmp_path / "two" / "mine.txt").read_text() == "kept"
    assert "seed = 8" in (tmp_path / "two" / "rdl.toml").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"one", "two"}, "nothing is left beside the folders"


def test__write_demo__foreign_folder_or_too_few_rows__refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(ProjectError, match="no demo shop"):
        write_demo(tmp_path, rows=2_000)
    with pytest.raises(ProjectError, match="not a folder"):
        write_demo(tmp_path / "thesis.txt", rows=2_000)
    with pytest.raises(ProjectError, match="rows = 3"):
        write_demo(tmp_path / "new", rows=3)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test__write_demo__project__opens_and_declares_every_table(shop: DemoSummary) -> None:
    project = open_project(shop.folder)
    assert set(project.tables) == set(TABLES)
    for table, settings in project.tables.items():
        columns = set(pq.read_schema(shop.files[table]).names)
        named = {*settings.key_columns, *(settings.references or {}), *settings.types}
        assert named | ({settings.time} if settings.time else set()) <= columns


def test__write_demo__rows__close_to_what_was_asked_and_counted(shop: DemoSummary) -> None:
    assert 0.85 * ROWS < shop.rows["orders"] < 1.15 * ROWS
    assert {table: pq.read_metadata(file).num_rows for table, file in shop.files.items()} == dict(shop.rows)


def test__write_demo__keys__unique_and_references_dangle_only_as_planted(sql: duckdb.DuckDBPyConnection) -> None:
    for table, key in {
        "customers": "customer_id",
        "orders": "order_id",
        "order_lines": "(order_id, line)",
        "products": "product_id",
        "visits": "visit_id",
        "support_tickets": "ticket_id",
    }.items():
        rows, keys = ask(sql, f"SELECT count(*), count(DISTINCT {key}) FROM {table}")
        assert rows == keys
    dangling = {
        ("orders", "customer_id", "customers"): (0, 0),
        ("order_lines", "order_id", "orders"): (0, 0),
        ("products", "supplier_id", "suppliers"): (0, 0),
        ("products", "category_id", "categories"): (0, 0),
        ("order_lines", "product_id", "products"): (0.001, 0.01),
        ("support_tickets", "order_id", "orders"): (0.001, 0.02),
    }
    for (child, column, parent), (low, high) in dangling.items():
        (share,) = ask(
            sql, f"SELECT avg(({column} IS NOT NULL AND {column} NOT IN (SELECT {column} FROM {parent}))::INT) FROM {child}"
        )
        assert low <= share <= high, (child, column, share)


def test__write_demo__dirt__null_cells_and_null_times_are_there(sql: duckdb.DuckDBPyConnection) -> None:
    for table, column, low, high in [
        ("visits", "visited_at", 0.002, 0.01),
        ("visits", "customer_id", 0.03, 0.07),
        ("customers", "birth_date", 0.05, 0.11),
        ("order_lines", "rating", 0.85, 0.95),
        ("support_tickets", "order_id", 0.1, 0.3),
        ("support_tickets", "message", 0.01, 0.08),
    ]:
        (share,) = ask(sql, f"SELECT avg(({column} IS NULL)::INT) FROM {table}")
        assert low < share < high, (table, column, share)


def test__write_demo__time__every_row_follows_its_cause_and_precedes_the_end(sql: duckdb.DuckDBPyConnection) -> None:
    end = "TIMESTAMP '2025-12-22'"
    assert ask(
        sql, f"SELECT count(*) FROM orders JOIN customers USING (customer_id) WHERE ordered_at <= joined_at OR ordered_at >= {end}"
    ) == (0,)
    assert ask(
        sql, f"SELECT count(*) FROM order_lines JOIN orders USING (order_id) WHERE settled_at <= ordered_at OR settled_at >= {end}"
    ) == (0,)
    assert ask(
        sql,
        """SELECT count(*) FROM support_tickets t
        WHERE opened_at < (SELECT min(settled_at) FROM order_lines l WHERE l.order_id = t.order_id)""",
    ) == (0,)
    assert ask(
        sql, "SELECT count(*) FROM (SELECT ordered_at < lag(ordered_at) OVER (ORDER BY order_id) AS back FROM orders) WHERE back"
    ) == (0,)


@pytest.mark.parametrize("task", ["churn", "spend"])
def test__write_demo__tasks__run_and_label_as_promised(shop: DemoSummary, sql: duckdb.DuckDBPyConnection, task: str) -> None:
    text = (shop.folder / "sql" / "tasks" / "shop" / f"{task}.sql").read_text()
    header = tomllib.loads(text.split("/* rdl")[1].split("*/")[0])
    assert (header["task"], header["entity"], header["horizon"]) == (task, "customers", "30 days")
    population, label = text.split("*/", 1)[1].split(";")
    cutoffs = [header["test"].strftime(f"'%Y-%m-%d'::TIMESTAMP + INTERVAL {30 * step} DAY") for step in (0, 2)]
    sql.execute(f"CREATE OR REPLACE TEMP TABLE cutoffs AS SELECT unnest([{', '.join(cutoffs)}]) AS cutoff").fetchall()
    label = label.replace("$horizon", "INTERVAL 30 DAY")
    pairs, missing, low, mean, high = ask(
        sql,
        f"""SELECT count(*), count(*) FILTER (label IS NULL), min(label::DOUBLE), avg(label::DOUBLE), max(label::DOUBLE)
        FROM ({population}) LEFT JOIN ({label}) USING (cutoff, customer_id)""",
    )
    assert pairs > 1_000
    assert missing == 0
    assert low == 0
    if task == "churn":
        assert high == 1
        assert 0.25 < mean < 0.5
    else:
        assert 50 < mean < 500
    assert ask(sql, f"SELECT count(*) FROM orders WHERE ordered_at >= {cutoffs[1]} + INTERVAL 30 DAY")[0] > 0, "the last is mature"


def test__write_demo__signal__suppliers_of_other_customers_lines_tell_who_leaves(sql: duckdb.DuckDBPyConnection) -> None:
    xgboost = pytest.importorskip("xgboost")
    from sklearn.metrics import roc_auc_score

    sql.execute(FEATURES).fetchall()
    table = sql.sql("FROM matrix ORDER BY cutoff, customer_id").to_arrow_table()
    X = {name: table[name].to_numpy().astype(float) for name in table.column_names if name not in {"cutoff", "customer_id"}}
    target = X.pop("label")
    test = table["cutoff"].to_numpy() >= np.datetime64("2025-09-10")

    def auroc(prefixes: tuple[str, ...]) -> float:
        columns = np.stack([X[name] for name in X if name.startswith(prefixes)], axis=1)
        model = xgboost.XGBClassifier(n_estimators=80, max_depth=4, learning_rate=0.08, n_jobs=1, random_state=0)
        model.fit(columns[~test], target[~test])
        return float(roc_auc_score(target[test], model.predict_proba(columns[test])[:, 1]))

    entity, one_hop, two_hop = auroc(("c_",)), auroc(("c_", "o_")), auroc(("c_", "o_", "s_"))
    assert 0.52 < entity < 0.65
    assert 0.66 < one_hop < 0.78
    assert two_hop > one_hop + 0.015
