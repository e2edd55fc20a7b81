from rdl.database.inference import Aspect, InheritedTime, propose
from tests.database.inference.reading import from_sql

_MOMENT = "TIMESTAMP '2021-01-01' + to_hours(range)"
_ORDERS = f"CREATE TABLE orders AS SELECT range AS order_id, range % 50 AS customer_id, {_MOMENT} AS placed_at FROM range(900);"
_LINES = "CREATE TABLE order_lines AS SELECT range AS line_id, range // 3 AS order_id, range % 40 AS product_id FROM range(2700);"


def _inherited(sql):
    ask, relations = from_sql(sql)
    proposals = propose(ask, relations)
    found = {p.table: p for p in proposals.items if p.aspect is Aspect.INHERITED_TIME}
    return found, proposals, ask


def test__table_without_a_time__takes_its_parents():
    found, proposals, ask = _inherited(_ORDERS + _LINES)
    assert isinstance(found["order_lines"].value, InheritedTime)
    assert ask(f"SELECT count(placed_at), count(*) FROM ({proposals.staging['order_lines']})") == [(2700, 2700)]
    assert proposals.declared({"order_lines"})["order_lines"].time == "placed_at"
    assert proposals.declared()["order_lines"].time is None


def test__grandparents_time__comes_through_the_parent():
    found, proposals, ask = _inherited(
        _ORDERS + _LINES + "CREATE TABLE order_line_notes AS SELECT range AS note_id, range AS line_id FROM range(2000)"
    )
    assert set(found) == {"order_lines", "order_line_notes"}
    assert ask(f"SELECT count(placed_at) FROM ({proposals.staging['order_line_notes']})") == [(2000,)]


def test__of_two_timed_parents__the_later_is_the_event():
    products = f"CREATE TABLE products AS SELECT range AS product_id, {_MOMENT} - INTERVAL 2 YEAR AS created_at FROM range(40);"
    found, proposals, _ = _inherited(_ORDERS + _LINES + products)
    proposal = found["order_lines"]
    assert proposal in proposals.accepted
    assert isinstance(proposal.value, InheritedTime)
    assert proposal.value.table == "orders"
    assert [a.value.table for a in proposal.alternatives] == ["products"]


def test__two_timed_parents_in_no_order__are_left_to_a_person():
    found, proposals, _ = _inherited(
        f"CREATE TABLE calls AS SELECT range AS call_id, {_MOMENT} AS started_at FROM range(500);"
        f"CREATE TABLE visits AS SELECT range AS visit_id, {_MOMENT} AS started_at FROM range(500);"
        "CREATE TABLE notes AS SELECT range AS note_id, hash(range) % 500 AS call_id, "
        "hash(range, 1) % 500 AS visit_id FROM range(900)"
    )
    assert found["notes"] in proposals.uncertain
    assert "notes" not in proposals.staging
    assert len(found["notes"].alternatives) == 1


def test__table_that_others_refer_to__may_be_there_before():
    found, proposals, _ = _inherited(
        f"CREATE TABLE suppliers AS SELECT range AS supplier_id, {_MOMENT} AS created_at FROM range(50);"
        "CREATE TABLE parts AS SELECT range AS part_id, range % 50 AS supplier_id FROM range(300);"
        f"CREATE TABLE uses AS SELECT range AS use_id, range % 300 AS part_id, {_MOMENT} AS used_at FROM range(900)"
    )
    assert found["parts"] in proposals.uncertain


def test__time_of_its_own_that_is_unsure__keeps_the_parents_from_being_taken():
    found, proposals, _ = _inherited(
        _ORDERS
        + f"CREATE TABLE order_parcels AS SELECT range AS parcel_id, range AS order_id, {_MOMENT} AS shipped_at FROM range(900)"
    )
    assert found["order_parcels"] in proposals.uncertain
    assert "may be the time of the row itself" in found["order_parcels"].evidence


def test__name_that_is_taken__is_not_taken_again():
    found, _, _ = _inherited(
        _ORDERS + "CREATE TABLE order_lines AS SELECT range AS line_id, range // 3 AS order_id, 'x' AS Placed_At FROM range(2700)"
    )
    assert isinstance(found["order_lines"].value, InheritedTime)
    assert found["order_lines"].value.column == "orders_placed_at"


def test__ring_of_references__ends():
    found, _, _ = _inherited(
        "CREATE TABLE chickens AS SELECT range AS chicken_id, range AS egg_id FROM range(300);"
        "CREATE TABLE eggs AS SELECT range AS egg_id, (range + 1) % 300 AS chicken_id FROM range(300)"
    )
    assert found == {}
