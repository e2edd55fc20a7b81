"""Damaged text is found, foreign text is not."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rdl.database.checks.encoding import damaged
from rdl.database.checks.finding import Policy
from rdl.database.checks.survey import survey
from rdl.database.engine import literal
from tests.database.checks.tables import NASTY, NOW, connected, finished

ASK = connected()


def found(*values, name="x"):
    column = name.replace('"', '""')
    rows = ", ".join(f"({'NULL' if v is None else literal(v)})" for v in values)
    table = finished(ASK, "t", f'SELECT * FROM (VALUES {rows}) v("{column}")')
    return list(damaged(ASK, survey(ASK, table, NOW), Policy.KEEP))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        *(
            (text.encode().decode("cp1252"), "read as Latin-1")
            for text in ("Zürich", "Österreich", "naïve", "señor", "don\u2019t", "€5", "ß")
        ),
        *((text.encode().decode("latin-1"), "read as Latin-1") for text in ("Zürich", "Österreich", "señor")),
        ("Z\ufffdrich", "characters lost"),
        ("a\x07b", "control characters"),
        ("a\x85b", "control characters"),
        ("\ufeffid", "control characters"),
        ("Zu\u0308rich", "decomposed"),
    ],
)
def test__damaged__says_how(value, kind):
    (finding,) = found("fine", value, None, "Zürich")
    assert kind in finding.detail
    assert (finding.count, finding.share) == (1, 1 / 3)
    assert len(finding.examples) == 1


@pytest.mark.parametrize(
    "value",
    [
        "Zürich",
        "São Paulo",
        "ÂNGELA MARÃO",
        "İstanbul",
        "Ελλάδα",
        "東京",
        "Đà Nẵng",
        "don\u2019t",
        "€5 \u2013 7",
        "🚲",
        "naïve café",
        "Ã",
        "tab\tnew\nline",
    ],
)
def test__damaged__foreign_text__is_passed(value):
    assert found(value) == []


UNSEEN = {*range(1, 9), 11, 12, *range(14, 32), *range(0x7F, 0xA0), 0xFEFF, 0xFFFD}


@settings(max_examples=80)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00ÂÃâðï"), max_size=12), min_size=1, max_size=6))
@example(["a\x01", "b\ufffd\x01", "e\u0301"])
def test__damaged__counts_what_python_does(values):
    wanted = [v for v in values if any(ord(c) in UNSEEN for c in v) or v != unicodedata.normalize("NFC", v)]
    assert sum(f.count for f in found(*values)) == len(wanted)


def test__damaged__shows_what_is_around_the_damage():
    (finding,) = found("x" * 1_000_000 + "ZÃ¼rich" + "y" * 1_000_000)
    assert finding.examples == ("x" * 19 + "ZÃ¼rich" + "y" * 16,)


def test__damaged__names_that_are_sql():
    (finding,) = found("Ã¼", name=NASTY)
    assert finding.column == NASTY
