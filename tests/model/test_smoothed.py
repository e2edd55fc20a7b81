"""Graph-boosted members: chosen on folds, causal, saved whole; and whom rows learn from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rdl.database import Database
from rdl.model import FitSettings, Model, fit_model, load_model, save_model
from rdl.model.kindred import Kindred
from rdl.model.related import ENTITY, Kinship, Nodes, known_paths, nodes_of
from rdl.model.smoothed import FittedSmoothed, Smoothed, walk
from rdl.model.training import prepare_training
from rdl.task import Seeds, entity_keys, find_entities, find_task
from rdl.timeline import DAY
from tests.model.world import CUTOFF, SMALL, people, rewrite_future, tables, write, write_paced

pytestmark = pytest.mark.slow

ALONE = replace(SMALL, members=("graphboost",))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write_paced(tmp_path_factory.mktemp("smoothed") / "p")


def smoothed(world: Database, monkeypatch: pytest.MonkeyPatch, name: str, settings: FitSettings = ALONE) -> Model:
    """A model that smooths whatever the folds say."""
    choose = Smoothed.choose

    def always(self: Smoothed, folds: object, context: object) -> object:
        choice, predictions = choose(self, folds, context)  # type: ignore[arg-type]
        kinship = {"paths": [ENTITY, *known_paths(folds[0].train, context.source, 1)[1:]], "strength": 0.5}
        kinship |= {"tau": 60.0 * DAY, "shares": [1.0, 2.0], "steps": 2, "labels": True, "momentum": True}  # type: ignore[index,attr-defined]
        return {**choice, "kinship": kinship}, predictions

    monkeypatch.setattr(Smoothed, "choose", always)
    return fit_model(world, find_task(world, name), CUTOFF, settings)


@pytest.mark.parametrize("name", ["active", *(pytest.param(n, marks=pytest.mark.slow) for n in ("pace", "spend"))])
def test__fit__every_kind__predicts_its_shape_and_is_saved_whole(
    world: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    model = smoothed(world, monkeypatch, name)
    member = model.fitted["graphboost"]
    assert isinstance(member, FittedSmoothed)
    assert member.kinship.strength == 0.5
    assert len(member.nodes) == member.margin.shape[1] > 100
    seeds = people(world, model)
    found = model.predict(world, seeds).members["graphboost"]
    assert found.shape == (len(seeds), *model.task.shape)
    assert np.isfinite(found).all()
    save_model(model, tmp_path / "m")
    assert np.array_equal(load_model(tmp_path / "m").predict(world, seeds).members["graphboost"], found)


@pytest.mark.slow
def test__predict__rewritten_future__changes_nothing(world: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = smoothed(world, monkeypatch, "active")
    other = write(tmp_path / "p", rewrite_future(tables(), 5))
    again = smoothed(other, monkeypatch, "active")
    seeds = people(world, model)
    there = Seeds.at(find_entities(other, model.task, entity_keys(world, model.task, seeds.entity)), seeds.cutoff)
    first = model.predict(world, seeds).prediction
    assert np.array_equal(first, model.predict(other, there).prediction)
    assert np.array_equal(first, again.predict(world, seeds).prediction)


def test__predict__alone__is_what_it_is_among_many(world: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    model = smoothed(world, monkeypatch, "active")
    seeds = Seeds.concat([people(world, model), people(world, model, CUTOFF + DAY)])
    whole = model.predict(world, seeds).prediction
    for i in (0, len(seeds) - 1):
        assert model.predict(world, seeds[np.array([i])]).prediction[0] == pytest.approx(whole[i], abs=1e-6)


def test__choose__no_smoothing_is_among_the_candidates_and_the_best_is_taken(
    world: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    worth = {0.0: 0.5, 0.4: 0.3, 0.8: 0.4}

    def told(self: Smoothed, folds: object, kinship: Kinship, context: object) -> object:
        return worth[kinship.strength] - 0.1 * len(kinship.paths) + (kinship.tau > 400 * DAY), 7, ["of", kinship]

    monkeypatch.setattr(Smoothed, "_try", told)
    training = prepare_training(world, find_task(world, "active"), CUTOFF, ALONE, 0)
    folds, context = training.folds(), training.context(1.0)
    choice, predictions = Smoothed("graphboost").choose(folds, context)
    assert choice["rounds"] == 7
    assert (choice["kinship"]["strength"], choice["kinship"]["tau"]) == (0.4, 120.0 * DAY)
    assert len(choice["kinship"]["paths"]) == len(known_paths(folds[0].train, context.source, 2)) > 1
    worth[0.0] = -5.0
    assert Smoothed("graphboost").choose(folds, context)[0]["kinship"]["strength"] == 0.0
    assert predictions[0] == "of"


def test__walk__each_part_is_tried__and_kept_where_it_is_better() -> None:
    paths, day = (ENTITY, "city", "team"), float(DAY)
    tried: list[Kinship] = []

    def liking(**wanted: object) -> Kinship:
        def worth(kinship: Kinship) -> float:
            tried.append(kinship)
            return float(sum(getattr(kinship, name) != value for name, value in wanted.items()))

        return walk(paths, day, worth)

    assert liking(strength=0.0, labels=False, momentum=False) == Kinship()
    assert liking(strength=0.8, steps=3, momentum=True) == Kinship((ENTITY,), 0.8, 12 * day, (), 3, momentum=True)
    best = liking(strength=0.4, paths=paths, tau=3 * day, shares=(3.0, 1.0, 1.0), labels=True)
    assert best == Kinship(paths, 0.4, 3 * day, (3.0, 1.0, 1.0), labels=True)
    assert liking(strength=0.0, labels=True) == Kinship(paths, 0.0, 12 * day, labels=True)
    assert Kinship() in tried
    assert walk(paths, day, lambda k: 0.0 if not k.paths and not k.momentum else np.inf) == Kinship()


def test__labels__are_the_mean_of_those_that_were_known__and_what_was_not_known_makes_no_loss(world: Database) -> None:
    training = prepare_training(world, find_task(world, "active"), CUTOFF, ALONE, 0)
    context = training.context(1.0)
    kinship = Kinship((ENTITY,), 0.0, 1e18, labels=True)
    rows = Kindred.of(replace(training.examples, between=()), kinship.paths, context)
    task, seeds = training.source.task, training.examples.inputs.seeds
    column = rows.read(kinship).values[:, -1]
    assert rows.read(Kinship()) is rows.matrix
    for i in range(0, len(column), 13):
        known = (seeds.entity == seeds.entity[i]) & (seeds.cutoff + task.horizon + task.lag <= seeds.cutoff[i])
        expected = training.examples.target[known].mean() if known.any() else np.nan
        assert column[i] == pytest.approx(expected, nan_ok=True, abs=1e-5)
    early = seeds.cutoff < rows.nodes.ready.min()
    assert 0 < early.sum() < len(early)
    fits = []
    for target in (rows.target, np.where(early[:, None], 1 - rows.target, rows.target)):
        booster, start, _ = replace(rows, target=target).fit(replace(kinship, labels=True), context.boost, 0)
        fits.append((start, booster.num_boosted_rounds()))
    assert np.array_equal(fits[0][0], fits[1][0])  # where the margins start, the labels of the first rows do not count


def test__nodes__learn_from_rows_of_their_group_whose_labels_were_known(world: Database) -> None:
    training = prepare_training(world, find_task(world, "active"), CUTOFF, ALONE, 0)
    examples = training.examples
    nodes = nodes_of(examples.inputs, training.source, known_paths(examples, training.source, 1), sources=True)
    seeds = examples.inputs.seeds
    assert nodes.source.all()
    path = Kinship((ENTITY,), 0.5, 1e12)
    taught = nodes.smoothing(path).paths[0].mean(np.eye(len(nodes))) > 0
    task = training.source.task
    for i in range(0, len(nodes), 17):
        known = (seeds.entity == seeds.entity[i]) & (seeds.cutoff + task.horizon + task.lag <= seeds.cutoff[i])
        assert np.array_equal(taught[i], known), i
    assert taught.any()


@pytest.mark.slow
def test__known_paths__the_category_that_tells_the_target_comes_first(world: Database) -> None:
    training = prepare_training(world, find_task(world, "active"), CUTOFF, ALONE, 0)
    examples = training.examples
    features = examples.inputs.features
    j = features.category_names.index("users.@city")
    told = replace(examples, labels=replace(examples.labels, target=(features.codes[:, j] == 1).astype(np.float64)))
    assert known_paths(told, training.source, 1) == (ENTITY, "users.@city")


def test__nodes__concat_and_rows__keep_everything() -> None:
    empty = Nodes({"": np.array(["a", "b"])}, np.array([1, 2]), np.array([3, 4]), np.array([True, False]))
    both = Nodes.concat((empty, empty)).rows(np.array([0, 3]))
    assert both.groups[""].tolist() == ["a", "b"]
    assert (both.moment.tolist(), both.ready.tolist(), both.source.tolist()) == ([1, 2], [3, 4], [True, False])
