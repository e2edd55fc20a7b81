"""What is remembered of a table."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.database.checks.profile import CATEGORIES, Profile, profile
from rdl.database.checks.survey import survey
from rdl.database.engine import literal
from rdl.timeline import parse_time
from tests.database.checks.tables import NASTY, NOW, connected, finished

ASK = connected()


def profiled(select, **more):
    return profile(ASK, survey(ASK, finished(ASK, "t", select, **more), NOW))


@settings(max_examples=60)
@given(st.lists(st.one_of(st.none(), st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5)), min_size=1))
def test__profile__categories_are_the_values(values):
    rows = ", ".join(f"({'NULL' if v is None else literal(v)}::VARCHAR)" for v in values)
    column = profiled(f"SELECT * FROM (VALUES {rows}) v(x)").columns["x"]
    known = [v for v in values if v is not None]
    assert set(column.categories) == set(known)
    assert len(column.categories) == len(set(known))
    assert column.known == float(f"{len(known) / len(values):.6g}")


def test__profile__many_categories__are_not_remembered():
    columns = profiled(f"SELECT 'a' || range AS x, 'a' || (range % {CATEGORIES}) AS y FROM range(1001)").columns
    assert columns["x"].categories is None
    assert len(columns["y"].categories) == CATEGORIES


def test__profile__long_categories__stay_apart():
    categories = profiled("SELECT repeat('x', 1000000) || range AS x FROM range(3)").columns["x"].categories
    assert len(set(categories)) == 3
    assert all(len(category) < 200 for category in categories)


def test__profile__table_facts():
    found = profiled("SELECT 1 AS id, TIMESTAMP '2020-01-01 10:00:00' AS t, 2.5 AS x", key=("id",), time="t")
    assert (found.rows, found.growing, found.last, found.days, found.gap) == (1, True, parse_time("2020-01-01T10:00:00"), 1, 0)
    assert (found.columns["x"].low, found.columns["x"].mean) == ("2.5", 2.5)


def test__profile__json_round_trip():
    name = NASTY.replace('"', '""')
    select = f"SELECT range AS id, [range] AS l, 'é' || range AS \"{name}\", 'inf'::DOUBLE AS x, NULL AS n FROM range(5)"
    found = profiled(select)
    assert Profile.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found
    assert profiled("SELECT 1 AS a, 'x' AS b WHERE false").columns["b"].categories == ()
