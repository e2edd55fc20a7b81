"""The law behind the findings: a window is reported if and only if it lets in a row that it may not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.task.lint import lint_text
from rdl.timeline import DAY
from tests.task.lint.shop import lint_shop
from tests.task.lint.test_cases import LABEL, POP, task_of

HOURS = st.integers(-30 * 24, 30 * 24)
SHAPES = st.sampled_from(
    [
        "SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c JOIN orders o ON {0}",
        "SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c, orders AS o WHERE o.amount > 0 AND ({0})",
        "WITH x AS (SELECT * FROM orders) SELECT DISTINCT c.cutoff, o.customer_id FROM cutoffs c JOIN x o ON {0}",
        """SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
        WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = u.customer_id AND {0})""",
    ]
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return lint_shop(tmp_path_factory.mktemp("lint") / "shop")


def condition(operator, hours, flipped):
    """`o.ordered_at OPERATOR cutoff + hours`, in one of two writings."""
    if flipped:
        return f"c.cutoff {operator.replace('<', '>')} o.ordered_at - INTERVAL ({hours}) HOUR"
    return f"o.ordered_at {operator} c.cutoff + INTERVAL '{hours} hours'"


@given(operator=st.sampled_from(["<", "<="]), hours=HOURS, flipped=st.booleans(), shape=SHAPES)
def test__population__is_reported_iff_a_row_at_or_after_the_cutoff_gets_in(shop, operator, hours, flipped, shape):
    admits = hours > 0 or (hours == 0 and operator == "<=")
    task = replace(task_of(f"{POP}\n{LABEL}"), population_sql=shape.format(condition(operator, hours, flipped)))
    found = [f for f in lint_text(shop, task) if f.query == "population"]
    assert bool(found) == admits


@given(operator=st.sampled_from(["<", "<="]), hours=st.integers(1, 30 * 24), closed=st.booleans(), flipped=st.booleans())
def test__label__is_reported_iff_a_row_beyond_the_horizon_gets_in(shop, operator, hours, closed, flipped):
    task = task_of(f"{POP}\n{LABEL}")
    sql = task.label_sql.replace("o.ordered_at < c.cutoff + $horizon", condition(operator, hours, flipped))
    horizon = task.horizon // (DAY // 24)
    beyond = hours > horizon or (hours == horizon and operator == "<=" and not closed)
    found = {f.rule.value for f in lint_text(shop, replace(task, label_sql=sql, closed=closed))}
    assert found == ({"label_beyond"} if beyond else set())
