"""Tasks without time: queries without cutoffs, splits by a hash of the keys, and a backtest that never trains on its test split."""

from pathlib import Path

import numpy as np
import pytest

from rdl.boost import BoostSettings
from rdl.database import Database
from rdl.errors import TaskError
from rdl.evaluate import Regime, evaluate, regimes_for
from rdl.model import FitSettings, fit_model
from rdl.model.training import prepare_training
from rdl.task import (
    Fold,
    Kind,
    Split,
    entity_keys,
    find_task,
    forward_folds,
    labels_at,
    mature_cutoffs,
    past_labels,
    population_at,
    split_labels,
    with_classes,
)
from rdl.task.catalog import read_catalog
from rdl.task.draw import drawn_by_key
from rdl.task.predict.compile import compile_sentence
from rdl.task.predict.write import write_task
from rdl.task.profile import profile_splits
from tests.projects import opened, write_project

TOML = """
[database]
source = "data"
infer = false
[tables.papers]
key = ["shelf", "number"]
references = { venue = "venues" }
types = { topic = "categorical", pages = "numeric" }
[tables.venues]
key = "venue"
types = { field = "categorical" }
[tables.words]
key = "id"
references = { "shelf,number" = "papers" }
types = { word = "categorical" }
"""
PAPERS, TOPICS = 300, ("sea", "air", "fire")
HEADER = '/* rdl\ntask = "NAME"\nkind = "KIND"\nentity = "papers"\nMORE\n*/\n'
SMALL = FitSettings(
    members=("entity", "features"),
    boost=BoostSettings(rounds=40, seeds=1, learning_rate=0.2, min_child_weight=2.0, colsample_bytree=0.5, threads=1),
)


def header(name: str, kind: str, more: str = "") -> str:
    return HEADER.replace("NAME", name).replace("KIND", kind).replace("MORE", more)


def write(folder: Path, papers: int = PAPERS, order: int = 0) -> Database:
    draw = np.random.default_rng(3)
    topics, venues = draw.integers(0, 3, papers), draw.integers(0, 9, papers)
    pages = np.round(topics * 10 + draw.normal(0, 2, papers), 2)
    lines = [f"s{i % 7},{i},{venues[i]},{TOPICS[topics[i]]},{pages[i]}" for i in range(papers)]
    words = [f"{3 * i + j},s{i % 7},{i},{TOPICS[(topics[i] + (j > 1)) % 3]}-word" for i in range(papers) for j in range(3)]
    lines = [lines[i] for i in np.random.default_rng(order).permutation(papers)]
    return opened(
        write_project(
            folder,
            TOML,
            data__papers_csv="\n".join(["shelf,number,venue,topic,pages", *lines]) + "\n",
            data__venues_csv="venue,field\n" + "".join(f"{v},{'ab'[v % 2]}\n" for v in range(9)),
            data__words_csv="\n".join(["id,shelf,number,word", *words]) + "\n",
            sql__tasks__topic_sql=header("topic", "autocomplete", 'hide = ["papers.topic"]')
            + "-- label\nSELECT shelf, number, topic AS label FROM papers",
            sql__tasks__long_sql=header("long", "regression", 'hide = ["papers.pages"]')
            + "-- population\nSELECT shelf, number FROM papers WHERE topic <> 'air'\n"
            + "-- label\nSELECT c.cutoff, p.shelf, p.number, p.pages AS label FROM cutoffs c CROSS JOIN papers p",
            sql__tasks__half_sql=header("half", "binary", "validate = 2025-01-01") + "SELECT shelf, number, 1 AS label FROM papers",
        )
    )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("static") / "p")


def keys_of(database: Database, name: str, split: Split) -> set[tuple[object, ...]]:
    task = find_task(database, name)
    found = entity_keys(database, task, split_labels(database, task, split).seeds.entity)
    return set(zip(*(c.to_pylist() for c in found.columns), strict=True))


