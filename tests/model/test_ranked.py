"""Recommendations: they learn habits, repeat themselves, read nothing at or after the cutoff, and learn from fair groups."""

import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdl.boost.ranking import RankSettings
from rdl.database import Database
from rdl.errors import UsageError
from rdl.features.candidates import SOURCES, Candidates
from rdl.model import Choices, FitSettings, Model, fit_model, load_model, save_model
from rdl.model.inputs import Examples, Prepared
from rdl.model.ranked import learnable_groups, top_rows
from rdl.task import Labels, Lists, Seeds, entity_keys, find_entities, find_task, labels_at
from rdl.task.ranking_metrics import score_ranking
from rdl.timeline import DAY
from tests.model.world import CUTOFF, ITEMS, rewrite_future, tables, write

pytestmark = pytest.mark.slow

TASK = """\
/* rdl
task = "next"
kind = "recommendation"
entity = "users"
target = "items"
top = 3
horizon = "10 days"
validate = 2025-04-11
test = 2025-05-11
*/
-- label: the items of their next events.
SELECT c.cutoff, e.user, list_sort(list(DISTINCT e.item)) AS label FROM cutoffs c
JOIN events e ON e.at >= c.cutoff AND e.at < c.cutoff + $horizon
JOIN items i ON i.item = e.item
GROUP BY ALL
"""
RANKING = RankSettings(rounds=30, learning_rate=0.2, max_depth=3, min_child_weight=2.0, seeds=1, threads=1, negatives=5)
SMALL = FitSettings(seed=3, folds=2, ranking=RANKING)


def habits(seed: int = 0) -> dict[str, pa.Table]:
    """The world, but three of four events of a user are of the same two items."""
    content = tables(seed)
    rows, draw = content["events"].to_pylist(), np.random.default_rng(seed)
    for row in rows:
        if draw.random() < 0.75:
            row["item"] = (int(row["user"][1:]) * 3 + int(draw.integers(0, 2))) % ITEMS
    return {**content, "events": pa.Table.from_pylist(rows, content["events"].schema)}


def opened(folder: Path, content: dict[str, pa.Table]) -> Database:
    database = write(folder, content)
    (folder / "sql" / "tasks" / "next.sql").write_text(TASK)
    return database


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return opened(tmp_path_factory.mktemp("world") / "p", habits())


@pytest.fixture(scope="module")
def model(world: Database) -> Model:
    return fit_model(world, find_task(world, "next"), CUTOFF, SMALL)


@pytest.fixture(scope="module")
def later(world: Database, model: Model) -> Labels:
    return labels_at(world, model.task, CUTOFF + np.arange(3) * 10 * DAY)[0]


def same(first: object, second: object) -> None:
    assert set(first.members) == {"popular", "past", "ranked"}
    for name in first.members:
        assert np.array_equal(first.members[name], second.members[name]), name
    assert np.array_equal(first.prediction, second.prediction)


def test__fit_model__habits__are_ranked_before_what_is_popular(world: Database, model: Model, later: Labels) -> None:
    found = model.predict(world, later.seeds)
    assert found.prediction.shape == (len(later), 3)
    worth = {name: score_ranking(later, rows)["map"] for name, rows in found.members.items()}
    assert worth["ranked"] > worth["popular"] + 0.1
    assert worth["ranked"] > worth["past"] - 0.03
    assert all(len(set(row)) == 3 for row in found.prediction.tolist())
    assert model.weights == {"popular": 0.0, "past": 0.0, "ranked": 1.0}
    assert str(model.choices.candidates.links[0]) == "events.item by user"
    assert sum(model.importance().values()) == pytest.approx(1.0)


