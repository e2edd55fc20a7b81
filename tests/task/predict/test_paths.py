"""How tables hang on the entity: keys of several columns, keys of other types, a table's reference to itself, siblings."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from rdl.database import Database
from rdl.database.sandbox import Sandbox
from tests.projects import opened, write_project
from tests.task.predict.tiny import answers, compiled

TOML = """
[database]
source = "data"
infer = false
[tables.users]
key = "id"
time = "born"
[tables.shops]
key = ["town", "number"]
[tables.sales]
key = "sale"
time = "at"
references = { user = "users", "town,number" = "shops" }
[tables.visits]
key = "visit"
time = "day"
references = { "town,number" = "shops" }
[tables.staff]
key = "id"
time = "hired"
references = { boss = "staff" }
"""
TABLES = {
    "users": "SELECT '1' AS id, DATE '2025-01-01' AS born",
    "shops": "SELECT 1 AS town, 2 AS number, 'corner' AS title UNION ALL SELECT 1, 3, 'field'",
    "sales": """SELECT * FROM (VALUES (7, TIMESTAMPTZ '2025-02-02 00:00:00+00', 1, 1, 2, 3::HUGEINT),
        (8, TIMESTAMPTZ '2025-02-11 01:00:00+01', 1, 1, 2, 5)) v(sale, "at", "user", town, number, amount)""",
    "visits": "SELECT * FROM (VALUES (1, DATE '2025-02-03', 1, 2), (2, DATE '2025-02-12', 1, 2)) v(visit, day, town, number)",
    "staff": """SELECT * FROM (VALUES (1, TIMESTAMP '2025-01-01', NULL), (2, TIMESTAMP '2025-02-03', 1),
        (3, TIMESTAMP '2025-02-12', 1)) v(id, hired, boss)""",
}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = write_project(Path(tmp_path_factory.mktemp("paths")) / "project", TOML)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'").fetchall()
        for name, select in TABLES.items():
            connection.execute(f"COPY ({select}) TO '{folder / 'data' / name}.parquet' (FORMAT parquet)").fetchall()
    return opened(folder)


@pytest.fixture(scope="module")
def sandbox(database: Database) -> Iterator[Sandbox]:
    with database.sandbox() as opened_sandbox:
        yield opened_sandbox


@pytest.mark.parametrize(
    ("sentence", "labels"),
    [
        ("PREDICT SUM(sales.amount, 0, 10, days) FOR users.id", {"1": [3, 5]}),  # a number names a key that is a text
        ("PREDICT MAX(sales.at, 0, 10, days) < '2025-02-05' FOR users.id", {"1": [True, False]}),
        ("PREDICT COUNT(sales.* WHERE shops.title = 'corner', 0, 30, days) FOR users.id", {"1": [2, 1]}),
        ("PREDICT COUNT(staff.*, 0, 10, days) FOR staff.id", {"1": [1, 1], "2": ["-", 0]}),
        ("PREDICT COUNT(visits.*, 0, 10, days) FOR sales.sale", {"7": ["-", 1]}),
        ("PREDICT COUNT(visits.*, 0, 10, days) FOR sales.sale WHERE shops.title <> 'corner'", {}),
        ("PREDICT COUNT(sales.* VIA town, 0, 10, days) FOR sales.sale", {"7": ["-", 1]}),
        # a key of two columns, named by either: sales lie under it, visits too; a shop without any has none
        ("PREDICT SUM(sales.amount, 0, 10, days) FOR shops.town", {"(1, 2)": [3, 5], "(1, 3)": [0, 0]}),
        ("PREDICT COUNT(visits.*, 0, 10, days) FOR EACH shops.number", {"(1, 2)": [1, 1], "(1, 3)": [0, 0]}),
        (
            "PREDICT LIST_DISTINCT(sales.user, 0, 10, days) RANK TOP 3 FOR shops.town WHERE COUNT(visits.*, -9, 0, days) > 0",
            {"(1, 2)": ["-", [1]]},
        ),
        ("PREDICT MAX(visits.number, 0, 10, days) FOR shops.number WHERE shops.town = 1", {"(1, 2)": [2, 2]}),
    ],
)
def test__paths__lead_to_the_entity(sentence, labels, database, sandbox, tmp_path):
    assert answers(database, sandbox, compiled(database, sentence), tmp_path) == labels
