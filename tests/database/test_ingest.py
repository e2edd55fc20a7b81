"""From sources to dense rows: order, times, references, atomicity, and the same answer for every order of the input."""

import os
import random
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

import rdl.database.ingest as ingest_module
import rdl.database.numbering as numbering
from rdl.database import Check, load_sql, open_database
from rdl.errors import SchemaError
from rdl.project import open_project
from rdl.timeline import ALWAYS, DAY, NEVER, parse_time
from tests.projects import CUSTOMERS, ORDERS, SHOP_TOML, found, opened, rows, write_project, write_shop


def table_toml(**tables: str) -> str:
    return '[database]\nsource = "data"\n' + "".join(f"[tables.{name}]\n{body}\n" for name, body in tables.items())


def test__shop__rows_are_dense_and_ascend_in_time_and_key(project_folder):
    database = opened(write_shop(project_folder))
    orders = rows(database, "orders")
    assert [r["_row"] for r in orders] == [0, 1, 2, 3, 4]
    assert [r["order_id"] for r in orders] == [10, 11, 12, 13, 14]
    assert [r["_time"] for r in orders] == [parse_time(f"2025-02-0{d}T12:00") for d in (1, 2, 3, 4)] + [NEVER]
    assert [r["_ref_customer_id"] for r in orders] == [0, 1, 0, None, None]
    assert [r["note"] for r in orders] == [None, None, "late", 'a "quoted" note', "x"]
    assert [r["amount"] for r in orders] == [10.5, None, 30.0, 40.0, 50.0]


def test__shop__null_times_and_dangling_references_are_counted(project_folder):
    database = opened(write_shop(project_folder))
    assert database.schema["orders"].rows == 5
    assert found(database, "orders", Check.NULL_TIME) == {"ordered_at": 1}
    assert found(database, "orders", Check.DANGLING) == {"customer_id": 1}


def test__main_views__hold_the_native_columns_only(project_folder):
    with opened(write_shop(project_folder)).engine() as engine:
        assert engine.arrow("SELECT * FROM orders").column_names == ["order_id", "customer_id", "ordered_at", "amount", "note"]


def shuffled(text: str, seed: int) -> str:
    head, *lines = text.strip().splitlines()
    random.Random(seed).shuffle(lines)
    return "\n".join([head, *lines]) + "\n"


def test__shuffled_input__makes_identical_rows(tmp_path):
    first = opened(write_shop(tmp_path / "a"))
    for seed in range(3):
        other = opened(write_shop(tmp_path / str(seed), customers=shuffled(CUSTOMERS, seed), orders=shuffled(ORDERS, seed + 9)))
        assert other.schema == first.schema
        assert all(rows(other, t) == rows(first, t) for t in ("customers", "orders"))


FACTS = """
SELECT i AS id, TIMESTAMP '2025-01-01' + to_seconds((hash(i * 7) % 1000)::BIGINT) AS moment, i % 13 AS x FROM range(300000) t(i)
"""
LATE = "SELECT count(*) AS n FROM (SELECT (_time, id) < lag((_time, id)) OVER (ORDER BY _row) AS late FROM rows.facts) WHERE late"


def test__shuffled_input__of_many_parallel_rows_makes_identical_rows(tmp_path):
    tables = []
    for order in ("id", "hash(id)"):
        folder = write_project(tmp_path / order, table_toml(facts='key = "id"\ntime = "moment"', loose='time = "moment"'))
        with duckdb.connect() as connection:
            for name, columns in (("facts", "*"), ("loose", "moment, x")):
                sql = f"COPY (SELECT {columns} FROM (SELECT * FROM ({FACTS}) ORDER BY {order})) TO '{folder}/data/{name}.parquet'"
                connection.execute(sql).fetchall()
        with opened(folder).engine() as engine:
            tables.append([engine.arrow(f"SELECT * FROM rows.{t} ORDER BY _row") for t in ("facts", "loose")])
            assert engine.numpy(LATE)["n"][0] == 0
    assert tables[0] == tables[1]


