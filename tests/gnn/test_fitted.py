"""A fitted network predicts each seed alone, from visible rows alone, and survives its files."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdl.errors import GraphError, ModelFileError
from rdl.gnn import FittedGnn, fit_gnn
from rdl.task import Kind, Seeds
from rdl.timeline import DAY
from tests.gnn.shops import CLASSES, CUTOFF, SHOPS, SMALL, USERS, make_shops


@cache
def fitted(kind=Kind.BINARY):
    world = make_shops().asked(kind)
    return fit_gnn(world.store, kind, "users", world.labels, None, replace(SMALL, epochs=2), 0, classes=CLASSES[kind])


@pytest.mark.parametrize("kind", list(CLASSES))
def test__saved_and_loaded__predicts_the_same(tmp_path, kind):
    world, kept = make_shops(), fitted(kind)
    kept.save(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"gnn.json", "gnn.safetensors"}
    loaded = FittedGnn.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(world.store, world.labels.seeds), kept.predict(world.store, world.labels.seeds))
    assert (loaded.plan.answer, loaded.best_epochs) == (kept.plan.answer, kept.best_epochs)
    assert (loaded.seed, loaded.report) == (kept.seed, kept.report)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def wider(plan):
    """The plan with an answer of more classes than the weights have."""
    return {**plan, "answer": {"kind": "multiclass", "mean": [0.5, 0.5], "spread": [1.0, 1.0], "metric": "accuracy"}}


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: flip(folder / "gnn.safetensors"),
        lambda folder: (folder / "gnn.safetensors").unlink(),
        lambda folder: (folder / "gnn.json").unlink(),
        lambda folder: (folder / "gnn.json").write_text("{"),
        lambda folder: (folder / "gnn.json").write_text("[]"),
        lambda folder: change(folder / "gnn.json", format=99),
        lambda folder: change(folder / "gnn.json", plan={}),
        lambda folder: change(folder / "gnn.json", best_epochs=[]),
        lambda folder: change(folder / "gnn.json", best_epochs=[2, 2]),
        lambda folder: change(folder / "gnn.json", plan={**fitted().plan.to_json(), "entity_table": 3}),
        lambda folder: change(folder / "gnn.json", plan={**fitted().plan.to_json(), "settings": {"channels": 9}}),
        lambda folder: change(folder / "gnn.json", plan={**fitted().plan.to_json(), "answer": {"kind": "multiclass"}}),
        lambda folder: change(folder / "gnn.json", plan=wider(fitted().plan.to_json())),
    ],
)
def test__harmed_files__are_refused(tmp_path, harm):
    fitted().save(tmp_path)
    harm(tmp_path)
    with pytest.raises(ModelFileError):
        FittedGnn.load(tmp_path)


@cache
def make_shops_once(more_after):
    return make_shops(more_after=more_after).store


@cache
def predicts(kind, more_after):
    store = make_shops_once(more_after)
    return lambda seeds: fitted(kind).predict(store, seeds)


@pytest.mark.parametrize("kind", [Kind.BINARY, Kind.MULTICLASS, Kind.MULTILABEL])
@settings(max_examples=10)
@given(st.lists(st.tuples(st.integers(0, USERS - 1), st.integers(-30, 0)), min_size=1, max_size=12), st.integers(0, 12))
def test__prediction__does_not_depend_on_the_batch_nor_on_the_future(kind, pairs, cut):
    entity, days = np.array(pairs, np.int64).T
    seeds = Seeds.at(entity, CUTOFF + days * DAY)
    together = predicts(kind, 50)(seeds)
    apart = np.concatenate([predicts(kind, 0)(seeds[:cut]), predicts(kind, 0)(seeds[cut:])])
    np.testing.assert_allclose(together, apart, atol=1e-6)
    np.testing.assert_allclose(predicts(kind, 0)(seeds[::-1])[::-1], apart, atol=1e-6)


@settings(max_examples=10)
@given(st.lists(st.integers(0, USERS - 1), min_size=1, max_size=12), st.integers(0, 12))
def test__embedding__does_not_depend_on_the_batch_nor_on_the_future(entity, cut):
    seeds = Seeds.at(np.array(entity, np.int64), np.full(len(entity), CUTOFF))
    alone, later = make_shops_once(0), make_shops_once(50)
    together = fitted().embed(later, seeds)
    assert together.dtype == np.float32
    assert together.shape == (len(entity), SMALL.channels)
    apart = np.concatenate([fitted().embed(alone, seeds[:cut]), fitted().embed(alone, seeds[cut:])])
    np.testing.assert_allclose(together, apart, atol=1e-6)


def test__embedding__is_what_the_answer_is_a_linear_function_of():
    world = make_shops().asked(Kind.REGRESSION)
    model = fitted(Kind.REGRESSION)
    hidden = model.embed(world.store, world.labels.seeds)
    weight, bias = (model.networks[0][f"head.last.{name}"].numpy() for name in ("weight", "bias"))
    mean, spread = model.plan.answer.mean[0], model.plan.answer.spread[0]
    found = (hidden @ weight.T + bias)[:, 0] * spread + mean
    np.testing.assert_allclose(found, model.predict(world.store, world.labels.seeds), rtol=1e-5)
    assert hidden.std(axis=0).max() > 0


def test__unseen_categories__predict_something():
    world = make_shops(brand_of_new=np.arange(SHOPS) * 97_561 % 2**32)
    found = fitted().predict(world.store, world.labels.seeds)
    assert ((found > 0) & (found < 1)).all()


def test__graph_of_another_schema__is_refused():
    with pytest.raises(GraphError, match="not those of the fit"):
        fitted().predict(make_shops(table="shops").store, make_shops().labels.seeds)
