"""Keys as people hand them over: scalars, tuples, dicts and tables say the same, and what is wrong is named."""

from dataclasses import replace

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.task import Task, find_task
from rdl.task.asked import RequestError, find_asked, key_values, key_words
from tests.model.world import tables, write

PAIRS = st.lists(st.tuples(st.text(max_size=3), st.integers(-5, 5)), max_size=6)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return write(tmp_path_factory.mktemp("asked") / "p", tables())


@pytest.fixture(scope="module")
def single(world) -> Task:
    return find_task(world, "active")


@pytest.fixture(scope="module")
def double(single) -> Task:
    return replace(single, entity_columns=("shop", "till"))


@given(pairs=PAIRS)
def test__key_values__any_form__says_the_same(double, pairs):
    named = {"shop": [shop for shop, _ in pairs], "till": [till for _, till in pairs]}
    table = pa.table({"till": pa.array(named["till"], pa.int64()), "shop": pa.array(named["shop"], pa.string())})
    assert key_values(double, pairs) == named
    assert key_values(double, [list(pair) for pair in pairs]) == named
    assert key_values(double, [{"till": till, "shop": shop, "more": 1} for shop, till in pairs]) == named
    assert key_values(double, table) == named
    assert key_values(double, pl.from_arrow(table)) == named


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["S1"], "the key 'S1' is one value\n.*row 0\n.*shop, till"),
        ([("S1", 1), ("S1", 1, 2)], "has 3 parts\n.*row 1"),
        ([{"shop": "S1", "tll": 1}], "no column 'till'\n.*row 0\n.*did you mean 'tll'"),
        (pa.table({"shop": ["S1"]}), "no column 'till'\n.*the table"),
        (pl.DataFrame({"till": [1]}), "no column 'shop'"),
    ],
)
def test__key_values__wrong_form__is_named(double, keys, message):
    with pytest.raises(RequestError, match=message):
        key_values(double, keys)


def test__find_asked__single_keys__in_the_order_asked(world, single):
    rows = find_asked(world, single, key_values(single, ["u3", ("u1",), {"user": "u3"}]))
    assert rows[0] == rows[2] != rows[1]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["u1", "nobody"], "unknown user 'nobody'\n.*row 1, table users"),
        (["u1", None], "1 rows have no user"),
        (["u1", 3], "several types"),
    ],
)
def test__find_asked__what_is_no_key__is_told_with_its_row(world, single, keys, message):
    with pytest.raises(RequestError, match=message):
        find_asked(world, single, key_values(single, keys))


def test__key_words__of_several_columns__name_them_all(double):
    assert key_words({"shop": ["S1", "S2"], "till": [1, 7]}, double, 1) == "shop 'S2', till 7"
