"""A real PostgreSQL behind the whole of ingestion: constraints, refresh by watermark, and a password that is written nowhere."""

import logging
from pathlib import Path
from urllib.parse import quote as percent_encoded

import pytest

from rdl.database import Check, Database
from rdl.timeline import format_time
from tests.projects import found, opened, rows, write_project
from tests.servers import PASSWORD, PostgresServer

WAREHOUSE = Path(__file__).parent / "sources" / "warehouse.sql"
SHOP = """
CREATE TABLE customers (customer_id bigint PRIMARY KEY, created_at timestamptz NOT NULL, city text);
CREATE TABLE orders (
  order_id bigint PRIMARY KEY, customer_id bigint REFERENCES customers, ordered_at timestamp NOT NULL, amount numeric(10, 2)
);
INSERT INTO customers
  SELECT i, timestamptz '2025-01-01 00:00+01' + i * interval '1 day', 'city ' || i % 3 FROM generate_series(1, 40) i;
INSERT INTO orders SELECT i, 1 + i % 40, timestamp '2025-02-15' + i * interval '1 hour', i / 4.0 FROM generate_series(1, 500) i;
"""
LATER = """
INSERT INTO customers VALUES (41, '2025-03-01', 'city 9');
INSERT INTO orders SELECT i, 1 + i % 41, timestamp '2025-02-15' + i * interval '1 hour', 1 FROM generate_series(501, 520) i;
INSERT INTO orders VALUES (900, 3, timestamp '2025-02-15' + 498 * interval '1 hour', 77);
UPDATE orders SET amount = 5.55 WHERE order_id = 499;
"""


def project(folder: Path, url: str, more: str = "") -> Path:
    return write_project(folder, f'[database]\nsource = "{url}"\n{more}')


def contents(database: Database) -> list[list[dict[str, object]]]:
    return [rows(database, name) for name in sorted(database.schema.tables)]


def test__postgresql__every_table_of_a_warehouse__opens(postgres_server: PostgresServer, tmp_path: Path) -> None:
    url = postgres_server.create("warehouse_open", WAREHOUSE.read_text(encoding="utf-8"))
    database = opened(project(tmp_path / "p", url, '[checks]\ntimeless = "keep"\n'))
    lines = database.schema["lines"]
    assert [(r.columns, r.table) for r in lines.references] == [(("order_shop", "order_number"), "sales_orders")]
    assert [row["_ref_order_shop,order_number"] for row in rows(database, "lines")] == [1, 0] * 5
    contact = next(r for r in database.schema["sales_orders"].references if r.columns == ("contact",))
    assert (contact.table, contact.key) == ("customers", ("email",))
    customers = {row["id"]: row for row in rows(database, "customers", "id, _ref_referred_by")}
    assert [customers[i]["_ref_referred_by"] is None for i in (1, 2, 3, 4)] == [True, False, False, False]
    assert found(database, "customers", Check.DANGLING) == {}
    assert len(database.schema.tables) == 11


def test__postgresql__refresh__takes_new_rows_and_equals_a_reload(
    postgres_server: PostgresServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = postgres_server.create("shop_refresh", SHOP)
    watermark = '[tables.orders]\ntime = "ordered_at"\nwatermark = "ordered_at"\nlookback = "3 hours"\n'
    folder = project(tmp_path / "p", url, watermark + '[tables.customers]\ntime = "created_at"\n')
    first = opened(folder)
    assert "read whole" in first.notes["customers"]
    assert first.schema["orders"].key == ("order_id",)
    before = rows(first, "orders")
    assert opened(folder).fingerprint == first.fingerprint
    postgres_server.run(LATER, "shop_refresh")
    with caplog.at_level(logging.INFO):
        second = opened(folder)
    assert second.notes["orders"].startswith("25 rows read"), "21 new ones, and 4 of three hours before"
    assert second.notes["orders"] in caplog.text
    assert second.schema["orders"].rows == 521
    after = rows(second, "orders")
    assert after[:496] == before[:496], "numbers of rows before the late one stay"
    assert [float(str(row["amount"])) for row in after if row["order_id"] in {499, 900}] == [77, 5.55]
    reloaded = opened(project(tmp_path / "q", url, watermark + '[tables.customers]\ntime = "created_at"\n'))
    assert contents(reloaded) == contents(second)
    assert format_time(second.span[1]).startswith("2025-03-08")


def test__postgresql__password__is_written_nowhere(
    postgres_server: PostgresServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = {PASSWORD, percent_encoded(PASSWORD, safe="")}
    plain = postgres_server.create("shop_secret", SHOP).replace("${RDL_TEST_PASSWORD}", percent_encoded(PASSWORD, safe=""))
    with caplog.at_level(logging.DEBUG):
        database = opened(project(tmp_path / "p", plain))
    said = caplog.text + repr(database.notes) + repr(database.findings)
    assert not any(secret in said for secret in secrets)
    files = [f for f in (tmp_path / "p" / ".rdl").rglob("*") if f.is_file()]
    assert len(files) > 3
    for file in files:
        assert not any(secret.encode() in file.read_bytes() for secret in secrets), file.name
        assert not any(secret in file.name for secret in secrets)
