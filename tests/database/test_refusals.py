"""Every bad input is refused with a typed error that names the place, the value and the fix, and leaves nothing half-written."""

from pathlib import Path

import duckdb
import pytest

from rdl.database import open_database
from rdl.errors import DataError, ProjectError, RdlError, SchemaError, SqlError
from rdl.project import open_project
from tests.projects import CUSTOMERS, ORDERS, SHOP_TOML, opened, write_project, write_shop


def refused(folder: Path, kind: type[RdlError], value: str, place: str, fix: str) -> None:
    with pytest.raises(kind) as error:
        opened(folder)
    assert value in error.value.what
    assert place in error.value.where
    assert fix in error.value.fix
    home = folder / ".rdl" / "database"
    assert not home.exists() or list(home.iterdir()) == [], "nothing is half-written"


def test__missing_source_folder(project_folder):
    folder = write_shop(project_folder, SHOP_TOML.replace('"data"', '"dta"'))
    refused(folder, ProjectError, "dta", "rdl.toml, [database] source", "name a folder")


def test__source_folder_without_tables(project_folder):
    refused(write_project(project_folder), ProjectError, "data", "[database] source", "name another folder")


def test__source_of_an_unknown_kind(project_folder):
    folder = write_project(project_folder, '[database]\nsource = "rdl.toml"')
    refused(folder, ProjectError, "rdl.toml", "[database] source", ".duckdb file")


def test__missing_staging_folder(project_folder):
    folder = write_shop(project_folder, SHOP_TOML.replace('"data"', '"data"\nstaging = "sql/stagin"'))
    refused(folder, ProjectError, "sql/stagin", "[database] staging", "make the folder")


def test__two_files_of_one_table(project_folder):
    folder = write_shop(project_folder)
    (folder / "data" / "Orders.csv").write_text("a\n1\n")
    refused(folder, ProjectError, "orders", "data", "rename one")


@pytest.mark.parametrize(
    ("old", "new", "value", "place", "fix"),
    [
        ("[tables.orders]", "[tables.order]", "'order'", "[tables.order]", "'orders'"),
        ('key = "order_id"', 'key = "orderid"', "'orderid'", "[tables.orders] key", "'order_id'"),
        ('time = "ordered_at"', 'time = "ordered"', "'ordered'", "[tables.orders] time", "'ordered_at'"),
        ("{ customer_id =", "{ customer =", "'customer'", "[tables.orders] references", "'customer_id'"),
        ('key = "order_id"', 'key = "order_id"\nhide = ["nte"]', "'nte'", "[tables.orders] hide", "'note'"),
        ('key = "order_id"', 'key = "order_id"\ntypes = { amnt = "numeric" }', "'amnt'", "[tables.orders] types", "'amount'"),
        ('= "customers" }', '= "custmers" }', "'custmers'", "[tables.orders] references", "'customers'"),
        ('key = "customer_id"', "", "customers", "[tables.customers]", "key ="),
        ('key = "customer_id"', 'key = ["customer_id", "name"]', "customers", "[tables.customers]", "key ="),
        ('time = "ordered_at"', 'time = "amount"', "orders.amount is DOUBLE", "[tables.orders] time", "staging SELECT"),
        ('time = "ordered_at"', 'time = "note"', "orders.note is VARCHAR", "[tables.orders] time", "staging SELECT"),
    ],
)
def test__declaration_that_does_not_hold(project_folder, old, new, value, place, fix):
    assert old in SHOP_TOML
    refused(write_shop(project_folder, SHOP_TOML.replace(old, new)), SchemaError, value, place, fix)


def test__duplicate_key(project_folder):
    refused(
        write_shop(project_folder, orders=ORDERS + "12,1,\\N,1,\n"),
        SchemaError,
        "'12' stands in 2 rows",
        "orders, key order_id",
        "one row per key",
    )