def test__save_model__and_load__predicts_the_same_bits(world: Database, model: Model, later: Labels, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.choices.candidates == model.choices.candidates
    assert not [p for p in (tmp_path / "m").rglob("*.*") if p.suffix not in {".json", ".ubj", ".sql"}]
    same(model.predict(world, later.seeds), again.predict(world, later.seeds))
    assert Choices.from_json(model.choices.to_json()) == model.choices


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
def test__predict__rewritten_future__changes_no_list(world: Database, model: Model, seed: int) -> None:
    seeds = labels_at(world, model.task, np.array([CUTOFF]))[0].seeds
    with tempfile.TemporaryDirectory() as folder:
        other = opened(Path(folder) / "p", rewrite_future(habits(), seed))
        there = find_entities(other, model.task, entity_keys(world, model.task, seeds.entity))
        same(model.predict(world, seeds), model.predict(other, Seeds.at(there, seeds.cutoff)))


@pytest.mark.slow
def test__fit_model__rewritten_future_and_shuffled_rows__fits_the_same_model(
    world: Database, model: Model, later: Labels, tmp_path: Path
) -> None:
    other = opened(tmp_path / "p", rewrite_future(habits(), 1))
    fitted = fit_model(other, find_task(other, "next"), CUTOFF, SMALL)
    assert fitted.choices.candidates == model.choices.candidates
    assert fitted.choices.members == model.choices.members
    same(model.predict(world, later.seeds), fitted.predict(world, later.seeds))


def test__predict__one_seed__equals_its_place_among_many(world: Database, model: Model, later: Labels) -> None:
    whole = model.predict(world, later.seeds).prediction
    for i in (0, len(later) // 2, len(later) - 1):
        assert np.array_equal(model.predict(world, later.seeds[np.array([i])]).prediction[0], whole[i])


def test__fit_model__stale_copies__answers_from_a_frozen_database(world: Database, later: Labels) -> None:
    fitted = fit_model(world, find_task(world, "next"), CUTOFF, replace(SMALL, members=("ranked",)), staleness=20 * DAY)
    rows = fitted.predict(world, later.seeds.frozen(CUTOFF)).prediction
    assert fitted.facts["staleness"] == 20 * DAY
    assert score_ranking(later, rows)["map"] > 0.3


def test__fit_model__refit_later__keeps_the_candidates(world: Database, model: Model) -> None:
    refit = fit_model(world, model.task, CUTOFF + 20 * DAY, SMALL, choose_at=CUTOFF)
    assert refit.choices == model.choices
    assert refit.facts["rows"] > model.facts["rows"]


def test__fit_model__baselines_alone__the_better_one_answers(world: Database) -> None:
    fitted = fit_model(world, find_task(world, "next"), CUTOFF, replace(SMALL, members=("popular", "past")))
    assert fitted.weights == {"popular": 0.0, "past": 1.0}


def test__fit_model__member_of_another_kind__is_refused(world: Database) -> None:
    with pytest.raises(UsageError, match="does not answer recommendation tasks"):
        fit_model(world, find_task(world, "next"), CUTOFF, replace(SMALL, members=("features",)))


def groups_of(sizes: list[int], lists: list[list[int]], negatives: int, seed: int = 0) -> list[dict[int, float]]:
    """Row -> right, by group; a candidate's row is its feature, and its place among its group's decides its source."""
    starts = np.cumsum([0, *sizes])
    rows = np.concatenate([np.arange(n) for n in sizes])
    source = (rows % len(SOURCES)).astype(np.int8)
    n = len(sizes)
    point = np.arange(n)
    values = rows[:, None].astype(np.float32)
    candidates = Candidates(("row",), (False,), starts, rows, source, values, point, np.zeros(n))
    flat = np.array([r for of in lists for r in of], dtype=np.int64)
    labels = Labels(
        Seeds.at(point + 7, point * 5),
        np.array([float(len(of)) for of in lists]),
        Lists(np.cumsum([0, *(len(of) for of in lists)]), flat),
    )
    prepared = Prepared(labels.seeds, None, None, candidates)
    found = learnable_groups(Examples(prepared, labels), replace(RANKING, negatives=negatives), seed)
    ends = np.cumsum([0, *found.sizes])
    assert ends[-1] == len(found.right)
    return [dict(zip(found.values[a:b, 0].astype(int).tolist(), found.right[a:b].tolist(), strict=True)) for a, b in pairwise(ends)]


def test__learnable_groups__right_rows__are_all_there_and_wrong_ones_come_from_every_source() -> None:
    first, second = groups_of([40, 12, 30], [[3, 9, 50], [60], [0]], negatives=8)
    assert {r for r, right in first.items() if right} == {3, 9}  # row 50 is no candidate
    assert {r for r, right in second.items() if right} == {0}  # the second seed has nothing right to learn from
    wrong = [r for r, right in first.items() if not right]
    assert len(wrong) == 8
    assert sorted(r % len(SOURCES) for r in wrong) == [0, 0, 1, 1, 2, 2, 3, 3]


def test__learnable_groups__of_one_seed__depend_on_no_other() -> None:
    assert groups_of([40, 30], [[3], [0]], negatives=6)[0] == groups_of([40], [[3]], negatives=6)[0]
    assert groups_of([40], [[3]], negatives=6, seed=1) != groups_of([40], [[3]], negatives=6)


def test__top_rows__equal_scores__stand_in_the_order_of_rows_and_missing_ones_are_minus_one() -> None:
    empty = np.zeros((5, 0), dtype=np.float32)
    candidates = Candidates((), (), np.array([0, 3, 3, 5]), np.array([4, 5, 9, 1, 2]), np.zeros(5, np.int8), empty,
        np.array([2, 0, 1]), np.zeros(3))  # fmt: skip
    seed, pair = candidates.pairs()
    scores = np.array([0.0, 1.0, 7.0, 2.0, 7.0])
    assert top_rows(candidates, seed, pair, scores, 3).tolist() == [[2, 1, -1], [4, 9, 5], [-1, -1, -1]]
