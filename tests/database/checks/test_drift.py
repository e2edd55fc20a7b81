"""What changed since the last run, and what did not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.database.checks.drift import compare
from rdl.database.checks.finding import Check, Policy
from rdl.database.checks.history import History, Past
from rdl.database.checks.policies import DEFAULTS
from rdl.database.checks.profile import ColumnProfile, Profile
from rdl.errors import SchemaError
from rdl.timeline import DAY

NUMBER = ColumnProfile("DOUBLE", "numeric", 1.0, 500, "0", "100", 40.0, None)
COLOUR = ColumnProfile("VARCHAR", "categorical", 1.0, 3, "blue", "red", None, ("blue", "green", "red"))
FLAG = ColumnProfile("BOOLEAN", "boolean", 1.0, 2, "false", "true", 0.3, None)
NAME = ColumnProfile("VARCHAR", "text", 0.9, 800, "Abate", "Zonta", None, None)


def table(rows=1000, last=1000, days=100, gap=7, growing=True, **columns):
    return Profile(rows, growing, None if last is None else last * DAY, days, gap, columns or {"x": NUMBER})


def found(before, now, past=()):
    return [(f.table, f.check, f.column) for f in compare(History(before, tuple(past)), now, {})]


def test__compare__first_run__has_nothing_to_compare_with():
    assert found(None, {"t": table()}) == []


def test__compare__same_again__is_silent():
    same = {"t": table(x=NUMBER, c=COLOUR, f=FLAG, n=NAME), "u": table(last=None, growing=False)}
    assert found(same, same) == []


def test__compare__tables_come_and_go():
    assert found({"a": table(), "b": table()}, {"b": table(), "c": table()}) == [
        ("c", Check.TABLE_ADDED, ""),
        ("a", Check.TABLE_REMOVED, ""),
    ]


def test__compare__columns_come_and_go():
    before, now = {"t": table(x=NUMBER, c=COLOUR)}, {"t": table(x=NUMBER, n=NAME)}
    assert found(before, now) == [("t", Check.COLUMN_ADDED, "n"), ("t", Check.COLUMN_REMOVED, "c")]


@pytest.mark.parametrize("change", [{"sql_type": "BIGINT"}, {"semantic": "categorical"}])
def test__compare__column_of_another_type_or_meaning(change):
    assert found({"t": table(x=NUMBER)}, {"t": table(x=replace(NUMBER, **change))}) == [("t", Check.COLUMN_RETYPED, "x")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (NUMBER, replace(NUMBER, high="101", mean=40.5, known=0.99)),
        (COLOUR, replace(COLOUR, known=0.98)),
        (NAME, replace(NAME, distinct=790)),
    ],
)
def test__compare__renamed_column__is_no_other(old, new):
    (finding,) = compare(History({"t": table(old=old)}, ()), {"t": table(other_name=new)}, {})
    assert (finding.check, finding.column) == (Check.COLUMN_RENAMED, "other_name")
    assert finding.detail.startswith("old ")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (NUMBER, replace(NUMBER, low="1000", high="2000", mean=1500.0)),
        (NUMBER, replace(NUMBER, known=0.5)),
        (COLOUR, replace(COLOUR, categories=("L", "M", "S"))),
        (FLAG, FLAG),  # two values are no evidence, and the names are not alike
    ],
)
def test__compare__other_column__is_not_renamed(old, new):
    checks = {check for _, check, _ in found({"t": table(old=old)}, {"t": table(xyz=new)})}
    assert checks == {Check.COLUMN_ADDED, Check.COLUMN_REMOVED}


def test__compare__renamed_flags_go_by_their_names():
    before, now = table(is_new=FLAG, was_paid=FLAG), table(paid=FLAG, new=FLAG)
    details = {f.column: f.detail.split()[0] for f in compare(History({"t": before}, ()), {"t": now}, {})}
    assert details == {"new": "is_new", "paid": "was_paid"}


def test__compare__new_categories__are_shown():
    now = replace(COLOUR, categories=("blue", "pink", "red", "teal"))
    (finding,) = compare(History({"t": table(c=COLOUR)}, ()), {"t": table(c=now)}, {})
    assert (finding.check, finding.count, finding.share, finding.examples) == (Check.NEW_CATEGORIES, 2, 0.5, ("pink", "teal"))


@pytest.mark.parametrize(
    ("before", "now", "growing", "odd"),
    [
        (1000, 899, True, True),
        (1000, 901, True, False),
        (1000, 899, False, False),
        (1000, 0, False, True),
        (1000, 5000, True, False),
        (0, 0, True, False),
        (0, 10, True, False),
    ],
)
def test__compare__fewer_rows__without_a_history(before, now, growing, odd):
    result = found({"t": table(before, growing=growing)}, {"t": table(now, growing=growing)})
    assert result == ([("t", Check.ROW_COUNT, "")] if odd else [])


@pytest.mark.parametrize(("now", "odd"), [(1610, False), (1650, False), (1500, False), (3200, True), (1000, True)])
def test__compare__number_of_rows__against_what_is_usual(now, odd):
    past = [Past(str(n), n, {"t": n}) for n in (1000, 1100, 1205, 1320, 1460)]
    assert found({"t": table(1460)}, {"t": table(now)}, past) == ([("t", Check.ROW_COUNT, "")] if odd else [])


def test__compare__rebuilt_table__that_always_varies__is_usual():
    past = [Past(str(n), n, {"t": n}) for n in (1000, 400, 1200, 500, 900)]
    assert found({"t": table(900)}, {"t": table(450)}, past) == []


@given(st.integers(0, 5000))
def test__compare__static_history__is_never_stale(age):
    same = {"t": table(last=10_000 - age), "u": table(last=10_000 - age)}
    assert found(same, same) == []


def test__compare__table_that_stopped__is_stale_at_once():
    assert found(None, {"t": table(last=985), "u": table(last=1000)}) == []
    assert found(None, {"t": table(last=984), "u": table(last=1000)}) == [("t", Check.STALE, "")]
    assert found(None, {"t": table(last=984, days=9), "u": table(last=1000)}) == []


def test__compare__table_that_stands_still_while_others_move():
    before = {"t": table(last=990), "u": table(last=990)}
    assert found(before, {"t": table(last=990), "u": table(last=999)}) == [("t", Check.STALE, "")]
    assert found(before, {"t": table(last=990), "u": table(last=998)}) == []
    assert found(before, {"t": table(last=991), "u": table(last=1000)}) == []


def test__compare__events_that_went_back():
    assert found({"t": table(last=990)}, {"t": table(last=989)}) == [("t", Check.STALE, "")]


def test__compare__policy_by_table():
    now = {"t": table(x=NUMBER, n=NAME)}
    with pytest.raises(SchemaError) as error:
        compare(History({"t": table(x=NUMBER)}, ()), now, {"t": {**DEFAULTS, Check.COLUMN_ADDED: Policy.REFUSE}})
    assert error.value.where == "table t, column n"
    assert '[tables.t.checks] column_added = "keep"' in error.value.fix
    assert len(compare(History({"t": table(x=NUMBER)}, ()), now, {"u": {}})) == 1
