"""What a finding shows: text that no terminal trips over, and how soon to look."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.database.checks.finding import WORDS, Check, Finding, Policy, Severity, shown


def test__words__stand_for_every_check():
    assert set(WORDS) == set(Check)


@given(st.text(max_size=200), st.integers(5, 80))
def test__shown__is_short_and_printable(text, width):
    seen = shown(text, width)
    assert len(seen) <= width
    assert seen.isprintable()


@given(st.text(max_size=40).filter(str.isprintable))
def test__shown__leaves_plain_text_alone(text):
    assert shown(text) == text


@pytest.mark.parametrize(
    ("check", "policy", "severity"),
    [
        (Check.DANGLING, Policy.DROP, Severity.SERIOUS),
        (Check.DANGLING, Policy.KEEP, Severity.WARNING),
        (Check.STALE, Policy.KEEP, Severity.SERIOUS),
        (Check.CONSTANT, Policy.KEEP, Severity.NOTICE),
        (Check.CONSTANT, Policy.REFUSE, Severity.SERIOUS),
    ],
)
def test__severity__follows_policy_and_check(check, policy, severity):
    assert Finding("t", check, "", 1, 1.0, (), policy).severity is severity


def test__json__round_trip():
    finding = Finding("t", Check.ENCODING, "c", 3, 0.5, ("Ã¼", "x"), Policy.KEEP, "why")
    assert Finding.from_json(finding.to_json()) == finding
