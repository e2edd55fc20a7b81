"""What is inferred is inferred once: later rows do not turn a key into none; other columns do."""

import json
from pathlib import Path

import pytest

from rdl.database import Check
from rdl.errors import SchemaError
from tests.projects import found, opened, rows, write_project

TOML = '[database]\nsource = "data"\n'
CUSTOMERS = "customer_id,name\n" + "".join(f"{i},name {i % 7}\n" for i in range(1, 61))
ORDERS = "order_id,customer_id,ordered_at,amount\n" + "".join(
    f"{i + 1000},{i % 60 + 1},2025-01-{i % 28 + 1:02d} 10:00:00,{i * 7 % 13}.5\n" for i in range(120)
)
LINES = "line_id,order_id,quantity\n" + "".join(f"{i + 9000},{i % 120 + 1000},{i % 3}\n" for i in range(200))


def write(folder: Path, **files: str) -> Path:
    return write_project(folder, TOML, **{"data__customers_csv": CUSTOMERS, "data__orders_csv": ORDERS, **files})


def test__nothing_declared__keys_times_and_references_are_inferred(project_folder):
    database = opened(write(project_folder))
    orders = database.schema["orders"]
    assert (orders.key, orders.time, [(r.column, r.table) for r in orders.references]) == (
        ("order_id",),
        "ordered_at",
        [("customer_id", "customers")],
    )
    assert database.schema["customers"].key == ("customer_id",)
    assert rows(database, "orders", "_ref_customer_id")[0] == {"_ref_customer_id": 0}


def test__later_rows_that_speak_against_it__change_no_declaration(project_folder):
    first = opened(write(project_folder)).schema["orders"]
    again = opened(write(project_folder, data__orders_csv=ORDERS + "5000,999,,1.5\n" * 1))
    assert (again.schema["orders"].key, again.schema["orders"].time) == (first.key, first.time)
    assert found(again, "orders", Check.DANGLING) == {"customer_id": 1}
    with pytest.raises(SchemaError, match="stands in 2 rows"):
        opened(write(project_folder, data__orders_csv=ORDERS + "1000,1,2025-02-01 00:00:00,1\n"))


def test__column_that_is_pinned_and_gone__is_inferred_anew(project_folder):
    opened(write(project_folder))
    renamed = opened(write(project_folder, data__orders_csv=ORDERS.replace("ordered_at", "placed_at"))).schema["orders"]
    assert renamed.time == "placed_at"


def test__infer_switched_off__declares_nothing(project_folder):
    write(project_folder)
    (project_folder / "rdl.toml").write_text(TOML + "infer = false\n")
    table = opened(project_folder).schema["orders"]
    assert (table.key, table.time, table.references) == ((), None, ())


def test__described_table__is_not_inferred(project_folder):
    write(project_folder)
    (project_folder / "rdl.toml").write_text(TOML + '[tables.orders]\nkey = "order_id"\n')
    database = opened(project_folder)
    assert (database.schema["orders"].time, database.schema["orders"].references) == (None, ())
    assert database.schema["customers"].key == ("customer_id",)
    pins = json.loads((project_folder / ".rdl" / "database" / "inferred.json").read_text())
    assert set(pins) == {"customers"}


def test__described_child_of_a_timed_table__is_refused_until_its_time_is_stated(project_folder):
    write(project_folder, data__lines_csv=LINES)
    lines = '[tables.lines]\nkey = "line_id"\nreferences = { order_id = "orders" }\n'
    (project_folder / "rdl.toml").write_text(TOML + lines)
    with pytest.raises(SchemaError, match="would be visible before they happened") as error:
        opened(project_folder)
    assert "time = false" in error.value.fix
    (project_folder / "rdl.toml").write_text(TOML + lines + "time = false\n")
    assert found(opened(project_folder), "lines", Check.TIMELESS) == {"": 200}


def test__child_of_a_timed_table__without_a_time__is_refused__until_a_person_says_so(project_folder):
    write(project_folder, data__lines_csv=LINES)
    with pytest.raises(SchemaError, match="lines has no time, though its parent orders has") as error:
        opened(project_folder)
    assert "rdl schema --write" in error.value.fix
    (project_folder / "rdl.toml").write_text(TOML + '[tables.lines.checks]\ntimeless = "keep"\n')
    assert found(opened(project_folder), "lines", Check.TIMELESS) == {"": 200}


def test__staging_that_gives_the_time__is_seen_although_the_table_was_pinned_without(project_folder):
    write(project_folder, data__lines_csv=LINES)
    with pytest.raises(SchemaError):
        opened(project_folder)
    (project_folder / "rdl.toml").write_text(TOML + 'staging = "staging"\n')
    (project_folder / "staging").mkdir()
    (project_folder / "staging" / "lines.sql").write_text("SELECT l.*, o.ordered_at FROM lines l JOIN orders o USING (order_id)")
    assert opened(project_folder).schema["lines"].time == "ordered_at"
