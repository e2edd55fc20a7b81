"""The lint of every kind of question: classes, sets, lists, hidden columns, keys of several columns, and tasks without time."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from rdl.task import Kind, find_task
from rdl.task.lint import Severity, lint, lint_text, perturb, sample
from rdl.task.lint.perturb import read_changed
from rdl.task.lint.place import places
from rdl.timeline import DAY
from tests.projects import opened, write_project
from tests.task.lint.shop import lint_shop
from tests.task.lint.test_cases import LABEL, POP, WINDOW, task_of

pytestmark = pytest.mark.slow

TOML = """
[database]
source = "data"
infer = false
[tables.shops]
key = ["city", "shop"]
time = "opened"
types = { city = "categorical", sort = "categorical", size = "numeric", area = "numeric", grade = "categorical" }
[tables.tills]
key = "till"
time = "at"
references = { "city,shop" = "shops" }
types = { sum = "numeric" }
"""
TIMES = 'horizon = "10 days"\nevery = "10 days"\nvalidate = 2025-03-02\ntest = 2025-04-01\n'
AUTOCOMPLETE = f"""/* rdl
task = "sort"
kind = "autocomplete"
entity = "shops"
hide = [{{hide}}]
{TIMES}*/
-- population
SELECT c.cutoff, s.city, s.shop FROM cutoffs c JOIN shops s ON s.opened < c.cutoff
-- label
SELECT c.cutoff, s.city, s.shop, s.{{label}} AS label FROM cutoffs c JOIN shops s ON s.opened < c.cutoff
"""
STATIC = """/* rdl
task = "sort"
kind = "multiclass"
entity = "shops"
hide = [{hide}]
*/
SELECT s.city, s.shop, s.{label} AS label FROM shops s
"""
BUSY = f"""/* rdl
task = "sort"
kind = "regression"
entity = "shops"
{TIMES}*/
-- population
SELECT c.cutoff, s.city, s.shop FROM cutoffs c JOIN shops s ON s.opened < c.cutoff
-- label
SELECT c.cutoff, t.city, t.shop, sum(t.sum) AS label FROM cutoffs c
JOIN tills t ON t.at >= c.cutoff AND t.at {{end}} c.cutoff + $horizon GROUP BY ALL
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return lint_shop(tmp_path_factory.mktemp("kinds") / "shop")


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """Shops whose sort is told by their grade, by whether they closed, and whose area is told by their size."""
    start = datetime(2025, 1, 1)
    sorts, grades = ["corner", "market", "mall"], ["A", "B", "C"]
    shops = [
        f"c{i % 4},{i},{start + timedelta(days=i // 2)},{sorts[i % 3]},{size},{2 * size + 1},{grades[i % 3]},"
        f"{start if i % 3 == 2 else ''},{(i * i) % 5}"
        for i in range(120)
        for size in [10 + (i * 7) % 23]
    ]
    tills = [f"{i},c{(i % 120) % 4},{i % 120},{start + timedelta(hours=7 * i)},{(i * 13) % 40}" for i in range(400)]
    folder = write_project(
        tmp_path_factory.mktemp("chain") / "chain",
        TOML,
        data__shops_csv="\n".join(["city,shop,opened,sort,size,area,grade,closed,noise", *shops]),
        data__tills_csv="\n".join(["till,city,shop,at,sum", *tills]),
    )
    (folder / "sql" / "tasks").mkdir(parents=True)
    return opened(folder)


def asked(database, text):
    (database.project.root / "sql" / "tasks" / "sort.sql").write_text(text, encoding="utf-8")
    return find_task(database, "sort")


def told(found):
    return sorted((f.rule.value, f.what.split(" ")[0] if f.rule.value == "implies_label" else f.query) for f in found)


@pytest.mark.parametrize("text", [AUTOCOMPLETE, STATIC], ids=["autocomplete", "static"])
@pytest.mark.parametrize(
    ("label", "hide", "expected"),
    [
        ("sort", ["sort", "grade", "closed"], []),
        ("sort", ["sort", "closed"], [("implies_label", "shops.grade")]),
        ("sort", ["sort"], [("implies_label", "shops.grade")]),
        ("area", ["area", "size"], []),
        ("area", ["area"], [("implies_label", "shops.size")]),
        ("noise", ["noise"], []),
        ("noise", ["sort", "grade", "closed", "area", "size"], [("label_is_feature", "label")]),
    ],
)
def test__hidden_label__is_told_by_no_column_that_is_seen(chain, text, label, hide, expected):
    if text is AUTOCOMPLETE and label not in hide:
        pytest.skip("the header refuses it")
    text = text.replace('"multiclass"', '"regression"') if label == "area" else text
    task = asked(chain, text.format(label=label, hide=", ".join(f'"shops.{column}"' for column in hide)))
    found = lint(chain, task)
    assert told(found) == expected
    assert all(f.severity is Severity.WARNING for f in found if f.rule.value == "implies_label")


