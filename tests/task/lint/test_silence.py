"""Rules that a task file silences: for a query or for the file, with a reason, and never silently."""

import logging

import pytest

from rdl.errors import TaskError
from rdl.task import find_task
from rdl.task.lint import judge, lint, lint_text, refuse_leaks
from tests.cli.calls import call
from tests.task.lint.shop import lint_shop

HEADER = """/* rdl
task     = "busy"
kind     = "regression"
entity   = "customers"
horizon  = "10 days"
every    = "5 days"
validate = 2025-03-01
test     = 2025-04-01
{header}*/
{top}-- population
{population}SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff
-- label
{label}SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c
JOIN orders o ON o.ordered_at >= c.cutoff AND o.ordered_at <= c.cutoff + $horizon
GROUP BY ALL
"""
ALLOW = "-- lint: allow label_beyond, label_changes"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    database = lint_shop(tmp_path_factory.mktemp("silence") / "shop")
    (database.project.root / "sql" / "tasks").mkdir(parents=True)
    return database


def busy(shop, **where):
    text = HEADER.format(**({"header": "", "top": "", "population": "", "label": ""} | {k: f"{v}\n" for k, v in where.items()}))
    (shop.project.root / "sql" / "tasks" / "busy.sql").write_text(text, encoding="utf-8")
    return find_task(shop, "busy")


def rules(found):
    return {f.rule.value for f in found}


@pytest.mark.parametrize(
    ("where", "comment", "reason"),
    [
        ("label", ALLOW, "said in the query"),
        ("label", f"{ALLOW} because nobody orders at midnight", "nobody orders at midnight"),
        ("top", f"{ALLOW} because nobody orders at midnight", "nobody orders at midnight"),
        ("header", f"# {ALLOW[3:]} because of midnight", "of midnight"),
    ],
)
def test__silenced_leak__is_kept_with_its_reason_and_refuses_nothing(shop, caplog, where, comment, reason):
    task = busy(shop, **{where: comment})
    (found,) = [f for f in judge(shop, task) if f.silenced is not None]
    assert (found.rule.value, found.silenced) == ("label_beyond", reason)
    assert lint(shop, task) == lint_text(shop, task) == ()
    with caplog.at_level(logging.INFO, "rdl"):
        refuse_leaks(shop, task)
    assert f"label_beyond is silenced: {reason}" in caplog.text


def test__silence__of_one_query_leaves_the_other(shop):
    task = busy(shop, population=ALLOW)
    assert rules(lint_text(shop, task)) == {"label_beyond"}


@pytest.mark.parametrize(
    ("where", "comment", "what", "fix"),
    [
        ("top", ALLOW, "for the whole file gives no reason", "because REASON"),
        ("label", "-- lint: allow label_beyound", "allow label_beyound: there is no such rule", "did you mean 'label_beyond'?"),
        ("label", "-- lint: alow label_beyond", "is no word to the lint", "-- lint: allow RULE"),
    ],
)
def test__silence__that_says_nothing_known__is_refused(shop, where, comment, what, fix):
    with pytest.raises(TaskError) as error:
        lint_text(shop, busy(shop, **{where: comment}))
    assert what in error.value.what
    assert fix in error.value.fix
    assert error.value.where.endswith("busy.sql")


def test__command__shows_what_is_silenced(shop, monkeypatch, capsys):
    busy(shop, top=f"{ALLOW} because nobody orders at midnight")
    assert call(monkeypatch, "tasks", "--lint", "--project", shop.project.root) == 0
    out = capsys.readouterr().out
    assert "busy: clean, 1 silenced" in out
    assert "label: silenced: the label reads rows of orders at the horizon's end" in out
    assert "[label_beyond]: nobody orders at midnight" in out
