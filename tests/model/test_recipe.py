"""The stack as a whole: it learns, repeats itself, reads nothing at or after its cutoff, and refuses what it cannot learn from."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdl.database import Database
from rdl.errors import SchemaError, TaskError, UsageError
from rdl.model import Model, fit_model, resolve_members
from rdl.model.registry import members_for
from rdl.task import Kind, Seeds, entity_keys, find_entities, find_task, labels_at
from tests.model.world import CUTOFF, SMALL, TREES, people, rewrite_future, tables, write

MEMBERS = {"entity", "features", "sage"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return write(tmp_path_factory.mktemp("world") / "p", tables())


@pytest.fixture(scope="module")
def model(world: Database) -> Model:
    return fit_model(world, find_task(world, "active"), CUTOFF, SMALL)


def test__fit_model__every_member__predicts_better_than_chance(world: Database, model: Model) -> None:
    labels, _ = labels_at(world, model.task, np.array([CUTOFF, CUTOFF + 10 * 86_400_000_000]))
    found = model.predict(world, labels.seeds)
    assert set(found.members) == MEMBERS
    positive, negative = found.prediction[labels.target == 1], found.prediction[labels.target == 0]
    assert np.mean(positive[:, None] > negative[None, :]) > 0.52  # on 104 out-of-fold rows the weights are close to even
    assert sum(model.weights.values()) == pytest.approx(1.0, abs=1e-5)
    assert set(model.choices.out_of_fold) == {*MEMBERS, "blend"}


def test__fit_model__same_seed__gives_identical_bits_whatever_the_order_of_input_rows(
    world: Database, model: Model, tmp_path: Path
) -> None:
    content = tables()
    order = np.random.default_rng(1).permutation(len(content["events"]))
    again = write(tmp_path / "p", {**content, "events": content["events"].take(order)})
    other = fit_model(again, find_task(again, "active"), CUTOFF, SMALL)
    seeds = people(world, model)
    first, second = model.predict(world, seeds), other.predict(again, seeds)
    for name in first.members:
        assert np.array_equal(first.members[name], second.members[name]), name
    assert np.array_equal(first.prediction, second.prediction)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
def test__predict__rewritten_future__changes_no_prediction(world: Database, model: Model, seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        other = write(Path(folder) / "p", rewrite_future(tables(), seed))
        seeds = people(world, model)
        there = find_entities(other, model.task, entity_keys(world, model.task, seeds.entity))
        first = model.predict(world, seeds)
        second = model.predict(other, Seeds.at(there, seeds.cutoff))
    for name in first.members:
        assert np.array_equal(first.members[name], second.members[name]), name


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test__fit_model__rewritten_future__fits_the_same_model(world: Database, model: Model, tmp_path: Path, seed: int) -> None:
    other = write(tmp_path / "p", rewrite_future(tables(), seed))
    fitted = fit_model(other, find_task(other, "active"), CUTOFF, SMALL)
    assert fitted.plan == model.plan
    assert fitted.weights == model.weights
    seeds = people(world, model)
    first, second = model.predict(world, seeds), fitted.predict(world, seeds)
    for name in first.members:
        assert np.array_equal(first.members[name], second.members[name]), name


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test__predict__one_row_around_the_cutoff__is_seen_only_before_it(
    world: Database, model: Model, tmp_path: Path, shift: int
) -> None:
    """An event whose arrival (time + lag) is a microsecond before the cutoff changes predictions; at or after it, nothing."""
    content = tables()
    rows = content["events"].to_pylist()
    arrival = CUTOFF + shift
    hour = 3_600_000_000
    rows += [{**rows[0], "event": len(rows) + i, "user": f"u{i % 20}", "item": i % 8, "amount": 900.0} for i in range(80)]
    table = content["events"].schema.empty_table().from_pylist(rows, content["events"].schema)
    at = table["at"].cast("int64").to_pylist()
    at[-80:] = [arrival - hour] * 80
    other = write(tmp_path / "p", {**content, "events": table.set_column(3, "at", _timestamps(at))})
    seeds = people(world, model)
    first, second = model.predict(world, seeds), model.predict(other, seeds)
    for name in ("features", "sage"):
        same = np.array_equal(first.members[name], second.members[name])
        assert same == (shift >= 0), name


def test__predict__one_seed__equals_its_place_among_many(world: Database, model: Model) -> None:
    day = 86_400_000_000
    seeds = Seeds.concat([people(world, model, CUTOFF), people(world, model, CUTOFF + day)])
    whole = model.predict(world, seeds)
    for i in (0, len(seeds) // 2, len(seeds) - 1):
        alone = model.predict(world, seeds[np.array([i])])
        assert alone.prediction[0] == pytest.approx(whole.prediction[i], abs=1e-6)


def test__predict__no_seeds__gives_nothing(world: Database, model: Model) -> None:
    nobody = np.array([], dtype=np.int64)
    assert len(model.predict(world, Seeds.at(nobody, nobody)).prediction) == 0


def test__predict__database_without_a_column__is_refused(model: Model, tmp_path: Path) -> None:
    content = tables()
    other = write(
        tmp_path / "p", {**content, "events": content["events"].rename_columns(["event", "user", "item", "at", "kind", "sum"])}
    )
    with pytest.raises(SchemaError, match=r"reads events\.amount"):
        model.predict(other, Seeds.at(np.array([0]), np.array([CUTOFF])))


@pytest.mark.slow
def test__fit_model__regression_with_stale_copies__predicts_values(world: Database) -> None:
    task = replace(find_task(world, "spend"), metric="rmse")
    month = 30 * 86_400_000_000
    fitted = fit_model(world, task, CUTOFF, replace(TREES, members=("entity", "features")), staleness=month)
    labels, _ = labels_at(world, task, np.array([CUTOFF]))
    prediction = fitted.predict(world, labels.seeds.frozen(CUTOFF)).prediction
    assert fitted.facts["staleness"] == month
    assert np.corrcoef(prediction, labels.target)[0, 1] > 0.2


def test__fit_model__refit_later__keeps_the_choices(world: Database, model: Model) -> None:
    task = model.task
    early = fit_model(world, task, CUTOFF, TREES)
    later = fit_model(world, task, CUTOFF + 20 * 86_400_000_000, TREES, choose_at=CUTOFF)
    assert later.plan == early.plan
    assert later.weights == early.weights
    assert later.facts["rows"] > early.facts["rows"]


def test__fit_model__one_class__is_refused(world: Database) -> None:
    task = replace(find_task(world, "active"), label_sql="SELECT c.cutoff, u.user, true AS label FROM cutoffs c CROSS JOIN users u")
    with pytest.raises(TaskError, match="one class only"):
        fit_model(world, task, CUTOFF, TREES)


def test__fit_model__too_early__is_refused(world: Database) -> None:
    with pytest.raises(TaskError, match="training cutoffs are mature"):
        fit_model(world, find_task(world, "active"), CUTOFF - 115 * 86_400_000_000, TREES)


@pytest.mark.parametrize(("asked", "found"), [(["boost"], ("entity", "features")), (["gnn", "entity"], ("entity", "sage"))])
def test__resolve_members__groups__become_members(asked: list[str], found: tuple[str, ...]) -> None:
    assert resolve_members(asked) == found


def test__members_for__optional_ones__enter_where_they_are_named() -> None:
    assert members_for(Kind.BINARY, ()) == ("entity", "features", "sage")
    assert members_for(Kind.BINARY, ("features", "relgnn")) == ("features", "relgnn")
    with pytest.raises(UsageError, match="choose from popular, past, ranked"):
        members_for(Kind.RECOMMENDATION, ("relgnn",))


@pytest.mark.parametrize(("asked", "hint"), [(["featurs"], "features"), ([], "choose from")])
def test__resolve_members__unknown__names_the_nearest(asked: list[str], hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        resolve_members(asked)


def _timestamps(values: list[int | None]) -> object:

    return pa.array(values, pa.int64()).cast(pa.timestamp("us"))
