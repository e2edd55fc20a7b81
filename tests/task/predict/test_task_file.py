"""The compiled text as a task file: its labels through the task room, its header, its dates, its names."""

import duckdb
import numpy as np
import pytest

from rdl.database import Database, open_database
from rdl.database.demo import write_demo
from rdl.errors import TaskError
from rdl.project import open_project
from rdl.task import Kind, Split, find_task, labels_at, mature_cutoffs, population_at, split_labels
from rdl.task.predict import Compiled, compile_sentence, write_task
from rdl.task.predict.names import plain
from rdl.timeline import DAY, parse_time
from tests.task.predict.tiny import compiled, tiny

QUESTION = "PREDICT COUNT(orders.*, 0, 30, days) = 0 FOR customers.customer_id WHERE COUNT(orders.*, -90, 0, days) > 0"
BY_HAND = """/* rdl
task     = "by_hand"
kind     = "binary"
entity   = "customers"
horizon  = "30 days"
validate = 2025-07-12
test     = 2025-09-10
*/
-- population: customers with an order in the last 90 days.
SELECT DISTINCT c.cutoff, o.customer_id
FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff - INTERVAL 90 DAY AND o.ordered_at < c.cutoff;
-- label: whether they order nothing within the horizon.
SELECT c.cutoff, u.customer_id, count(o.order_id) = 0 AS label
FROM cutoffs c
CROSS JOIN customers u
LEFT JOIN orders o ON o.customer_id = u.customer_id
    AND o.ordered_at >= c.cutoff AND o.ordered_at < c.cutoff + $horizon
GROUP BY ALL
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return tiny(tmp_path_factory.mktemp("tiny") / "project")


@pytest.mark.slow
def test__the_designs_sentence__has_the_labels_of_sql_written_by_hand(tmp_path):
    folder = write_demo(tmp_path / "shop", rows=2_000).folder
    (folder / "sql" / "tasks" / "by_hand.sql").write_text(BY_HAND, encoding="utf-8")
    shop = open_database(open_project(folder))
    write_task(shop, compile_sentence(QUESTION, shop, "sentence"))
    task, by_hand = find_task(shop, "sentence"), find_task(shop, "by_hand")
    assert (task.kind, task.horizon, task.every, task.metric) == (Kind.BINARY, 30 * DAY, 30 * DAY, "roc_auc")
    cutoffs = mature_cutoffs(task, shop.span[1], shop.span)
    (labels, report), (wanted, _) = labels_at(shop, task, cutoffs), labels_at(shop, by_hand, cutoffs)
    assert len(labels) > 500
    assert 0 < labels.target.mean() < 1
    for found, expected in ((labels.seeds.entity, wanted.seeds.entity), (labels.seeds.cutoff, wanted.seeds.cutoff)):
        assert np.array_equal(found, expected)
    assert np.array_equal(labels.target, wanted.target)
    assert (report.null_label, report.unknown_entity) == (0, 0)
    assert np.array_equal(population_at(shop, task, cutoffs).entity, labels.seeds.entity)
    assert all(len(split_labels(shop, task, split)) for split in Split)


def test__text__is_what_a_person_would_have_written(database):
    made = compiled(database, "PREDICT COUNT(orders.*, 0, 30, days) > 1\n  FOR EACH customers.id WHERE customers.city = 'Bern'")
    assert (
        made.text
        == """/* rdl
task     = "asked"
kind     = "binary"
entity   = "customers"
horizon  = "30 days"
validate = 2025-02-11
test     = 2027-02-11
metric   = "roc_auc"
*/
-- PREDICT COUNT(orders.*, 0, 30, days) > 1 FOR EACH customers.id WHERE customers.city = 'Bern'
--   COUNT of nothing is 0
--   validate and test are as asked for
-- population: customers known at the cutoff, under the conditions of the sentence.
SELECT c.cutoff, e.id
FROM cutoffs c
JOIN customers e ON e.born < c.cutoff
WHERE e.city = 'Bern';

