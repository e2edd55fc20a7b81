import pytest

from rdl.database.inference import propose
from rdl.database.schema import Semantic
from tests.database.inference.reading import from_sql


def _types(column, name="x", rows=600):
    ask, relations = from_sql(f'CREATE TABLE things AS SELECT range AS thing_id, {column} AS "{name}" FROM range({rows})')
    proposals = propose(ask, relations)
    return proposals.types("things").get(name), proposals, ask


@pytest.mark.parametrize(
    ("sql", "meaning"),
    [
        ("['a', 'b'][1:CAST(1 + range % 2 AS INTEGER)]", Semantic.MULTI_CATEGORICAL),
        ("[range % 3, range % 5]", Semantic.MULTI_CATEGORICAL),
        ("[0.5::FLOAT, range::FLOAT]", Semantic.EMBEDDING),
        ("[0.5::DOUBLE, range::DOUBLE]::DOUBLE[2]", Semantic.EMBEDDING),
        ("CASE WHEN range % 2 = 0 THEN [0.5::FLOAT] ELSE [0.5::FLOAT, 1::FLOAT] END", None),
        ("[{'a': 1}]", None),
        ("['ui|api', 'api', 'ui|db', 'db', 'api|db|ui', 'ui'][CAST(1 + range % 6 AS INTEGER)]", Semantic.MULTI_CATEGORICAL),
        ("['red', 'green', 'blue'][CAST(1 + range % 3 AS INTEGER)]", None),
        ("'Last' || range || ', First' || range % 40", None),
        ("range || ',5'", None),
        ("range % 2", None),
        ("['Y', 'N'][CAST(1 + range % 2 AS INTEGER)]", None),
    ],
)
def test__values__are_read_as_more_than_their_type(sql, meaning):
    assert _types(sql)[0] is meaning


@pytest.mark.parametrize(
    ("name", "sql", "meaning"),
    [
        ("is_member", "range % 2", Semantic.BOOLEAN),
        ("opt_in_flag", "range % 2", Semantic.BOOLEAN),
        ("is_member", "range % 3", None),
        ("birth_date", "DATE '1950-01-01' + CAST(range AS INTEGER)", Semantic.DATE),
        ("expires_at", "TIMESTAMP '2024-01-01' + to_days(CAST(range AS INTEGER))", Semantic.DATE),
        ("seen_at", "DATE '1950-01-01' + CAST(range AS INTEGER)", None),
        ("serial_code", "range * 7 + 3", Semantic.IDENTIFIER),
        ("store_sk", "range % 9", Semantic.CATEGORICAL),
        ("store_id", "range % 9", None),
    ],
)
def test__name__decides_with_the_values(name, sql, meaning):
    assert _types(sql, name)[0] is meaning


def test__birthday_in_a_text__is_cast():
    found, proposals, ask = _types("strftime(DATE '1950-01-01' + CAST(range AS INTEGER), '%d.%m.%Y')", "dob")
    assert found is Semantic.DATE
    assert str(ask(f"SELECT min(dob) FROM ({proposals.staging['things']})")[0][0]) == "1950-01-01 00:00:00"
