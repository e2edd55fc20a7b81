"""Rows before they are numbered, against a plain oracle."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rdl.database.checks.finding import Check, Policy
from rdl.database.checks.policies import DEFAULTS, RULES
from rdl.database.checks.rows import clean
from rdl.database.declared import Declared
from rdl.errors import SchemaError
from tests.database.checks.tables import NASTY, NOW, connected, declared, raw

ASK = connected()

TIMES = {
    "2020-01-01 00:00:00": None,
    "2021-05-05 12:00:00": None,
    "1900-01-01 00:00:00": None,
    "2026-01-02 00:00:00": None,  # a day after the database was read
    "1899-12-31 23:59:59.999999": Check.ABSURD_TIME,
    "0001-01-01 00:00:00": Check.ABSURD_TIME,
    "2200-01-01 00:00:00": Check.ABSURD_TIME,
    "9999-12-31 00:00:00": Check.ABSURD_TIME,
    "infinity": Check.ABSURD_TIME,
    "-infinity": Check.ABSURD_TIME,
    "2026-01-02 00:00:00.000001": Check.FUTURE_TIME,
    "2199-12-31 23:59:59": Check.FUTURE_TIME,
}
ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 4)),
        st.one_of(st.none(), st.sampled_from(sorted(TIMES))),
        st.sampled_from(["nan", "inf", "-inf", "0.0", "1.5", "-2.0", None]),
    ),
    max_size=8,
)
POLICIES = st.fixed_dictionaries(
    {
        check: st.sampled_from(list(RULES[check].allowed))
        for check in (
            Check.NULL_KEY,
            Check.DUPLICATE_KEY,
            Check.NULL_TIME,
            Check.FUTURE_TIME,
            Check.ABSURD_TIME,
            Check.INFINITE,
        )
    }
)


def faults(row):
    key, time, number = row
    found = [Check.NULL_KEY] if key is None else []
    found += [Check.NULL_TIME] if time is None else [TIMES[time]] if TIMES[time] else []
    return found + ([Check.INFINITE] if number in {"nan", "inf", "-inf"} else [])


def order(row):
    """DuckDB's: NaN above all numbers, null above all."""
    key, time, number = row
    x = (2, 0.0) if number is None else (1, 0.0) if number == "nan" else (0, float(number))
    sign = {"infinity": 1, "-infinity": -1}.get(time, 0)
    return (time is None, sign, time or "", key is None, key or 0, x)


def oracle(rows, policies):
    """Counts by check, the rows that stay, or None where a policy refuses."""
    counts, left = {}, []
    for row in rows:
        wrong = faults(row)
        for check in wrong:
            counts[check] = counts.get(check, 0) + 1
        if any(policies[check] is Policy.DROP for check in wrong):
            continue
        key, time, number = row
        nulled = {check for check in wrong if policies[check] is Policy.NULL}
        left.append(
            (key, None if nulled & {Check.ABSURD_TIME, Check.FUTURE_TIME} else time, None if Check.INFINITE in nulled else number)
        )
    if any(policies[check] is Policy.REFUSE for check in counts):
        return None
    first = {}
    for row in sorted(left, key=order):
        first.setdefault(row[0], row)
    if len(first) < len(left):
        counts[Check.DUPLICATE_KEY] = len(left) - len(first)
        if policies[Check.DUPLICATE_KEY] is Policy.REFUSE:
            return None
    return counts, sorted(first.values(), key=order)


def table(rows):
    def text(value, kind):
        return f"CAST({'NULL' if value is None else repr(str(value))} AS {kind})"

    values = ", ".join(f"({text(k, 'INTEGER')}, {text(t, 'TIMESTAMP')}, {text(x, 'DOUBLE')})" for k, t, x in rows)
    empty = "" if rows else " WHERE false"
    return f"SELECT * FROM (VALUES {values or '(0, TIMESTAMP ' + repr('2020-01-01') + ', 1.0::DOUBLE)'}) v(k, t, x){empty}"


