"""A small shop for the lint: four months of orders, refunds that arrive two days late, lines without a time, a hidden column."""

from datetime import datetime, timedelta

from rdl.database import Database
from tests.projects import opened, write_project

TOML = """
[database]
source = "data"
[tables.customers]
key = "customer_id"
time = "created_at"
[tables.products]
key = "product_id"
time = false
hide = ["margin"]
[tables.orders]
key = "order_id"
time = "ordered_at"
references = { customer_id = "customers", product_id = "products" }
[tables.refunds]
key = "refund_id"
time = "refunded_at"
lag = "2 days"
references = { customer_id = "customers" }
[tables.lines]
key = ["order_id", "line"]
time = false
references = { order_id = "orders" }
"""


def lint_shop(folder) -> Database:
    """The shop's database."""
    start = datetime(2025, 1, 1)
    when = [start + timedelta(hours=9 * i + (i * i) % 7) for i in range(320)]
    customers = [f"{i},{start + timedelta(days=3.5 * (i - 8) - 2)},{i % 3 == 0},{20 + i}" for i in range(40)]
    products = [f"{i},{1.5 * i},{i % 4}" for i in range(8)]
    orders = [f"{i},{(i * i + i // 5) % min(40, 8 + i // 10)},{i % 8},{t},{(i * 37) % 50}" for i, t in enumerate(when)]
    refunds = [f"{i},{(i * 7) % min(40, 8 + i // 4)},{t + timedelta(hours=30)}" for i, t in enumerate(when[::3])]
    lines = [f"{i},{k},{(i + k) % 5}" for i in range(320) for k in range(2)]
    return opened(
        write_project(
            folder,
            TOML,
            data__customers_csv="\n".join(["customer_id,created_at,vip,age", *customers]),
            data__products_csv="\n".join(["product_id,price,margin", *products]),
            data__orders_csv="\n".join(["order_id,customer_id,product_id,ordered_at,amount", *orders]),
            data__refunds_csv="\n".join(["refund_id,customer_id,refunded_at", *refunds]),
            data__lines_csv="\n".join(["order_id,line,quantity", *lines]),
        )
    )
