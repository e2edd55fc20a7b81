"""Small projects, written where a test wants them."""

from pathlib import Path

from rdl.database import Check, Database, open_database
from rdl.project import open_project

SHOP_TOML = """
[database]
source = "data"

[tables.customers]
key = "customer_id"
time = "created_at"

[tables.orders]
key = "order_id"
time = "ordered_at"
references = { customer_id = "customers" }
"""

CUSTOMERS = """customer_id,created_at,name,city
3,2025-01-03 00:00:00,Cy,Bern
1,2025-01-01 00:00:00,Ann,Bern
2,2025-01-02 00:00:00,"Bo, jr",Genf
"""

ORDERS = r"""order_id,customer_id,ordered_at,amount,note
12,1,2025-02-03 12:00:00,30,late
10,1,2025-02-01 12:00:00,10.5,\N
13,9,2025-02-04 12:00:00,40,"a ""quoted"" note"
11,2,2025-02-02 12:00:00,\N,
14,\N,\N,50,x
"""


def write_project(folder: Path, toml: str = SHOP_TOML, **files: str) -> Path:
    """A project folder with an `rdl.toml` and files; `data__orders_csv` names `data/orders.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rdl.toml").write_text(toml, encoding="utf-8")
    (folder / "data").mkdir(exist_ok=True)
    for name, text in files.items():
        path = folder / (name.replace("__", "/")[::-1].replace("_", ".", 1)[::-1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def write_shop(folder: Path, toml: str = SHOP_TOML, customers: str = CUSTOMERS, orders: str = ORDERS, **files: str) -> Path:
    """The shop: customers, and orders with a null time, a null reference and a dangling one."""
    return write_project(folder, toml, data__customers_csv=customers, data__orders_csv=orders, **files)


def opened(folder: Path) -> Database:
    """The database of the project in `folder`."""
    return open_database(open_project(folder))


def rows(database: Database, table: str, columns: str = "*") -> list[dict[str, object]]:
    """The ingested rows of a table, in the order of `_row`."""
    with database.engine() as engine:
        return engine.arrow(f'SELECT {columns} FROM rows."{table}" ORDER BY _row').to_pylist()


def found(database: Database, table: str, check: Check) -> dict[str, int]:
    """How often a check hit in a table, by column."""
    return {f.column: f.count for f in database.findings if (f.table, f.check) == (table, check)}