def test__duplicate_composite_key(project_folder):
    toml = '[database]\nsource = "data"\n[tables.t]\nkey = ["a", "b"]'
    folder = write_project(project_folder, toml, data__t_csv="a,b\n1,x\n1,y\n1,x\n")
    refused(folder, SchemaError, "'1, x' stands in 2 rows", "table t, key a, b", "one row per key")


def test__null_key(project_folder):
    refused(
        write_shop(project_folder, customers=CUSTOMERS + "\\N,\\N,x,\n"),
        SchemaError,
        "null in 1 rows",
        "customers, key",
        "staging SELECT",
    )


@pytest.mark.parametrize("name", ["_row", "_TIME", "_ref_x"])
def test__column_names_that_rdl_uses(project_folder, name):
    folder = write_project(project_folder, '[database]\nsource = "data"', data__t_csv=f"id,{name}\n1,2\n")
    refused(folder, SchemaError, name, "table t", "rename it")


def test__empty_file(project_folder):
    folder = write_project(project_folder, '[database]\nsource = "data"', data__t_csv="")
    refused(folder, DataError, "", "", "")


def test__truncated_parquet(project_folder):
    folder = write_project(project_folder, '[database]\nsource = "data"', data__t_parquet="PAR1 and no more")
    refused(folder, DataError, "t.parquet", "", "see the database's message")


def test__file_that_is_no_duckdb_file(project_folder):
    folder = write_project(project_folder, '[database]\nsource = "x.duckdb"', x_duckdb="hello")
    refused(folder, ProjectError, "DuckDB", "x.duckdb", "check the file")


def test__duckdb_file_without_tables(project_folder):
    folder = write_project(project_folder, '[database]\nsource = "x.duckdb"')
    duckdb.connect(str(folder / "x.duckdb")).close()
    refused(folder, ProjectError, "no table", "[database] source", "name another file")


STAGED = SHOP_TOML.replace('"data"', '"data"\nstaging = "st"')


@pytest.mark.parametrize(
    ("sql", "kind", "value"),
    [
        ("SELECT nothing FROM orders", SchemaError, "nothing"),
        ("SELECT * FROM ordrs", SchemaError, "ordrs"),
        ("SELEC 1", SqlError, "SELEC"),
        ("DROP TABLE orders", SqlError, "DROP"),
        ("SELECT 1; SELECT 2", SqlError, "found 2"),
        ("-- nothing", SqlError, "found 0"),
        ("SELECT * FROM read_text('/etc/hostname')", SchemaError, "/etc/hostname"),
        ("SELECT * FROM '/etc/hostname'", SchemaError, "/etc/hostname"),
        ("COPY orders TO 'stolen.csv'", SqlError, "COPY"),
    ],
)
def test__staging_select_that_fails_or_is_none(project_folder, sql, kind, value):
    refused(
        write_shop(project_folder, STAGED, st__orders_sql=sql), kind, value, "orders.sql", "mend" if kind is SchemaError else ""
    )
    assert not Path("stolen.csv").exists()


def test__staging_file_that_differs_in_case_only(project_folder):
    refused(
        write_shop(project_folder, STAGED, st__Orders_sql="SELECT * FROM orders"),
        SchemaError,
        "'orders'",
        "Orders.sql",
        "orders.sql",
    )


def test__good_state__survives_a_bad_change(project_folder):
    good = opened(write_shop(project_folder))
    write_shop(project_folder, orders=ORDERS + "12,1,\\N,1,\n")
    with pytest.raises(SchemaError):
        opened(project_folder)
    assert [f.name for f in sorted(good.path.parent.glob("*.duckdb"))] == [good.path.name]
    assert opened(write_shop(project_folder)).path == good.path


def test__home_that_is_a_file__is_named(project_folder, tmp_path):
    (tmp_path / "home").write_text("")
    write_shop(project_folder)
    with pytest.raises(ProjectError) as error:
        open_database(open_project(project_folder, home=tmp_path / "home"))
    assert str(tmp_path / "home") in error.value.where
    assert "--home" in error.value.fix
