"""Categories with many values are told by the past labels of those who had them."""

from dataclasses import replace

import numpy as np
import pytest

from rdl.features import PlanSettings, compute_features, plan_features, survey_database
from rdl.features.proposing.cohorts import MOST_COHORTS
from rdl.task import History, Seeds
from rdl.timeline import DAY, NEVER
from tests.features import worlds

SETTINGS = PlanSettings(5 * DAY, recent=4, counts=(2, 4, 9))


def planned(world, engine, **columns):
    survey = survey_database(engine, world.schema, "users", NEVER)
    known = {place: replace(seen, **columns.get(place[1], {})) for place, seen in survey.columns.items()}
    rows = dict.fromkeys(survey.rows, 5000)
    return plan_features(world.schema, "users", SETTINGS, replace(survey, rows=rows, columns=known))


def test__cohorts__category_of_many_values__comes_first_and_is_not_left_out(tmp_path):
    world = worlds.make(3)
    with world.engine(tmp_path) as engine:
        plan = planned(world, engine, status={"distinct": 2000}, city={"distinct": 4000})
    cohorts = [b for b in plan.blocks if b.anchor == "alike"]
    assert 1 < len(cohorts) <= MOST_COHORTS
    assert (cohorts[0].source, cohorts[0].group) == ("orders.user_id", "status")
    assert "orders.status" not in {o.what for o in plan.omitted}


def test__cohorts__value_changes__labels_follow_the_value_of_their_time(tmp_path):
    """One orders `a` and later `b`; another who now has `b` shares only the label that was asked for after the change."""
    world = worlds.make(0)
    blank = {**world.rows["orders"][0], "_ref_shop_id": None, "shop_id": None}
    orders = [(0, 10, "a"), (0, 30, "b"), (1, 35, "b")]
    world.rows["orders"] = [
        {**blank, "_row": i, "id": i, "_time": day * DAY, "_ref_user_id": who, "user_id": who, "status": status}
        for i, (who, day, status) in enumerate(orders)
    ]
    for user in world.rows["users"]:
        user["_time"] = 0
    history = History(np.array([0, 0]), np.array([20, 31]) * DAY, np.array([25, 36]) * DAY, np.array([1.0, 0.0]))
    seeds = Seeds(np.array([1, 1, 1]), np.array([36, 37, 20]) * DAY, np.array([36, 37, 20]) * DAY)
    with world.engine(tmp_path) as engine:
        plan = planned(world, engine, status={"distinct": 2000})
        matrix = compute_features(plan, engine, seeds, history)
    features = dict(zip(matrix.names, matrix.values.T, strict=True))
    assert features["alike orders.user_id@status.count.all"].tolist() == [0, 1, 0]
    assert features["alike orders.user_id@status.value.mean.all"].tolist() == pytest.approx([np.nan, 0, np.nan], nan_ok=True)