def test__csv_types__do_not_depend_on_the_order_of_rows(tmp_path):
    lines = [f"{i},{i}" for i in range(150_000)] + ["150000,word"]
    kinds = []
    for name, body in (("a", lines), ("b", lines[::-1])):
        folder = write_project(tmp_path / name, table_toml(t='key = "id"'), data__t_csv="id,x\n" + "\n".join(body) + "\n")
        kinds.append(opened(folder).schema["t"].column("x").sql_type)
    assert kinds == ["VARCHAR", "VARCHAR"]


def test__second_open__reads_nothing_again(project_folder, monkeypatch):
    first = opened(write_shop(project_folder))
    monkeypatch.setattr(ingest_module, "open_staging", None)
    second = opened(project_folder)
    assert (second.path, second.fingerprint, second.schema) == (first.path, first.fingerprint, first.schema)
    assert second.findings == first.findings


def test__changed_file_setting_or_staging__changes_the_fingerprint(project_folder):
    seen = {opened(write_shop(project_folder)).fingerprint}
    seen.add(opened(write_shop(project_folder, orders=ORDERS.replace("30", "31"))).fingerprint)
    seen.add(opened(write_shop(project_folder, toml=SHOP_TOML + 'hide = ["note"]\n')).fingerprint)
    toml = SHOP_TOML.replace('source = "data"', 'source = "data"\nstaging = "st"')
    seen.add(opened(write_shop(project_folder, toml, st__orders_sql="SELECT * FROM orders")).fingerprint)
    seen.add(opened(write_shop(project_folder, toml, st__orders_sql="SELECT * FROM orders WHERE true")).fingerprint)
    assert len(seen) == 5


def test__memory_and_threads__do_not_change_the_fingerprint(project_folder):
    first = opened(write_shop(project_folder)).fingerprint
    assert (
        opened(write_shop(project_folder, SHOP_TOML.replace('source = "data"', 'source = "data"\nthreads = 1'))).fingerprint
        == first
    )


