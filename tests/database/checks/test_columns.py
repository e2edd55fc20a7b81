"""What is said of finished columns, and what is not."""

import pytest

from rdl.database.checks.columns import observe
from rdl.database.checks.finding import Check, Policy
from rdl.database.checks.policies import DEFAULTS
from rdl.database.checks.survey import survey
from rdl.database.schema import Reference, Semantic
from rdl.errors import SchemaError
from tests.database.checks.tables import NASTY, NOW, connected, finished

ASK = connected()


def observed(table, **policies):
    return observe(ASK, survey(ASK, table, NOW), {**DEFAULTS, **policies})


def found(select, **more):
    return [(f.column, f.check) for f in observed(finished(ASK, "t", select, **more))]


@pytest.mark.parametrize(
    ("select", "check"),
    [
        ("1 AS x", Check.CONSTANT),
        ("'a' AS x", Check.CONSTANT),
        ("DATE '2020-01-01' AS x", Check.CONSTANT),
        ("NULL::INTEGER AS x", Check.ALL_NULL),
        ("NULL::VARCHAR AS x", Check.ALL_NULL),
        ("'name ' || range AS x", Check.NEAR_UNIQUE),
        ("range + 1000 AS x", Check.NEAR_UNIQUE),
        ("'name ' || (range % 300) AS x", Check.MANY_CATEGORIES),
        ("[range] AS x", Check.UNREAD),
        ("{'a': range} AS x", Check.UNREAD),
        ("MAP {range: 1} AS x", Check.UNREAD),
        ("range::VARCHAR::BLOB AS x", Check.UNREAD),
    ],
)
def test__observe__column_that_says_nothing_or_too_much(select, check):
    assert found(f"SELECT {select} FROM range(1000)") == [("x", check)]


@pytest.mark.parametrize(
    "select",
    [
        "range % 7 AS x",
        "range % 2 = 0 AS x",
        "'name ' || (range % 50) AS x",
        "CASE WHEN range > 3 THEN 1 END AS x",  # whether it is known says something
        "range * 1.5 AS x",
        "range * 1000 AS x",
        "TIMESTAMP '2020-01-01' + INTERVAL (range) DAY AS x",
        "'Zürich 🚲 Ελλάδα ' || (range % 5) AS x",
        "'tab\tand\nline' || (range % 5) AS x",
    ],
)
def test__observe__ordinary_column__is_passed(select):
    assert found(f"SELECT {select} FROM range(1000)") == []


def test__observe__only_features_are_judged():
    select = "SELECT range AS id, range AS p, 1 AS hidden, TIMESTAMP '2020-01-01' AS t FROM range(100)"
    finished(ASK, "p", "SELECT range AS id FROM range(100)", ("id",))
    more = {"references": (Reference("p", "p"),), "parents": {"p": ("id",)}, "hide": ("hidden",)}
    assert found(select, key=("id",), time="t", **more) == []


def test__observe__empty_table__that_is_all():
    assert found("SELECT 1 AS a, NULL::VARCHAR AS b, [1] AS c WHERE false") == [("", Check.EMPTY)]


def test__observe__one_row__says_little():
    assert found("SELECT 1 AS a, 'x' AS b, NULL::DOUBLE AS c") == [("c", Check.ALL_NULL)]


def test__observe__embeddings_are_to_be_finite():
    table = finished(ASK, "t", "SELECT [range, 'nan'::FLOAT] AS v FROM range(5)", meanings={"v": Semantic.EMBEDDING})
    (finding,) = observed(table)
    assert (finding.check, finding.count, finding.policy, finding.detail) == (Check.INFINITE, 5, Policy.KEEP, "in embeddings")
    table = finished(ASK, "t", "SELECT [range, range + 1]::DOUBLE[2] AS v FROM range(5)", meanings={"v": Semantic.EMBEDDING})
    assert observed(table) == ()


def test__observe__texts_with_several_offsets():
    values = ["2020-01-01T00:00:00+01:00", "2020-01-01 00:00:00.123+0200", "2020-01-01 00:00Z", "2020-01-02T00:00:00+01:00"]
    table = finished(ASK, "t", f"SELECT unnest({values}) AS x", meanings={"x": Semantic.TEXT})
    (finding,) = observed(table)
    assert (finding.check, finding.count, finding.share) == (Check.MIXED_ZONES, 2, 0.5)
    assert finding.examples == ("+01:00", "+0200", "Z")


def test__observe__texts_with_one_offset__are_passed():
    assert found("SELECT '2020-01-0' || (range % 9 + 1) || 'T00:00:00Z' AS x FROM range(100)") == []


def test__observe__naive_times_beside_zoned_ones():
    later = "'2020-01-01' + INTERVAL (range) DAY"
    assert found(f"SELECT TIMESTAMP {later} AS a, TIMESTAMPTZ {later} AS b FROM range(9)") == [("a", Check.MIXED_ZONES)]


def test__observe__refused():
    with pytest.raises(SchemaError) as error:
        observed(finished(ASK, "t", "SELECT 1 AS x FROM range(10)"), **{Check.CONSTANT: Policy.REFUSE})
    assert '[tables.t.checks] constant = "keep"' in error.value.fix


def test__observe__wide_tables_names_that_are_sql_and_long_values():
    columns = ", ".join(f"range % 3 AS c{i}" for i in range(500))
    name = NASTY.replace('"', '""')
    select = f"SELECT {columns}, 1 AS \"{name}\", repeat('ü', 1000000) || (range % 3) AS long FROM range(12)"
    table = finished(ASK, NASTY, select)
    assert [(f.column, f.check) for f in observed(table)] == [(NASTY, Check.CONSTANT)]


@pytest.mark.parametrize(
    "kind", ["HUGEINT", "UBIGINT", "DECIMAL(38, 10)", "UUID", "TIME", "INTERVAL", "BIT", "DATE", "TIMESTAMP_NS"]
)
def test__observe__every_type(kind):
    value = {
        "UUID": "'12345678-1234-1234-1234-1234567890ab'",
        "TIME": "'10:00'",
        "INTERVAL": "'1 day'",
        "BIT": "'101'",
        "DATE": "'2020-01-01'",
        "TIMESTAMP_NS": "'2020-01-01'",
    }.get(kind, "12")
    for meaning in (Semantic.CATEGORICAL, Semantic.IDENTIFIER):
        table = finished(ASK, "t", f"SELECT CAST({value} AS {kind}) AS x FROM range(20)", meanings={"x": meaning})
        assert [f.check for f in observed(table)] == [Check.CONSTANT if meaning is Semantic.CATEGORICAL else Check.UNREAD]


def test__observe__largest_numbers():
    table = finished(ASK, "t", "SELECT unnest([1.7e308, 1.7e308, -1.7e308, 'inf'::DOUBLE, 'nan']) AS x")
    assert observed(table) == ()
