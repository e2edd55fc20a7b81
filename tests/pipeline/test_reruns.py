"""Which work one changed input costs: exactly what reads it, and what reads that."""

from dataclasses import replace

import polars as pl
import pytest

from rdl.pipeline import Context, Outcome, Step, read_pipeline, run_pipeline
from rdl.timeline import parse_time
from tests.pipeline.workshop import CountSection, write_pipeline, write_project

CHAIN = """
name    = "chain"
project = "shop"
steps   = ["look", "fit", "judge", "answer", "tell"]
tasks   = ["churn", "other"]
[fit]
offset = 1
[judge]
offset = 1
"""
FIT = ["fit/churn", "fit/other"]
JUDGE = ["judge/churn", "judge/other"]
ANSWER = ["answer/churn", "answer/other"]
OUTSIDE = {"answer": "a"}


def step(name: str, **how: object) -> Step:
    """A step that writes one file, which says what it is."""

    def run(context: Context) -> Outcome:
        (context.aside / "out.txt").write_text(context.key, encoding="utf-8")
        return Outcome(1)

    return Step(name, run, lambda c: c.home / name / c.unit.task / c.key, **how)


def steps(**changed: object) -> dict[str, Step]:
    section = {name: {name: CountSection} for name in ("fit", "judge")}
    inputs = {"inputs": lambda pipeline, unit, source: dict(OUTSIDE)}
    every = (
        step("look", per_task=False, dated=False, reads_tasks=True),
        step("fit", guards=("look",), sections=section["fit"]),
        step("judge", guards=("look",), sections=section["judge"], dated=False),
        step("answer", needs=("fit",), guards=("judge",), falls_back=("fit",), **inputs),
        step("tell", requires=("judge", "answer"), per_task=False),
    )
    return {one.name: replace(one, **changed.get(one.name, {})) for one in every}


def rerun(base, text=CHAIN, as_of="2025-04-01"):
    """The units that a run does, in order."""
    result = run_pipeline(read_pipeline(write_pipeline(base, text), steps(), base), parse_time(as_of))
    return [done.unit for done in result.steps if done.status.value == "done"]


@pytest.mark.slow
def test__first__all(tmp_path):
    write_project(tmp_path / "shop")
    assert rerun(tmp_path) == ["look", *FIT, *JUDGE, *ANSWER, "tell"]
    assert rerun(tmp_path) == []


def change_settings(base):
    return CHAIN.replace("[fit]\noffset = 1", "[fit]\noffset = 2")


def change_other_settings(base):
    return CHAIN.replace("[judge]\noffset = 1", "[judge]\noffset = 2")


def change_operations(base):
    return CHAIN + '[run]\nretries = 7\nwait = "1 second"\n[on_failure]\ncommand = ["true"]\n'


def change_rows(base):
    orders = base / "shop" / "data" / "orders.parquet"
    pl.read_parquet(orders).head(80).write_parquet(orders)


def change_sql(base):
    path = base / "shop" / "sql" / "tasks" / "churn.sql"
    path.write_text(path.read_text(encoding="utf-8").replace("count(o.order_id) = 0", "count(o.order_id) = 1"), encoding="utf-8")


def change_comment(base):
    path = base / "shop" / "sql" / "tasks" / "other.sql"
    path.rename(path.with_name("another.sql"))


def drop_task(base):
    return CHAIN.replace('["churn", "other"]', '["churn"]')


def lose_output(base):
    (path,) = (base / "shop" / ".rdl" / "fit" / "churn").rglob("out.txt")
    path.unlink()


ALL = ["look", *FIT, *JUDGE, *ANSWER, "tell"]
CASES = [
    (change_sql, ["look", "fit/churn", "judge/churn", "answer/churn", "tell"]),
]
MORE = [
    (change_settings, [*FIT, *ANSWER, "tell"]),
    (change_other_settings, [*JUDGE, "tell"]),
    (change_operations, []),
    (change_rows, ALL),
    (change_comment, []),
    (drop_task, ["look", "tell"]),
    (lose_output, ["fit/churn"]),
]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.slow) for case in MORE)],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test__one_input_changed__what_reads_it_is_done_again(tmp_path, change, wanted):
    write_project(tmp_path / "shop")
    rerun(tmp_path)
    assert rerun(tmp_path, change(tmp_path) or CHAIN) == wanted


@pytest.mark.slow
def test__as_of_changed__what_is_dated_is_done_again(tmp_path):
    write_project(tmp_path / "shop")
    rerun(tmp_path)
    assert rerun(tmp_path, as_of="2025-03-30") == [*FIT, *ANSWER, "tell"]


@pytest.mark.slow
def test__code_changed__all_is_done_again(tmp_path, monkeypatch):
    write_project(tmp_path / "shop")
    rerun(tmp_path)
    monkeypatch.setattr("rdl.pipeline.plan.code_version", lambda: "another")
    assert rerun(tmp_path) == ALL


@pytest.mark.slow
def test__further_input_changed__its_reader_is_done_again(tmp_path, monkeypatch):
    write_project(tmp_path / "shop")
    rerun(tmp_path)
    monkeypatch.setitem(OUTSIDE, "answer", "b")
    assert rerun(tmp_path) == [*ANSWER, "tell"]


def refuse(context):
    raise ZeroDivisionError(str(context.unit))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "wanted"),
    [
        ("look", {"look": "failed"} | dict.fromkeys([*FIT, *JUDGE, *ANSWER, "tell"], "blocked")),
        (
            "judge",
            {"look": "done"}
            | dict.fromkeys(FIT, "done")
            | dict.fromkeys(JUDGE, "failed")
            | dict.fromkeys([*ANSWER, "tell"], "blocked"),
        ),
        ("fit", {"look": "done"} | dict.fromkeys(FIT, "failed") | dict.fromkeys([*JUDGE, *ANSWER, "tell"], "done")),
    ],
)
def test__step_fails__what_it_guards_is_blocked_and_what_falls_back_is_not(tmp_path, broken, wanted):
    from rdl.pipeline import Ledger

    write_project(tmp_path / "shop")
    found = read_pipeline(write_pipeline(tmp_path, CHAIN), steps(**{broken: {"run": refuse}}), tmp_path)
    with pytest.raises(ZeroDivisionError):
        run_pipeline(found)
    ledger = Ledger.of(found.home)
    assert {one.unit: one.status.value for one in ledger.steps(ledger.runs()[0].id)} == wanted
