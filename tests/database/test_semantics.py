import pytest

from rdl.database import Semantic
from rdl.database.semantics import TextProfile, TokenProfile, from_flag, from_list, from_parts, from_type, from_values
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


@pytest.mark.parametrize(
    ("sql_type", "shortest", "longest", "meaning"),
    [
        ("VARCHAR[]", 0, 4, Semantic.MULTI_CATEGORICAL),
        ("BIGINT[]", 1, 4, Semantic.MULTI_CATEGORICAL),
        ("INTEGER[3]", 3, 3, Semantic.EMBEDDING),
        ("FLOAT[]", 8, 8, Semantic.EMBEDDING),
        ("DOUBLE[2]", 2, 2, Semantic.EMBEDDING),
        ("FLOAT[]", 1, 1, None),
        ("FLOAT[]", 2, 8, None),
        ("TIMESTAMP[]", 2, 2, None),
        ("INTEGER[][]", 2, 2, None),
    ],
)
def test__list__is_categories_or_a_vector(sql_type, shortest, longest, meaning):
    assert from_list(sql_type, shortest, longest) is meaning


@pytest.mark.parametrize(
    ("name", "meaning"), [("is_open", Semantic.BOOLEAN), ("hasDog", Semantic.BOOLEAN), ("wins", Semantic.NUMERIC)]
)
def test__zero_and_one__are_a_flag_where_the_name_asks(name, meaning):
    assert from_flag(name, 0, 1) is meaning
    assert from_flag(name, 0, 2) is Semantic.NUMERIC


@pytest.mark.parametrize(
    ("profile", "meaning"),
    [
        (TokenProfile(1000, 60, 700, 2000, 9, 1.2), Semantic.MULTI_CATEGORICAL),
        (TokenProfile(1000, 1000, 1000, 2000, 1040, 1.0), None),  # "Last, First"
        (TokenProfile(1000, 60, 50, 1050, 9, 1.2), None),
        (TokenProfile(1000, 900, 700, 5000, 90, 7.0), None),
        (TokenProfile(0, 0, 0, 0, 0, 0.0), None),
    ],
)
def test__divided_text__is_several_categories_where_its_parts_come_again(profile, meaning):
    assert from_parts(profile) is meaning
