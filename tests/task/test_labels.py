"""From queries to labels: checked, mapped to dense rows, and apart from the population."""

import numpy as np
import pyarrow as pa
import pytest

from rdl.errors import RdlError, SqlError, TaskError
from rdl.task import (
    Split,
    check_classes,
    entity_keys,
    find_entities,
    find_task,
    labels_at,
    mature_cutoffs,
    past_labels,
    population_at,
    split_labels,
)
from rdl.timeline import DAY, parse_time
from tests.projects import SHOP_TOML, opened, write_shop

HEADER = """/* rdl
task     = "busy"
kind     = "KIND"
entity   = "customers"
horizon  = "1 day"
validate = 2025-02-04
test     = 2025-02-05
*/
"""
POPULATION = "SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff"
LABEL = """SELECT c.cutoff, u.customer_id, count(o.order_id) AS label
FROM cutoffs c CROSS JOIN customers u
LEFT JOIN orders o ON o.customer_id = u.customer_id AND o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + $horizon
GROUP BY ALL"""
DAYS = np.array([parse_time(f"2025-02-0{d}") for d in (1, 2, 3)])


def shop(folder, label=LABEL, population=POPULATION, kind="binary", toml=SHOP_TOML):
    marked = f"-- population\n{population}\n" if population else ""
    text = f"{HEADER.replace('KIND', kind)}{marked}-- label\n{label}\n"
    database = opened(write_shop(folder, toml, sql__tasks__busy_sql=text))
    return database, find_task(database, "busy")


def test__labels__are_ordered_by_cutoff_and_entity_and_map_to_dense_rows(project_folder):
    database, task = shop(project_folder)
    labels, report = labels_at(database, task, DAYS[::-1], counted=True)
    assert labels.seeds.cutoff.tolist() == np.repeat(DAYS, 3).tolist()
    assert entity_keys(database, task, labels.seeds.entity).column(0).to_pylist() == [1, 2, 3] * 3
    assert labels.target.tolist() == [1, 0, 0, 0, 1, 0, 1, 0, 0]
    assert np.array_equal(labels.seeds.as_of, labels.seeds.cutoff)
    assert (report.rows, report.unknown_entity, report.null_label, report.outside_population) == (9, 0, 0, 0)


def test__splits__of_a_small_shop(project_folder):
    database, task = shop(project_folder)
    assert len(split_labels(database, task, Split.VALIDATION)) == 3
    train = split_labels(database, task, Split.TRAIN)
    assert train.seeds.cutoff.max() == parse_time("2025-02-03")
    with pytest.raises(TaskError, match="no test label is mature"):
        split_labels(database, task, Split.TEST)


def test__population__decides_who_is_labelled(project_folder):
    database, task = shop(project_folder, population=POPULATION + " AND u.city = 'Genf'")
    labels, report = labels_at(database, task, DAYS, counted=True)
    assert set(entity_keys(database, task, labels.seeds.entity).column(0).to_pylist()) == {2}
    assert (report.rows, report.outside_population) == (3, 6)
    assert np.array_equal(population_at(database, task, DAYS).entity, labels.seeds.entity)


def test__population__never_sees_a_label(project_folder):
    database, task = shop(project_folder)
    assert "target" not in vars(population_at(database, task, DAYS))


def test__strange_rows__are_dropped_and_counted(project_folder):
    label = """SELECT c.cutoff, k AS customer_id, CASE WHEN k = 2 THEN NULL ELSE 1 END AS label
    FROM cutoffs c CROSS JOIN (VALUES (1), (2), (99), (NULL)) v(k)"""
    database, task = shop(project_folder, label, population=None)
    labels, report = labels_at(database, task, DAYS)
    assert len(labels) == 3
    assert (report.unknown_entity, report.null_label) == (6, 3)


