import pytest

from rdl.database.inference import HIGH, Aspect, Link, propose
from tests.database.inference.reading import from_sql


def _links(sql):
    ask, relations = from_sql(sql)
    proposals = propose(ask, relations)
    return {(p.table, str(p.value)): p for p in proposals.items if isinstance(p.value, Link)}, proposals


_USERS = "CREATE TABLE users AS SELECT 1 + range AS id, 'n' || range AS name FROM range(300);"


@pytest.mark.parametrize(
    "column", ["user_id", "userId", "UserID", "fk_user", "id_user", "userid", "user_no", "seller_user_id", "user_1_id"]
)
def test__name_of_the_table__carries_a_reference_among_dense_keys(column):
    links, _ = _links(_USERS + f'CREATE TABLE logs AS SELECT range AS log_id, 1 + hash(range) % 300 AS "{column}" FROM range(2000)')
    assert links["logs", f"{column} -> users (id)"].confidence >= HIGH


@pytest.mark.parametrize("column", ["quantity", "rank", "users", "user_count", "number_of_users", "vendor_id", "external_id"])
def test__small_numbers__are_no_reference_to_dense_keys(column):
    _, proposals = _links(
        _USERS + f'CREATE TABLE logs AS SELECT range AS log_id, 1 + hash(range) % 300 AS "{column}" FROM range(2000)'
    )
    assert not [p for p in proposals.accepted if p.aspect is Aspect.REFERENCE]


@pytest.mark.parametrize(("dangling", "confidence"), [(0, 0.98), (4, 0.95), (10, 0.92), (40, 0.85), (600, 0.79)])
def test__dangling_values__lower_the_confidence(dangling, confidence):
    value = f"CASE WHEN range < {dangling} THEN 5000 + range ELSE 1 + range % 300 END"
    links, _ = _links(_USERS + f"CREATE TABLE logs AS SELECT range AS log_id, {value} AS user_id FROM range(2000)")
    assert links["logs", "user_id -> users (id)"].confidence == pytest.approx(confidence)


def test__several_references_to_one_table__are_all_found():
    links, _ = _links(
        "CREATE TABLE addresses AS SELECT range AS id FROM range(200);"
        "CREATE TABLE orders AS SELECT range AS id, hash(range) % 200 AS billing_address_id, "
        "hash(range, 1) % 200 AS shipping_address_id FROM range(900)"
    )
    assert links["orders", "billing_address_id -> addresses (id)"].confidence >= HIGH
    assert links["orders", "shipping_address_id -> addresses (id)"].confidence >= HIGH


def test__manager__is_an_employee_and_no_department():
    links, proposals = _links(
        "CREATE TABLE employees AS SELECT 1 + range AS id, CASE WHEN range > 0 THEN 1 + range // 8 END AS manager_id, "
        "1 + range % 9 AS department_id FROM range(200);"
        "CREATE TABLE departments AS SELECT 1 + range AS id, 1 + range * 3 AS manager_id FROM range(9)"
    )
    accepted = {(p.table, str(p.value)) for p in proposals.accepted if p.aspect is Aspect.REFERENCE}
    assert accepted == {("employees", "manager_id -> employees (id)"), ("employees", "department_id -> departments (id)")}
    assert ("departments", "manager_id -> employees (id)") in links


@pytest.mark.parametrize("column", ["previous_orders", "order_no", "marketplace_order_id", "parent_count", "original_price"])
def test__number_of_the_own_table__is_no_self_reference(column):
    _, proposals = _links(f"CREATE TABLE orders AS SELECT 1 + range AS id, 1 + hash(range) % 90 AS {column} FROM range(900)")
    assert not [p for p in proposals.accepted if p.aspect is Aspect.REFERENCE]


def test__own_running_number__is_among_anothers_and_refers_to_none():
    _, proposals = _links(
        "CREATE TABLE results AS SELECT 1 + range AS resultId FROM range(900);"
        "CREATE TABLE sprint_results AS SELECT 1 + range AS resultId FROM range(90)"
    )
    assert not [p for p in proposals.items if p.aspect is Aspect.REFERENCE]


