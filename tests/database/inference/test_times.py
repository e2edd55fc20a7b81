import pytest

from rdl.database.inference import Aspect, Time, propose
from rdl.database.inference.names import read_names
from rdl.database.inference.roles import Role, role_of_time
from tests.database.inference.reading import from_sql

_DAY = "DATE '2020-01-01' + CAST(range // 4 AS INTEGER)"


def _time(columns, rows=400):
    ask, relations = from_sql(f"CREATE TABLE orders AS SELECT range AS order_id, {columns} FROM range({rows})")
    proposals = propose(ask, relations)
    accepted = [p.value for p in proposals.of("orders", Aspect.TIME)]
    return (accepted[0] if accepted else None), proposals, ask


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("created_at", Role.EVENT),
        ("orderDate", Role.OWN),
        ("orderdate", Role.OWN),
        ("date", Role.PLAIN),
        ("ts", Role.PLAIN),
        ("redemption_date", Role.DATED),
        ("updated_at", Role.LATER),
        ("ShippedDate", Role.LATER),
        ("dob", Role.BIRTH),
        ("geburtsdatum", Role.BIRTH),
        ("valid_to", Role.ENDING),
        ("expiry_date", Role.ENDING),
        ("end_date", Role.ENDING),
        ("to_date", Role.ENDING),
        ("order_closed_date", Role.LATER),
        ("Bestelldatum", Role.EVENT),
        ("geliefert_am", Role.LATER),
        ("foo", Role.UNKNOWN),
    ],
)
def test__name__says_what_happens_then(name, role):
    names = read_names({"orders": ["order_id", name, "amount"]})
    assert role_of_time(names.columns["orders", name].words, names.tables["orders"]) is role


@pytest.mark.parametrize("column", ["created_at", "date", "order_date", "booked_on", "timestamp", "start_time"])
def test__date_named_as_an_event__is_the_time(column):
    assert _time(f'{_DAY} AS "{column}", {_DAY} + 9 AS updated_at, {_DAY} + 3 AS shipped_date')[0] == Time(column)


@pytest.mark.parametrize(
    "column", ["dob", "expires_at", "valid_to", "end_date", "due_date", "updated_at", "founded", "delivered_at"]
)
def test__date_that_is_no_event__is_not_taken(column):
    assert _time(f'{_DAY} AS "{column}"')[0] is None


def test__time_that_is_often_null__is_listed():
    value, proposals, _ = _time(f"CASE WHEN range % 3 > 0 THEN {_DAY} END AS created_at")
    assert value is None
    assert [p.confidence <= 0.7 for p in proposals.uncertain if p.aspect is Aspect.TIME] == [True]


def test__of_two_events__the_earlier_is_taken():
    value, _, _ = _time(f"{_DAY} + 2 AS created_at, {_DAY} AS placed_at")
    assert value == Time("placed_at")


def test__one_moment_for_all_rows__is_no_event_time():
    assert _time("TIMESTAMP '2024-01-01' AS created_at")[0] is None


def test__end_of_time__is_no_event_time():
    assert _time(f"CASE WHEN range % 2 = 0 THEN DATE '9999-12-31' ELSE {_DAY} END AS some_date")[0] is None


@pytest.mark.parametrize(
    ("sql", "first"),
    [
        ("1577836800 + range * 3600", "2020-01-01 00:00:00"),
        ("1577836800000 + range * 3600000", "2020-01-01 00:00:00"),
        ("1577836800000000 + range * 3600000000", "2020-01-01 00:00:00"),
        (f"CAST(strftime({_DAY}, '%Y%m%d') AS INTEGER)", "2020-01-01 00:00:00"),
        (f"strftime({_DAY}, '%d.%m.%Y')", "2020-01-01 00:00:00"),
        (f"strftime({_DAY}, '%d.%m.%Y') || ' 10:30'", "2020-01-01 10:30:00"),
        (f"strftime({_DAY}, '%m/%d/%Y')", "2020-01-01 00:00:00"),
        (f"strftime({_DAY}, '%Y-%m-%dT%H:%M:%SZ')", "2020-01-01 00:00:00"),
    ],
)
def test__numbers_and_texts_that_are_times__are_cast(sql, first):
    value, proposals, ask = _time(f"{sql} AS created_at")
    assert value is not None
    assert not value.native
    assert str(ask(f"SELECT min(created_at) FROM ({proposals.staging['orders']})")[0][0]) == first
    assert proposals.declared()["orders"].time is None
    assert proposals.declared({"orders"})["orders"].time == "created_at"


def test__day_and_month_that_no_value_tells_apart__are_listed():
    value, proposals, _ = _time("strftime(DATE '2020-01-01' + CAST(range % 12 * 31 % 12 AS INTEGER), '%d/%m/%Y') AS created_at")
    assert value is None
    assert any("as well" in p.evidence for p in proposals.uncertain)


@pytest.mark.parametrize("column", ["amount", "order_ref", "customer_no", "seconds_total"])
def test__number_in_the_range_of_an_epoch__is_not_taken_without_a_name(column):
    assert _time(f"1577836800 + range * 3600 AS {column}")[0] is None


def test__year__is_listed_as_too_early():
    value, proposals, _ = _time("1950 + range % 70 AS year")
    assert value is None
    assert any("too early" in p.evidence for p in proposals.uncertain)


def test__time_of_day__is_added_to_its_date():
    value, proposals, ask = _time(f"{_DAY} AS order_date, TIME '10:30:00' AS order_time")
    assert value is not None
    assert value.native
    assert proposals.declared()["orders"].time == "order_date"
    assert str(ask(f"SELECT min(order_date) FROM ({proposals.staging['orders']})")[0][0]) == "2020-01-01 10:30:00"