@settings(max_examples=150)
@given(ROWS, POLICIES)
@example([], {check: RULES[check].default for check in RULES})
@example([(1, "infinity", "nan"), (1, None, None)], {**DEFAULTS, Check.DUPLICATE_KEY: Policy.DROP})
def test__clean__counts_and_leaves_what_the_oracle_does(rows, policies):
    relation = raw(ASK, "t", table(rows))
    wanted = oracle(rows, {**DEFAULTS, **policies})
    stated = Declared("t", ("k",), "t", policies={**DEFAULTS, **policies})
    if wanted is None:
        with pytest.raises(SchemaError):
            clean(ASK, relation, stated, NOW)
        return
    cleaned = clean(ASK, relation, stated, NOW)
    counts, left = wanted
    assert {f.check: f.count for f in cleaned.findings} == counts
    assert all(math.isclose(f.share, f.count / len(rows)) for f in cleaned.findings)
    got = ASK(f"SELECT k, CAST(t AS VARCHAR), CAST(x AS VARCHAR) FROM ({cleaned.select})")
    assert sorted(got, key=order) == left
    types = {row[0]: row[1] for row in ASK(f"DESCRIBE {cleaned.select}")}
    assert types == dict(relation.types)
    if cleaned.whole:
        assert cleaned.select == 'SELECT * FROM "t"'
        assert len(left) == len(rows)


def test__clean__examples_are_the_first_values_in_order():
    rows = [(i, t, "1.0") for i, t in enumerate(["infinity", "9999-12-31 00:00:00", "0001-01-01 00:00:00", "2200-01-01 00:00:00"])]
    found = clean(ASK, raw(ASK, "t", table(rows)), declared("t", ("k",), "t"), NOW).findings
    assert [f.examples for f in found] == [("0001-01-01 00:00:00", "2200-01-01 00:00:00", "9999-12-31 00:00:00")]


def test__clean__names_the_keys_of_rows_without_a_time():
    found = clean(ASK, raw(ASK, "t", table([(3, None, "1.0"), (1, None, "1.0")])), declared("t", ("k",), "t"), NOW).findings
    assert [(f.check, f.examples, f.policy) for f in found] == [(Check.NULL_TIME, ("1", "3"), Policy.KEEP)]


def test__clean__null_key__says_how_many():
    with pytest.raises(SchemaError) as error:
        clean(ASK, raw(ASK, "t", table([(None, None, None)] * 2)), declared("t", ("k",)), NOW)
    assert "the key is null in 2 rows" in error.value.what
    assert error.value.where == "table t, key k"
    assert "staging SELECT" in error.value.fix
    assert '[tables.t.checks] null_key = "drop"' in error.value.fix


def test__clean__duplicate_key__shows_the_first():
    relation = raw(ASK, "t", "SELECT * FROM (VALUES (1, 'x'), (1, 'y'), (1, 'x'), (0, 'z')) v(a, b)")
    with pytest.raises(SchemaError) as error:
        clean(ASK, relation, declared("t", ("a", "b")), NOW)
    assert "'1, x' stands in 2 rows" in error.value.what
    assert error.value.where == "table t, key a, b"
    assert "one row per key" in error.value.fix
    assert '[tables.t.checks] duplicate_key = "drop"' in error.value.fix


def test__clean__duplicates_dropped__the_order_of_rows_does_not_matter():
    rows = [
        (1, "2021-05-05 12:00:00", "1.5"),
        (1, "2020-01-01 00:00:00", "-2.0"),
        (1, "2020-01-01 00:00:00", "1.5"),
        (2, None, "0.0"),
    ]
    stated = declared("t", ("k",), "t", **{Check.DUPLICATE_KEY: Policy.DROP})
    for turned in (rows, rows[::-1], rows[2:] + rows[:2]):
        select = clean(ASK, raw(ASK, "t", table(turned)), stated, NOW).select
        assert ASK(f"SELECT k, CAST(t AS VARCHAR), x FROM ({select}) ORDER BY k") == [
            (1, "2020-01-01 00:00:00", -2.0),
            (2, None, 0.0),
        ]


def test__clean__key_that_is_nan__is_no_key():
    relation = raw(ASK, "t", "SELECT * FROM (VALUES ('nan'::DOUBLE), (1.0), ('inf')) v(k)")
    cleaned = clean(ASK, relation, declared("t", ("k",), **{Check.NULL_KEY: Policy.DROP}), NOW)
    assert [f.count for f in cleaned.findings] == [1]
    assert sorted(ASK(cleaned.select)) == [(1.0,), (math.inf,)]


