"""All checks of finished tables together, from run to run."""

from rdl.database.checks.finding import Check
from rdl.database.checks.history import History, recall, remember
from rdl.database.checks.inspection import inspect
from rdl.database.checks.policies import DEFAULTS
from rdl.database.schema import Reference
from tests.database.checks.tables import NOW, connected, finished

ASK = connected()


def shop(orders, column="note"):
    customers = finished(ASK, "customers", "SELECT range AS id, 'n' || (range % 3) AS name FROM range(30)", ("id",))
    time = "TIMESTAMP '2020-01-01' + INTERVAL (range) DAY AS t"
    select = f"SELECT range AS id, range % 40 AS customer, {time}, range % 5 AS {column} FROM range({orders})"
    reference = (Reference("customer", "customers"),)
    return {"customers": customers, "orders": finished(ASK, "orders", select, ("id",), "t", reference, {"customers": ("id",)})}


def inspected(tables, history):
    return inspect(ASK, tables, dict.fromkeys(tables, DEFAULTS), history, NOW)


def test__inspect__run_after_run(tmp_path):
    first = inspected(shop(100), History(None, ()))
    assert [(f.table, f.check, f.column) for f in first.findings] == [("orders", Check.DANGLING, "customer")]
    remember(tmp_path, first.profiles, "one", 1)
    again = inspected(shop(100), recall(tmp_path))
    assert again == first
    later = inspected(shop(80, "remark"), recall(tmp_path))
    assert [f.check for f in later.findings] == [Check.DANGLING, Check.STALE, Check.ROW_COUNT, Check.COLUMN_RENAMED]


def test__inspect__no_tables():
    assert inspected({}, History(None, ())).findings == ()