@pytest.mark.parametrize(
    ("old", "new", "value", "fix"),
    [
        ("AS label", "AS lable", "lacks the column 'label'", "'lable'"),
        ("SELECT c.cutoff,", "SELECT", "lacks the column 'cutoff'", ""),
        ("u.customer_id,", "u.customer_id AS customer,", "'customer_id'", "customer"),
        ("SELECT c.cutoff,", "SELECT c.cutoff, 7 AS more,", "extra column 'more'", "select only"),
        ("SELECT c.cutoff,", "SELECT CASE WHEN u.customer_id > 1 THEN c.cutoff END AS cutoff,", "null cutoff", "keeps its cutoff"),
        ("SELECT c.cutoff,", "SELECT c.cutoff + INTERVAL 1 DAY AS cutoff,", "was not asked for: 2025-02-04", "cutoffs.cutoff"),
        ("SELECT c.cutoff,", "SELECT CAST(c.cutoff AS VARCHAR) AS cutoff,", "not a timestamp", "grid's own"),
        ("count(o.order_id)", "'x' || count(o.order_id)", "not a number", "cast it"),
        ("count(o.order_id)", "3 + count(o.order_id)", "a binary label is", "0 or 1"),
        ("count(o.order_id)", "1 / 0 + count(o.order_id)", "infinite", "nullif"),
        (
            "GROUP BY ALL",
            "GROUP BY ALL UNION ALL SELECT cutoff, 1, 1 FROM cutoffs",
            "(1, 2025-02-01) stands in several rows",
            "group by",
        ),
    ],
)
def test__wrong_result__is_refused_with_place_value_and_fix(project_folder, old, new, value, fix):
    assert old in LABEL
    database, task = shop(project_folder, LABEL.replace(old, new, 1))
    with pytest.raises(TaskError) as error:
        labels_at(database, task, DAYS)
    assert value in error.value.what
    assert "busy.sql, label query" in error.value.where
    assert fix in error.value.fix


def test__wrong_population__is_refused_with_its_place(project_folder):
    database, task = shop(project_folder, population=POPULATION.replace("SELECT", "SELECT 1 AS label,"))
    with pytest.raises(TaskError, match="extra column 'label'") as error:
        labels_at(database, task, DAYS)
    assert "population query" in error.value.where


def test__failing_query__is_refused_with_its_place(project_folder):
    database, task = shop(project_folder, LABEL.replace("o.order_id", "o.order"))
    with pytest.raises(SqlError) as error:
        labels_at(database, task, DAYS)
    assert "busy.sql, label query" in error.value.where


@pytest.mark.parametrize("cast", ["BOOLEAN", "TINYINT", "HUGEINT", "DECIMAL(10,2)", "FLOAT"])
def test__labels__may_be_of_every_kind_of_number(project_folder, cast):
    database, task = shop(project_folder, LABEL.replace("count(o.order_id)", f"CAST(count(o.order_id) AS {cast})"))
    assert labels_at(database, task, DAYS)[0].target.tolist() == [1, 0, 0, 0, 1, 0, 1, 0, 0]


@pytest.mark.parametrize("cast", ["TIMESTAMPTZ", "DATE", "TIMESTAMP_S", "TIMESTAMP_NS"])
def test__cutoffs__may_come_back_as_every_kind_of_time(project_folder, cast):
    database, task = shop(project_folder, LABEL.replace("SELECT c.cutoff", f"SELECT CAST(c.cutoff AS {cast}) AS cutoff"))
    assert labels_at(database, task, DAYS)[0].seeds.cutoff.tolist() == np.repeat(DAYS, 3).tolist()


def test__few_training_cutoffs__are_refused(project_folder):
    database, task = shop(project_folder)
    with pytest.raises(TaskError, match="training cutoffs are mature as of 2025-01-03"):
        mature_cutoffs(task, parse_time("2025-01-03"), database.span)


