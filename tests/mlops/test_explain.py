"""`rdl explain`: one prediction and its reasons, for readers and programs."""

import json

import pytest

from tests.cli.calls import call


@pytest.fixture
def explain(project, champion, monkeypatch, capsys):
    def run(*words):
        code = call(monkeypatch, "explain", "churn", *words, "--project", project.root)
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def test__rdl_explain__entity__tells_the_prediction_and_its_reasons_in_words(explain):
    code, out, _ = explain("--entity", "105", "--as-of", "2025-11-01", "--reasons", "2")
    assert code == 0
    head, member, base, *reasons = out.splitlines()
    assert head.startswith("customer_id 105 as of 2025-11-01: 0.")
    assert "log-odds by the member features, whose weight is 1.00" in member
    assert "where it begins" in base
    assert len(reasons) <= 3


def test__rdl_explain__json__adds_up(explain):
    code, out, _ = explain("--entity", "105", "--as-of", "2025-11-01", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["customer_id"] == 105
    assert {"feature", "words", "value", "effect"} == set(told["reasons"]["top"][0])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--entity", "1"], 3, "unknown customer_id 1"),
        (["--entity", "105", "--entity", "2"], 2, "2 values for the key customer_id"),
        (["--entity", "105", "--as-of", "soon"], 3, "not a time"),
    ],
)
def test__rdl_explain__wrong_words__are_told(explain, words, code, message):
    found, out, err = explain(*words)
    assert found == code
    assert message in out + err
