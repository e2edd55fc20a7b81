"""The blend on real tasks: on later out-of-fold rows never worse than its best member by more than noise. No test label is read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rdl.boost import blend, fit_blend
from rdl.boost.blend import inner
from rdl.boost.judging import blocks, error_of, loss
from rdl.database import Database, open_database
from rdl.database.demo import write_demo
from rdl.model import FitSettings
from rdl.model.recipe import select_features
from rdl.model.registry import member
from rdl.model.training import prepare_training
from rdl.project import open_project
from rdl.task import Kind, Labels, Task, find_task, with_classes

pytestmark = pytest.mark.slow

EARLIER = 0.6
NOISE = 3.0
"""Standard errors of the difference."""


def never_worse(database: Database, task: Task, settings: FitSettings, names: tuple[str, ...]) -> None:
    """Fit the blend on earlier out-of-fold rows; on the later ones, hold it against whichever member is best there."""
    task = with_classes(database, task, task.test)
    training = prepare_training(database, task, task.test, settings, 0)
    training = training.only(select_features(training.source.plan, training.earliest(), training.context(1.0)))
    folds = training.folds()
    parts = {name: member(name).choose(folds, training.context(1.0))[1] for name in names}
    shared = min(len(p) for p in parts.values())
    labels = Labels.concat([f.valid.labels for f in folds[-shared:]])
    members = {name: np.concatenate(p[-shared:]) for name, p in parts.items()}
    cutoff, kind = labels.seeds.cutoff, task.kind
    early = cutoff <= np.quantile(cutoff, EARLIER)
    found = fit_blend({k: p[early] for k, p in members.items()}, labels.target[early], kind, task.metric, cutoff[early])
    later = {k: p[~early] for k, p in members.items()}
    target, block = labels.target[~early], blocks(cutoff[~early])
    margin = inner(blend(later, found.weights, kind, found.mixing), kind)
    for name, prediction in later.items():
        other = inner(prediction, kind)

        def change(kept: np.ndarray, other: np.ndarray = other) -> float:
            return loss(margin[kept], target[kept], kind, task.metric) - loss(other[kept], target[kept], kind, task.metric)

        whole = change(np.ones(len(target), dtype=np.bool_))
        assert whole <= NOISE * error_of(change, block), (task.name, name, found, whole)


@pytest.mark.parametrize("name", ["driver-dnf", "driver-top3", "driver-position"])
def test__fit_blend__rel_f1__is_never_worse_than_its_best_member_by_more_than_noise(rel_f1: Database, name: str) -> None:
    never_worse(rel_f1, find_task(rel_f1, name), FitSettings(), ("features", "sage", "lightgbm"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("blending") / "shop"
    write_demo(folder, rows=20_000)
    return open_database(open_project(folder))


def _tasks(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.sql"))


def test__fit_blend__demo__is_never_worse_than_its_best_member_by_more_than_noise(shop: Database) -> None:
    settings = FitSettings(rows=3_000, lattices=1)
    settings = replace(settings, gnn=replace(settings.gnn, epochs=4))
    for name in _tasks(shop.project.root / "sql" / "tasks"):
        task = find_task(shop, name)
        if task.kind is not Kind.RECOMMENDATION:
            never_worse(
                shop, task, settings, ("features", "sage") if task.kind is Kind.MULTILABEL else ("features", "sage", "lightgbm")
            )