-- label: what becomes of them within the horizon.
WITH orders_ahead AS (
    -- COUNT(orders.*, 0, 30, days)
    SELECT c.cutoff, o.customer AS entity, count(*) AS count
    FROM cutoffs c
    JOIN orders o ON o."at" >= c.cutoff AND o."at" < c.cutoff + $horizon
    GROUP BY ALL
)
SELECT c.cutoff, e.id, coalesce(o.count, 0) > 1 AS label
FROM cutoffs c
JOIN customers e ON e.born < c.cutoff
LEFT JOIN orders_ahead o ON o.cutoff = c.cutoff AND o.entity = e.id
"""
    )


def test__aggregates_of_the_same_rows__share_one_expression(database):
    text = compiled(database, "PREDICT SUM(orders.amount, 0, 9, days) / COUNT(orders.*, 0, 9, days) FOR customers.id").text
    assert text.count("JOIN orders o") == 1
    assert "division by zero: no label, the row is left out" in text


@pytest.mark.parametrize(
    ("window", "horizon"), [("0, 2, months", 62), ("0, 1, year", 366), ("0, 3, weeks", 21), ("-9, 4, days", 4)]
)
def test__horizon__is_the_longest_that_the_window_can_last(window, horizon, database):
    text = compiled(database, f"PREDICT COUNT(orders.*, {window}) FOR customers.id").text
    assert f'horizon  = "{horizon} days"' in text
    assert ("a month counts as 31 days" in text) == (window[-1] in "hr" or "month" in window)


def test__default_dates__are_the_last_two_horizons(database):
    text = compile_sentence("PREDICT COUNT(tickets.*, 0, 5, days) FOR customers.id", database).text
    assert "validate = 2025-02-10\ntest     = 2025-02-16" in text  # the data ends on 2025-02-21; tickets arrive a day late
    assert 'task     = "count_tickets_5_days"' in text
    half = compile_sentence("PREDICT COUNT(orders.*, 0, 5, days) FOR customers.id", database, test=parse_time("2025-02-11")).text
    assert "validate = 2025-02-06\ntest     = 2025-02-11" in half


def test__header__says_what_a_kind_needs(database):
    ranked = compiled(database, "PREDICT LIST_DISTINCT(orders.product, 0, 9, days) RANK TOP 5 FOR customers.id")
    assert ranked.kind == "recommendation"
    assert 'metric   = "map"\ntarget   = "products"\ntop      = 5' in ranked.text
    hidden = compiled(database, "PREDICT customers.city FOR customers.id")
    assert hidden.kind == "autocomplete"
    assert 'hide     = ["customers.city"]' in hidden.text
    assert "predicted as multiclass" in hidden.text


def test__write__refuses_what_would_break_the_project(database):
    fine = "PREDICT COUNT(orders.*, 0, 5, days) FOR customers.id"
    made = compile_sentence(fine, database, "fine", parse_time("2025-02-01"), parse_time("2025-02-11"))
    path = write_task(database, made)
    assert find_task(database, "fine").path == path
    with pytest.raises(TaskError, match="there is a task 'fine' already"):
        write_task(database, made)
    with pytest.raises(TaskError, match="no name of a task"):
        write_task(database, Compiled("../out", "binary", made.text))
    with pytest.raises(TaskError, match="'ranking'"):
        write_task(database, Compiled("other", "ranking", made.text.replace('"regression"', '"ranking"')))
    assert [p.name for p in path.parent.iterdir()] == ["fine.sql"]


def test__bare_names__are_never_words_of_sql():
    found = duckdb.sql("SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'").fetchall()
    assert {plain(word) for (word,) in found} == {f'"{word}"' for (word,) in found}
    assert [plain(name) for name in ("orders", "größe", "two words", 'a"b', "1st")] == [
        "orders",
        '"größe"',
        '"two words"',
        '"a""b"',
        '"1st"',
    ]
