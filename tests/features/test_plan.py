"""A plan is data: it survives JSON, names itself by content, and walks references with bounds."""

import json

import pytest

from rdl.errors import ModelFileError
from rdl.features import FeaturePlan, PlanSettings, plan_features, survey_database
from rdl.features.chain import ascents, descents
from rdl.timeline import DAY, NEVER
from tests.features import worlds


@pytest.fixture
def plan(tmp_path):
    world = worlds.make(1)
    with world.engine(tmp_path) as engine:
        return plan_features(world.schema, "users", PlanSettings(5 * DAY), survey_database(engine, world.schema, "users", NEVER))


def test__plan__json__comes_back_equal(plan):
    again = FeaturePlan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert again.hash == plan.hash


def test__plan__other_format__is_refused(plan):
    with pytest.raises(ModelFileError, match="format 99"):
        FeaturePlan.from_json({**plan.to_json(), "format": 99})


def test__plan__incomplete__is_refused(plan):
    broken = plan.to_json()
    del broken["features"]
    with pytest.raises(ModelFileError, match="features"):
        FeaturePlan.from_json(broken)


def test__plan__family_dropped__its_features_and_their_differences_go(plan):
    assert "world" in plan.families
    less = plan.drop("world")
    names = {f.name for f in less.features}
    assert "world" not in less.families
    assert all(operand in names for f in less.features for operand in f.operands)
    assert less.hash != plan.hash


def test__plan__names__are_unique_and_say_where_they_come_from(plan):
    names = [f.name for f in plan.features]
    assert len(set(names)) == len(names)
    assert all(f.provenance for f in plan.features)


def test__chains__cycle_of_references__end_at_the_depth():
    schema = worlds.make(1).schema
    assert "lines.order_id.user_id" in {str(c) for c in descents(schema, "users", 2)}
    assert max(len(c.hops) for c in ascents(schema, "users", 3)) == 3


def test__survey__later_rows__are_not_counted(tmp_path):
    world = worlds.make(3)
    with world.engine(tmp_path) as engine:
        early = survey_database(engine, world.schema, "users", 20 * DAY)
    seen = [r["amount"] for r in world.rows["orders"] if r["_time"] < 20 * DAY and r["amount"] is not None]
    assert early.columns["orders", "amount"].magnitude == pytest.approx(max(map(abs, seen)))


def test__plan__label_of_many_classes__is_told_by_means_and_its_last_value(tmp_path):
    world = worlds.make(1)
    settings = PlanSettings(5 * DAY, label_channels=60)
    with world.engine(tmp_path) as engine:
        many = plan_features(world.schema, "users", settings, survey_database(engine, world.schema, "users", NEVER))
    names = {f.name for f in many.features}
    assert {"history.value_59.mean.all", "history.value_59.last0", "orders.user_id.count.all"} <= names
    assert len(names) <= settings.budget