def test__clean__time_in_the_key__absurd_rows_are_dropped():
    relation = raw(ASK, "t", "SELECT * FROM (VALUES (1, DATE '9999-12-31'), (1, DATE '2020-01-01')) v(a, d)")
    cleaned = clean(ASK, relation, declared("t", ("a", "d"), "d"), NOW)
    assert [(f.check, f.policy) for f in cleaned.findings] == [(Check.ABSURD_TIME, Policy.DROP)]
    assert len(ASK(f"SELECT a FROM ({cleaned.select})")) == 1


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"])
def test__clean__every_kind_of_time(kind):
    values = ", ".join(f"(CAST('{t}' AS {kind}))" for t in ("2020-01-01", "1899-12-31", "2200-01-01", "2027-01-01", "infinity"))
    cleaned = clean(ASK, raw(ASK, "t", f"SELECT * FROM (VALUES {values}, (NULL)) v(d)"), declared("t", (), "d"), NOW)
    assert {f.check: f.count for f in cleaned.findings} == {Check.NULL_TIME: 1, Check.FUTURE_TIME: 1, Check.ABSURD_TIME: 3}
    assert ASK(f"SELECT count(*), count(d) FROM ({cleaned.select})") == [(6, 2)]


def test__clean__date_beyond_every_timestamp():
    relation = raw(ASK, "t", "SELECT DATE '5000000-01-01' AS d")
    cleaned = clean(ASK, relation, declared("t", (), "d"), NOW)
    assert [(f.check, f.examples) for f in cleaned.findings] == [(Check.ABSURD_TIME, ("5000000-01-01",))]


def test__clean__nothing_wrong__is_read_as_it_is():
    cleaned = clean(ASK, raw(ASK, "t", table([(1, "2020-01-01 00:00:00", "1.5")])), declared("t", ("k",), "t"), NOW)
    assert cleaned.whole
    assert cleaned.findings == ()


def test__clean__padded_lines__are_counted():
    found = clean(ASK, raw(ASK, "t", table([(1, None, None)]), padded=7), declared("t"), NOW).findings
    assert [(f.check, f.count, f.share) for f in found] == [(Check.PADDED, 7, 1.0)]


def test__clean__names_that_are_sql():
    name = NASTY.replace('"', '""')
    values = "(1, NULL::TIMESTAMP, 'inf'::DOUBLE), (1, NULL, 2)"
    relation = raw(ASK, NASTY, f'SELECT * FROM (VALUES {values}) v("{name}", "order", "{{x}}")')
    stated = declared(NASTY, (NASTY,), "order", **{Check.DUPLICATE_KEY: Policy.DROP})
    cleaned = clean(ASK, relation, stated, NOW)
    assert {f.check for f in cleaned.findings} == {Check.NULL_TIME, Check.INFINITE, Check.DUPLICATE_KEY}
    assert ASK(cleaned.select) == [(1, None, 2.0)]


@pytest.mark.slow
def test__clean__wide_tables_nested_and_long_values():
    columns = ", ".join(f"CASE WHEN range = 1 THEN 'nan'::FLOAT ELSE 1 END AS c{i}" for i in range(500))
    nested = "[range] AS l, {'a': range} AS s, MAP {1: range} AS m"
    relation = raw(ASK, "t", f"SELECT range AS id, repeat('x', 1000000) AS long, {nested}, {columns} FROM range(3)")
    stated = declared("t", ("id",), **{Check.DUPLICATE_KEY: Policy.DROP})
    cleaned = clean(ASK, relation, stated, NOW)
    assert len(cleaned.findings) == 500
    assert ASK(f"SELECT count(*), count(c0), count(c499), count(m) FROM ({cleaned.select})") == [(3, 2, 2, 3)]
    cleaned = clean(ASK, relation, declared("t", ("long",), **{Check.DUPLICATE_KEY: Policy.DROP}), NOW)
    assert ASK(f"SELECT count(*) FROM ({cleaned.select})") == [(1,)]
    assert all(len(e) <= 60 for f in cleaned.findings for e in f.examples)