def test__column__may_tell_by_being_null(chain):
    task = asked(chain, STATIC.format(label="sort = 'mall'", hide='"shops.sort", "shops.grade"').replace("multiclass", "binary"))
    assert told(lint(chain, task)) == []  # of three sorts it tells one from the others only
    with chain.engine() as engine:
        from rdl.task.lint.implied import _told

        engine.execute("CREATE TEMP TABLE implied AS SELECT sort = 'mall' AS mall, closed, noise FROM rows.shops")
        assert _told(engine, "mall", "(closed IS NULL)") == 120
        assert _told(engine, "mall", "noise") < 90


def test__keys_of_several_columns__are_compared_whole(chain):
    assert lint(chain, asked(chain, BUSY.format(end="<"))) == ()
    assert told(lint(chain, asked(chain, BUSY.format(end="<=")))) == [("label_beyond", "label")]
    hidden = BUSY.format(end="<").replace("t.at < c.cutoff", "date_trunc('month', t.at) < c.cutoff")
    (found,) = lint(chain, asked(chain, hidden))
    assert found.rule.value == "label_changes"
    assert "city c" in found.what
    assert "shop " in found.what


def sets(kind, label):
    sql = f"SELECT c.cutoff, o.customer_id, {label} AS label FROM cutoffs c JOIN orders o ON {WINDOW} GROUP BY ALL"
    return replace(task_of(f"{POP}\n{LABEL}"), kind=kind, label_sql=sql, target_table="products")


@pytest.mark.parametrize(
    ("kind", "label", "expected"),
    [
        (Kind.MULTICLASS, "max(o.product_id)", []),
        (Kind.MULTILABEL, "list(DISTINCT o.product_id)", []),
        (Kind.RECOMMENDATION, "list(DISTINCT o.product_id)", []),
        (Kind.REGRESSION, "len(list(DISTINCT o.product_id)) + first(o.amount)", [("row_order", "label")]),
    ],
)
def test__sets__may_come_in_any_order(shop, kind, label, expected):
    assert told(lint(shop, sets(kind, label))) == expected


@pytest.mark.parametrize("kind", [Kind.MULTILABEL, Kind.RECOMMENDATION])
def test__sets__that_look_too_far_are_found_by_the_run(shop, kind):
    task = sets(kind, "list(DISTINCT o.product_id)")
    far = task.label_sql.replace("o.ordered_at < c.cutoff", "o.ordered_at - INTERVAL 20 DAY < c.cutoff + INTERVAL 0 DAY * o.amount")
    assert told(lint(shop, replace(task, label_sql=far))) == [("label_changes", "label")]


def test__stored_labels__are_not_judged(shop):
    task = replace(task_of(f"{POP}\n{LABEL}"), stored=True, fixed=True, label_sql="SELECT * FROM stored_labels")
    assert lint(shop, task) == lint_text(shop, task) == ()


def test__big_tables__are_sampled_and_a_leak_is_found_all_the_same(shop, monkeypatch):
    task = task_of(f"{POP}\n{LABEL}".replace("o.ordered_at < c.cutoff +", "date_trunc('month', o.ordered_at) < c.cutoff +"))
    assert [f.rule.value for f in read_changed(shop, task, places(task))] == ["label_changes"]
    monkeypatch.setattr(sample, "_MOST", 100)
    found = {f.rule.value: f for f in read_changed(shop, task, places(task))}
    assert found.keys() == {"run_sampled", "label_changes"}
    assert found["run_sampled"].severity is Severity.NOTICE
    assert "of the rows of orders" in found["run_sampled"].what


def test__run__that_takes_too_long_stops_says_so_and_is_not_kept(shop, monkeypatch):
    task = replace(task_of(f"{POP}\n{LABEL}"), every=6 * DAY)
    monkeypatch.setattr(perturb, "_SECONDS", -1.0)
    assert [f.rule.value for f in lint(shop, task)] == ["run_stopped"]
    monkeypatch.setattr(perturb, "_SECONDS", 60.0)
    assert lint(shop, task) == ()
