"""The search for families and depth: it drops what misleads, keeps what may be chance, and says what it tried."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from rdl.database import Database
from rdl.model import Choices, FitSettings, search
from rdl.model.boosted import OWN
from rdl.model.inputs import Examples
from rdl.model.member import FoldExamples
from rdl.model.recipe import choose
from rdl.model.search import depths, search_plan
from rdl.model.training import Training, prepare_training
from rdl.task import find_task
from tests.model.world import CUTOFF, TREES, tables, write


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("world") / "p", tables())


@pytest.fixture(scope="module")
def training(world: Database) -> Training:
    return prepare_training(world, find_task(world, "active"), CUTOFF, replace(TREES, lattices=1), 0)


@pytest.fixture(scope="module")
def folds(training: Training) -> list[FoldExamples]:
    return training.folds()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "ROUNDS", 12)
    monkeypatch.setattr(search, "SEEDS", 2)
    monkeypatch.setattr(search, "LEAST_ROWS", 1)


def _misled(fold: FoldExamples, family: str) -> FoldExamples:
    """The fold with a family that tells the answer where it is learned, and nothing where it is predicted."""
    return FoldExamples(
        _told(fold.train, family, fold.train.target), _told(fold.valid, family, np.arange(len(fold.valid.target)) % 2)
    )


def _told(examples: Examples, family: str, told: np.ndarray) -> Examples:
    features = examples.inputs.features
    values = features.values.copy()
    values[:, [f == family for f in features.families]] = told[:, None]
    return replace(examples, inputs=replace(examples.inputs, features=replace(features, values=values)))


@pytest.mark.slow
def test__search_plan__family_that_misleads__is_dropped_first(
    training: Training, folds: list[FoldExamples], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "ROUNDS", 50)
    plan = training.source.plan
    left, trials = search_plan(plan, [_misled(f, "windows") for f in folds], training.context(1.0))
    first = next(t for t in trials if t.taken)
    assert first.without == "windows"
    assert first.change + search.ERRORS * first.error < 0
    assert "windows" not in left.families
    assert set(OWN) <= set(left.families)
    tried = [t.without for t in trials][: len(plan.families)]
    assert {f for f in plan.families if f not in OWN} <= set(tried)


def test__search_plan__few_rows_or_little_time__leaves_the_plan(
    training: Training, folds: list[FoldExamples], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, context = training.source.plan, training.context(1.0)
    assert search_plan(plan, folds, replace(context, seconds=1.0)) == (plan, ())
    monkeypatch.setattr(search, "LEAST_ROWS", 1 + sum(len(f.valid.target) for f in folds))
    assert search_plan(plan, folds, context) == (plan, ())


def test__compared__rows_of_one_cutoff__vary_together() -> None:
    """Ten rows that are one piece of news have the error of one."""
    draw = np.random.default_rng(0).normal(size=50)
    [alone] = search._compared([("x", np.stack([draw] * 3))], np.arange(50))
    [together] = search._compared([("x", np.stack([draw.repeat(10)] * 3))], np.arange(50).repeat(10))
    assert (together.change, together.error) == pytest.approx((alone.change, alone.error))
    assert alone.error == pytest.approx(draw.std() / np.sqrt(50))


def test__compared__seeds_that_differ__add_to_the_error() -> None:
    """Where every row of a seed moves alike, the rows tell nothing of the error and the seeds all."""
    moved = np.array([-0.3, 0.0, 0.3])
    [trial] = search._compared([("x", np.repeat(moved[:, None], 40, axis=1))], np.arange(40))
    assert (trial.change, trial.error) == pytest.approx((0.0, moved.std(ddof=1) / np.sqrt(3)))


def test__search_plan__noise__is_left_alone(training: Training, folds: list[FoldExamples]) -> None:
    plan = training.source.plan
    left, trials = search_plan(plan, folds, training.context(1.0))
    assert left == plan
    assert trials


def test__told__says_what_was_taken_and_how_much_was_tried() -> None:
    assert search.told([]) == []
    tried = [search.Trial("world", -0.02, 0.004, taken=True), search.Trial("streaks", 0.001, 0.003)]
    assert search.told([asdict(t) for t in tried]) == [
        "  2 smaller plans were tried on the folds, 1 of them clearly better",
        "    without world: loss -0.0200 ± 0.0040",
    ]


def test__depths__differences__are_as_deep_as_what_they_are_made_of(training: Training) -> None:
    plan = training.source.plan
    found = depths(plan)
    assert found.keys() == {f.name for f in plan.features}
    assert set(found.values()) == {0, 1, 2}
    for feature in plan.features:
        if feature.operands:
            assert found[feature.name] == max(found[o] for o in feature.operands)


@pytest.mark.parametrize(
    ("asked", "budget", "searches"), [(None, None, False), (None, 60, True), (True, None, True), (False, 60, False)]
)
def test__settings__search__follows_the_budget_unless_told(asked: bool | None, budget: float | None, searches: bool) -> None:
    assert FitSettings(search=asked, budget_s=budget).searches == searches


def test__choose__with_the_search__keeps_its_plan_and_what_was_tried(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "ERRORS", -100.0)  # whatever is tried is taken
    monkeypatch.setattr(search, "_smaller", lambda plan, _: [(f, plan.drop(f)) for f in {"windows", "world"} & set(plan.families)])
    choices, narrowed = choose(replace(training, settings=replace(training.settings, search=True)))
    assert choices.plan == narrowed.source.plan
    taken = {t["without"] for t in choices.trials if t["taken"]}
    assert taken
    assert not taken & set(choices.plan.families)
    assert Choices.from_json(choices.to_json()) == choices
    without = choose(training)[0]
    assert without.trials == ()
    assert len(without.plan.features) > len(choices.plan.features)
