"""What a task's findings lead to: the published tasks train with warnings, a leak is refused and can be silenced."""

import logging

import pytest

from rdl.database import open_database
from rdl.database.demo import write_demo
from rdl.errors import TaskError
from rdl.project import open_project
from rdl.task import find_task
from rdl.task.lint import Severity, lint, lint_text, perturb, refuse_leaks, verdict
from tests.task.lint.shop import lint_shop

GOLDEN = {
    "driver-dnf": [("population_from_future", 11, "results"), ("selected_by_future", 14, "results")],
    "driver-position": [("population_from_future", 12, "results"), ("selected_by_future", 14, "results")],
    "driver-top3": [("population_from_future", 11, "qualifying"), ("selected_by_future", 14, "qualifying")],
}
HEADER = """/* rdl
task     = "busy"
kind     = "regression"
entity   = "customers"
horizon  = "10 days"
every    = "5 days"
validate = 2025-03-01
test     = 2025-04-01
*/
"""
LEAK = """-- population
SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o
  ON o.ordered_at BETWEEN c.cutoff AND c.cutoff + $horizon
GROUP BY ALL
"""


@pytest.fixture
def busy(tmp_path):
    folder = tmp_path / "shop"
    database = lint_shop(folder)
    path = folder / "sql" / "tasks" / "busy.sql"
    path.parent.mkdir(parents=True)

    def write(body):
        path.write_text(HEADER + body, encoding="utf-8")
        return database, find_task(database, "busy")

    return write


@pytest.mark.parametrize("name", GOLDEN)
def test__published_tasks__have_exactly_the_findings_they_deserve(rel_f1, name):
    task = find_task(rel_f1, name)
    found = lint(rel_f1, task)
    assert [(f.rule.value, f.line, f.table) for f in found] == GOLDEN[name]
    assert {f.severity for f in found} == {Severity.WARNING}
    refuse_leaks(rel_f1, task)


@pytest.mark.slow
def test__demo_tasks__are_clean(tmp_path):
    write_demo(tmp_path / "shop", 2_000)
    database = open_database(open_project(tmp_path / "shop"))
    for name in ("churn", "spend"):
        assert lint(database, find_task(database, name)) == ()


def test__finding__names_the_line_of_the_file_and_its_text(busy):
    database, task = busy(LEAK)
    (found,) = lint_text(database, task)
    lines = task.path.read_text(encoding="utf-8").splitlines()
    assert lines[found.line - 1].strip() == found.text == "ON o.ordered_at BETWEEN c.cutoff AND c.cutoff + $horizon"


def test__leak__is_refused_with_its_line_fix_and_silence(busy):
    database, task = busy(LEAK)
    with pytest.raises(TaskError) as error:
        refuse_leaks(database, task)
    assert error.value.what.startswith("label_beyond: the label reads rows of orders at the horizon's end")
    assert "busy.sql, line 15: ON o.ordered_at BETWEEN" in error.value.where
    assert "write o.ordered_at < c.cutoff + $horizon" in error.value.fix
    assert "-- lint: allow label_beyond" in error.value.fix


def test__silenced_leak__is_trained_on(busy):
    database, task = busy(LEAK.replace("-- label\n", "-- label\n-- lint: allow label_beyond, label_changes\n"))
    refuse_leaks(database, task)


def test__warnings__are_logged_with_their_line(busy, caplog):
    text = LEAK.replace("BETWEEN c.cutoff AND c.cutoff + $horizon", "> c.cutoff AND o.ordered_at < c.cutoff + $horizon")
    database, task = busy(text)
    with caplog.at_level(logging.WARNING, "rdl"):
        refuse_leaks(database, task)
    assert "busy.sql, line 15" in caplog.text
    assert "label_skips_cutoff" in caplog.text


def test__run__costs_once_for_the_same_code(busy, monkeypatch):
    database, task = busy(LEAK.replace("u.created_at <", "date_trunc('month', u.created_at) <"))
    first = lint(database, task)
    monkeypatch.setattr(perturb, "read_changed", lambda *_: [])
    assert lint(database, task) == first
    monkeypatch.setattr(verdict, "code_version", lambda: "another")
    assert [f.query for f in lint(database, task)] == ["label"]


def test__run__names_the_table_and_an_example(busy):
    database, task = busy(LEAK.replace("u.created_at < c.cutoff", "date_trunc('month', u.created_at) < c.cutoff"))
    found = [f for f in lint(database, task) if f.query == "population"]
    assert [(f.rule.value, f.table) for f in found] == [("population_changes", "customers")]
    assert "customer_id" in found[0].what
    assert "is gone" in found[0].what
