"""The graph of an ingested database holds its rows."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rdl.database import open_database
from rdl.graph import GraphStore, build_graph
from rdl.graph.hashing import hash_value
from rdl.graph.tables import NULL_TIMESTAMP
from rdl.project import open_project
from rdl.timeline import ALWAYS, DAY, NEVER, parse_time

F1 = Path(__file__).parents[3] / "shared" / "data" / "rel-f1"

SETTINGS = """
[database]
source = "data"
[tables.customers]
key = "id"
[tables.orders]
key = "id"
time = "at"
lag = "1 day"
references = { customer_id = "customers" }
checks = { infinite = "keep" }
types = { price = "numeric", gift = "boolean", status = "categorical", note = "text", shipped = "timestamp" }
"""
CUSTOMERS = "id,country\n7,NO\n9,SE\n"
ORDERS = """id,customer_id,at,price,gift,status,note,shipped
3,9,2024-03-01,2.5,true,paid,Two red words,2024-03-05
1,7,2024-01-01,inf,false,paid,,
2,,2024-02-01,,,,Hello,2024-02-02
4,7,,1.0,true,open,Hello,
"""


@pytest.fixture
def database(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "customers.csv").write_text(CUSTOMERS)
    (tmp_path / "data" / "orders.csv").write_text(ORDERS)
    (tmp_path / "rdl.toml").write_text(SETTINGS)
    return open_database(open_project(tmp_path))


def test__build__a_small_shop__holds_every_row(database, tmp_path):
    store = build_graph(database, tmp_path / "graphs")
    orders = store.tables["orders"]
    assert orders.time.tolist() == [parse_time(t) + DAY for t in ("2024-01-01", "2024-02-01", "2024-03-01")] + [NEVER]
    assert store.tables["customers"].time.tolist() == [ALWAYS, ALWAYS]
    assert orders.names == {
        "numeric": ("price", "gift"),
        "category": ("status",),
        "timestamp": ("shipped",),
        "text": ("note",),
        "vector": (),
    }
    np.testing.assert_array_equal(orders.numeric, np.float32([[np.nan, 0], [np.nan, np.nan], [2.5, 1], [1, 1]]))
    assert orders.infinite == {"price": 1}
    paid, unpaid = hash_value("orders", "status", "paid"), hash_value("orders", "status", "open")
    assert orders.category[:, 0].tolist() == [paid, 0, paid, unpaid]
    shipped = [NULL_TIMESTAMP, parse_time("2024-02-02"), parse_time("2024-03-05"), NULL_TIMESTAMP]
    assert orders.timestamp[:, 0].tolist() == shipped
    words = [[hash_value("orders", "note", w) for w in text.lower().split()] for text in ("", "Hello", "Two red words", "Hello")]
    assert [[h for h in row if h] for row in orders.text[:, 0].tolist()] == words
    assert orders.keys[:, 0].tolist() == [0, -1, 1, 0]
    assert store.edge_types == [("orders", "customer_id", "customers"), ("customers", "rev_customer_id", "orders")]


LISTS = """
[database]
source = "data"
infer = false
[tables.items]
key = "id"
checks = { infinite = "keep" }
types = { tags = "multi_categorical", codes = "multi_categorical", look = "embedding" }
"""


def test__build__lists__are_kept_as_sets_and_vectors(tmp_path):
    (tmp_path / "data").mkdir()
    columns = {
        "id": [1, 2, 3, 4],
        "tags": [["red", "Two words"], None, [], ["red", None, *"abcdefgh"]],
        "codes": [[7], [7, 8], None, []],
        "look": [[0.5, 1.0], None, [float("inf"), 2.0], [1.0, 2.0]],
    }
    pq.write_table(pa.table(columns), tmp_path / "data" / "items.parquet")
    (tmp_path / "rdl.toml").write_text(LISTS)
    store = build_graph(open_database(open_project(tmp_path)), tmp_path / "graphs")
    items = store.tables["items"]
    assert items.names["text"] == ("tags", "codes")
    assert items.names["vector"] == ("look", "look")

    def hashes(column, *values):
        return [hash_value("items", column, v) if v else 0 for v in values]

    kept = [[h for h in row if h] for row in items.text[:, 0].tolist()]
    assert kept == [hashes("tags", "red", "Two words"), [], [], hashes("tags", "red", *"abcdef")]
    assert items.text[3, 0, 1] == 0
    assert [[h for h in row if h] for row in items.text[:, 1].tolist()] == [hashes("codes", "7"), hashes("codes", "7", "8"), [], []]
    np.testing.assert_array_equal(items.vector, np.float32([[0.5, 1], [np.nan, np.nan], [np.nan, 2], [1, 2]]))
    assert items.infinite == {"look": 1}


def test__build__again__opens_what_stands_there(database, tmp_path):
    first = build_graph(database, tmp_path / "graphs")
    before = (first.folder / "meta.json").stat().st_mtime_ns
    again = build_graph(database, tmp_path / "graphs")
    assert again.folder == first.folder
    assert (again.folder / "meta.json").stat().st_mtime_ns == before


def test__build__over_a_damaged_graph__makes_it_anew(database, tmp_path):
    store = build_graph(database, tmp_path / "graphs")
    good = {p.name: p.read_bytes() for p in store.folder.glob("[!.]*")}
    (store.folder / "table001.time.npy").write_bytes(b"")
    (store.folder / "table001.numeric.npy").write_bytes(good["table001.numeric.npy"][:-1] + b"!")
    again = build_graph(database, tmp_path / "graphs")
    assert {p.name: p.read_bytes() for p in again.folder.glob("[!.]*")} == good


@pytest.mark.skipif(not F1.is_dir(), reason="the rel-f1 data is not here")
def test__build__rel_f1__keeps_all_rows_and_keys(tmp_path):
    database = open_database(open_project(F1, home=tmp_path))
    store = build_graph(database, tmp_path / "graphs")
    with database.engine() as engine:
        for name, table in database.schema.tables.items():
            assert store.tables[name].rows == table.rows
            for reference in table.references:
                known = engine.numpy(f'SELECT count("_ref_{reference.column}") AS n FROM rows."{name}"')["n"][0]
                link = next(x for x in store.links if x.upward == (name, reference.column, reference.table))
                assert len(link.csc.rows) == known
    same = GraphStore.open(store.folder, verify=True)
    assert same.metadata() == store.metadata()
