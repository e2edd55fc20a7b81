"""The portfolio: the default unless another is clearly better on later rows, in order, while time lasts."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rdl.boost import BoostSettings, default_settings
from rdl.model import FitSettings
from rdl.model import portfolio as subject
from rdl.model.portfolio import DEFAULT, Trial, best_of, portfolio
from rdl.task import Kind
from tests.model.made import ROWS, made_folds

SETTINGS = FitSettings(portfolio=True)


def _context(settings: FitSettings = SETTINGS, seconds: float | None = None) -> SimpleNamespace:
    boost = settings.boost or default_settings(Kind.REGRESSION, 0)
    return SimpleNamespace(settings=settings, boost=boost, seconds=seconds, kind=Kind.REGRESSION, metric="mae")


def _chosen(noise: dict[str, float], context: SimpleNamespace) -> tuple[str, list[str]]:
    """What is chosen, and what is tried, where a configuration's predictions err by so much noise."""
    folds, asked = made_folds(), []

    def run(name: str, settings: BoostSettings) -> Trial:
        asked.append(name)
        rng = np.random.default_rng(sorted(portfolio(context.boost)).index(name))
        size = noise.get(name, 1.0)
        return Trial(name, 7, [f.valid.target + size * rng.normal(size=ROWS) for f in folds])

    return best_of(folds, context, run, others=True).name, asked  # type: ignore[arg-type]


def test__best_of__one_clearly_better__takes_the_place_of_the_default() -> None:
    chosen, asked = _chosen({"wide": 0.5}, _context())
    assert chosen == "wide"
    assert asked == list(portfolio(_context().boost))


def test__best_of__all_alike__is_the_default() -> None:
    assert _chosen({}, _context())[0] == DEFAULT


def test__best_of__no_time__tries_the_default_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _chosen({"wide": 0.5}, _context(seconds=0.0)) == (DEFAULT, [DEFAULT])
    ticks = iter(np.arange(0.0, 1_000.0, 1.0))
    monkeypatch.setattr(subject.time, "monotonic", lambda: next(ticks))
    chosen, asked = _chosen({"shallow": 0.1}, _context(seconds=7.0))
    assert (chosen, asked) == (DEFAULT, [DEFAULT, "deep", "wide"])


@pytest.mark.parametrize(
    ("settings", "tried"),
    [
        (FitSettings(), False),
        (FitSettings(budget_s=60.0), True),
        (FitSettings(budget_s=60.0, boost=BoostSettings()), False),
        (FitSettings(budget_s=60.0, portfolio=False), False),
    ],
)
def test__tries_portfolio__by_default__is_with_a_budget_and_settings_of_its_own(settings: FitSettings, tried: bool) -> None:
    assert settings.tries_portfolio is tried
    assert (len(_chosen({}, _context(replace(settings, budget_s=None, portfolio=settings.tries_portfolio)))[1]) > 1) is tried
