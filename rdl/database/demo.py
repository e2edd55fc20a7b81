"""The demo shop: a complete rdl project whose data is made by the SQL in `sql/demo/`.

It promises three things. The same rows and seed give the same tables, whatever the number of threads. Any number of rows can be
made within the memory limit: the shop is simulated in steps of 15 days, each reads only the state that the last one left, and
DuckDB spills to disk. And the causes of churn are known, because they are planted (see `mood.sql` and `basket.sql`): some of them
can be seen only by following the keys from a customer's order lines to the suppliers of other customers' lines.
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rdl.database.engine import connect, literal, load_sql, quote
from rdl.errors import ProjectError

if TYPE_CHECKING:
    import duckdb

OPENED = "2024-05-01"
STEPS = 40
DAYS_PER_STEP = 15
CATEGORIES = 24  # also written in chance.sql, world.sql and basket.sql

_ORDERS_PER_CUSTOMER = 10.9
_MARK = "# A demo shop, made by `rdl demo`"
_STEP = ("clock", "basket", "orders", "visits", "tickets", "mood")
_TASKS = ("churn", "spend")
_SETTINGS = """\
{mark} with rows = {rows} and seed = {seed}.

[database]
source = "data/"
memory_limit = {memory_limit}
threads = {threads}

[tables.customers]
key = "customer_id"
time = "joined_at"

[tables.orders]
key = "order_id"
time = "ordered_at"
references = {{ customer_id = "customers" }}

[tables.order_lines]
key = ["order_id", "line"]
time = "settled_at"
references = {{ order_id = "orders", product_id = "products" }}

[tables.products]
key = "product_id"
references = {{ supplier_id = "suppliers", category_id = "categories" }}

[tables.categories]
key = "category_id"

[tables.suppliers]
key = "supplier_id"

[tables.visits]
key = "visit_id"
time = "visited_at"
references = {{ customer_id = "customers", product_id = "products" }}

[tables.support_tickets]
key = "ticket_id"
time = "opened_at"
lag = "1 day"
references = {{ customer_id = "customers", order_id = "orders", product_id = "products" }}
types = {{ message = "text" }}
"""
TABLES = ("categories", "suppliers", "products", "customers", "orders", "order_lines", "visits", "support_tickets")


@dataclass(frozen=True)
class DemoSummary:
    """What `write_demo` made: the project folder, and the file and number of rows of each table."""

    folder: Path
    files: Mapping[str, Path]
    rows: Mapping[str, int]


def write_demo(folder: Path, rows: int = 200_000, seed: int = 0, memory_limit: str = "4GB", threads: int = 2) -> DemoSummary:
    """Make the demo shop in `folder`: `data/*.parquet`, `rdl.toml`, and the tasks churn and spend.

    Args:
        folder: new, empty, or an earlier demo, whose data and settings are replaced and whose other files stay.
        rows: how many orders, about: what is set is the number of customers, rows / 10.9, and they order as they please. Measured:
            within 3 % from 200 thousand rows on, within 6 % at 50 thousand.
        seed: another seed is another shop.
        memory_limit: DuckDB's; beyond it work spills to a folder beside `folder`.
        threads: DuckDB's; the tables do not depend on it.

    Raises:
        ProjectError: `folder` holds something else, or `rows` is too small to make a shop.
    """
    folder = Path(folder).resolve()
    _check(folder, rows)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        project = Path(scratch) / "project"
        (project / "data").mkdir(parents=True)
        with closing(connect(memory_limit, threads, Path(scratch) / "spill")) as connection:
            connection.execute(f"ATTACH {literal(str(Path(scratch) / 'shop.duckdb'))} AS shop; USE shop").fetchall()
            _simulate(connection, rows, seed)
            counts = {table: _export(connection, table, project / "data") for table in TABLES}
        _write_texts(project, rows, seed, memory_limit, threads)
        _put_in_place(project, folder)
    return DemoSummary(folder, {table: folder / "data" / f"{table}.parquet" for table in TABLES}, counts)


def _check(folder: Path, rows: int) -> None:
    if rows < 1_000:
        raise ProjectError(f"rows = {rows} is too small for a shop", where=str(folder), fix="ask for 1000 orders or more")
    if folder.exists() and not folder.is_dir():
        raise ProjectError("not a folder", where=str(folder), fix="name a new or empty folder")
    if folder.exists() and any(folder.iterdir()) and not _is_demo(folder):
        raise ProjectError("the folder is not empty, and no demo shop", where=str(folder), fix="name a new or empty folder")


def _is_demo(folder: Path) -> bool:
    settings = folder / "rdl.toml"
    return settings.is_file() and settings.read_text(encoding="utf-8", errors="replace").startswith(_MARK)


def _simulate(connection: "duckdb.DuckDBPyConnection", rows: int, seed: int) -> None:
    """Fill the shop's tables, in the connection's current database."""
    customers = round(rows / _ORDERS_PER_CUSTOMER)
    per_category = max(8, rows // 100 // CATEGORIES)
    sizes = {
        "seed": seed,
        "days": STEPS * DAYS_PER_STEP,
        "customers": customers,
        "products": per_category * CATEGORIES,
        "suppliers": max(40, per_category * CATEGORIES // 25),
    }
    for name, value in sizes.items():
        connection.execute(f"SET VARIABLE {name} = {value}").fetchall()
    connection.execute(f"SET VARIABLE opened = TIMESTAMP '{OPENED}'").fetchall()
    connection.execute("SET VARIABLE closed = getvariable('opened') + to_days(getvariable('days')::INTEGER)").fetchall()
    for name in ("chance", "world"):
        connection.execute(load_sql(f"demo/{name}.sql")).fetchall()
    scripts = [load_sql(f"demo/{name}.sql") for name in _STEP]
    for step in range(STEPS):
        connection.begin()  # one commit a step: each waits for the disk
        connection.execute(f"SET VARIABLE step = {step}").fetchall()
        for script in scripts:
            connection.execute(script).fetchall()
        connection.commit()


def _export(connection: "duckdb.DuckDBPyConnection", table: str, folder: Path) -> int:
    """Write one table, in the order of its rows; how many they are."""
    target = literal(str(folder / f"{table}.parquet"))
    counted = connection.execute(f"COPY {quote(table)} TO {target} (FORMAT parquet, COMPRESSION zstd)").fetchall()
    return int(counted[0][0])


def _write_texts(project: Path, rows: int, seed: int, memory_limit: str, threads: int) -> None:
    limit = '"' + memory_limit + '"'
    settings = _SETTINGS.format(mark=_MARK, rows=rows, seed=seed, memory_limit=limit, threads=threads)
    (project / "rdl.toml").write_text(settings, encoding="utf-8")
    tasks = project / "sql" / "tasks" / "shop"
    tasks.mkdir(parents=True)
    for task in _TASKS:
        (tasks / f"{task}.sql").write_text(load_sql(f"demo/{task}.sql"), encoding="utf-8")


def _put_in_place(project: Path, folder: Path) -> None:
    """Move the finished project to `folder`: in one rename where that is new, else piece by piece.

    The settings go first: with them a folder is known as a demo, so a run that dies in between is mended by running it again.
    """
    if not folder.exists():
        os.replace(project, folder)
        return
    (folder / "sql" / "tasks" / "shop").mkdir(parents=True, exist_ok=True)
    for name in ("rdl.toml", *(f"sql/tasks/shop/{task}.sql" for task in _TASKS)):
        os.replace(project / name, folder / name)
    if (folder / "data").exists():
        os.replace(folder / "data", project.parent / "old")
    os.replace(project / "data", folder / "data")
