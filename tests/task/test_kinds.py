"""Labels that are classes, sets of classes and lists of rows, against the slow oracle."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.errors import TaskError
from rdl.task import Kind, Split, channels, labels_at, past_labels, population_at, split_labels, with_classes
from rdl.task.classes import encode_classes, settle_classes
from rdl.task.targets import read_targets
from tests.reference import class_targets, frequent_classes, target_lists
from tests.task.test_labels import DAYS, shop

ROWS = """SELECT c.cutoff, k AS customer_id, {label} AS label FROM cutoffs c
CROSS JOIN (VALUES (3), (1), (2)) v(k)"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return shop(tmp_path_factory.mktemp("kinds") / "p")


def asked(world, label, kind, population=None, **more):
    database, task = world
    target = "orders" if kind == "recommendation" else None
    more |= {"label_sql": ROWS.format(label=label), "population_sql": population, "target_table": target}
    return database, replace(task, kind=Kind(kind), **more)


def order_rows(database):
    with database.engine() as engine:
        return engine.arrow("SELECT order_id FROM rows.orders ORDER BY _row")["order_id"].to_pylist()


@pytest.mark.parametrize(
    ("label", "classes"),
    [
        ("CASE k WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'b' END", ("b", "a")),
        ("CASE k WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'b' END::ENUM('a', 'b')", ("b", "a")),
        ("CASE k WHEN 1 THEN 5 ELSE -2 END", (-2, 5)),
        ("CASE k WHEN 1 THEN 5 ELSE -2 END::HUGEINT", (-2, 5)),
        ("k = 1", (0, 1)),
    ],
)
def test__multiclass__by_text_number_and_boolean(world, label, classes):
    database, task = asked(world, label, "multiclass")
    task = with_classes(database, task, DAYS[-1] + task.horizon + 1)
    assert task.classes == classes
    labels, report = labels_at(database, task, DAYS)
    assert labels.seeds.entity.tolist() == [0, 1, 2] * 3
    assert labels.target.tolist() == [1, 0, 0] * 3
    assert (report.rows, report.null_label) == (9, 0)


def test__multiclass__leaves_out_nulls_and_marks_what_it_does_not_know(world):
    database, task = asked(world, "CASE k WHEN 1 THEN 'a' WHEN 2 THEN 'new' END", "multiclass", classes=("b", "a"))
    labels, report = labels_at(database, task, DAYS)
    assert labels.target.tolist() == [1, -1] * 3
    assert report.null_label == 3


def test__multilabel__empty_list_names_none_and_null_is_left_out(world):
    label = "CASE k WHEN 1 THEN ['a', NULL, 'c', 'a'] WHEN 2 THEN [] END"
    database, task = asked(world, label, "multilabel", classes=("a", "b"))
    labels, report = labels_at(database, task, DAYS)
    assert labels.target.tolist() == [[1, 0], [0, 0]] * 3
    assert report.null_label == 3
    history = past_labels(database, task, DAYS[-1:])
    assert history.value.shape == (len(history.entity), 2)
    assert np.array_equal(channels(task, labels.target), labels.target)


def test__recommendation__is_dense_rows_once_each_without_what_is_unknown(world):
    label = "CASE k WHEN 1 THEN [12, 99, 10, 12, NULL] WHEN 2 THEN [98] WHEN 3 THEN [] END"
    database, task = asked(world, label, "recommendation")
    keys = order_rows(database)
    labels, report = labels_at(database, task, DAYS)
    assert labels.target.tolist() == [2.0] * 3
    assert labels.seeds.entity.tolist() == [0] * 3
    assert [keys[i] for i in labels.lists[:1].rows] == [10, 12]
    assert (report.rows, report.unknown_target, report.empty_list, report.null_label) == (3, 9, 6, 0)
    assert set(past_labels(database, task, DAYS[-1:]).value) == {2.0}


def test__recommendation__by_text_names_the_same_rows(world):
    database, task = asked(world, "['12', '10', 'x']", "recommendation")
    labels, _ = labels_at(database, task, DAYS)
    assert [order_rows(database)[i] for i in labels.lists[:1].rows] == [10, 12]


@pytest.mark.parametrize(
    ("kind", "label", "value", "fix"),
    [
        ("multiclass", "1.5", "names classes by decimal128(2, 1)", "cast the classes"),
        ("multiclass", "1.5::DOUBLE", "names classes by double", "cast the classes"),
        ("multiclass", "['a']", "names classes by list", "cast the classes"),
        ("multilabel", "'a'", "is string, not a list", "kind = 'multiclass'"),
        ("multilabel", "[DATE '2025-01-01']", "names classes by date32", "cast the classes"),
        ("recommendation", "10", "is int32, not a list", "collect"),
        ("recommendation", "[{'order_id': 10}]", "names rows of 'orders' by struct", "one column"),
        ("regression", "'a'", "is string, not a number", "cast it"),
        ("binary", "['a']", "not a number", "cast it"),
    ],
)
def test__label_that_does_not_fit_the_kind__is_refused(world, kind, label, value, fix):
    database, task = asked(world, label, kind, classes=("a", "b") if kind.startswith("multi") else ())
    with pytest.raises(TaskError) as error:
        labels_at(database, task, DAYS)
    assert value in error.value.what
    assert "busy.sql, label query" in error.value.where
    assert fix in error.value.fix


