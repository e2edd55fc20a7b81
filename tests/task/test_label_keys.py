"""Keys of any type name the same entities, whether they are compared inside the query's own process or after it."""

import numpy as np
import pytest

from rdl.errors import SqlError
from rdl.task import labels_at
from tests.task.test_labels import DAYS, LABEL, POPULATION, shop

EXPECTED = [1, 0, 0, 0, 1, 0, 1, 0, 0]


@pytest.mark.parametrize("kind", ["VARCHAR", "INTEGER", "HUGEINT", "UBIGINT", "DOUBLE", "DECIMAL(9, 1)"])
def test__keys__of_any_type_name_the_same_entities(project_folder, kind):
    cast = f"CAST(u.customer_id AS {kind}) AS customer_id"
    label, population = (sql.replace("u.customer_id", cast, 1) for sql in (LABEL, POPULATION))
    database, task = shop(project_folder, label, population)
    labels, report = labels_at(database, task, DAYS, counted=True)
    assert labels.target.tolist() == EXPECTED
    assert labels.seeds.entity.tolist() == [0, 1, 2] * 3
    assert (report.unknown_entity, report.outside_population, report.unlabelled) == (0, 0, 0)


@pytest.mark.parametrize("kind", ["BIGINT", "VARCHAR"])
def test__keys__that_name_nothing_are_counted(project_folder, kind):
    label = f"SELECT c.cutoff, k::{kind} AS customer_id, k AS label FROM cutoffs c, (VALUES (1), (7), (8), (NULL)) v(k)"
    database, task = shop(project_folder, label, population=None, kind="regression")
    labels, report = labels_at(database, task, DAYS)
    assert labels.target.tolist() == [1, 1, 1]
    assert report.unknown_entity == 9


def test__population__that_the_label_says_nothing_of_is_counted(project_folder):
    database, task = shop(project_folder, LABEL.replace("GROUP BY ALL", "WHERE u.customer_id < 3 GROUP BY ALL"))
    labels, report = labels_at(database, task, DAYS)
    assert (len(labels), report.unlabelled) == (6, 3)


def test__query_that_ends_in_a_comment_or_is_ordered__is_read(project_folder):
    database, task = shop(project_folder, f"{LABEL} ORDER BY label DESC -- the busy ones first")
    labels, _ = labels_at(database, task, np.sort(DAYS))
    assert labels.target.tolist() == EXPECTED


def test__failing_query__is_told_in_the_words_of_its_text(project_folder):
    database, task = shop(project_folder, LABEL.replace("o.order_id", "o.odrer_id"))
    with pytest.raises(SqlError) as error:
        labels_at(database, task, DAYS)
    assert "LIMIT 0" not in error.value.what
    assert "odrer_id" in error.value.what
