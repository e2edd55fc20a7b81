"""Dense rows: in the order of time and key, references resolved, whatever the order and the place the rows come from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.database.checks.finding import Check, Policy
from rdl.database.checks.policies import resolve
from rdl.database.declared import Declared
from rdl.database.engine import connect, engine_error
from rdl.database.numbering import Numbered, Numbering
from rdl.database.relation import Ask, Relation
from rdl.database.schema import Reference
from rdl.errors import SchemaError
from rdl.timeline import ALWAYS, DAY, NEVER

Frames = Mapping[str, pl.DataFrame]
NOW = 2**60


def numbered(
    frames: Frames, declared: Mapping[str, Declared], folder: Path | None = None, copy: bool = False
) -> tuple[dict[str, Numbered], dict[str, list[dict[str, Any]]], Ask]:
    """Number the frames (as Parquet files, where a folder is given) and read every `rows."t"` back."""
    connection = connect()

    def ask(sql: str) -> list[tuple[Any, ...]]:
        try:
            return connection.execute(sql).fetchall()
        except Exception as error:
            raise engine_error(error, sql) from error

    for statement in ("ATTACH ':memory:' AS db", "ATTACH ':memory:' AS stage", "CREATE SCHEMA db.rows", "CREATE SCHEMA db.links"):
        ask(statement)
    relations = {}
    for name, frame in frames.items():
        files: tuple[Path, ...] = ()
        if folder is not None:
            files = (folder / f"{name}.parquet",)
            frame.write_parquet(files[0])
            ask(f"CREATE VIEW memory.\"{name}\" AS SELECT * FROM read_parquet('{files[0]}')")
        else:
            connection.register(f"frame_{name}", frame.to_arrow())
            ask(f'CREATE TABLE memory."{name}" AS SELECT * FROM "frame_{name}"')
        types = {row[0]: row[1] for row in ask(f'DESCRIBE memory."{name}"')}
        relations[name] = Relation(name, f'memory.main."{name}"', types, parquet=files)
    found = Numbering(ask, relations, declared, NOW, copy).run()
    rows = {name: connection.sql(f'SELECT * FROM db.rows."{name}" ORDER BY _row').to_arrow_table().to_pylist() for name in frames}
    return found, rows, ask


def table(name: str, key: str = "", time: str | None = None, references: tuple[Reference, ...] = (), **checks: str) -> Declared:
    return Declared(name, (key,) if key else (), time, 0, references, policies=resolve(checks, {}, "the test"))


def moments(*days: float | None) -> pl.Series:
    return pl.Series([None if d is None else int(d * DAY) for d in days], dtype=pl.Int64).cast(pl.Datetime("us"))


USERS = pl.DataFrame({"user": [3, 1, 2], "born": moments(2, 1, 1)})
ORDERS = pl.DataFrame({"id": [5, 4, 9, 7], "user": [1, 9, None, 3], "at": moments(5, 3, None, 5), "x": [1.5, 2.5, 3.5, 4.5]})
SHOP = {
    "users": table("users", "user", "born"),
    "orders": table("orders", "id", "at", (Reference("user", "users"),)),
}


def test__rows__stand_in_the_order_of_time_and_key():
    _, rows, _ = numbered({"users": USERS, "orders": ORDERS}, SHOP)
    assert [(r["_row"], r["user"], r["_time"]) for r in rows["users"]] == [(0, 1, DAY), (1, 2, DAY), (2, 3, 2 * DAY)]
    assert [(r["id"], r["_ref_user"], r["_time"]) for r in rows["orders"]] == [
        (4, None, 3 * DAY),
        (5, 0, 5 * DAY),
        (7, 2, 5 * DAY),
        (9, None, NEVER),
    ]


def test__static_table__stands_in_the_order_of_its_key():
    _, rows, _ = numbered({"users": USERS}, {"users": table("users", "user")})
    assert [(r["user"], r["_time"]) for r in rows["users"]] == [(1, ALWAYS), (2, ALWAYS), (3, ALWAYS)]


def test__static_table__with_a_watermark__keeps_its_numbers_when_a_key_comes_that_sorts_first():
    declared = Declared("users", ("user",), watermark="born", policies=resolve({}, {}, "the test"))
    _, before, _ = numbered({"users": USERS}, {"users": declared})
    grown = pl.concat([pl.DataFrame({"user": [0], "born": moments(9)}), USERS])
    _, after, _ = numbered({"users": grown}, {"users": declared})
    assert after["users"][:3] == before["users"]


def test__circle_of_references__is_resolved():
    left = pl.DataFrame({"id": [1, 2], "other": [20, 10], "boss": [2, None]})
    right = pl.DataFrame({"id": [10, 20], "other": [1, 1]})
    declared = {
        "left": table("left", "id", None, (Reference("other", "right"), Reference("boss", "left"))),
        "right": table("right", "id", None, (Reference("other", "left"),)),
    }
    _, rows, _ = numbered({"left": left, "right": right}, declared)
    assert [(r["_ref_other"], r["_ref_boss"]) for r in rows["left"]] == [(1, 1), (0, None)]
    assert [r["_ref_other"] for r in rows["right"]] == [0, 0]


def test__composite_reference__names_a_row_by_all_of_its_columns():
    parents = pl.DataFrame({"shop": [1, 1, 2], "till": ["a", "b", "a"]})
    children = pl.DataFrame({"n": [1, 2, 3, 4], "shop": [2, 1, 2, None], "till": ["a", "b", "b", "a"]})
    reference = Reference.of(("shop", "till"), "parents")
    declared = {
        "parents": Declared("parents", ("shop", "till"), policies=resolve({}, {}, "the test")),
        "children": table("children", "n", None, (reference,)),
    }
    _, rows, _ = numbered({"parents": parents, "children": children}, declared)
    assert [r["_ref_shop,till"] for r in rows["children"]] == [2, 1, None, None]


def test__reference_to_another_column_than_the_key__is_resolved():
    countries = pl.DataFrame({"id": [1, 2], "iso": ["CH", "DE"]})
    people = pl.DataFrame({"id": [1, 2], "country": ["DE", "FR"]})
    declared = {
        "countries": table("countries", "id"),
        "people": table("people", "id", None, (Reference("country", "countries", ("iso",)),)),
    }
    _, rows, _ = numbered({"countries": countries, "people": people}, declared)
    assert [r["_ref_country"] for r in rows["people"]] == [1, None]
    with pytest.raises(SchemaError, match="stands in 2 rows"):
        numbered({"countries": pl.concat([countries, pl.DataFrame({"id": [3], "iso": ["DE"]})]), "people": people}, declared)


def test__dangling_rows__are_dropped_where_the_policy_says_so__until_none_is_left():
    chain = pl.DataFrame({"id": [1, 2, 3, 4, 5], "above": [99, 1, 2, None, 4]})
    declared = {"chain": table("chain", "id", None, (Reference("above", "chain"),), dangling="drop")}
    found, rows, _ = numbered({"chain": chain}, declared)
    assert [(r["_row"], r["id"], r["_ref_above"]) for r in rows["chain"]] == [(0, 4, None), (1, 5, 0)]
    assert [(f.check, f.count, f.policy, f.examples) for f in found["chain"].findings] == [
        (Check.DANGLING, 3, Policy.DROP, ("99",))
    ]


def test__dangling_values__become_null_where_the_policy_says_so():
    declared = {**SHOP, "orders": table("orders", "id", "at", (Reference("user", "users"),), dangling="null")}
    found, rows, _ = numbered({"users": USERS, "orders": ORDERS}, declared)
    assert [(r["id"], r["user"], r["_ref_user"]) for r in rows["orders"]] == [
        (4, None, None),
        (5, 1, 0),
        (7, 3, 2),
        (9, None, None),
    ]
    assert (Check.DANGLING, 1, Policy.NULL) in [(f.check, f.count, f.policy) for f in found["orders"].findings]


@pytest.mark.parametrize(("policy", "expected"), [("drop", [(8, 0)]), ("keep", [(7, 0), (8, 0)])])
def test__rows_before_their_parent__are_treated_as_the_policy_says(policy, expected):
    users = pl.DataFrame({"user": [1], "born": moments(2.5)})
    orders = pl.DataFrame({"id": [7, 8], "user": [1, 1], "at": moments(1.5, 3)})
    declared = {
        "users": table("users", "user", "born"),
        "orders": table("orders", "id", "at", (Reference("user", "users"),), before_parent=policy),
    }
    _, rows, _ = numbered({"users": users, "orders": orders}, declared)
    assert [(r["id"], r["_ref_user"]) for r in rows["orders"]] == expected


def test__parquet_in_order__is_read_in_place__and_gives_the_same_rows(tmp_path):
    frames = {"users": USERS.sort("born", "user"), "orders": ORDERS.sort("at", "id", nulls_last=True)}
    found, rows, ask = numbered(frames, SHOP, tmp_path)
    assert found["users"].in_place
    assert found["orders"].in_place
    assert ask("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'db' AND schema_name = 'rows'") == [(0,)]
    copied, again, _ = numbered(frames, SHOP, tmp_path, copy=True)
    assert not copied["orders"].in_place
    assert rows == again == numbered(frames, SHOP)[1]


def test__parquet_out_of_order__is_copied(tmp_path):
    found, rows, _ = numbered({"users": USERS, "orders": ORDERS}, SHOP, tmp_path)
    assert not found["users"].in_place
    assert rows == numbered({"users": USERS, "orders": ORDERS}, SHOP)[1]


def test__parquet_out_of_order_late_in_the_file__is_copied(tmp_path):
    n = 30_000
    frame = pl.DataFrame({"id": list(range(n)), "at": pl.Series(range(n)).cast(pl.Datetime("us"))})
    swapped = pl.concat([frame[:-2], frame[-1:], frame[-2:-1]])
    assert numbered({"t": frame}, {"t": table("t", "id", "at")}, tmp_path)[0]["t"].in_place
    found, rows, _ = numbered({"t": swapped}, {"t": table("t", "id", "at")}, tmp_path)
    assert not found["t"].in_place
    assert [r["id"] for r in rows["t"]] == list(range(n))


times = st.one_of(st.none(), st.integers(0, 5))


@st.composite
def databases(draw: st.DrawFn) -> Frames:
    """Users, and orders that name them; times tie and lack, references dangle."""
    users = draw(st.lists(st.tuples(st.integers(0, 9), times), unique_by=lambda row: row[0], max_size=8))
    orders = draw(
        st.lists(st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(0, 12)), times), unique_by=lambda r: r[0])
    )
    return {
        "users": pl.DataFrame(
            {"user": [u for u, _ in users], "born": moments(*(t for _, t in users))}, schema_overrides={"user": pl.Int64}
        ),
        "orders": pl.DataFrame(
            {"id": [i for i, _, _ in orders], "user": [u for _, u, _ in orders], "at": moments(*(t for *_, t in orders))},
            schema_overrides={"id": pl.Int64, "user": pl.Int64},
        ),
    }


@given(databases(), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test__rows__agree_with_the_oracle__whatever_the_order_they_come_in(tmp_path_factory, frames, random):
    def order(frame: pl.DataFrame, key: str, time: str) -> list[dict[str, Any]]:
        return sorted(frame.to_dicts(), key=lambda r: (r[time] is None, r[time] or 0, r[key]))

    users, orders = order(frames["users"], "user", "born"), order(frames["orders"], "id", "at")
    place = {row["user"]: i for i, row in enumerate(users)}
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=random.randrange(2**31)) for name, frame in frames.items()}
    for folder in (None, tmp_path_factory.mktemp("parquet")):
        _, rows, _ = numbered(shuffled, SHOP, folder)
        assert [(r["_row"], r["user"], r["born"]) for r in rows["users"]] == [
            (i, u["user"], u["born"]) for i, u in enumerate(users)
        ]
        assert [(r["id"], r["_ref_user"]) for r in rows["orders"]] == [(o["id"], place.get(o["user"])) for o in orders]


@given(databases(), st.lists(st.tuples(st.integers(31, 60), st.integers(0, 9), st.integers(6, 9)), unique_by=lambda r: r[0]))
@settings(max_examples=20, deadline=None)
def test__appended_later_rows__leave_every_number_as_it_is(frames, more):
    orders = frames["orders"].drop_nulls("at")
    later = pl.DataFrame(
        {"id": [i for i, _, _ in more], "user": [u for _, u, _ in more], "at": moments(*(t for *_, t in more))},
        schema=orders.schema,
    )
    _, before, _ = numbered({**frames, "orders": orders}, SHOP)
    _, after, _ = numbered({**frames, "orders": pl.concat([later, orders])}, SHOP)
    assert after["orders"][: len(before["orders"])] == before["orders"]
    assert after["users"] == before["users"]
