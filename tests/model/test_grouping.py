"""Weights that differ between groups: by the age of the database, by a category; each group's are drawn to those of all."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rdl.boost import Blend, Mixing, blend, blend_groups, fit_groups
from rdl.errors import UsageError
from rdl.model import fit_model, load_model, save_model
from rdl.model.grouping import groups_of
from rdl.model.recipe import choose
from rdl.model.training import Training, prepare_training
from rdl.task import Kind, Seeds, find_task, labels_at
from tests.model.world import CUTOFF, SMALL, tables, write

TASK = SimpleNamespace(window=10)


def test__groups_of__horizon_and_category__are_told_apart() -> None:
    features = SimpleNamespace(category_names=("city",), levels=(("Bern", "null"),), codes=np.array([[0], [1], [-1]]))
    seeds = Seeds(np.zeros(3, np.int64), np.array([500, 500, 500]), np.array([500, 480, 100]))
    inputs = SimpleNamespace(seeds=seeds, features=features)
    assert groups_of(inputs, "", TASK) is None  # type: ignore[arg-type]
    assert groups_of(inputs, "horizon", TASK).tolist() == ["0", "1", "3"]  # type: ignore[arg-type, union-attr]
    assert groups_of(inputs, "city", TASK).tolist() == ["= Bern", "= null", "null"]  # type: ignore[arg-type, union-attr]
    with pytest.raises(UsageError, match="town"):
        groups_of(inputs, "town", TASK)  # type: ignore[arg-type]


def test__fit_groups__members_good_in_groups_of_their_own__are_weighed_there() -> None:
    rng = np.random.default_rng(0)
    n = 2_000
    group = np.array(["a", "b", "few"])[np.where(np.arange(n) < 20, 2, np.arange(n) % 2)]
    target = rng.normal(size=n)
    members = {name: target + rng.normal(size=n) * np.where(group == name, 0.3, 3.0) for name in ("a", "b")}
    whole = Blend({"a": 0.5, "b": 0.5})
    groups = fit_groups(members, target, Kind.REGRESSION, "rmse", group, whole)
    assert set(groups) == {"a", "b"}
    assert groups["a"]["a"] > 0.9
    assert groups["b"]["b"] > 0.9
    mixed = blend_groups(members, whole.weights, Kind.REGRESSION, Mixing(by="city", groups=groups), group)
    even = blend(members, whole.weights, Kind.REGRESSION)
    assert np.abs(mixed - target)[20:].mean() < 0.5 * np.abs(even - target)[20:].mean()
    assert np.array_equal(mixed[:20], even[:20])


def test__choose__by_a_category_that_selection_would_drop__keeps_it_or_refuses_it_before_any_fold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, kept = write(tmp_path / "p", tables()), []
    monkeypatch.setattr(Training, "folds", lambda self: kept.append(self.source.plan) or pytest.fail("stop"))
    few = replace(SMALL, members=("features",), plan_depth=1, boost=replace(SMALL.boost, columns=3))  # type: ignore[type-var]

    def told(by: str) -> Training:
        return prepare_training(world, find_task(world, "spend"), CUTOFF, replace(few, blend_by=by), 0)

    with pytest.raises(UsageError, match="no categorical feature 'town'"):
        choose(told("town"))
    assert not kept
    with pytest.raises(pytest.fail.Exception):
        choose(told(""))
    plain = {f.name for f in kept[0].features}
    dropped = next(name for name in told("").earliest().inputs.features.category_names if name not in plain)
    with pytest.raises(pytest.fail.Exception):
        choose(told(dropped))
    assert {f.name for f in kept[1].features} - plain == {dropped}


@pytest.mark.slow
def test__fit_model__blended_by_horizon__comes_back_and_depends_on_its_own_seed(tmp_path: Path) -> None:
    world = write(tmp_path / "p", tables())
    settings = replace(SMALL, members=("features", "lightgbm"), blend_by="horizon")
    model = fit_model(world, find_task(world, "spend"), CUTOFF, settings, staleness=40 * 86_400_000_000)
    assert model.choices.mixing.by == "horizon"
    labels, _ = labels_at(world, model.task, np.array([CUTOFF]))
    seeds = Seeds.concat([labels.seeds, labels.seeds.frozen(CUTOFF - 20 * 86_400_000_000)])
    found = model.predict(world, seeds).prediction
    save_model(model, tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert np.array_equal(again.predict(world, seeds).prediction, found)
    assert again.predict(world, seeds[np.array([3])]).prediction[0] == pytest.approx(found[3])
