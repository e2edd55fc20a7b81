import pytest

from rdl.database.inference import Aspect, propose
from tests.database.inference.reading import from_sql


def _leaks(columns):
    ask, relations = from_sql(
        "CREATE TABLE users AS SELECT range AS user_id FROM range(20);"
        "CREATE TABLE visits AS SELECT range AS visit_id, range % 20 AS user_id, "
        f"TIMESTAMP '2021-01-01' + to_hours(range) AS visited_at, {columns} FROM range(900)"
    )
    proposals = propose(ask, relations)
    assert not [p for p in proposals.accepted if p.aspect is Aspect.LEAK]
    return {p.value.column: p.evidence for p in proposals.uncertain if p.aspect is Aspect.LEAK and p.table == "visits"}


@pytest.mark.parametrize(
    ("column", "sql", "reason"),
    [
        ("updated_at", "TIMESTAMP '2021-01-01' + to_hours(range + 30)", "filled in later"),
        ("status", "['open', 'closed'][CAST(1 + range % 2 AS INTEGER)]", "may have changed"),
        ("is_active", "range % 2", "present state"),
        ("last_score", "hash(range) % 90", "present state"),
        ("contact", "'u' || range || '@example.org'", "e-mail"),
        ("phone", "'0049' || range", "names a person"),
        ("odometer", "range // 20 * 3 + range % 20 * 9999", "running total"),
    ],
)
def test__column_that_may_leak__is_listed_with_the_reason(column, sql, reason):
    assert reason in _leaks(f"{sql} AS {column}")[column]


def test__copy_of_a_column__is_listed():
    assert "equal to price" in _leaks("hash(range) % 500 / 4 AS price, hash(range) % 500 / 4 AS price_again")["price_again"]


@pytest.mark.parametrize(
    ("column", "sql"),
    [("price", "hash(range) % 500 / 4.0"), ("week", "range // 168"), ("color", "'c' || range % 5"), ("total", "hash(range) % 90")],
)
def test__harmless_column__is_not_listed(column, sql):
    assert _leaks(f"{sql} AS {column}") == {}
