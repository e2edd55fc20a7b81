"""What `rdl check` prints."""

import json

import pytest

from rdl.database.checks.finding import Check, Finding, Policy
from rdl.database.checks.report import lines, report, rows
from rdl.database.schema import Schema, Table
from tests.database.checks.tables import NASTY

SCHEMA = Schema(
    {
        "orders": Table("orders", ("shop", "number"), "ordered_at", 0, (), (), 1_234_567),
        "customers": Table("customers", ("id",), None, 0, (), (), 3),
        "log": Table("log", (), None, 0, (), (), 0),
    }
)
DANGLING = Finding("orders", Check.DANGLING, "customer", 1234, 0.001, ("7", "9"), Policy.KEEP, "no such row in customers")
FINDINGS = [
    Finding("customers", Check.CONSTANT, "country", 3, 1.0, ("CH",), Policy.KEEP),
    DANGLING,
    Finding("orders", Check.ABSURD_TIME, "ordered_at", 2, 0.0000001, ("9999-12-31",), Policy.NULL),
    Finding("log", Check.EMPTY, "", 0, 0.0, (), Policy.KEEP),
]


def test__lines__every_table_with_rows_key_and_time():
    text = "\n".join(lines(SCHEMA, [], 80))
    for word in ("1,234,567", "shop, number", "ordered_at", "customers", "none", "nothing was found"):
        assert word in text


def test__lines__the_most_serious_first():
    text = " ".join(" ".join(lines(SCHEMA, FINDINGS, 120)).split())
    words = ["times that cannot be", "no rows", "values that name no row", "one value throughout", "1 serious, 2 warning, 1 notice"]
    places = [text.index(word) for word in words]
    assert places == sorted(places)
    for word in ("9999-12-31", "made null", "< 0.1 %", "1,234", "0.1 %", "no such row in customers", "7, 9"):
        assert word in text


@pytest.mark.parametrize("width", [80, 100, 120])
def test__lines__stay_within_the_width(width):
    long = Finding(NASTY * 5, Check.ENCODING, NASTY, 10**9, 0.5, ("x" * 60,) * 3, Policy.DROP, "very " * 30)
    found = lines(SCHEMA, [*FINDINGS, long], width)
    assert all(len(line) <= width for line in found)
    assert not any("\x1b" in line for line in found)


def test__lines__markup_and_escapes_in_names__are_text():
    odd = Finding("[red]t[/red]", Check.CONSTANT, "\x1b[31mx :smile:", 1, 1.0, ("[bold]",), Policy.KEEP)
    text = "\n".join(lines(SCHEMA, [odd], 120))
    for word in ("[red]t[/red]", r"\x1b[31mx :smile:", "[bold]"):
        assert word in text


def test__lines__many_columns_alike__share_a_line():
    alike = [Finding("orders", Check.CONSTANT, f"c{i:03}", 9, 1.0, (), Policy.KEEP) for i in range(500)]
    text = " ".join(" ".join(lines(SCHEMA, alike, 100)).split())
    assert "c000, c001, c002 and 497 more" in text
    assert "500 columns" in text


def test__lines__few_columns_alike__share_a_line_where_counts_say_nothing():
    unread = [Finding("orders", Check.UNREAD, name, 9, 1.0, (), Policy.KEEP, "of type BLOB") for name in ("a", "b")]
    empty = [Finding("orders", Check.NULL_TIME, name, 9, 0.5, (), Policy.KEEP) for name in ("c", "d")]
    text = "\n".join(lines(SCHEMA, [*unread, *empty], 100))
    assert "not read by any feature: a, b" in text
    assert text.count("rows without a time") == 2


def test__report__is_coloured_on_a_terminal_only():
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    Console(file=out, width=100, force_terminal=True, color_system="standard", legacy_windows=False).print(report(SCHEMA, FINDINGS))
    assert "\x1b[31m" in out.getvalue()


def test__rows__plain_data_of_every_table():
    gone = Finding("old", Check.TABLE_REMOVED, "", 5, 1.0, (), Policy.KEEP)
    found = json.loads(json.dumps(rows(SCHEMA, [*FINDINGS, gone])))
    assert [table["table"] for table in found] == ["customers", "log", "orders", "old"]
    orders = found[2]
    assert (orders["rows"], orders["key"], orders["time"]) == (1_234_567, ["shop", "number"], "ordered_at")
    assert [f["severity"] for f in orders["findings"]] == ["serious", "warning"]
    assert Finding.from_json({k: v for k, v in orders["findings"][1].items() if k != "severity"}) == DANGLING
