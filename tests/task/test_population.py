"""Who is scored against who was asked about: the gap's numbers, its words, and when there is none."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest

from rdl.task import Split, find_task, labels_at, population, population_at, split_cutoffs
from rdl.task.lint import refuse_leaks
from rdl.task.population import PopulationGap, population_gap
from rdl.timeline import DAY
from tests.cli.calls import call
from tests.task.lint.shop import lint_shop
from tests.task.lint.test_cases import task_of

WINDOW = "o.ordered_at > c.cutoff AND o.ordered_at <= c.cutoff + $horizon"
BUYERS = f"""{{closed}}
-- label
SELECT c.cutoff, o.customer_id, count(*) AS label FROM cutoffs c JOIN orders o ON {WINDOW} GROUP BY ALL"""
PEOPLE = "SELECT c.cutoff, u.customer_id FROM cutoffs c JOIN customers u ON u.created_at < c.cutoff"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return lint_shop(tmp_path_factory.mktemp("population") / "shop")


@pytest.mark.slow
def test__gap__counts_pairs_as_a_loop_over_cutoffs_does(shop):
    task = replace(task_of(BUYERS), every=10 * DAY)
    gap = population_gap(shop, task)
    asked, scored, both, values = 0, 0, 0, []
    cutoffs = split_cutoffs(task, Split.VALIDATION, shop.span)
    for cutoff in cutoffs:
        labels = labels_at(shop, task, np.array([cutoff]))[0]
        there = set(population_at(shop, task, np.array([cutoff])).entity.tolist())
        asked += len(labels)
        scored += len(there)
        both += len(there & set(labels.seeds.entity.tolist()))
        values += [v for e, v in zip(labels.seeds.entity.tolist(), labels.target, strict=True) if e in there]
    assert 0 < both < asked
    assert both < scored
    assert (gap.cutoffs, gap.asked, gap.scored, gap.both) == (len(cutoffs), asked, scored, both)
    assert gap.mean_both == pytest.approx(np.mean(values))
    assert gap.missed == pytest.approx(1 - both / asked)
    assert gap.excess == pytest.approx(1 - both / scored)


def test__gap__is_measured_before_test_only(shop, monkeypatch):
    task, seen = replace(task_of(BUYERS), name="watched", top=9), []
    ask = population.labels_at
    monkeypatch.setattr(population, "labels_at", lambda d, t, cutoffs: seen.extend(cutoffs.tolist()) or ask(d, t, cutoffs))
    assert population_gap(shop, task) is not None
    assert min(seen) >= task.validate
    assert max(seen) + task.horizon <= task.test


@pytest.mark.parametrize(
    "change", [{"population_sql": PEOPLE}, {"autocomplete": True}, {"static": True}, {"fixed": True}, {"validate": 2**60}]
)
def test__gap__is_none_where_nothing_is_derived_or_mature(shop, change):
    assert population_gap(shop, replace(task_of(BUYERS), **change)) is None


def test__gap__is_measured_once_for_the_same_question_and_code(shop, monkeypatch):
    task = replace(task_of(BUYERS), top=8)
    first = population_gap(shop, task)
    monkeypatch.setattr(population, "_measure", lambda *_: PopulationGap(1, 1, 0, 0, 0))
    assert population_gap(shop, task) == first
    monkeypatch.setattr(population, "code_version", lambda: "another")
    assert population_gap(shop, task) != first


def test__sentence__says_the_numbers():
    said = PopulationGap(12, 30, 100, 300, 97, 0.25, 0.24).sentence()
    assert "chosen with knowledge of the future: at 12 validation cutoffs (of 30) 68% of those scored (203 of 300)" in said
    assert "3% of those asked about (3 of 100) are missed; the mean label is 0.25 of all asked about and 0.24 of" in said
    assert PopulationGap(1, 1, 0, 0, 0).sentence().count("0%") == 2


@pytest.mark.parametrize(
    ("name", "counts"),
    [("driver-dnf", (40, 566, 1135, 539)), ("driver-position", (30, 499, 980, 468)), ("driver-top3", (40, 588, 1138, 561))],
)
def test__published_tasks__have_these_gaps_and_training_says_so(rel_f1, name, counts, caplog):
    task = find_task(rel_f1, name)
    gap = population_gap(rel_f1, task)
    assert (gap.cutoffs, gap.asked, gap.scored, gap.both) == counts
    with caplog.at_level(logging.WARNING, "rdl"):
        refuse_leaks(rel_f1, task)
    assert gap.sentence() in caplog.text


def test__command__shows_the_gap(rel_f1, monkeypatch, capsys):
    where = ("--project", rel_f1.project.root, "--home", rel_f1.project.home)
    sentence = population_gap(rel_f1, find_task(rel_f1, "driver-dnf")).sentence()
    assert call(monkeypatch, "tasks", *where) == 0
    assert f"  warning: {sentence}" in capsys.readouterr().out
    assert call(monkeypatch, "tasks", "--lint", "--json", *where) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sentence in [task["population_gap"]["sentence"] for task in said if task.get("population_gap")]
