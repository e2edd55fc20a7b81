"""Tuning finds what is clearly better on the folds, not chance; it prunes, repeats, ends with its time, and reads no later row."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rdl.boost import BoostSettings, default_settings
from rdl.errors import UsageError
from rdl.model import Choices, FitSettings, fit_model, load_model, save_model, tuning
from rdl.model.boosted import Boosted
from rdl.model.portfolio import DEFAULT, portfolio
from rdl.model.recipe import choose
from rdl.model.training import prepare_training
from rdl.model.tuning import RANGES, SEARCHED, TUNED, search_space, tune, tuned_lines
from rdl.task import Kind, find_task
from tests.model.made import FOLDS, ROWS, made_folds
from tests.model.world import CUTOFF, TREES, rewrite_future, tables, write

BASE = default_settings(Kind.REGRESSION, 0)


def _tuned(size: Any, trials: int, seed: int = 0, seconds: float | None = None) -> tuple[Any, Any, list[tuple[int, BoostSettings]]]:
    """What is found where predictions err by `size(settings)`; and what was fitted, fold by fold."""
    folds, fitted = made_folds(), []
    settings = FitSettings(seed=seed, trials=trials)
    context: Any = SimpleNamespace(settings=settings, boost=BASE, seconds=seconds, kind=Kind.REGRESSION, metric="mae")

    def curves(told: BoostSettings) -> Iterator[Any]:
        for i, fold in enumerate(folds):
            fitted.append((i, told))
            noise = np.random.default_rng([i, len(fitted)]).normal(size=ROWS)
            found = fold.valid.target + size(told) * noise
            loss = np.abs(size(told) * noise).mean()
            yield SimpleNamespace(scores=np.full(5, -loss), valid=range(ROWS), predict=lambda _, found=found: found)

    return *tune(folds, context, curves), fitted


def test__tune__one_clear_optimum__is_found_and_told() -> None:
    trial, told, _ = _tuned(lambda s: 0.2 + abs(np.log(s.reg_lambda / 0.3)), 30)
    assert trial.name == TUNED
    assert set(told.settings) == set(SEARCHED)
    assert abs(np.log(told.settings["reg_lambda"] / 0.3)) < 0.3 * np.log(BASE.reg_lambda / 0.3)
    assert told.change + 3 * told.error < 0
    assert told.tried == 30
    (first, *rest) = tuned_lines({"features": {"rounds": 5, "tuning": told.__dict__}})
    assert "30 configurations" in first
    assert len(rest) == len(SEARCHED)


def test__tune__all_alike__is_the_default() -> None:
    trial, told, fitted = _tuned(lambda _: 1.0, 12)
    assert (trial.name, told.settings) == (DEFAULT, {})
    whole = list(portfolio(BASE).values())
    first = [s for fold, s in fitted if fold == 0][: len(whole)]
    for asked, known in zip(first, whole, strict=True):
        assert all(getattr(asked, name) == getattr(known, name) for name in SEARCHED)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test__tune__any_noise__is_never_worse_than_the_default_on_the_folds(seed: int) -> None:
    draw = np.random.default_rng(seed)
    trial, _, _ = _tuned(lambda s: 0.5 + (1e4 * s.subsample) % 1 * draw.random(), 15, seed)
    target = np.concatenate([f.valid.target for f in made_folds()])
    first, _, _ = _tuned(lambda s: 0.5 + (1e4 * s.subsample) % 1 * np.random.default_rng(seed).random(), 1, seed)
    if trial.name != DEFAULT:
        loss, before = (np.abs(np.concatenate(t.predictions) - target).mean() for t in (trial, first))
        assert loss < before


def test__tune__worse_than_most_on_the_first_fold__is_fitted_on_no_other() -> None:
    _, told, fitted = _tuned(lambda s: 1.0 if s.max_bin == BASE.max_bin else 9.0, 20)
    assert told.pruned > 0
    assert len(fitted) == FOLDS * (20 - told.pruned) + told.pruned


def test__tune__same_seed__same_answer_and_another_seed_draws_others() -> None:
    def size(s: BoostSettings) -> float:
        return 0.2 + s.subsample

    first, second, other = (_tuned(size, 12, seed) for seed in (4, 4, 5))
    assert first[1:] == second[1:]
    assert first[2][-1] != other[2][-1]


def test__tune__no_time__tries_the_default_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _tuned(lambda _: 1.0, 30, seconds=0.0)[1].tried == 1
    ticks = iter(np.arange(0.0, 1_000.0, 1.0))
    monkeypatch.setattr(tuning.time, "monotonic", lambda: next(ticks))
    assert 2 <= _tuned(lambda _: 1.0, 30, seconds=20.0)[1].tried <= 10


def test__search_space__settings_beyond_the_ranges__hold_them() -> None:
    far = replace(BASE, reg_lambda=1e4, half_life=77.0)
    space: Any = search_space(far)
    assert space["reg_lambda"].high == 1e4
    assert 77.0 in space["half_life"].choices
    assert (space["subsample"].low, space["subsample"].high) == RANGES["subsample"]


def test__fit_model__without_optuna__says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = write(tmp_path / "p", tables())
    task = find_task(world, "active")
    monkeypatch.setattr(tuning, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'rdl\[tune\]'"):
        fit_model(world, task, CUTOFF, replace(TREES, trials=5))
    with pytest.raises(UsageError, match="none of the members can be tuned"):
        fit_model(world, task, CUTOFF, replace(TREES, trials=5, members=("entity",)))


def test__choose__poisoned_validation_and_test__tunes_to_the_same_bits(tmp_path: Path) -> None:
    """Every row at or after the validation cutoff is changed, deleted or added to: its labels and the test's with them."""
    world = write(tmp_path / "whole", tables())
    at = find_task(world, "active").validate
    poisoned = write(tmp_path / "poisoned", rewrite_future(tables(), 5, at))
    told = replace(TREES, trials=6, lattices=1)
    first, second = (choose(prepare_training(w, find_task(w, "active"), at, told, 0))[0] for w in (world, poisoned))
    assert first.members == second.members
    assert first.members["features"]["tuning"]["tried"] == 6
    assert Choices.from_json(first.to_json()).members == first.members


@pytest.mark.slow
def test__fit__tuned_choice__fits_and_saves_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned = {"max_depth": 1, "learning_rate": 0.5, "half_life": None}
    choice = {"rounds": 4, "configuration": TUNED, "tuning": {"settings": tuned, "tried": 2, "pruned": 0, "change": -1, "error": 0}}
    monkeypatch.setattr(Boosted, "choose", lambda self, folds, context: (choice, [f.valid.target * 0.5 for f in folds]))
    world = write(tmp_path / "p", tables())
    model = fit_model(world, find_task(world, "active"), CUTOFF, TREES)
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    settings = again.fitted["features"].boost.settings  # type: ignore[attr-defined]
    assert (settings.rounds, settings.max_depth, settings.learning_rate, settings.half_life) == (4, 1, 0.5, None)
    assert tuned_lines(again.choices.members)[0].startswith("  tuning   features: 2 configurations")
