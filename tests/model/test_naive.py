"""Baselines without a learner: they read mature labels only, shrink where an entity has few, and never enter the blend."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdl.database import Database
from rdl.errors import ModelFileError
from rdl.model import fit_model, load_model, resolve_members, save_model
from rdl.model.naive import FittedNaive, own_labels
from rdl.model.registry import member
from rdl.task import History, Seeds, find_task, labels_at
from tests.model.world import CUTOFF, TREES, tables, write


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("naive") / "p", tables())


@given(seed=st.integers(0, 1_000), most=st.integers(0, 3))
def test__own_labels__any_history__equals_a_walk_over_the_mature_ones(seed: int, most: int) -> None:
    """The oracle reads label by label; a label of the very instant is the future."""
    rng = np.random.default_rng(seed)
    m, n = int(rng.integers(0, 30)), 12
    time = rng.integers(0, 8, m)
    history = History(rng.integers(0, 4, m), time, time, rng.integers(0, 9, m).astype(float))
    seeds = Seeds.at(rng.integers(0, 5, n), rng.integers(0, 9, n))
    total, count = own_labels(seeds, history, most)
    for i in range(n):
        mature = np.flatnonzero((history.entity == seeds.entity[i]) & (history.time < seeds.as_of[i]))
        times = np.sort(history.time[mature])
        assert count[i] == (min(len(mature), most) if most else len(mature))
        if count[i] and len(np.unique(times)) == len(times):
            newest = mature[np.argsort(history.time[mature])][-int(count[i]) :]
            assert total[i, 0] == pytest.approx(history.value[newest].sum())


def test__predict__rare_classes_and_strangers__have_the_general_answer() -> None:
    general = tuple([0.2] + [0.08] * 10)
    fitted = FittedNaive("mean of all", general, True, (11,))
    history = History(np.array([0, 0]), np.array([1, 2]), np.array([1, 2]), np.eye(8)[[0, 0]])
    inputs = type("Inputs", (), {"seeds": Seeds.at(np.array([0, 7]), np.array([5, 5])), "history": history})
    found = fitted.predict(inputs, None)  # type: ignore[arg-type]
    assert found[1] == pytest.approx(general)
    assert found[0, 0] == pytest.approx((2 + 0.2) / 3)
    assert found.sum(axis=1) == pytest.approx(1.0)


@pytest.mark.slow
def test__fit_model__baselines__stand_beside_and_come_back(world: Database, tmp_path: Path) -> None:
    settings = replace(TREES, members=resolve_members(["baselines", "features"]))
    model = fit_model(world, find_task(world, "spend"), CUTOFF, settings)
    assert model.members == ("entity", "features", "typical", "last")
    assert model.weights["features"] == 1.0
    labels, _ = labels_at(world, model.task, np.array([CUTOFF]))
    found = model.predict(world, labels.seeds)
    assert len(np.unique(found.members["typical"])) == 1
    assert np.corrcoef(found.members["last"], labels.target)[0, 1] > 0.2
    save_model(model, tmp_path / "m")
    again = load_model(tmp_path / "m").predict(world, labels.seeds)
    assert all(np.array_equal(again.members[name], found.members[name]) for name in found.members)
    with pytest.raises(ModelFileError):
        member("last").load(tmp_path)


def test__own_labels__one_entity_with_enormous_labels__changes_no_other() -> None:
    history = History(np.array([0, 1]), np.array([1, 1]), np.array([1, 1]), np.array([1e17, 3.0]))
    total, count = own_labels(Seeds.at(np.array([1, 2]), np.array([5, 5])), history, 0)
    assert (total[:, 0].tolist(), count.tolist()) == ([3.0, 0.0], [1.0, 0.0])
