import json

import pytest

from rdl.database import Schema
from rdl.errors import SchemaError
from tests.projects import SHOP_TOML, opened, write_shop


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    toml = SHOP_TOML + 'hide = ["note"]\nlag = "1 hour"\n'
    return opened(write_shop(tmp_path_factory.mktemp("schema") / "p", toml)).schema


def test__schema__survives_json(schema):
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema


def test__features__leave_out_structure_and_what_is_hidden(schema):
    assert [c.name for c in schema["orders"].features] == ["amount"]
    assert [c.name for c in schema["customers"].features] == ["name", "city"]
    assert schema["orders"].lag == 3_600_000_000


def test__children__are_tables_with_their_references(schema):
    assert [(child.name, reference.column) for child, reference in schema.children("customers")] == [("orders", "customer_id")]
    assert schema.children("orders") == ()


def test__unknown_names__are_refused_with_the_nearest(schema):
    with pytest.raises(SchemaError) as table:
        schema["order"]
    assert (table.value.what, table.value.fix) == ("no table 'order'", "did you mean 'orders'?")
    with pytest.raises(SchemaError) as column:
        schema["orders"].column("amout")
    assert (column.value.where, column.value.fix) == ("table orders", "did you mean 'amount'?")
