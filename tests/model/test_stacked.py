"""The stacked member: layers chosen on folds, causal, saved whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rdl.database import Database
from rdl.model import Model, fit_model, load_model, save_model
from rdl.model.member import Context
from rdl.model.stacked import FittedStacked, Stacked, _Rows, _supported
from rdl.model.training import prepare_training
from rdl.task import Seeds, entity_keys, find_entities, find_task
from rdl.timeline import DAY
from tests.model.world import CUTOFF, SMALL, people, rewrite_future, tables, write, write_paced

ALONE = replace(SMALL, members=("stacked",), lattices=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write_paced(tmp_path_factory.mktemp("stacked") / "p")


def stacked(world: Database, monkeypatch: pytest.MonkeyPatch, name: str, staleness: int = 0) -> Model:
    """A model of two layers whatever the folds say."""
    choose = Stacked.choose

    def always(self: Stacked, folds: object, context: object) -> object:
        choice, predictions = choose(self, folds, context)  # type: ignore[arg-type]
        return {**choice, "layers": 1}, predictions

    monkeypatch.setattr(Stacked, "choose", always)
    return fit_model(world, find_task(world, name), CUTOFF, ALONE, staleness)


@pytest.mark.parametrize("name", ["active", *(pytest.param(n, marks=pytest.mark.slow) for n in ("pace", "spend"))])
def test__fit__every_kind__predicts_its_shape_alone_as_among_many__and_is_saved_whole(
    world: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    model = stacked(world, monkeypatch, name)
    member = model.fitted["stacked"]
    assert isinstance(member, FittedStacked)
    assert [len(member.stack.layers), len(member.stack.known)] == [2, 1]
    assert len(member.nodes) == len(member.stack.known[0]) > 100
    assert np.isfinite(member.stack.known[0]).all()
    seeds = Seeds.concat([people(world, model), people(world, model, CUTOFF + DAY)])
    found = model.predict(world, seeds).members["stacked"]
    assert found.shape == (len(seeds), *model.task.shape)
    assert np.isfinite(found).all()
    for i in (0, len(seeds) - 1):
        assert model.predict(world, seeds[np.array([i])]).members["stacked"][0] == pytest.approx(found[i], abs=1e-6)
    save_model(model, tmp_path / "m")
    assert np.array_equal(load_model(tmp_path / "m").predict(world, seeds).members["stacked"], found)


@pytest.mark.slow
@pytest.mark.parametrize("staleness", [0, 30 * DAY])
def test__predict__rewritten_future__changes_nothing(
    world: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, staleness: int
) -> None:
    other = write(tmp_path / "p", rewrite_future(tables(), 5))
    model, again = (stacked(w, monkeypatch, "active", staleness) for w in (world, other))
    assert len(model.fitted["stacked"].nodes) > 100  # type: ignore[attr-defined]
    seeds = people(world, model)
    there = Seeds.at(find_entities(other, model.task, entity_keys(world, model.task, seeds.entity)), seeds.cutoff)
    first = model.predict(world, seeds).prediction
    assert np.array_equal(first, model.predict(other, there).prediction)
    assert np.array_equal(first, again.predict(world, seeds).prediction)


def test__choose__none_more__is_a_candidate__and_one_more_must_be_better_than_chance(
    world: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = prepare_training(world, find_task(world, "active"), CUTOFF, ALONE, 0)
    folds, context = training.folds(), training.context(1.0)
    right = [np.clip(fold.valid.target, 0.2, 0.8) for fold in folds]
    poor = [np.full(len(p), 0.5) for p in right]
    rng = np.random.default_rng(0)
    noise = [np.clip(p + rng.normal(0, 1e-3, len(p)), 0, 1) for p in right]
    best = [np.clip(fold.valid.target, 0.1, 0.9) for fold in folds]

    def layers(*each: list[np.ndarray], context: Context = context) -> int:
        return _supported(folds, list(zip(*each, strict=True)), context)

    assert layers(right, poor, best) == layers(right, right, best) == 2
    assert layers(best, poor, right) == 0
    assert layers(poor, right, right) == 1
    assert layers(poor, right, best) == 2
    assert layers(right, noise, noise) == 0
    assert layers(poor) == 0


def test__blocks__of_stale_copies__learn_only_from_labels_that_their_snapshots_knew(world: Database) -> None:
    training = prepare_training(world, find_task(world, "active"), CUTOFF, ALONE, 60 * DAY)
    context, examples = training.context(1.0), training.examples
    rows = _Rows.of(examples, Stacked("stacked")._kinship(examples, context), context)
    seeds = examples.inputs.seeds
    assert (seeds.as_of < seeds.cutoff).any()
    assert rows.learning.blocks
    for block in rows.learning.blocks:
        assert rows.nodes.ready[block.known].max() <= seeds.as_of[block.rows].min()