def test__population__decides_for_every_kind(world):
    people = "SELECT c.cutoff, 2 AS customer_id FROM cutoffs c"
    database, task = asked(world, "[10 + k]", "recommendation", population=people)
    labels, report = labels_at(database, task, DAYS, counted=True)
    assert np.array_equal(labels.seeds.entity, population_at(database, task, DAYS).entity)
    assert (report.rows, report.outside_population) == (3, 6)


def test__classes__are_those_mature_at_the_moment_within_the_population_and_are_kept(world, monkeypatch):
    label = "CASE WHEN k = 3 THEN 'stranger' WHEN c.cutoff >= '2025-02-03' THEN 'late' WHEN k = 1 THEN 'x' ELSE 'y' END"
    people = "SELECT c.cutoff, unnest([1, 2]) AS customer_id FROM cutoffs c"
    database, task = asked(world, label, "multiclass", population=people)
    moments = {day: with_classes(database, task, int(DAYS[day]) + 1).classes for day in (1, 2)}
    assert moments == {1: ("x", "y"), 2: ("x", "y")}
    assert "late" in with_classes(database, task, int(DAYS[2]) + task.horizon + 1).classes
    monkeypatch.setattr("rdl.task.settle.answers_at", None)
    assert with_classes(database, task, int(DAYS[2]) + 1).classes == ("x", "y")
    assert len(split_labels(database, replace(task, classes=("x", "y")), Split.VALIDATION)) == 2


def test__one_class__is_refused(world):
    database, task = asked(world, "'a'", "multiclass")
    with pytest.raises(TaskError, match="only the class 'a'"):
        with_classes(database, task, int(DAYS[-1]))


NAMES = st.one_of(st.none(), st.sampled_from("abcdef"))


@given(st.lists(NAMES, min_size=1, max_size=30), st.permutations("abcd"))
def test__classes__are_the_oracles(world, labels, classes):
    task = replace(world[1], kind=Kind.MULTICLASS, classes=tuple(classes))
    column = pa.chunked_array([pa.array(labels[:5], pa.string()), pa.array(labels[5:], pa.string())])
    found = encode_classes(task, column)
    expected = class_targets(labels, classes, several=False)
    assert [None if np.isnan(v) else v for v in found] == expected
    names = frequent_classes(labels, several=False)
    if len(names) > 1:
        assert list(settle_classes(task, column).classes) == names


@given(st.lists(st.one_of(st.none(), st.lists(NAMES, max_size=5)), min_size=1, max_size=20), st.permutations("abcd"))
def test__sets_of_classes__are_the_oracles(world, labels, classes):
    task = replace(world[1], kind=Kind.MULTILABEL, classes=tuple(classes))
    column = pa.chunked_array([pa.array(part, pa.list_(pa.string())) for part in (labels[:7], labels[7:])])
    found = encode_classes(task, column)
    assert [None if np.isnan(row).any() else row.tolist() for row in found] == class_targets(labels, classes, several=True)
    names = frequent_classes(labels, several=True)
    if names:
        assert list(settle_classes(task, column).classes) == names


@settings(max_examples=30)
@given(st.lists(st.one_of(st.none(), st.lists(st.sampled_from([10, 11, 12, 13, 14, 99, None]), max_size=6)), max_size=12))
def test__lists__are_the_oracles(world, labels):
    database, task = world
    task = replace(task, kind=Kind.RECOMMENDATION, target_table="orders")
    found = read_targets(database, task, pa.chunked_array([pa.array(labels, pa.list_(pa.int64()))]))
    expected = target_lists(labels, order_rows(database))
    starts = found.lists.starts
    assert [found.lists.rows[a:b].tolist() for a, b in pairwise(starts)] == [rows for rows, _ in expected]
    assert found.strangers.tolist() == [strangers for _, strangers in expected]
    assert found.target.tolist() == [len(rows) for rows, _ in expected]


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("binary", "k % 2"),
        ("multiclass", "CASE WHEN k = 1 THEN 'b' ELSE 'a' END"),
        ("multilabel", "range(k)"),
        ("recommendation", "list_transform(range(k), lambda i: 10 + i)"),
    ],
)
def test__order_of_result_rows__changes_nothing(world, kind, label):
    database, task = asked(world, label, kind, classes=("a", "b") if kind == "multiclass" else (0, 2))
    sql = f"SELECT cutoff, customer_id, label FROM ({task.label_sql}) ORDER BY hash(customer_id, cutoff, {{}})"
    found = [labels_at(database, replace(task, label_sql=sql.format(i)), DAYS) for i in range(4)]
    for labels, report in found[1:]:
        first = found[0][0]
        assert report == found[0][1]
        assert np.array_equal(labels.target, first.target)
        assert np.array_equal(labels.seeds.entity, first.seeds.entity)
        assert np.array_equal(labels.seeds.cutoff, first.seeds.cutoff)
        if labels.lists is not None:
            assert np.array_equal(labels.lists.rows, first.lists.rows)
            assert np.array_equal(labels.lists.starts, first.lists.starts)
