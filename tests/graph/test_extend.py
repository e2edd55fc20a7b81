"""A graph that goes on from an older one is, byte for byte, the graph that is built anew."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.database import open_database
from rdl.errors import GraphError
from rdl.graph import build_graph, graph_key
from rdl.graph.csc import build_csc, extend_csc
from rdl.project import open_project

SETTINGS = """
[database]
source = "data"
infer = false
[tables.customers]
key = "id"
[tables.orders]
key = "id"
time = "at"
references = { customer_id = "customers", after_id = "orders" }
checks = { infinite = "keep" }
types = { price = "numeric", status = "categorical", note = "text", shipped = "timestamp" }
"""
ORDERS = "id,customer_id,after_id,at,price,status,note,shipped\n"
FIRST = [
    "1,7,,2024-01-01,inf,paid,Two red words,2024-01-05",
    "2,9,1,2024-01-02,2.5,open,,",
    "3,,2,2024-01-03,,,Hello,2024-01-09",
]
LATER = ["4,9,3,2024-01-04,-inf,paid,Hello again,", "5,11,,2024-01-05,7,new,,2024-02-01"]


@pytest.fixture
def project(tmp_path):
    """Writes the two tables and gives the database."""
    (tmp_path / "data").mkdir()
    (tmp_path / "rdl.toml").write_text(SETTINGS)

    def write(customers, orders):
        (tmp_path / "data" / "customers.csv").write_text("id,country\n" + "".join(f"{c}\n" for c in customers))
        (tmp_path / "data" / "orders.csv").write_text(ORDERS + "".join(f"{o}\n" for o in orders))
        return open_database(open_project(tmp_path))

    return write


def content(store):
    return {path.name: path.read_bytes() for path in store.folder.glob("[!.]*")}


CUSTOMERS = ["7,NO", "9,SE"]
GROWN = [
    pytest.param(CUSTOMERS, [*FIRST, *LATER], ("2 of 7", ""), id="orders appended"),
    pytest.param([*CUSTOMERS, "11,DK"], [*FIRST, *LATER], ("3 of 8", ""), id="both appended"),
    pytest.param([*CUSTOMERS, "11,DK"], FIRST, ("1 of 6", ""), id="customers appended, orders shared"),
    pytest.param(CUSTOMERS, [FIRST[0].replace("paid", "open"), *FIRST[1:], *LATER], ("5 of 7", "orders"), id="a value changed"),
    pytest.param(
        CUSTOMERS,
        [FIRST[0], "9,7,,2024-01-01,1,,,", *FIRST[1:]],
        ("4 of 6", "orders"),
        id="a row came late",
        marks=pytest.mark.slow,
    ),
    pytest.param(
        ["5,FI", *CUSTOMERS], [*FIRST, *LATER], ("customers changed", "orders"), id="customers pushed back", marks=pytest.mark.slow
    ),
    pytest.param(CUSTOMERS, FIRST[:2], None, id="a row deleted", marks=pytest.mark.slow),
    pytest.param(
        ["7,NO", "9,DK"], [*FIRST, *LATER], ("4 of 7", "customers"), id="a customer moved, orders appended", marks=pytest.mark.slow
    ),
]


@pytest.mark.parametrize(("customers", "orders", "said"), GROWN)
def test__extended__equals_a_rebuild_byte_for_byte(project, tmp_path, caplog, customers, orders, said):
    before = build_graph(project(CUSTOMERS, FIRST), tmp_path / "graphs")
    kept = content(before)
    database = project(customers, orders)
    with caplog.at_level(logging.INFO, "rdl.graph"):
        extended = build_graph(database, tmp_path / "graphs")
    lines = [r.getMessage() for r in caplog.records if r.name.startswith("rdl.graph")]
    if said is not None:
        assert any(said[0] in line for line in lines), lines
        assert any(f"of {said[1]} changed" in line for line in lines) == bool(said[1])
    assert content(extended) == content(build_graph(database, tmp_path / "anew"))
    assert content(before) == kept
    assert extended.key == graph_key(database)


def test__nothing_new__shares_its_arrays_with_the_older_graph(project, tmp_path):
    before = build_graph(project(CUSTOMERS, FIRST), tmp_path / "graphs")
    after = build_graph(project([*CUSTOMERS, "11,DK"], FIRST), tmp_path / "graphs")
    same = [p.name for p in before.folder.glob("*.npy") if p.stat().st_ino == (after.folder / p.name).stat().st_ino]
    assert sum(name.startswith("table") for name in same) == 7
    assert "link001.rows.npy" in same  # from orders to orders


@pytest.mark.slow
def test__a_damaged_older_graph__is_not_gone_on_from(project, tmp_path):
    before = build_graph(project(CUSTOMERS, FIRST), tmp_path / "graphs")
    path = before.folder / "table001.numeric.npy"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    database = project(CUSTOMERS, [*FIRST, *LATER])
    assert content(build_graph(database, tmp_path / "graphs")) == content(build_graph(database, tmp_path / "anew"))


@settings(max_examples=60)
@given(st.data(), st.integers(0, 6), st.integers(0, 3), st.integers(0, 30))
def test__extended_csc__equals_a_built_one(data, parents, more, children):
    first = data.draw(st.integers(0, children))
    old = data.draw(st.lists(st.integers(-1, parents - 1), min_size=first, max_size=first))
    new = data.draw(st.lists(st.integers(-1, parents + more - 1), min_size=children - first, max_size=children - first))
    time = np.sort(np.array(data.draw(st.lists(st.integers(0, 5), min_size=children, max_size=children)), np.int64))
    before = build_csc(np.array(old, np.int32), parents, time[:first])
    extended = extend_csc(before, first, np.array(new, np.int32), parents + more)
    anew = build_csc(np.array(old + new, np.int32), parents + more, time)
    np.testing.assert_array_equal(extended.offsets, anew.offsets)
    np.testing.assert_array_equal(extended.rows, anew.rows)


def test__extended_csc__a_parent_outside_its_table__is_refused():
    with pytest.raises(GraphError, match="row 2 of a table of 2 rows"):
        extend_csc(build_csc(np.array([0], np.int32), 1, np.array([0])), 1, np.array([2], np.int32), 2)
