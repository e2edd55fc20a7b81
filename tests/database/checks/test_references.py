"""References and the order of time between rows and their parents, against a plain oracle."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.database.checks.finding import Check, Policy
from rdl.database.checks.policies import DEFAULTS
from rdl.database.checks.references import references
from rdl.database.schema import Reference
from rdl.errors import SchemaError
from rdl.timeline import DAY
from tests.database.checks.tables import NASTY, connected, finished

ASK = connected()
HOURS = st.one_of(st.none(), st.integers(0, 72))


def moment(hours):
    return "NULL::TIMESTAMP" if hours is None else f"TIMESTAMP '2020-01-01' + INTERVAL {hours} HOUR"


def values(rows, names, empty):
    found = ", ".join(f"({', '.join(row)})" for row in rows) or f"({empty})"
    return f"SELECT * FROM (VALUES {found}) v({names}){'' if rows else ' WHERE false'}"


@settings(max_examples=100)
@given(st.lists(HOURS, max_size=4), st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 5)), HOURS), max_size=8))
def test__references__count_what_the_oracle_does(parents, children):
    parent = finished(
        ASK, "p", values([(str(i), moment(h)) for i, h in enumerate(parents)], "id, t", "0, NULL::TIMESTAMP"), ("id",), "t"
    )
    rows = [("NULL::INT" if p is None else str(p), moment(h)) for p, h in children]
    child = finished(ASK, "c", values(rows, "p, t", "0, NULL::TIMESTAMP"), (), "t", (Reference("p", "p"),), {"p": ("id",)})
    found = {f.check: f for f in references(ASK, child, {"p": parent}, DEFAULTS)}
    named = [p for p, _ in children if p is not None]
    dangling = [p for p in named if p >= len(parents)]
    timed = [
        (h, parents[p]) for p, h in children if p is not None and p < len(parents) and h is not None and parents[p] is not None
    ]
    early = [(h, q) for h, q in timed if h < q and not (h % 24 == 0 and q - h < 24)]
    assert (found[Check.DANGLING].count if Check.DANGLING in found else 0) == len(dangling)
    assert (found[Check.BEFORE_PARENT].count if Check.BEFORE_PARENT in found else 0) == len(early)
    if dangling:
        assert found[Check.DANGLING].share == len(dangling) / len(named)
        assert found[Check.DANGLING].examples == tuple(str(p) for p in sorted(set(dangling))[:3])
    if early:
        assert found[Check.BEFORE_PARENT].share == len(early) / len(timed)


def test__references__lags_do_not_make_a_row_older():
    parent = finished(ASK, "p", "SELECT 1 AS id, TIMESTAMP '2020-01-01 01:00:00' AS t", ("id",), "t", lag=30 * DAY)
    child = finished(
        ASK, "c", "SELECT 1 AS p, TIMESTAMP '2020-01-02 01:00:00' AS t", (), "t", (Reference("p", "p"),), {"p": ("id",)}
    )
    assert references(ASK, child, {"p": parent}, DEFAULTS) == ()


def test__references__composite__a_null_part_names_nothing():
    parent = finished(ASK, "p", "SELECT 1 AS a, 'x' AS b", ("a", "b"))
    rows = "SELECT * FROM (VALUES (1, 'x'), (1, 'y'), (1, NULL), (NULL, 'x'), (2, 'x')) v(a, b)"
    child = finished(ASK, "c", rows, (), None, (Reference.of(("a", "b"), "p"),), {"p": ("a", "b")})
    (found,) = references(ASK, child, {"p": parent}, DEFAULTS)
    assert (found.column, found.count, found.share, found.examples) == ("a,b", 2, 2 / 3, ("1, y", "2, x"))


def test__references__to_the_table_itself():
    table = finished(ASK, "c", "SELECT * FROM (VALUES (1, 1), (2, 9), (3, NULL)) v(id, boss)", ("id",))
    ASK("ALTER TABLE db.rows.c ADD COLUMN _ref_boss BIGINT")
    ASK("UPDATE db.rows.c SET _ref_boss = 0 WHERE boss = 1")
    table = type(table)(table.name, table.key, None, 0, (Reference("boss", "c"),), table.columns, 3)
    (found,) = references(ASK, table, {"c": table}, DEFAULTS)
    assert (found.count, found.share, found.examples) == (1, 0.5, ("9",))


def test__references__refused():
    parent = finished(ASK, "p", "SELECT 1 AS id", ("id",))
    child = finished(ASK, "c", "SELECT 2 AS p", (), None, (Reference("p", "p"),), {"p": ("id",)})
    with pytest.raises(SchemaError, match="values that name no row"):
        references(ASK, child, {"p": parent}, {**DEFAULTS, Check.DANGLING: Policy.REFUSE})


def test__references__what_a_policy_could_not_take_out__is_kept():
    parent = finished(ASK, "p", "SELECT 1 AS id", ("id",))
    child = finished(ASK, "c", "SELECT 2 AS p", ("p",), None, (Reference("p", "p"),), {"p": ("id",)})
    (found,) = references(ASK, child, {"p": parent}, {**DEFAULTS, Check.DANGLING: Policy.NULL})
    assert found.policy is Policy.KEEP


def test__references__names_that_are_sql():
    parent = finished(ASK, NASTY, "SELECT 1 AS id, TIMESTAMP '2020-01-03 01:00:00' AS t", ("id",), "t")
    name = NASTY.replace('"', '""')
    rows = f"SELECT * FROM (VALUES (1, TIMESTAMP '2020-01-01'), (2, NULL)) v(\"{name}\", t)"
    child = finished(ASK, "c", rows, (), "t", (Reference(NASTY, NASTY),), {NASTY: ("id",)})
    assert [f.check for f in references(ASK, child, {NASTY: parent}, DEFAULTS)] == [Check.DANGLING, Check.BEFORE_PARENT]
