"""What a backtest tells of every kind of question, in numbers, words and on the page, and where nothing can be told."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.database import Database
from rdl.evaluate import read_evaluation, write_report
from rdl.evaluate.detail import OTHER, UNKNOWN, Detail, find_detail
from rdl.evaluate.strict import with_nan, without_nan
from rdl.evaluate.words import about, verdict
from rdl.task import METRICS, Kind, Task, find_task
from tests.evaluate.examples import NAN, asked, example, labelled
from tests.model.world import tables, write


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("report") / "p", tables())


@pytest.fixture(scope="module")
def task(world: Database) -> Task:
    return find_task(world, "active")


def test__find_detail__multiclass__counts_every_pair_of_label_and_prediction(task: Task) -> None:
    _, found = example(task, Kind.MULTICLASS)
    assert found.detail.heads == ("a", "b", "c", UNKNOWN)
    assert found.detail.confusion == ((1, 1, 0, 0), (0, 0, 0, 0), (0, 0, 1, 0), (1, 0, 0, 0))
    first = found.detail.classes[0]
    assert (first.name, first.labels, first.predicted) == ("a", 0.5, 0.5)
    assert first.probability == pytest.approx(0.35)
    assert np.isnan(found.detail.classes[1].roc_auc)  # no row of it


@given(target=st.lists(st.integers(-1, 29), min_size=1, max_size=60), seed=st.integers(0, 99))
def test__find_detail__many_classes__confusion_counts_each_row_once(task: Task, target: list[int], seed: int) -> None:
    many = asked(task, Kind.MULTICLASS, tuple(range(30)))
    prediction = np.random.default_rng(seed).dirichlet(np.ones(30), len(target))
    found = find_detail(many, labelled(list(target)), prediction)
    counts = np.array(found.confusion)
    assert counts.sum() == len(target)
    assert counts.shape == (len(found.heads), len(found.heads))
    assert found.heads[12] == OTHER
    assert (UNKNOWN in found.heads) == (-1 in target)
    shown = np.array(target) < 12
    right = int((prediction.argmax(axis=1)[shown] == np.array(target)[shown]).sum())
    assert np.trace(counts[:12, :12]) == right


def test__find_detail__lists__tell_how_long_and_how_varied_they_are(task: Task) -> None:
    lists = example(task, Kind.RECOMMENDATION)[1].detail.lists
    assert lists is not None
    assert (lists.table, lists.top, lists.truth, lists.empty, lists.right) == ("items", 3, 1.0, 0.25, 4)
    assert (lists.predicted, lists.recommended) == (2.5, 7)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("nothing", [False, True])
def test__evaluation__any_kind__is_strict_json_and_comes_back(task: Task, kind: Kind, nothing: bool, tmp_path: Path) -> None:
    _, found = example(task, kind, nothing)
    found.write(tmp_path / "e.json")
    found.write_predictions(tmp_path / "p.parquet")
    raw = json.loads((tmp_path / "e.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (raw["metrics"]["blend"][found.metric] is None) == nothing
    again = read_evaluation(tmp_path / "e.json", tmp_path / "p.parquet")
    assert again.to_json() == found.to_json()
    assert np.isnan(again.headline) == nothing
    assert np.isnan(again.by_cutoff[0].metric) == nothing


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("nothing", [False, True])
def test__write_report__any_kind__tells_its_metrics_in_full(
    world: Database, task: Task, kind: Kind, nothing: bool, tmp_path: Path
) -> None:
    question, found = example(task, kind, nothing)
    write_report(tmp_path / "r.html", world, question, [found])
    page = (tmp_path / "r.html").read_text()
    for metric in METRICS[kind]:
        assert f"<th>{metric}@3</th>" in page if kind is Kind.RECOMMENDATION else f"<th>{metric}</th>" in page
    assert ("Confusion" in page) == (kind is Kind.MULTICLASS)
    assert ("The labels" in page) == (kind is Kind.MULTILABEL)
    assert "nan" not in page
    assert ("is undefined on 4 rows" in page) == nothing


def test__best_member__undefined_metric__never_wins(task: Task) -> None:
    _, found = example(task, Kind.REGRESSION)
    metrics = {"entity": {"mae": NAN}, "features": {"mae": 2.0}, "sage": {"mae": 1.0}, "blend": {"mae": 1.0}}
    assert replace(found, metrics=metrics).best_member == "sage"
    assert replace(found, metrics=dict(reversed(metrics.items()))).best_member == "sage"


def test__verdict__kinds__say_what_the_metric_is_held_against(task: Task) -> None:
    said = {kind: " ".join(verdict([example(task, kind)[1]])) for kind in Kind}
    assert "To answer 'a' always would be right in 50.0%; the blend is right in 50.0%." in said[Kind.MULTICLASS]
    assert "The most frequent of 3 labels, 'a', is held by 75.0% of the rows." in said[Kind.MULTILABEL]
    assert "map@3" in said[Kind.RECOMMENDATION]
    assert "1.0 rows of items were right on average, and none in 25% of the cases" in said[Kind.RECOMMENDATION]
    assert "7 different ones are recommended, 4 different ones were right." in said[Kind.RECOMMENDATION]
    assert all("the blend is features alone" in words for words in said.values())


def test__about__static_and_hidden__are_told(task: Task) -> None:
    assert "the split is random" in " ".join(about(replace(task, static=True)))
    hidden = replace(task, autocomplete=True, hide=(("items", "colour"), ("users", "age"), ("users", "city")))
    assert "The label is the column users.age" in about(hidden)[-1]
    assert "they would tell: items.colour, users.city." in about(hidden)[-1]
    assert about(replace(task, hide=(("users", "age"),)))[-1] == "Hidden from features and graphs: users.age."


@given(st.dictionaries(st.text(), st.floats()))
def test__without_nan__numbers__come_back(numbers: dict[str, float]) -> None:
    plain = without_nan(numbers)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    again = with_nan(plain)
    assert all(again[name] == value for name, value in numbers.items() if np.isfinite(value))
    assert all(np.isnan(again[name]) for name, value in numbers.items() if not np.isfinite(value))


def test__detail__empty__comes_back() -> None:
    assert Detail.from_json(json.loads(json.dumps(asdict(Detail())))) == Detail()