def test__header_without_time__makes_a_static_task(database):
    catalog = read_catalog(database)
    assert {n: (t.kind, t.static, t.autocomplete) for n, t in catalog.tasks.items()} == {
        "topic": (Kind.MULTICLASS, True, True),
        "long": (Kind.REGRESSION, True, False),
    }
    with pytest.raises(TaskError, match="missing key 'horizon'") as error:
        find_task(database, "half")
    assert "split at random" in error.value.fix
    assert catalog.tasks["topic"].spacing == "no time: splits are random"


def test__splits__are_80_10_10_and_of_every_label_one(database):
    task = find_task(database, "long")
    parts = [keys_of(database, "long", split) for split in Split]
    whole, report = labels_at(database, task, mature_cutoffs(task, task.test, database.span), counted=True)
    assert sum(map(len, parts)) == len(set.union(*parts)) == len(whole)
    assert report.outside_population == PAPERS - len(whole) > 50
    numbers = drawn_by_key(entity_keys(database, task, np.arange(PAPERS)))
    assert np.all((numbers >= 0) & (numbers < 1))
    assert abs(numbers.mean() - 0.5) < 0.06
    assert len(parts[0]) > 5 * len(parts[1]) > 0
    assert sum(p.rows for p in profile_splits(database, task).values()) == len(whole)


@pytest.mark.slow
def test__splits__stay_as_rows_are_shuffled_and_others_come(database, tmp_path):
    more = write(tmp_path / "more", PAPERS + 40, order=5)
    for split in Split:
        before, after = keys_of(database, "topic", split), keys_of(more, "topic", split)
        assert {key for key in after if key[1] < PAPERS} == before


def test__folds__are_random_and_hold_every_row_once(database):
    task = find_task(database, "long")
    labels, _ = labels_at(database, task, mature_cutoffs(task, task.test, database.span))
    folds = forward_folds(task, labels, 3)
    assert len(folds) == 3
    assert sorted(np.concatenate([f.valid for f in folds]).tolist()) == list(range(len(labels)))
    for fold in folds:
        assert isinstance(fold, Fold)
        assert not set(fold.train) & set(fold.valid)
        assert len(fold.train) > len(fold.valid) > len(labels) / 6


def test__there_is__no_history_and_everyone_is_asked_about(database):
    task = find_task(database, "topic")
    assert len(past_labels(database, task, np.array([task.test])).entity) == 0
    assert len(population_at(database, task, np.array([task.test]))) == PAPERS
    assert len(population_at(database, find_task(database, "long"), np.array([task.test]))) < PAPERS


@pytest.mark.slow
def test__backtest__trains_on_all_but_the_test_split_and_learns(database):
    task = find_task(database, "long")
    sizes = {split: len(split_labels(database, task, split)) for split in Split}
    held = prepare_training(database, task, task.test, SMALL, 0, held_out=True)
    whole = prepare_training(database, task, task.test, SMALL, 0)
    assert len(held.labels) == sizes[Split.TRAIN] + sizes[Split.VALIDATION] < len(whole.labels) == sum(sizes.values())
    found = evaluate(database, task, "fresh", SMALL)
    assert found.rows == sizes[Split.TEST]
    assert found.facts["rows"] == len(held.labels)
    assert found.metrics["blend"]["r2"] > 0.5
    assert not any("papers.pages" in name for name in found.importance)
    assert fit_model(database, task, task.test, SMALL).facts["rows"] == len(whole.labels)


@pytest.mark.slow
def test__classes__are_learned_from_what_hangs_on_the_row(database):
    found = evaluate(database, find_task(database, "topic"), "fresh", SMALL)
    assert found.metrics["blend"]["accuracy"] > 0.6
    assert sum(found.predictions["probabilities"][0].as_py().values()) == pytest.approx(1)


def test__sentence__over_tables_without_time__compiles_to_a_static_task(database):
    made = compile_sentence("PREDICT papers.topic FOR papers.shelf", database, "guessed")
    path = write_task(database, made)
    try:
        task = find_task(database, "guessed")
        assert (task.static, task.kind, task.hide) == (True, Kind.MULTICLASS, (("papers", "topic"),))
        assert "the split is random" in made.text
        task = with_classes(database, task, task.test)
        assert sum(len(split_labels(database, task, split)) for split in Split) == PAPERS
        assert regimes_for(task) == (Regime.FRESH,)
    finally:
        path.unlink()
