"""Both queries in one statement say what they say one by one."""

from dataclasses import replace

import numpy as np
import pytest

from rdl.errors import SqlError, SqlLimitError, TaskError
from rdl.task import Kind, labels, labels_at
from rdl.task.joined import ask_joined
from tests.task.test_labels import DAYS, LABEL, POPULATION, shop

ODD = "SELECT c.cutoff, k AS customer_id, k * 1.0 AS label FROM cutoffs c, (VALUES (2), (NULL), (9), (1)) v(k)"
PEOPLE = "SELECT c.cutoff, k AS customer_id FROM cutoffs c, (VALUES (3), (9), (8), (2)) v(k)"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return shop(tmp_path_factory.mktemp("joined") / "p", kind="regression")


def both_ways(world, monkeypatch, **asked):
    database, task = world[0], replace(world[1], **asked)
    with database.sandbox() as sandbox:
        assert ask_joined(database, sandbox, task, DAYS, counted=True) is not None
    joined = labels_at(database, task, DAYS[::-1], counted=True)
    monkeypatch.setattr("rdl.task.labels.ask_joined", lambda *_, **__: None)
    return joined, labels_at(database, task, DAYS, counted=True)


@pytest.mark.parametrize(
    ("label", "population"),
    [
        (LABEL, POPULATION),
        (LABEL, POPULATION + " AND u.city = 'Genf' ORDER BY 2 -- the west"),
        pytest.param(
            LABEL.replace("GROUP BY ALL", "WHERE u.customer_id < 3 GROUP BY ALL -- some"), POPULATION, marks=pytest.mark.slow
        ),
        pytest.param(LABEL.replace("count(o.order_id)", "sum(o.amount)"), POPULATION, marks=pytest.mark.slow),
        pytest.param(LABEL, POPULATION + " AND u.customer_id > 7", marks=pytest.mark.slow),
        (LABEL + " HAVING false", POPULATION),
        (ODD, POPULATION),
        pytest.param(ODD, PEOPLE, marks=pytest.mark.slow),
        (LABEL, PEOPLE),
    ],
)
def test__joined__is_what_the_two_say_one_by_one(world, monkeypatch, label, population):
    (labels, report), (expected, counted) = both_ways(world, monkeypatch, label_sql=label, population_sql=population)
    assert np.array_equal(labels.seeds.entity, expected.seeds.entity)
    assert np.array_equal(labels.seeds.cutoff, expected.seeds.cutoff)
    assert np.array_equal(labels.target, expected.target)
    assert report == counted


@pytest.mark.parametrize(
    ("kind", "label"),
    [("multiclass", "u.city"), ("multilabel", "[u.city, u.name]"), ("recommendation", "[10, 12, 12, 99]")],
)
def test__joined__hands_over_labels_of_every_kind(world, monkeypatch, kind, label):
    sql = f"SELECT c.cutoff, u.customer_id, {label} AS label FROM cutoffs c CROSS JOIN customers u WHERE u.customer_id < 3"
    more = {"classes": ("Bern", "Genf", "Ann")} if kind.startswith("multi") else {"target_table": "orders"}
    joined, alone = both_ways(world, monkeypatch, label_sql=sql, population_sql=POPULATION, kind=Kind(kind), **more)
    assert np.array_equal(joined[0].target, alone[0].target)
    assert joined[1] == alone[1]
    assert joined[1].unlabelled == 3


def test__counts__tell_unknown_keys_of_the_population_from_labels_of_others(world):
    labels, report = labels_at(world[0], replace(world[1], label_sql=ODD, population_sql=PEOPLE), DAYS, counted=True)
    assert labels.target.tolist() == [2.0] * 3
    assert (report.unknown_entity, report.outside_population, report.unlabelled) == (6, 9, 3)


@pytest.mark.parametrize(
    ("query", "old", "new", "said"),
    [
        ("label", "SELECT c.cutoff,", "SELECT CASE WHEN u.customer_id > 1 THEN c.cutoff END AS cutoff,", "null cutoff"),
        ("label", "SELECT c.cutoff,", "SELECT c.cutoff + INTERVAL 1 HOUR AS cutoff,", "was not asked for"),
        ("label", "GROUP BY ALL", "GROUP BY ALL UNION ALL SELECT cutoff, 1, 1 FROM cutoffs", "stands in several rows"),
        ("label", "count(o.order_id)", "CAST(u.name AS INTEGER)", "Could not convert"),
        ("population", "SELECT c.cutoff,", "SELECT c.cutoff - INTERVAL 1 HOUR AS cutoff,", "was not asked for"),
        ("population", "u.created_at < c.cutoff", "true, range(2)", "stands in several rows"),
        ("population", "SELECT", "SELECT 7 AS more,", "extra column 'more'"),
        ("population", "u.created_at < c.cutoff", "CAST(u.name AS INTEGER) > 1", "Could not convert"),
    ],
)
def test__what_is_wrong_with_one_of_them__is_told_of_that_one(world, query, old, new, said):
    asked = {"label": LABEL, "population": POPULATION}
    assert old in asked[query]
    asked[query] = asked[query].replace(old, new, 1)
    task = replace(world[1], label_sql=asked["label"], population_sql=asked["population"])
    with pytest.raises((TaskError, SqlError)) as error:
        labels_at(world[0], task, DAYS)
    assert said in error.value.what
    assert error.value.where.endswith(f"busy.sql, {query} query")


def test__too_much_memory__fewer_cutoffs_at_a_time_give_the_same_labels(world, monkeypatch):
    database, task = world
    whole, counted = labels_at(database, task, DAYS, counted=True)
    asked, one = [], labels._asked

    def narrow(database, task, cutoffs, *, counted):
        asked.append(len(cutoffs))
        if len(cutoffs) > 1:
            raise SqlLimitError("the query takes more memory than its limit of 1GB", where="test", fix="…")
        return one(database, task, cutoffs, counted=counted)

    monkeypatch.setattr("rdl.task.labels._asked", narrow)
    parts, again = labels_at(database, task, DAYS[::-1], counted=True)
    assert asked[0] == len(DAYS)
    assert asked.count(1) == len(DAYS)
    assert again == counted
    for name in ("entity", "cutoff"):
        assert np.array_equal(getattr(parts.seeds, name), getattr(whole.seeds, name))
    assert np.array_equal(parts.target, whole.target)


def test__more_pairs_than_memory_is_likely_to_hold__are_asked_in_parts(world, monkeypatch):
    database, task = world
    whole, counted = labels_at(database, task, DAYS, counted=True)
    asked, one = [], labels._asked
    monkeypatch.setattr("rdl.task.labels._asked", lambda *given, **more: asked.append(len(given[2])) or one(*given, **more))
    pairs = len(DAYS) * database.schema["customers"].rows
    monkeypatch.setattr("rdl.task.labels.BYTES_A_PAIR", 2 * database.project.database.memory // pairs)
    parts, again = labels_at(database, task, DAYS[::-1], counted=True)
    assert sorted(asked) == sorted(len(part) for part in np.array_split(DAYS, 2))
    assert again == counted
    assert np.array_equal(parts.seeds.entity, whole.seeds.entity)
    assert np.array_equal(parts.target, whole.target)


def test__too_much_memory__at_one_cutoff__is_refused(world, monkeypatch):
    def never(*_, **__):
        raise SqlLimitError("the query takes more memory than its limit of 1GB", where="test", fix="…")

    monkeypatch.setattr("rdl.task.labels._asked", never)
    with pytest.raises(SqlLimitError, match="more memory"):
        labels_at(*world, DAYS)
