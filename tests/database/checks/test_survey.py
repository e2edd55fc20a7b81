"""The facts that observations and profiles stand on."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.database.checks.survey import survey
from rdl.timeline import DAY, parse_time
from tests.database.checks.tables import NOW, connected, finished

ASK = connected()


@settings(max_examples=60)
@given(st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=12))
def test__survey__facts_are_exact(values):
    rows = ", ".join(f"({'NULL' if v is None else v}::INTEGER)" for v in values)
    facts = survey(ASK, finished(ASK, "t", f"SELECT * FROM (VALUES {rows}) v(x)"), NOW).columns["x"]
    known = [v for v in values if v is not None]
    assert facts.known == len(known)
    assert facts.single == (len(set(known)) == 1)
    assert (facts.low, facts.high) == ((str(min(known)), str(max(known))) if known else (None, None))
    assert facts.mean == (float(f"{sum(known) / len(known):.6g}") if known else None)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2000), max_size=30), st.integers(0, 3))
def test__survey__events_are_days_and_gaps(hours, lag):
    rows = ", ".join(f"(TIMESTAMP '1969-12-01' + INTERVAL {h} HOUR)" for h in hours) or "(NULL::TIMESTAMP)"
    table = finished(ASK, "t", f"SELECT * FROM (VALUES {rows}, (NULL), (TIMESTAMP '2150-01-01')) v(t)", time="t", lag=lag * DAY)
    events = survey(ASK, table, NOW).events
    moments = [parse_time("1969-12-01") + h * 3600 * 1_000_000 for h in hours]
    days = sorted({moment // DAY for moment in moments})
    gaps = sorted((b - a for a, b in pairwise(days)), reverse=True)
    assert events.last == (max(moments) if moments else None)
    assert events.days == len(days)
    assert events.gap == (gaps[1 if len(days) >= 20 else 0] if gaps else 0)


@pytest.mark.parametrize("threads", [1, 2])
def test__survey__does_not_depend_on_threads(threads):
    ASK(f"SET threads = {threads}")
    table = finished(ASK, "t", "SELECT hash(range) / 1e18 AS x, 'v' || (hash(range) % 5000) AS y FROM range(300000)")
    assert survey(ASK, table, NOW).columns == survey(ASK, table, NOW).columns
    ASK("SET threads = 1")
