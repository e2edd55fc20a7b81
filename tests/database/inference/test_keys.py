import pytest

from rdl.database.inference import Aspect, Key, propose
from tests.database.inference.reading import from_sql


def _keys(sql):
    ask, relations = from_sql(sql)
    proposals = propose(ask, relations)
    return {t: d.key for t, d in proposals.declared().items()}, proposals


@pytest.mark.parametrize(
    "column", ["id", "order_id", "orderId", "OrderID", "order_no", "idOrder", "pk_order", "order_key", "order_uuid"]
)
def test__unique_column_named_as_a_key__is_taken(column):
    keys, _ = _keys(f'CREATE TABLE orders AS SELECT range % 7 AS amount, range AS "{column}" FROM range(100)')
    assert keys["orders"] == (column,)


def test__own_key__is_preferred_to_other_unique_identifiers():
    keys, _ = _keys(
        "CREATE TABLE orders AS SELECT range + 900 AS invoice_id, range AS order_id, 'o' || range AS ref FROM range(100)"
    )
    assert keys["orders"] == ("order_id",)


def test__unique_measurement__is_no_key():
    keys, proposals = _keys("CREATE TABLE readings AS SELECT range * 1.37 AS temperature, range % 5 AS site FROM range(100)")
    assert keys["readings"] == ()
    assert not [p for p in proposals.accepted if p.aspect is Aspect.KEY]


def test__key_with_a_few_wrong_rows__is_listed_with_their_number():
    keys, proposals = _keys(
        "CREATE TABLE orders AS SELECT CASE WHEN range < 3 THEN 7 ELSE range END AS order_id, 'c' || range AS code "
        "FROM range(5000);"
        "CREATE TABLE lines AS SELECT range AS line_id, range % 4000 + 9 AS order_id FROM range(9000)"
    )
    assert keys["orders"] == ()
    (found,) = [p for p in proposals.uncertain if p.aspect is Aspect.KEY]
    assert found.value == Key(("order_id",))
    assert "4,997 different values" in found.evidence
    (link,) = [p for p in proposals.uncertain if p.aspect is Aspect.REFERENCE]
    assert "not quite a key" in link.evidence


def test__first_column_that_others_refer_to_by_name__is_taken():
    keys, _ = _keys(
        "CREATE TABLE seasons AS SELECT 1950 + range AS year, 'url' || range AS url FROM range(60);"
        "CREATE TABLE races AS SELECT range AS race_id, 1950 + range % 60 AS year FROM range(600)"
    )
    assert keys["seasons"] == ("year",)


def test__rank_of_a_leader_board__is_not_what_other_ranks_refer_to():
    _, proposals = _keys(
        "CREATE TABLE leaders AS SELECT 1 + range AS rank, 'name' || range AS name FROM range(100);"
        "CREATE TABLE results AS SELECT range AS result_id, 1 + range % 20 AS rank FROM range(600)"
    )
    assert not [p for p in proposals.accepted if p.aspect is Aspect.REFERENCE]


def test__reference_that_is_unique_by_accident__is_listed():
    keys, proposals = _keys(
        "CREATE TABLE players AS SELECT range AS player_id FROM range(5000);"
        "CREATE TABLE awards AS SELECT range * 199 AS player_id, 'a' || range % 3 AS prize FROM range(20)"
    )
    assert keys["awards"] == ()
    assert any("by accident" in p.evidence for p in proposals.uncertain)


def test__key_that_is_a_reference__makes_one_to_one_tables():
    keys, proposals = _keys(
        "CREATE TABLE customers AS SELECT range AS customer_id FROM range(500);"
        "CREATE TABLE customer_details AS SELECT range AS customer_id, range % 3 AS level FROM range(500)"
    )
    assert keys == {"customers": ("customer_id",), "customer_details": ("customer_id",)}
    assert [(p.table, str(p.value)) for p in proposals.accepted if p.aspect is Aspect.REFERENCE] == [
        ("customer_details", "customer_id -> customers (customer_id)")
    ]


def test__empty_table__has_no_accepted_key():
    keys, proposals = _keys("CREATE TABLE orders (order_id INTEGER, amount DOUBLE)")
    assert keys["orders"] == ()
    assert [str(p.value) for p in proposals.uncertain if p.aspect is Aspect.KEY] == ["order_id"]
