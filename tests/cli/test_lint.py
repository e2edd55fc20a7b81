"""`rdl tasks --lint`: what it says of a project's tasks, and its exit code."""

import json

import pytest

from tests.cli.calls import call
from tests.task.lint.shop import lint_shop

TASK = """/* rdl
task     = "{name}"
kind     = "regression"
entity   = "customers"
horizon  = "10 days"
every    = "5 days"
validate = 2025-03-01
test     = 2025-04-01
*/
-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff AND o.ordered_at {end} c.cutoff + $horizon
GROUP BY ALL
"""


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    lint_shop(folder)
    (folder / "sql" / "tasks").mkdir(parents=True)
    return folder


def write(shop, name, end):
    (shop / "sql" / "tasks" / f"{name}.sql").write_text(TASK.format(name=name, end=end), encoding="utf-8")


def test__lint__names_line_text_fix_and_silence_and_fails(shop, monkeypatch, capsys):
    write(shop, "good", "<")
    write(shop, "leaky", "<=")
    assert call(monkeypatch, "tasks", "--lint", "--project", shop) == 3
    out = capsys.readouterr().out
    assert "good: clean" in out
    assert "  line 14, label: error: the label reads rows of orders at the horizon's end itself" in out
    assert "      JOIN orders o ON o.ordered_at >= c.cutoff AND o.ordered_at <= c.cutoff + $horizon\n" in out
    assert "-- lint: allow label_beyond" in out


def test__lint__json__is_an_object_a_task_and_passes_where_all_is_clean(shop, monkeypatch, capsys):
    write(shop, "good", "<")
    assert call(monkeypatch, "tasks", "--lint", "--json", "--project", shop) == 0
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert (said["task"], said["findings"]) == ("good", [])


def test__lint__tells_of_tasks_that_cannot_be_asked(shop, monkeypatch, capsys):
    write(shop, "good", "<")
    write(shop, "failing", "< o.nothing +")
    assert call(monkeypatch, "tasks", "--lint", "--project", shop) == 3
    out = capsys.readouterr().out
    assert "failing: cannot be asked" in out
    assert "good: clean" in out


def test__train__refuses_a_leak(shop, monkeypatch, capsys):
    write(shop, "leaky", "<=")
    assert call(monkeypatch, "train", "leaky", "--project", shop) == 3
    said = capsys.readouterr().err
    assert "label_beyond" in said
    assert "leaky.sql, line 14" in said
