"""Exported folders, read by RelBench's own loader and by rdl."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rdl.errors import SchemaError, UsageError
from rdl.project import open_project
from rdl.task import Split, find_task, split_labels
from rdl.task.relbench.export import export_relbench
from rdl.task.relbench.manifest import read_manifest
from tests.projects import opened, write_project

pytestmark = pytest.mark.slow

relbench = pytest.importorskip("relbench")

HEADER = """/* rdl
task     = "NAME"
kind     = "KIND"
entity   = "customers"
horizon  = "5 days"
EVERY
validate = 2025-02-10
test     = 2025-02-20
*/
"""
BUSY = """-- population: who is there.
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff

-- label: whether they order.
SELECT c.cutoff, u.customer_id, count(o.order_id) > 0 AS label FROM cutoffs c CROSS JOIN customers u
LEFT JOIN orders o ON o.customer_id = u.customer_id AND o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + $horizon
GROUP BY ALL
"""
SPEND = """SELECT c.cutoff, o.customer_id, sum(o.amount) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + $horizon WHERE o.customer_id <> 'c3' GROUP BY ALL
"""
TOML = """
[database]
source = "data"

[tables.customers]
key = "customer_id"
time = "created_at"
hide = ["note"]

[tables.orders]
key = "order_id"
time = "ordered_at"
lag = "LAG"
references = { customer_id = "customers" }