@pytest.mark.parametrize("step", ["declare", "Numbering", "inspect", "remember"])
def test__crash_in_the_middle__leaves_nothing_that_is_taken_for_whole(project_folder, monkeypatch, step):
    write_shop(project_folder)
    with monkeypatch.context() as patch:
        patch.setattr(ingest_module, step, lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            opened(project_folder)
    home = project_folder / ".rdl"
    assert [f.name for f in (home / "database").iterdir() if f.is_file() and f.name != "hashes.json"] == [] or step == "remember"
    assert list((home / "tmp").iterdir()) == []
    assert len(rows(opened(project_folder), "orders")) == 5


def test__crash_between_file_and_facts__is_read_again(project_folder):
    database = opened(write_shop(project_folder))
    database.path.with_suffix(".json").unlink()
    database.path.write_bytes(b"half")
    assert len(rows(opened(project_folder), "orders")) == 5


def test__leftover_of_a_killed_run__is_not_taken_for_whole(project_folder):
    write_shop(project_folder)
    folder = project_folder / ".rdl" / "database"
    folder.mkdir(parents=True)
    (folder / "abc.123.tmp").write_bytes(b"half")
    assert len(rows(opened(project_folder), "orders")) == 5


def test__null_infinite_and_early_times(project_folder):
    folder = write_project(project_folder, table_toml(t='key = "id"\ntime = "moment"'))
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT * FROM (VALUES (1, NULL), (2, TIMESTAMP 'infinity'), (3, TIMESTAMP '-infinity'), "
            "(4, TIMESTAMP '1969-12-31 23:59:59.999999'), (5, TIMESTAMP '1970-01-01')) v(id, moment)) "
            f"TO '{folder}/data/t.parquet'"
        ).fetchall()
    database = opened(folder)
    assert [(r["id"], r["_time"]) for r in rows(database, "t", "id, _time")] == [
        (4, -1),
        (5, 0),
        (1, NEVER),
        (2, NEVER),
        (3, NEVER),
    ]
    assert found(database, "t", Check.NULL_TIME) == {"moment": 1}
    assert found(database, "t", Check.ABSURD_TIME) == {"moment": 2}
    assert database.span == (-1, 0)


@pytest.mark.parametrize(
    ("kind", "text", "time"),
    [
        ("DATE", "2025-03-30", "2025-03-30"),
        ("DATE", "infinity", None),
        ("TIMESTAMP", "2025-03-30 02:30:00", "2025-03-30T02:30"),
        ("TIMESTAMP_S", "2025-03-30 02:30:01", "2025-03-30T02:30:01"),
        ("TIMESTAMP_MS", "2025-03-30 02:30:01.5", "2025-03-30T02:30:01.5"),
        ("TIMESTAMP_NS", "2025-03-30 02:30:01.000001", "2025-03-30T02:30:01.000001"),
        ("TIMESTAMPTZ", "2025-03-30 02:30:00+02", "2025-03-30T00:30"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Auckland"])
def test__every_time_type__becomes_microseconds_utc_in_every_zone(project_folder, monkeypatch, kind, text, time, zone):
    monkeypatch.setenv("TZ", zone)
    folder = write_project(project_folder, table_toml(t='time = "at"\nlag = "1 day"'))
    with duckdb.connect(str(folder / "data.duckdb")) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT '{text}'::{kind} AS at").fetchall()
    (folder / "rdl.toml").write_text((folder / "rdl.toml").read_text().replace('"data"', '"data.duckdb"'))
    assert rows(opened(folder), "t", "_time")[0]["_time"] == (NEVER if time is None else parse_time(time) + DAY)


def test__static_table__is_always_visible(project_folder):
    folder = write_project(project_folder, table_toml(t='key = "id"'), data__t_csv="id\n2\n1\n")
    database = opened(folder)
    assert [(r["id"], r["_time"]) for r in rows(database, "t")] == [(1, ALWAYS), (2, ALWAYS)]
    assert database.span == (0, 0)


def test__span__is_of_event_times_without_lag(project_folder):
    database = opened(write_shop(project_folder, SHOP_TOML.replace('time = "ordered_at"', 'time = "ordered_at"\nlag = "1 day"')))
    assert database.span == (parse_time("2025-01-01"), parse_time("2025-02-04T12:00"))


def parquet_project(folder: Path, parent: pa.Array, child: pa.Array) -> Path:
    write_project(folder, table_toml(parents='key = "id"', children='references = { parent = "parents" }'))
    pq.write_table(pa.table({"id": parent}), folder / "data" / "parents.parquet")
    pq.write_table(pa.table({"n": list(range(len(child))), "parent": child}), folder / "data" / "children.parquet")
    return folder


BIG = 2**53
UUIDS = ["6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b811-9dad-11d1-80b4-00c04fd430c8"]


@pytest.mark.parametrize(
    ("parent", "child", "links"),
    [
        (pa.array([1, 2], pa.int64()), pa.array([2, 1, 3], pa.int32()), [1, 0, None]),
        (pa.array(["b", "a"]), pa.array(["a", "b", "c"]), [0, 1, None]),
        (pa.array([1, 2], pa.int64()), pa.array([2.0, 1.5, None]), [1, None, None]),
        (pa.array([BIG, BIG + 1], pa.int64()), pa.array([float(BIG)]), [0]),
        (pa.array([BIG, BIG + 1], pa.int64()), pa.array([BIG + 1]), [1]),
        (pa.array([1, 2], pa.int64()), pa.array(["2", "01", "1.0", "1.5", "x", ""]), [1, 0, 0, None, None, None]),
        (pa.array(["1", "2", "x"]), pa.array([2, 1, 7]), [1, 0, None]),
        (pa.array(["1", "2"]), pa.array([2.0, 1.5]), [1, None]),
        (pa.array([1.5, 2.0]), pa.array([2, 1]), [1, None]),
        (pa.array([1.5, 2.0]), pa.array(["2", "1.5"]), [1, 0]),
        (pa.array([True, False]), pa.array([True]), [1]),
        (pa.array(UUIDS), pa.array([UUIDS[1], "no"]), [1, None]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test__references__find_keys_of_every_type_and_round_nothing(project_folder, parent, child, links):
    database = opened(parquet_project(project_folder, parent, child))
    found = {r["n"]: r["_ref_parent"] for r in rows(database, "children")}
    assert [found[n] for n in range(len(links))] == links


def test__uuid_key__is_found_by_text_of_any_case(project_folder):
    folder = write_project(project_folder, table_toml(parents='key = "id"', children='references = { parent = "parents" }'))
    (folder / "rdl.toml").write_text((folder / "rdl.toml").read_text().replace('"data"', '"x.duckdb"'))
    with duckdb.connect(str(folder / "x.duckdb")) as connection:
        connection.execute(f"CREATE TABLE parents AS SELECT unnest(['{UUIDS[0]}', '{UUIDS[1]}'])::UUID AS id").fetchall()
        connection.execute(f"CREATE TABLE children AS SELECT unnest([upper('{UUIDS[1]}'), 'no']) AS parent").fetchall()
    database = opened(folder)
    assert {r["_ref_parent"] for r in rows(database, "children")} == {1, None}
    assert found(database, "children", Check.DANGLING) == {"parent": 1}


def test__composite_key__is_unique_as_a_whole_and_orders_rows(project_folder):
    folder = write_project(project_folder, table_toml(t='key = ["a", "b"]'), data__t_csv="b,a\n2,1\n1,2\n1,1\n")
    database = opened(folder)
    assert [(r["a"], r["b"]) for r in rows(database, "t")] == [(1, 1), (1, 2), (2, 1)]
    assert database.schema["t"].key == ("a", "b")


def test__reference_to_itself_and_two_to_one_parent(project_folder):
    toml = table_toml(staff='key = "id"\nreferences = { boss = "staff", buddy = "staff" }')
    database = opened(write_project(project_folder, toml, data__staff_csv="id,boss,buddy\n7,,9\n8,7,7\n9,7,8\n"))
    assert [(r["_ref_boss"], r["_ref_buddy"]) for r in rows(database, "staff")] == [(None, 2), (0, 0), (0, 1)]


ODD = ["select", 'quo"te', "semi; DROP TABLE x; --", "ünïcode 名", "it's", "a b", "%s {0}", "group"]


@pytest.mark.parametrize("name", ODD)
def test__odd_table_and_column_names__are_only_names(project_folder, name):
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    toml = f"""
[database]
source = "data"
[tables."{escaped}"]
key = "{escaped}"
time = "{escaped} at"
references = {{ "{escaped} up" = "{escaped}" }}
hide = ["{escaped} x"]
"""
    folder = write_project(project_folder, toml)
    header = ",".join('"' + c.replace('"', '""') + '"' for c in (name, f"{name} at", f"{name} up", f"{name} x"))
    (folder / "data" / f"{name}.csv").write_text(f"{header}\n1,2025-01-02,2,q\n2,2025-01-01,1,q\n", encoding="utf-8")
    database = opened(folder)
    table = database.schema[name]
    assert (table.key, table.time, table.references[0].column, table.hide) == ((name,), f"{name} at", f"{name} up", (f"{name} x",))
    with database.engine() as engine:
        from rdl.database import quote

        links = engine.arrow(f"SELECT {quote('_ref_' + name + ' up')} AS r FROM rows.{quote(name)} ORDER BY _row")["r"].to_pylist()
    assert links == [1, 0]
    assert [column.name for column in table.features] == []


def test__nested_columns__are_read_and_describe_nothing(project_folder):
    folder = write_project(project_folder, table_toml(t='key = "id"'))
    pq.write_table(
        pa.table({"id": [1], "tags": [["a", "b"]], "when": [[parse_time("2025-01-01")]], "point": [{"x": 1}]}),
        folder / "data" / "t.parquet",
    )
    database = opened(folder)
    assert database.schema["t"].features == ()
    assert found(database, "t", Check.UNREAD).keys() == {"tags", "when", "point"}


def test__empty_and_one_row_tables__are_ingested(project_folder):
    database = opened(
        write_shop(
            project_folder,
            customers="customer_id,created_at,name,city\n1,2025-01-01,Ann,Bern\n",
            orders=ORDERS.splitlines()[0] + "\n",
        )
    )
    assert (database.schema["customers"].rows, database.schema["orders"].rows) == (1, 0)
    assert rows(database, "orders") == []
    assert database.span == (parse_time("2025-01-01"),) * 2


def test__several_processes_may_read_at_once(project_folder):
    database = opened(write_shop(project_folder))
    with database.engine() as one, database.engine() as two, database.sandbox() as box:
        assert one.arrow("SELECT * FROM orders") == two.arrow("SELECT * FROM orders")
        assert box.select("SELECT count(*) AS n FROM orders", "test", {})["n"][0].as_py() == 5


def test__relbench_folder__is_ingested_whole(rel_f1):
    assert sum(table.rows for table in rel_f1.schema.tables.values()) == 97_606
    with rel_f1.engine() as engine:
        counts = " + ".join(
            f"(SELECT count(*) FROM rows.{t} WHERE _time < {parse_time('2010-01-01')})" for t in rel_f1.schema.tables
        )
        assert engine.numpy(f"SELECT {counts} AS n")["n"][0] == 74_063
    assert not any(f.check is Check.DANGLING for f in rel_f1.findings)
    assert rel_f1.span == (parse_time("1950-05-13"), parse_time("2023-11-26T13:00"))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user that permissions apply to")
def test__home_that_cannot_be_written__is_named(project_folder, tmp_path):
    home = tmp_path / "closed"
    home.mkdir(mode=0o500)
    write_shop(project_folder)
    from rdl.errors import ProjectError

    with pytest.raises(ProjectError, match="cannot write"):
        open_database(open_project(project_folder, home=home / "home"))


def test__order_is_asserted__after_writing(project_folder, monkeypatch):
    write_shop(project_folder)
    monkeypatch.setattr(
        numbering, "load_sql", lambda name: load_sql(name).replace("ORDER BY o._time, {order}", "ORDER BY o._time DESC")
    )
    with pytest.raises(SchemaError, match="out of time order"):
        opened(project_folder)


@pytest.mark.slow
def test__five_hundred_columns_long_texts_and_any_name__are_ingested_and_looked_over(project_folder):
    names = ['a "b"; DROP TABLE x --', "select", "größe 日本", "semi;colon", "it's", *(f"c{i}" for i in range(500))]
    text = "x" * 1_000_000
    odd = "order; 'by'"
    columns = {name: [1, 2, 3] for name in names}
    for suffix, write in (("parquet", pq.write_table), ("arrow", feather.write_feather)):
        folder = write_project(project_folder / suffix, f'[database]\nsource = "data"\n[tables."{odd}"]\nkey = "id"\n')
        table = pa.table({"id": [3, 1, 2], **columns, "long": [text, None, "y"]})
        write(table, folder / "data" / f"{odd}.{suffix}")
        database = opened(folder)
        assert [row["id"] for row in rows(database, odd, "id")] == [1, 2, 3]
        assert rows(database, odd, "long")[2] == {"long": text}
        assert len(database.schema[odd].columns) == 507
        again = table.drop_columns(["select"]).append_column("added", pa.array(["p", "q", "p"]))
        write(again, folder / "data" / f"{odd}.{suffix}")
        changed = opened(folder)
        assert found(changed, odd, Check.COLUMN_REMOVED).keys() == {"select"}
        assert found(changed, odd, Check.COLUMN_ADDED).keys() == {"added"}


def test__drift__is_refused_where_the_policy_says_so__and_the_last_good_database_stays(project_folder):
    toml = SHOP_TOML + '[tables.orders.checks]\ncolumn_renamed = "refuse"\n'
    good = opened(write_shop(project_folder, toml))
    with pytest.raises(SchemaError, match="column of another name"):
        opened(write_shop(project_folder, toml, orders=ORDERS.replace(",note", ",remark")))
    assert opened(write_shop(project_folder, toml)).path == good.path


def test__watermark_of_a_file__is_said_to_ask_for_nothing(project_folder):
    database = opened(write_shop(project_folder, SHOP_TOML + 'watermark = "ordered_at"\n'))
    assert "read whole" in database.notes["orders"]