def test__parent__is_preferred_to_its_one_to_one_twin():
    links, _ = _links(
        "CREATE TABLE customers AS SELECT range AS customer_id FROM range(400);"
        "CREATE TABLE customer_scores AS SELECT range AS customer_id, 1 AS score FROM range(400);"
        "CREATE TABLE orders AS SELECT range AS order_id, hash(range) % 400 AS customer_id FROM range(3000)"
    )
    assert links["orders", "customer_id -> customers (customer_id)"].confidence >= HIGH
    assert [str(a.value) for a in links["orders", "customer_id -> customers (customer_id)"].alternatives] == [
        "customer_id -> customer_scores (customer_id)"
    ]


def test__two_tables_with_one_key__and_no_hint_are_left_to_a_person():
    _, proposals = _links(
        "CREATE TABLE north AS SELECT range * 17 AS person_id FROM range(400);"
        "CREATE TABLE south AS SELECT range * 17 AS person_id FROM range(400)"
    )
    assert not [p for p in proposals.accepted if p.aspect is Aspect.REFERENCE]
    assert [p for p in proposals.uncertain if p.aspect is Aspect.REFERENCE]


def test__values_that_cannot_agree_by_accident__need_no_name():
    links, _ = _links(
        "CREATE TABLE users AS SELECT md5('u' || range) AS id FROM range(300);"
        "CREATE TABLE logs AS SELECT range AS log_id, md5('u' || hash(range) % 300) AS author FROM range(2000)"
    )
    assert links["logs", "author -> users (id)"].confidence >= 0.8


@pytest.mark.parametrize(
    ("parent", "child"),
    [("CAST(range AS VARCHAR)", "range"), ("range", "CAST(range AS TEXT)"), ("range", "CAST(range AS DOUBLE)")],
)
def test__types__need_only_hold_the_same_values(parent, child):
    links, _ = _links(
        f"CREATE TABLE users AS SELECT {parent} AS user_id FROM range(300);"
        f"CREATE TABLE logs AS SELECT range AS log_id, {child} AS user_id FROM (SELECT range % 300 AS range FROM range(900))"
    )
    assert any(p.confidence >= 0.75 for (table, text), p in links.items() if table == "logs" and "users" in text)


def test__category_of_a_product__is_in_product_categories():
    links, _ = _links(
        "CREATE TABLE product_categories AS SELECT 1 + range AS id FROM range(20);"
        "CREATE TABLE products AS SELECT 1 + range AS id, 1 + range % 20 AS category_id FROM range(300);"
        "CREATE TABLE posts AS SELECT 1 + range AS id, 1 + range % 20 AS category_id FROM range(300)"
    )
    assert links["products", "category_id -> product_categories (id)"].confidence >= HIGH
    assert links["posts", "category_id -> product_categories (id)"].confidence < 0.75


def test__key_of_two_columns__is_referred_to_by_two():
    links, _ = _links(
        "CREATE TABLE order_lines AS SELECT range // 4 AS order_id, range % 4 AS line_no FROM range(4000);"
        "CREATE TABLE refunds AS SELECT range AS refund_id, range * 3 // 4 AS order_id, range * 3 % 4 AS line_no FROM range(1000)"
    )
    assert links["refunds", "order_id, line_no -> order_lines (order_id, line_no)"].confidence >= 0.75


def test__pairs_that_two_tables_speak_of__are_listed():
    links, _ = _links(
        "CREATE TABLE students AS SELECT range AS student_id FROM range(200);"
        "CREATE TABLE courses AS SELECT range AS course_id FROM range(20);"
        "CREATE TABLE enrolments AS SELECT DISTINCT hash(range) % 200 AS student_id, hash(range, 1) % 20 AS course_id "
        "FROM range(1500);"
        "CREATE TABLE grades AS SELECT student_id, course_id, 1 AS grade FROM enrolments WHERE hash(student_id, course_id) % 2 = 0"
    )
    assert 0.5 < links["grades", "student_id, course_id -> enrolments (student_id, course_id)"].confidence < 0.75
