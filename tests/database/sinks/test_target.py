import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.database.sinks import is_table, parse_target
from rdl.errors import ProjectError, UsageError

URL = "postgresql://ann:s3cret@host:5433/shop?sslmode=require#marts.churn"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("lake/", ("parquet", "lake/", "", "")),
        ("parquet:/data/lake", ("parquet", "/data/lake", "", "")),
        ("out/w.duckdb#churn", ("duckdb", "out/w.duckdb", "", "churn")),
        ("duckdb:w.db#s.scores_{task}", ("duckdb", "w.db", "s", "scores_churn")),
        (URL, ("postgresql", URL.partition("#")[0], "marts", "churn")),
        ("postgres+psycopg2://h/d#{task}", ("postgresql", "postgres+psycopg2://h/d", "", "churn")),
    ],
)
def test__parse_target__sound__its_parts(text, parts):
    found = parse_target(text, "churn")
    assert (found.kind.value, found.place, found.schema, found.table) == parts
    assert is_table(text) == (found.kind.value != "parquet")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot publish"),
        ("scores.parquet", "cannot publish"),
        ("w.duckdb", "cannot publish"),
        ("s3://bucket/scores", "cannot publish"),
        ("w.duckdb#", "no table"),
        ("w.duckdb#a b", "no table"),
        ("w.duckdb#.x", "no table"),
        ("#x", "no table"),
        ("w.csv#x", "no DuckDB file"),
        ("postgresql://h/d", "no table"),
        ("postgresql://ann:p#w@h/d", "no table"),
        ("w.duckdb#" + "x" * 64, "no table"),
    ],
)
def test__parse_target__wrong__says_what_is_known(text, said):
    with pytest.raises(UsageError, match=said) as caught:
        parse_target(text, "churn")
    assert "#marts.churn" in caught.value.fix
    assert "p#w" not in str(caught.value)
    assert "w@h" not in str(caught.value)


def test__parse_target__whole_url_in_a_variable__is_known_by_its_value(monkeypatch):
    monkeypatch.setenv("SINK_URL", URL.partition("#")[0])
    found = parse_target("${SINK_URL}#churn", "churn")
    assert (found.kind.value, found.place) == ("postgresql", "${SINK_URL}")
    monkeypatch.delenv("SINK_URL")
    with pytest.raises(ProjectError, match="SINK_URL"):
        parse_target("${SINK_URL}#churn", "churn")


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=4))
def test__target__any_password__is_not_shown(word):
    try:
        found = parse_target(f"postgresql://ann:{word}@host/shop#churn", "churn")
    except UsageError as error:
        shown = str(error)
    else:
        shown = str(found)
    assert f":{word}@" not in shown
