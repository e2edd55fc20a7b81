import pytest

from rdl.database import Semantic
from rdl.database.semantics import TextProfile, from_type, from_values
from tests.projects import SHOP_TOML, opened, write_shop


@pytest.mark.parametrize(
    ("name", "sql_type", "meaning"),
    [
        ("x", "BOOLEAN", Semantic.BOOLEAN),
        ("x", "DATE", Semantic.TIMESTAMP),
        ("x", "TIMESTAMP WITH TIME ZONE", Semantic.TIMESTAMP),
        ("x", "BIGINT", Semantic.NUMERIC),
        ("x", "DECIMAL(10,2)", Semantic.NUMERIC),
        ("status_code", "INTEGER", Semantic.CATEGORICAL),
        ("statusId", "BIGINT", Semantic.CATEGORICAL),
        ("paid", "BIGINT", Semantic.NUMERIC),
        ("price_id", "DOUBLE", Semantic.NUMERIC),
        ("x", "ENUM('a', 'b')", Semantic.CATEGORICAL),
        ("x", "VARCHAR", None),
        ("x", "VARCHAR[]", Semantic.IDENTIFIER),
        ("x", "DECIMAL(10,2)[]", Semantic.IDENTIFIER),
        ("x", "TIMESTAMP[]", Semantic.IDENTIFIER),
        ("x", "INTEGER[3]", Semantic.IDENTIFIER),
        ("x", "STRUCT(a INTEGER)", Semantic.IDENTIFIER),
        ("x", "BLOB", Semantic.IDENTIFIER),
        ("x", "UUID", Semantic.IDENTIFIER),
    ],
)
def test__type_and_name__decide(name, sql_type, meaning):
    assert from_type(name, sql_type) is meaning


@pytest.mark.parametrize(
    ("profile", "meaning"),
    [
        (TextProfile(3, 1000, 1), Semantic.CATEGORICAL),
        (TextProfile(1000, 1000, 1), Semantic.IDENTIFIER),
        (TextProfile(1000, 1000, 9), Semantic.TEXT),
        (TextProfile(20, 20, 1), Semantic.CATEGORICAL),
        (TextProfile(0, 0, 0), Semantic.CATEGORICAL),
    ],
)
def test__values_of_a_text_column__decide(profile, meaning):
    assert from_values(profile) is meaning


def test__declared_type__wins(project_folder):
    database = opened(write_shop(project_folder, SHOP_TOML + 'types = { amount = "categorical", note = "text" }\n'))
    columns = {c.name: c.semantic for c in database.schema["orders"].columns}
    assert (columns["amount"], columns["note"]) == (Semantic.CATEGORICAL, Semantic.TEXT)
