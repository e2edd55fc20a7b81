"""`rdl task compile`."""

import json

import pytest

from tests.cli.calls import call
from tests.projects import write_shop

SENTENCE = "PREDICT COUNT(orders.*, 0, 1, day) FOR EACH customers.customer_id"


@pytest.fixture
def shop(tmp_path):
    return write_shop(tmp_path / "shop")


def test__compile__prints_the_file(shop, monkeypatch, capsys):
    assert call(monkeypatch, "task", "compile", SENTENCE, "--name", "busy", "--project", shop) == 0
    said = capsys.readouterr().out
    assert said.startswith('/* rdl\ntask     = "busy"\n')
    assert "count(*) AS count" in said
    assert not (shop / "sql").exists()


def test__compile__json__is_one_object(shop, monkeypatch, capsys):
    assert call(monkeypatch, "task", "compile", SENTENCE, "--json", "--project", shop) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["task"], found["kind"], found["path"]) == ("count_orders_1_days", "regression", None)


def test__compile__write__makes_a_task_that_is_listed(shop, monkeypatch, capsys):
    dates = ("--validate", "2025-02-02", "--test", "2025-02-03")
    assert call(monkeypatch, "task", "compile", SENTENCE, "--name", "busy", "--write", *dates, "--project", shop) == 0
    path = shop / "sql" / "tasks" / "busy.sql"
    assert f"wrote {path}" in capsys.readouterr().out
    assert "validate = 2025-02-02" in path.read_text(encoding="utf-8")


def test__compile__wrong_sentence__points_at_it(shop, monkeypatch, capsys):
    assert call(monkeypatch, "task", "compile", SENTENCE.replace("orders", "ordrs"), "--project", shop) == 3
    said = capsys.readouterr().err
    assert "error: no table 'ordrs'" in said
    assert "\n                ^\n" in said
    assert "did you mean 'orders'?" in said


@pytest.mark.parametrize(
    ("sentence", "kind", "metric"),
    [
        ("PREDICT customers.city FOR customers.customer_id", "autocomplete", "accuracy"),
        (SENTENCE, "regression", "mae"),
    ],
)
def test__compile__says_kind_and_metric_and_nothing_else(shop, monkeypatch, capsys, sentence, kind, metric):
    assert call(monkeypatch, "task", "compile", sentence, "--project", shop) == 0
    said = capsys.readouterr()
    assert f'kind     = "{kind}"' in said.out
    assert f'metric   = "{metric}"' in said.out
    assert "note:" not in said.err
