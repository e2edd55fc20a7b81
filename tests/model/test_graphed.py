"""Networks that answer among classes, end to end: what is two references away is learned, blended, and saved whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rdl.database import Database
from rdl.gnn import GnnSettings
from rdl.model import FitSettings, Model, fit_model, load_model, save_model
from rdl.model.graphed import FittedGraphed
from rdl.task import Labels, find_task, labels_at
from rdl.task.metrics import score
from tests.model.world import CUTOFF, SMALL, TASK, tables, write

pytestmark = pytest.mark.slow

GNN = GnnSettings(
    channels=16, fanouts=(8, 4), buckets=64, epochs=10, batch_size=64, learning_rate=1e-2, warm_up=5, dropout=0.0, averaging=0.9
)
SETTINGS = replace(SMALL, gnn=GNN, plan_depth=1)
ACTIVE = "CASE WHEN count(e.event) > 0 THEN {} ELSE {} END"
OWNER = "LEFT JOIN items i ON i.item = u.favourite LEFT JOIN users o ON o.user = i.owner\nGROUP BY ALL"
"""The label of those who act is the city of their favourite item's owner."""

CASES = {
    "where": ("multiclass", ACTIVE.format("any_value(o.city)", "'nowhere'"), "log_loss"),
    "places": ("multilabel", ACTIVE.format("[any_value(o.city)]", "[]"), "roc_auc"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("graphed") / "p"
    database = write(folder, tables())
    for name, (kind, label, metric) in CASES.items():
        text = TASK.format(name=name, kind=kind, label=label).replace("GROUP BY ALL", OWNER)
        (folder / "sql" / "tasks" / f"{name}.sql").write_text(text.replace("*/", f'metric = "{metric}"\n*/', 1))
    return database


def fitted(world: Database, name: str, settings: FitSettings) -> Model:
    return fit_model(world, find_task(world, name), CUTOFF, settings)


@pytest.fixture(scope="module")
def models(world: Database) -> dict[str, Model]:
    return {
        "where": fitted(world, "where", replace(SETTINGS, members=("sage",))),
        "places": fitted(world, "places", SETTINGS),
    }


def _later(world: Database, model: Model) -> Labels:
    return labels_at(world, model.task, np.array([CUTOFF]))[0]


@pytest.mark.parametrize("name", list(CASES))
def test__sage__classes__are_learned_from_two_references_away(world: Database, models: dict[str, Model], name: str) -> None:
    model = models[name]
    labels = _later(world, model)
    member = model.fitted["sage"]
    assert isinstance(member, FittedGraphed)
    answer = member.gnn.plan.answer
    assert (answer.width, answer.metric, member.gnn.plan.past) == (len(model.task.classes), CASES[name][2], answer.width)
    found = model.predict(world, labels.seeds).members["sage"]
    assert found.shape == (len(labels), len(model.task.classes))
    by = score(model.task.kind, labels, found, 1.0)
    shares = score(model.task.kind, labels, np.broadcast_to(answer.mean, found.shape), 1.0)
    assert by["log_loss"] < 0.8 * shares["log_loss"] if name == "where" else by["roc_auc"] > 0.8


def test__fit_model__every_member__blends_classes(world: Database, models: dict[str, Model]) -> None:
    model = models["places"]
    assert model.members == ("entity", "features", "sage")
    assert sum(model.weights.values()) == pytest.approx(1.0)
    found = model.predict(world, _later(world, model).seeds)
    assert all(p.shape == found.prediction.shape and ((p > 0) & (p < 1)).all() for p in found.members.values())


@pytest.mark.parametrize("name", list(CASES))
def test__save_model__networks_of_classes__load_with_the_same_bits(
    world: Database, models: dict[str, Model], name: str, tmp_path: Path
) -> None:
    model = models[name]
    save_model(model, tmp_path / "m")
    seeds = _later(world, model).seeds
    first, second = model.predict(world, seeds), load_model(tmp_path / "m").predict(world, seeds)
    assert np.array_equal(first.prediction, second.prediction)
    assert all(np.array_equal(first.members[m], second.members[m]) for m in first.members)
