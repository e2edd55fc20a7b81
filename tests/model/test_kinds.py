"""Every kind of answer about an entity, end to end with the tree members: learned, of the right shape, saved whole, and scored."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from rdl.database import Database
from rdl.evaluate import evaluate
from rdl.model import Model, Predictions, fit_model, load_model, save_model
from rdl.model.training import prepare_training
from rdl.task import METRICS, Kind, Labels, Task, find_task, label_channels, labels_at, mature_cutoffs, with_classes
from rdl.task.metrics import LARGER_IS_BETTER, score
from rdl.timeline import DAY
from tests.model.world import CUTOFF, SMALL, TASK, tables, write

pytestmark = pytest.mark.slow

BOOST = replace(SMALL, members=("entity", "features"), plan_depth=1)


class Case(NamedTuple):
    """A kind, the metric that judges it, and a label in SQL."""

    kind: Kind
    metric: str
    label: str


CASES = {
    "level": Case(Kind.MULTICLASS, "accuracy", "CASE count(e.event) WHEN 0 THEN 'none' WHEN 1 THEN 'one' ELSE 'more' END"),
    "acts": Case(Kind.MULTILABEL, "average_precision", "list(DISTINCT e.kind) FILTER (e.kind IS NOT NULL)"),
    "outlay": Case(Kind.REGRESSION, "rmse", "coalesce(sum(e.amount), 0)"),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("kinds") / "p"
    database = write(folder, tables())
    for name, case in CASES.items():
        label = f"coalesce({case.label}, [])" if case.kind is Kind.MULTILABEL else case.label
        text = TASK.format(name=name, kind=case.kind.value, label=label)
        text = text.replace("*/", f'metric = "{case.metric}"\n*/', 1)
        (folder / "sql" / "tasks" / f"{name}.sql").write_text(text)
    return database


@pytest.fixture(scope="module")
def models(world: Database) -> dict[str, Model]:
    return {name: fit_model(world, find_task(world, name), CUTOFF, BOOST) for name in CASES}


@pytest.fixture(scope="module")
def found(world: Database, models: dict[str, Model]) -> dict[str, tuple[Labels, Predictions]]:
    """Later labels, and what was predicted of them."""
    labels = {name: _later(world, model.task) for name, model in models.items()}
    return {name: (labels[name], model.predict(world, labels[name].seeds)) for name, model in models.items()}


def _later(world: Database, task: Task) -> Labels:
    return labels_at(world, task, np.array([CUTOFF, CUTOFF + 10 * DAY]))[0]


def _prior(world: Database, task: Task, labels: Labels) -> np.ndarray:
    """The shares of the classes, or the mean, of all labels that were mature."""
    past = labels_at(world, task, mature_cutoffs(task, CUTOFF, world.span))[0].target
    share = np.eye(len(task.classes))[past.astype(int)].mean(axis=0) if task.kind is Kind.MULTICLASS else past.mean(axis=0)
    return np.broadcast_to(share, (len(labels), *task.shape))


@pytest.mark.parametrize("name", list(CASES))
def test__fit_model__every_kind__beats_the_shares_of_the_past(
    world: Database, models: dict[str, Model], found: dict[str, tuple[Labels, Predictions]], name: str
) -> None:
    model, (labels, predicted) = models[name], found[name]
    by = score(model.task.kind, labels, predicted.prediction, 1.0)
    prior = score(model.task.kind, labels, _prior(world, model.task, labels), 1.0)
    for metric in {"log_loss", "average_precision", "rmse"} & set(by):
        assert by[metric] > prior[metric] if LARGER_IS_BETTER[metric] else by[metric] < prior[metric], metric
    assert model.weights == {"entity": 0.0, "features": 1.0}


@pytest.mark.parametrize("name", list(CASES))
def test__predict__every_kind__has_the_shape_of_its_task(
    world: Database, models: dict[str, Model], found: dict[str, tuple[Labels, Predictions]], name: str
) -> None:
    model, (labels, predicted) = models[name], found[name]
    for prediction in (predicted.prediction, *predicted.members.values()):
        assert prediction.shape == (len(labels), *model.task.shape)
        if model.task.kind.classed:
            assert ((prediction > 0) & (prediction < 1)).all()
        if model.task.kind is Kind.MULTICLASS:
            assert prediction.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    alone = model.predict(world, labels.seeds[np.array([3])])
    assert np.array_equal(alone.prediction[0], predicted.prediction[3])


@pytest.mark.parametrize("name", list(CASES))
def test__save_model__every_kind__loads_with_the_same_bits(
    world: Database, models: dict[str, Model], found: dict[str, tuple[Labels, Predictions]], name: str, tmp_path: Path
) -> None:
    model, (labels, predicted) = models[name], found[name]
    save_model(model, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    again = loaded.predict(world, labels.seeds)
    assert np.array_equal(predicted.prediction, again.prediction)
    assert all(np.array_equal(predicted.members[m], again.members[m]) for m in again.members)
    assert loaded.task.classes == model.task.classes
    assert loaded.importance() == model.importance()


def test__fit_model__classes__reads_the_past_of_each(models: dict[str, Model]) -> None:
    for name in ("level", "acts"):
        model = models[name]
        assert model.plan.settings.label_channels == label_channels(model.task) == 3
        assert any("value_" in feature for feature in model.importance()), name


@pytest.mark.parametrize("name", list(CASES))
def test__evaluate__every_kind__gives_all_metrics(world: Database, name: str) -> None:
    task = find_task(world, name)
    found = evaluate(world, task, "fresh", BOOST)
    assert set(found.metrics) == {"entity", "features", "blend"}
    assert tuple(found.metrics["blend"]) == METRICS[task.kind]
    assert all(np.isfinite(value) for value in found.metrics["blend"].values())
    assert found.metric == CASES[name].metric


def test__class_that_appears_later__is_neither_learned_nor_right(world: Database, models: dict[str, Model]) -> None:
    """From the cutoff of the fit on, all labels are of a class that was never seen before: it has no place."""
    model = models["level"]
    label_sql = model.task.label_sql.replace(
        "CASE count", "CASE WHEN min(c.cutoff) >= TIMESTAMP '2025-05-11' THEN 'new' ELSE CASE count"
    )
    task = replace(model.task, label_sql=label_sql.replace("'more' END", "'more' END END"), classes=())
    task = with_classes(world, task, CUTOFF)
    assert set(task.classes) == {"none", "one", "more"}
    labels = _later(world, task)
    assert (labels.target == -1).all()
    by = score(task.kind, labels, model.predict(world, labels.seeds).prediction, 1.0)
    assert by["accuracy"] == by["macro_f1"] == 0.0
    assert np.isfinite(by["log_loss"])
    learned = prepare_training(world, task, CUTOFF + 30 * DAY, BOOST, 0, model.choices).labels
    assert learned.seeds.cutoff.max() < CUTOFF
    assert (learned.target >= 0).all()
