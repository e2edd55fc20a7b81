"""Lines added to an rdl.toml: what a person wrote stays, byte for byte, and adding twice changes nothing."""

import tomllib
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.database.settings_file import Line, extend, replace_file
from rdl.errors import ProjectError

WRITTEN = """\
# the shop, as of spring
[database]
source = "data/"   # here

# people who buy
[tables.customers]
key = "customer_id"

[tables.orders]   # what they buy
time   =   "ordered_at"
# a note at the end


# how strict to be
[tables.orders.checks]
dangling = "keep"

[tracking]
uri = "x"
"""
KEY = Line(("key",), "order_id", "97 %, unique")
REFERENCE = Line(("references", "customer_id"), "customers", "98 %, all of them")
MAYBE = Line(("time",), "created_at", "60 %, or updated_at", decided=False)


def test__lines__go_to_the_end_of_their_section() -> None:
    found = extend(
        WRITTEN,
        {("tables", "orders"): [KEY, REFERENCE], ("tables", "customers"): [MAYBE], ("database",): [Line(("staging",), "s")]},
    )
    assert found.text == WRITTEN.replace(
        "# a note at the end\n",
        '# a note at the end\nkey = "order_id"  # 97 %, unique\nreferences.customer_id = "customers"  # 98 %, all of them\n',
    ).replace('key = "customer_id"\n', 'key = "customer_id"\n# time = "created_at"  # 60 %, or updated_at\n').replace(
        "# here\n", '# here\nstaging = "s"\n'
    )


def test__new_section__stands_at_the_end() -> None:
    found = extend(
        '[database]\nsource = "d"', {("tables", "order lines"): [Line(("key",), ["order", "line"]), MAYBE]}, ["# a remark"]
    )
    section = '[tables."order lines"]\nkey = ["order", "line"]\n# time = "created_at"  # 60 %, or updated_at\n'
    assert found.text == f'[database]\nsource = "d"\n\n{section}\n# a remark\n'


def test__extend__twice__changes_nothing() -> None:
    additions = {
        ("tables", "orders"): [KEY, REFERENCE, MAYBE],
        ("tables", "new"): [KEY, MAYBE],
        ("database",): [Line(("staging",), "s")],
    }
    once = extend(WRITTEN, additions, ["# a remark\n# of two lines"])
    again = extend(once.text, additions, ["# a remark\n# of two lines"])
    assert again.text == once.text
    assert (again.added, again.remarks) == ({}, ())


def test__what_is_said__is_not_said_again() -> None:
    lines = [Line(("key",), "other"), Line(("time",), "elsewhere", decided=False), Line(("checks", "dangling"), "drop")]
    assert extend(WRITTEN, {("tables", "orders"): [lines[1], lines[2]], ("tables", "customers"): [lines[0]]}).text == WRITTEN
    decided = extend(WRITTEN.replace("# a note", '# key = "x"  # a note'), {("tables", "orders"): [KEY]})
    assert '\nkey = "order_id"' in decided.text, "a comment decides nothing"


def test__suggestion__without_its_mark__is_the_setting() -> None:
    maybe = Line(("references", "shop,till"), "tills", "60 %", decided=False)
    text = extend(WRITTEN, {("tables", "orders"): [maybe]}).text
    assert tomllib.loads(text) == tomllib.loads(WRITTEN)
    assert tomllib.loads(text.replace('# references."shop', 'references."shop'))["tables"]["orders"]["references"] == {
        "shop,till": "tills"
    }


def test__sections_in_any_form__are_extended() -> None:
    for text in (
        'tables.orders.time = "t"\n[database]\nsource = "d"\n',
        '[tables.orders]\n[database]\nsource = "d"\n[tables.customers]\nkey = "k"\n',
        '[tables]\n[tables.orders]\nreferences.a = "b"\n\n# about customers\n[tables.customers]\nkey = """\n[tables.orders]\n"""',
        '[tables.orders]\n\n\n\n[tables.orders.types]\na = "text"\n',
    ):
        found = tomllib.loads(extend(text, {("tables", "orders"): [KEY]}).text)
        assert found["tables"]["orders"]["key"] == "order_id", text


@pytest.mark.parametrize(
    "text", ['[tables]\norders = { time = "t" }\n', "tables = { orders = {} }\n", "tables = { customers = {} }\n"]
)
def test__a_section_in_one_line__is_refused_with_the_fix(text: str) -> None:
    with pytest.raises(ProjectError) as error:
        extend(text, {("tables", "orders"): [KEY]})
    assert "header" in error.value.fix


def test__windows_line_ends__stay() -> None:
    found = extend(WRITTEN.replace("\n", "\r\n"), {("tables", "orders"): [KEY], ("tables", "new"): [KEY]}).text
    assert "\n" not in found.replace("\r\n", "")
    assert found.replace("\r\n", "\n") == extend(WRITTEN, {("tables", "orders"): [KEY], ("tables", "new"): [KEY]}).text


def test__note__is_one_short_line() -> None:
    found = Line(("key",), "k", "97 %,\nfound\tin\x07 many " + "rows " * 100).text()
    assert found.startswith('key = "k"  # 97 %, found in many rows rows')
    assert found.endswith("…")
    assert len(found) <= 132


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PATHS = st.lists(NAMES, min_size=1, max_size=2).map(tuple)
VALUES = st.one_of(NAMES, st.booleans(), st.lists(NAMES, max_size=3))
LINES = st.lists(st.builds(Line, PATHS, VALUES, NAMES, st.booleans()), max_size=4, unique_by=lambda line: line.path[0])


@settings(max_examples=60)
@given(st.dictionaries(st.one_of(NAMES, st.sampled_from(["orders", "customers"])), LINES, max_size=3))
def test__any_names__are_written_and_read_back(tables: dict[str, list[Line]]) -> None:
    found = extend(WRITTEN, {("tables", name): lines for name, lines in tables.items()})
    read = tomllib.loads(found.text)["tables"]
    for (_, name), lines in found.added.items():
        for line in lines:
            assert ("" if line.decided else "# ") + line.key + " = " in found.text
            if line.decided:
                assert reduce(lambda value, part: value[part], line.path, read[name]) == line.value
    kept = iter(found.text.splitlines())
    assert all(line in kept for line in WRITTEN.splitlines()), "every line stays, in its order"
    assert extend(found.text, {("tables", name): lines for name, lines in tables.items()}).text == found.text


def test__replace_file__that_dies__leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rdl.toml"
    path.write_text("old")

    def die(*_: object) -> None:
        raise OSError("full")

    monkeypatch.setattr("os.replace", die)
    with pytest.raises(OSError, match="full"):
        replace_file(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("rdl.toml", "old")]
