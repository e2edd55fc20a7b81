"""Entities named by several columns, by none, or by a key that is neither text nor a whole number."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rdl.errors import TaskError
from rdl.task import Kind, Task, entity_keys, find_entities, labels_at, population_at, prediction_table
from rdl.timeline import DAY
from tests.projects import opened, write_project
from tests.task.test_labels import DAYS

TOML = """
[database]
source = "data"
infer = false
[tables.seats]
key = ["hall", "seat"]
[tables.loose]
key = []
[tables.days]
key = "day"
[tables.codes]
key = "code"
[tables.prices]
key = "price"
[tables.customers]
key = "id"
[tables.orders]
key = "id"
time = "at"
"""
UUIDS = ["00000000-0000-0000-0000-000000000001", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"]
TABLES = {
    "seats": {"hall": ["b", "a", "a"], "seat": pa.array([1, 2, 1], pa.int32())},
    "loose": {"x": [5, 6]},
    "days": {"day": [date(2025, 1, 2), date(2025, 1, 1)]},
    "codes": {"code": UUIDS},
    "prices": {"price": pa.array([Decimal("2.50"), Decimal("10.00")], pa.decimal128(8, 2))},
    "customers": {"id": [1]},
    "orders": {"id": [1, 2], "at": pa.array([int(DAYS[0]), int(DAYS[-1]) * 2], pa.timestamp("us"))},
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys") / "p"
    write_project(folder, TOML)
    for name, columns in TABLES.items():
        pq.write_table(pa.table(columns), folder / "data" / f"{name}.parquet")
    return opened(folder)


@pytest.fixture(scope="module")
def plain(world):
    return Task(
        name="any",
        kind=Kind.REGRESSION,
        entity_table="customers",
        entity_columns=("id",),
        horizon=DAY,
        every=DAY,
        validate=int(DAYS[1]),
        test=int(DAYS[2]),
        metric="mae",
        label_sql="",
        population_sql=None,
        path=world.project.root / "any.sql",
    )


def about(task, table, columns, label, population=None):
    return replace(task, entity_table=table, entity_columns=columns, label_sql=label, population_sql=population)


@pytest.mark.parametrize("seat", ["seat", "seat::BIGINT AS seat", "seat::VARCHAR AS seat", "seat::DOUBLE AS seat"])
def test__key_of_two_columns__names_the_same_rows_in_any_order_and_type(world, plain, seat):
    label = f"SELECT seat * 10 AS label, {seat}, c.cutoff, hall FROM cutoffs c, seats"
    people = f"SELECT hall, c.cutoff, {seat} FROM seats, cutoffs c WHERE hall = 'a'"
    task = about(plain, "seats", ("hall", "seat"), label, people)
    labels, report = labels_at(world, task, DAYS, counted=True)
    keys = entity_keys(world, task, labels.seeds.entity[:2])
    assert keys.to_pylist() == [{"hall": "a", "seat": 1}, {"hall": "a", "seat": 2}]
    assert labels.target.tolist() == [10, 20] * 3
    assert (report.unknown_entity, report.outside_population, report.unlabelled) == (0, 3, 0)
    assert np.array_equal(population_at(world, task, DAYS).entity, labels.seeds.entity)
    assert np.array_equal(find_entities(world, task, keys), labels.seeds.entity[:2])


def test__key_of_two_columns__half_known_is_unknown(world, plain):
    label = "SELECT c.cutoff, h AS hall, s AS seat, 1 AS label FROM cutoffs c, (VALUES ('b', 2), ('b', NULL), ('b', 1)) v(h, s)"
    labels, report = labels_at(world, about(plain, "seats", ("hall", "seat"), label), DAYS)
    assert (len(labels), report.unknown_entity) == (3, 6)


def test__key_of_two_columns__twice_is_refused_with_both(world, plain):
    label = "SELECT c.cutoff, 'a' AS hall, 2 AS seat, k AS label FROM cutoffs c, range(2) t(k)"
    with pytest.raises(TaskError, match=r"\('a', 2, 2025-02-01\) stands in several rows"):
        labels_at(world, about(plain, "seats", ("hall", "seat"), label), DAYS)


def test__half_a_key__is_refused(world, plain):
    with pytest.raises(TaskError) as error:
        labels_at(world, about(plain, "seats", ("hall",), "SELECT cutoff, 'a' AS hall, 1 AS label FROM cutoffs"), DAYS)
    assert "the key of 'seats' is hall, seat" in error.value.what
    with pytest.raises(TaskError, match="lacks the column 'seat'"):
        labels_at(world, about(plain, "seats", ("hall", "seat"), "SELECT cutoff, 'a' AS hall, 1 AS label FROM cutoffs"), DAYS)


def test__table_without_a_key__is_named_by_its_rows(world, plain):
    label = "SELECT cutoff, _row AS place, x AS label FROM cutoffs, rows.loose UNION ALL SELECT cutoff, 9, 9 FROM cutoffs"
    task = about(plain, "loose", ("place",), label)
    labels, report = labels_at(world, task, DAYS)
    assert labels.seeds.entity.tolist() == [0, 1] * 3
    assert report.unknown_entity == 3
    table = prediction_table(world, task, labels.seeds[:2], labels.target[:2])
    assert table.column_names == ["place", "cutoff", "prediction"]


@pytest.mark.parametrize(
    ("table", "column", "keys"),
    [
        ("days", "day", [date(2025, 1, 1), date(2025, 1, 2)]),
        ("codes", "code", UUIDS),
        ("prices", "price", [Decimal("2.50"), Decimal("10.00")]),
    ],
)
@pytest.mark.parametrize("cast", ["{}", "{}::VARCHAR AS {}"])
def test__key_of_a_date_a_uuid_or_a_decimal__is_found(world, plain, table, column, keys, cast):
    label = f"SELECT cutoff, {cast.format(column, column)}, 1 AS label FROM cutoffs, {table}"
    labels, report = labels_at(world, about(plain, table, (column,), label), DAYS)
    found = entity_keys(world, about(plain, table, (column,), label), labels.seeds.entity[:2])
    assert (sorted(found[column].to_pylist()), report.unknown_entity) == (keys, 0)


@pytest.mark.parametrize("kind", ["UUID", "VARCHAR"])
def test__lists_of_rows__by_a_key_that_is_no_number(world, plain, kind):
    label = f"SELECT cutoff, 1 AS id, list(code::{kind}) AS label FROM cutoffs, codes GROUP BY ALL"
    task = replace(plain, kind=Kind.RECOMMENDATION, target_table="codes", label_sql=label)
    labels, _ = labels_at(world, task, DAYS)
    assert labels.lists.rows.tolist() == [0, 1] * 3