def test__check_classes__refuses_one_class_and_none(project_folder):
    database, task = shop(project_folder, LABEL.replace("count(o.order_id)", "0 * count(o.order_id)"))
    labels, _ = labels_at(database, task, DAYS)
    with pytest.raises(TaskError) as error:
        check_classes(task, labels)
    assert "all 9 labels from 2025-02-01 to 2025-02-03 are 0" in error.value.what
    with pytest.raises(TaskError, match="no label"):
        check_classes(task, labels[:0])


def test__regression__takes_every_number_and_one_value(project_folder):
    database, task = shop(project_folder, LABEL.replace("count(o.order_id)", "7.5 + 0 * count(o.order_id)"), kind="regression")
    labels, _ = labels_at(database, task, DAYS)
    check_classes(task, labels)
    assert set(labels.target) == {7.5}


def test__past_labels__are_usable_when_mature_and_not_before(project_folder):
    database, task = shop(project_folder)
    cutoffs = np.array([parse_time("2025-02-03"), parse_time("2025-02-04")])
    history = past_labels(database, task, cutoffs)
    for cutoff in cutoffs:
        usable = history.time < cutoff
        assert history.cutoff[usable].max() == cutoff - task.horizon
        assert history.time[usable].max() == cutoff - 1
    assert np.array_equal(history.time, history.cutoff + DAY - 1)
    truth, _ = labels_at(database, task, np.unique(history.cutoff))
    assert np.array_equal(history.value, truth.target)


def test__past_labels__of_a_lagging_table_wait_for_its_rows(project_folder):
    database, task = shop(project_folder, toml=SHOP_TOML + 'lag = "2 hours"\n')
    assert task.lag == DAY // 12
    cutoff = parse_time("2025-02-04")
    history = past_labels(database, task, np.array([cutoff]))
    usable = history.cutoff[history.time < cutoff]
    assert usable.max() == cutoff - DAY - DAY // 12
    with database.engine() as engine:
        arrived = engine.numpy(
            "SELECT max(_time) AS t FROM rows.orders WHERE _time - 7200000000 < $end", {"end": int(usable.max()) + DAY}
        )
    assert arrived["t"][0] < cutoff, "every row that the label read has arrived by the cutoff"


def test__past_labels__before_the_data_begins_are_none(project_folder):
    database, task = shop(project_folder)
    history = past_labels(database, task, np.array([parse_time("2025-01-01")]))
    assert len(history.entity) == len(history.time) == 0


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (pa.array([3, 1, 99, None, 1]), [2, 0, -1, -1, 0]),
        (pa.array(["2", "x", "", None]), [1, -1, -1, -1]),
        (pa.array([2.0, 2.5]), [1, -1]),
        (pa.array([], pa.int64()), []),
    ],
)
def test__find_entities__says_where_a_key_is_unknown(project_folder, keys, found):
    database, task = shop(project_folder)
    assert find_entities(database, task, pa.table({"k": keys})).tolist() == found


def test__empty_tables__are_refused_where_they_are_needed(project_folder):
    write_shop(
        project_folder, customers="customer_id,created_at,name,city\n", orders="order_id,customer_id,ordered_at,amount,note\n"
    )
    (project_folder / "sql" / "tasks").mkdir(parents=True)
    (project_folder / "sql" / "tasks" / "busy.sql").write_text(HEADER.replace("KIND", "binary") + LABEL)
    database = opened(project_folder)
    task = find_task(database, "busy")
    with pytest.raises(RdlError) as error:
        split_labels(database, task, Split.TEST)
    assert "data ends" in error.value.what
    labels, _ = labels_at(database, task, DAYS)
    with pytest.raises(TaskError, match="no label to fit"):
        check_classes(task, labels)


def test__two_tasks_of_one_name__are_refused(project_folder):
    database, _ = shop(project_folder)
    (project_folder / "sql" / "tasks" / "again.sql").write_text((project_folder / "sql" / "tasks" / "busy.sql").read_text())
    with pytest.raises(TaskError, match="two tasks are called 'busy'"):
        find_task(database, "busy")