[tables.lines]
key = ["order_id", "place"]
time = false
references = { order_id = "orders" }
"""


def shop(folder: Path, lag: str = "0 days", **tasks: str) -> Path:
    """Customers and orders with keys that are words, no two in the order of time, and lines with a key of two columns."""
    days = [(7 * i) % 60 for i in range(120)]
    customers = "".join(f"c{9 - i},2025-01-{1 + i:02} 00:00:00,n{i}\n" for i in range(8))
    orders = "".join(
        f"o{i},{'' if i % 17 == 0 else f'c{i % 10}'},{np.datetime64('2025-01-03') + d} 12:00:00,{i / 2}\n"
        for i, d in enumerate(days)
    )
    lines = "".join(f"o{i},{p},{i + p}\n" for i in range(120) for p in range(2))
    files = {f"sql__tasks__{name}_sql": text for name, text in tasks.items()}
    return write_project(
        folder,
        TOML.replace("LAG", lag),
        data__customers_csv="customer_id,created_at,note\n" + customers,
        data__orders_csv="order_id,customer_id,ordered_at,amount\n" + orders,
        data__lines_csv="order_id,place,price\n" + lines,
        **files,
    )


def header(name: str, kind: str = "binary", every: str = "") -> str:
    return HEADER.replace("NAME", name).replace("KIND", kind).replace("EVERY", every)


def target_frame(task, split):
    return task.get_table(split, mask_input_cols=False).df


def same(found, stored) -> bool:
    """Whether two frames hold the same rows in the same order, whatever the width of their numbers."""
    return len(found) == len(stored) and all(
        np.array_equal(found[c].to_numpy().astype(stored[c].to_numpy().dtype), stored[c].to_numpy()) for c in stored
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    place = tmp_path_factory.mktemp("export")
    database = opened(shop(place / "project", busy=header("busy") + BUSY))
    return database, export_relbench(database, place / "out")


def test__rows__are_what_relbench_loads(exported):
    database, out = exported
    loaded = relbench.load_dataset(out.folder).get_db(upto_test_timestamp=False)
    assert set(loaded.table_dict) == {"customers", "orders", "lines"}
    orders = loaded.table_dict["orders"]
    assert (orders.pkey_col, orders.time_col, orders.fkey_col_to_pkey_table) == (
        "order_id",
        "ordered_at",
        {"customer_id": "customers"},
    )
    assert loaded.table_dict["lines"].pkey_col is None
    native = {name: pq.read_table(out.folder / "keys" / f"{name}.parquet") for name in ("customers", "orders")}
    with database.engine() as engine:
        rows = engine.arrow('SELECT order_id, customer_id, amount, ordered_at FROM rows."orders" ORDER BY _row')
    order_keys, customer_keys = native["orders"]["order_id"].to_pylist(), native["customers"]["customer_id"].to_pylist()
    assert [order_keys[i] for i in orders.df["order_id"]] == rows["order_id"].to_pylist()
    known = [None if np.isnan(i) else customer_keys[int(i)] for i in orders.df["customer_id"]]
    assert known == [k if k in customer_keys else None for k in rows["customer_id"].to_pylist()]
    assert orders.df["amount"].tolist() == rows["amount"].to_pylist()
    assert orders.df["ordered_at"].tolist() == rows["ordered_at"].to_pylist()


def test__task__gives_relbench_the_labels_and_its_sql_gives_them_again(exported):
    database, out = exported
    assert out.tasks == {"busy": "forecast"}
    data = relbench.load_dataset(out.folder)
    for split in Split:
        labels = split_labels(database, find_task(database, "busy"), split)
        stored = target_frame(data.load_task("busy"), split.value)
        again = target_frame(data.load_task("busy", regenerate=True), split.value)
        assert stored["customer_id"].tolist() == labels.seeds.entity.tolist()
        assert stored["label"].tolist() == labels.target.tolist()
        assert stored["cutoff"].to_numpy().astype("datetime64[us]").astype(np.int64).tolist() == labels.seeds.cutoff.tolist()
        assert same(again, stored)
        assert len(stored)


def test__rdl__opens_it_with_equal_labels(exported):
    database, out = exported
    again = opened(out.folder)
    for split in Split:
        mine, other = (split_labels(d, find_task(d, "busy"), split) for d in (database, again))
        assert np.array_equal(mine.seeds.entity, other.seeds.entity)
        assert np.array_equal(mine.seeds.cutoff, other.seeds.cutoff)
        assert np.array_equal(mine.target, other.target)


def test__relbench__evaluates(exported):
    _, out = exported
    task = relbench.load_dataset(out.folder).load_task("busy")
    target = target_frame(task, "test")["label"].to_numpy()
    assert task.evaluate(target + 0.1) == {"roc_auc": 1.0}


def test__what_relbench_cannot_say__is_in_the_notes(project_folder, tmp_path):
    database = opened(shop(project_folder, lag="1 day", busy=header("busy") + BUSY))
    out = export_relbench(database, tmp_path / "out")
    notes = "\n".join(out.notes)
    for word in ("lag of 1 day", "key (order_id, place)", "note hidden", "labels are stored"):
        assert word in notes
    assert notes.splitlines()[0] in (out.folder / "README.md").read_text()
    assert read_manifest(out.folder / "tasks" / "busy" / "manifest.yaml").remove_columns == (("customers", "note"),)
    assert "note" not in relbench.load_dataset(out.folder).load_task("busy").get_db().table_dict["customers"].df.columns
    assert find_task(opened(out.folder), "busy") if out.tasks["busy"] == "forecast" else out.tasks == {"busy": "external"}


@pytest.mark.parametrize("every", ['every = "1 day"', ""])
def test__query_that_gives_other_labels__is_external(project_folder, tmp_path, every):
    """Its cutoffs are no RelBench lattice, or it names a native key: only what is stored is true."""
    database = opened(shop(project_folder, spend=header("spend", "regression", every) + SPEND))
    out = export_relbench(database, tmp_path / "out")
    assert out.tasks == {"spend": "external"}
    labels = split_labels(database, find_task(database, "spend"), Split.TRAIN)
    assert target_frame(relbench.load_dataset(out.folder).load_task("spend"), "train")["label"].tolist() == labels.target.tolist()


def test__query_that_reads_what_is_hidden__is_noted(project_folder, tmp_path):
    sql = BUSY.replace("count(o.order_id) > 0", "count(o.order_id) > 0 AND any_value(u.note) <> ''")
    out = export_relbench(opened(shop(project_folder, busy=header("busy") + sql)), tmp_path / "out")
    assert out.tasks == {"busy": "forecast"}
    assert any("RelBench hides note from its query too" in note for note in out.notes)
    assert len(target_frame(relbench.load_dataset(out.folder).load_task("busy"), "test"))


def test__entities_after_the_test_date__are_left_out_of_what_is_stored_and_counted(project_folder, tmp_path):
    """As RelBench does when it makes labels: its database ends at the test date."""
    folder = shop(project_folder, busy=header("busy") + BUSY.replace("u.created_at < c.cutoff", "true"))
    with (folder / "data" / "customers.csv").open("a") as file:
        file.write("z1,2025-02-21 00:00:00,n\nz2,2025-02-20 00:00:00,n\n")
    database = opened(folder)
    out = export_relbench(database, tmp_path / "out")
    data = relbench.load_dataset(out.folder)
    for split in Split:
        stored = target_frame(data.load_task("busy"), split.value)
        assert same(target_frame(data.load_task("busy", regenerate=True), split.value), stored)
        assert stored["customer_id"].max() == 8
    lengths = [len(split_labels(d, find_task(d, "busy"), Split.TEST)) for d in (database, opened(out.folder))]
    assert lengths[0] > lengths[1] == len(stored)
    assert any(re.fullmatch(r"task busy: \d+ labels left out, of customers that come after the test date", n) for n in out.notes)


def test__broken_task__is_noted_and_left_out(project_folder, tmp_path):
    database = opened(shop(project_folder, busy=header("busy") + BUSY, torn=header("torn", "binry") + BUSY))
    out = export_relbench(database, tmp_path / "out")
    assert list(out.tasks) == ["busy"]
    assert any(note.startswith("task torn: left out") for note in out.notes)


def test__folder__is_replaced_where_rdl_wrote_it_and_left_alone_elsewhere(exported, tmp_path):
    database, _ = exported
    folder = tmp_path / "out"
    folder.mkdir()
    (export_relbench(database, folder).folder / "stray").write_text("")
    export_relbench(database, folder)
    assert not (folder / "stray").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(UsageError, match="holds something else"):
        export_relbench(database, tmp_path / "mine")
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test__no_task__wants_dates(project_folder, tmp_path):
    with pytest.raises(UsageError, match="no task says"):
        export_relbench(opened(shop(project_folder)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test__time_that_is_no_word__is_refused(project_folder, tmp_path):
    toml = '[database]\nsource = "data"\n[tables.t]\nkey = "k"\ntime = "made at"\n'
    write_project(project_folder, toml, data__t_csv="k,made at\n1,2025-01-01 00:00:00\n2,2025-01-02 00:00:00\n")
    from rdl.project import RelbenchSplits

    with pytest.raises(SchemaError, match="no plain word"):
        export_relbench(opened(project_folder), tmp_path / "out", RelbenchSplits(0, 1))


@pytest.mark.slow
def test__rel_f1__comes_out_as_it_went_in(rel_f1, rel_f1_folder, tmp_path):
    out = export_relbench(rel_f1, tmp_path / "out")
    assert (out.notes, set(out.tasks.values())) == ((), {"forecast"})
    mine, theirs = relbench.load_dataset(out.folder), relbench.load_dataset(rel_f1_folder)
    found, expected = mine.get_db(upto_test_timestamp=False), theirs.get_db(upto_test_timestamp=False)
    for name, table in expected.table_dict.items():
        other = found.table_dict[name]
        assert (other.pkey_col, other.time_col, other.fkey_col_to_pkey_table) == (
            table.pkey_col,
            table.time_col,
            table.fkey_col_to_pkey_table,
        )
        assert list(other.df) == list(table.df)
        assert pa.Table.from_pandas(other.df).equals(pa.Table.from_pandas(table.df).cast(pa.Schema.from_pandas(other.df)))
    for name in out.tasks:
        for split in Split:
            assert same(target_frame(mine.load_task(name), split.value), target_frame(theirs.load_task(name), split.value))
    assert open_project(out.folder).relbench == rel_f1.project.relbench
