"""Databases of every shape: their features agree with loops over all rows, down to three references."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rdl.database import Semantic
from rdl.features import PlanSettings, compute_features, plan_features, survey_database
from rdl.task import History, Seeds
from rdl.timeline import DAY, NEVER
from tests import reference
from tests.features import worlds
from tests.features.worlds import Shape

NUMBER, KIND, TRUE, NOTE, WHEN = Semantic.NUMERIC, Semantic.CATEGORICAL, Semantic.BOOLEAN, Semantic.TEXT, Semantic.TIMESTAMP
PLAN = {"multiples": (1, 4), "counts": (2, 4), "half_lives": (2.0,), "recent": 4}

SHAPES = {
    "self reference": (
        Shape(
            {"employees": {"manager_id": "employees"}, "reviews": {"employee_id": "employees"}},
            {"employees": {"salary": NUMBER, "level": KIND}, "reviews": {"grade": NUMBER}},
        ),
        {"employees": 7, "reviews": 25},
        2,
        {"employees.manager_id", "reviews.employee_id.manager_id", "employees.manager_id>reviews.employee_id"},
    ),
    "two references to one table": (
        Shape(
            {"transfers": {"sender_id": "accounts", "receiver_id": "accounts"}, "fees": {"transfer_id": "transfers"}},
            {"accounts": {"bank": KIND}, "transfers": {"amount": NUMBER}, "fees": {"price": NUMBER}},
            ("accounts", "fees"),
        ),
        {"accounts": 5, "transfers": 30, "fees": 30},
        2,
        {"transfers.sender_id", "transfers.receiver_id", "fees.transfer_id.sender_id", "transfers.receiver_id>transfers.sender_id"},
    ),
    "bridge": (
        Shape(
            {
                "enrolments": {"student_id": "students", "course_id": "courses"},
                "courses": {"teacher_id": "teachers"},
                "lectures": {"course_id": "courses"},
            },
            {"courses": {"topic": KIND}, "teachers": {"paid": TRUE}, "lectures": {"on": WHEN}},
            ("courses", "teachers"),
        ),
        {"students": 6, "courses": 4, "teachers": 2, "enrolments": 25, "lectures": 20},
        3,
        {
            "enrolments.student_id",
            "enrolments.course_id>lectures.course_id",
            "enrolments.course_id.teacher_id>lectures.course_id.teacher_id",
        },
    ),
    "composite key": (
        Shape(
            {"lines": {"user_id": "users"}, "parcels": {"order,line": "lines"}},
            {"lines": {"price": NUMBER}, "parcels": {"weight": NUMBER, "carrier": KIND}},
            parts={"order,line": ("order", "line")},
        ),
        {"users": 4, "lines": 20, "parcels": 25},
        2,
        {"parcels.order,line.user_id"},
    ),
    "no time at all": (
        Shape(
            {"parts": {"machine_id": "machines", "supplier_id": "suppliers"}},
            {"machines": {"site": KIND}, "parts": {"weight": NUMBER, "metal": KIND}, "suppliers": {"rank": NUMBER}},
            ("machines", "parts", "suppliers"),
        ),
        {"machines": 4, "parts": 20, "suppliers": 3},
        2,
        {"parts.machine_id"},
    ),
    "three down": (
        Shape(
            {"orders": {"user_id": "users"}, "lines": {"order_id": "orders"}, "scans": {"line_id": "lines"}},
            {"orders": {"paid": TRUE}, "scans": {"note": NOTE}},
            ("lines", "scans"),
        ),
        {"users": 4, "orders": 15, "lines": 20, "scans": 25},
        3,
        {"scans.line_id.order_id.user_id"},
    ),
    "events": (
        Shape(
            {"results": {"driver_id": "drivers", "race_id": "races"}, "laps": {"result_id": "results"}},
            {"results": {"points": NUMBER}, "drivers": {"land": KIND}, "laps": {"seconds": NUMBER}},
            ("drivers",),
        ),
        {"results": 15, "drivers": 3, "races": 8, "laps": 25},
        2,
        {"results.driver_id>results.driver_id", "laps.result_id"},
    ),
}


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=1, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 2**32))
def test__features__shape__agree_with_loops(tmp_path_factory, name, seed):
    shape, sizes, depth, blocks = SHAPES[name]
    entity = next(iter(sizes))
    world = worlds.shaped(seed, shape, sizes, entity, early=60 if name == "events" else 5)
    rng = np.random.default_rng(seed)
    as_of = rng.integers(20, 70, 6) * DAY + rng.integers(-1, 2, 6)
    seeds = Seeds(rng.integers(0, sizes[entity], 6), as_of + rng.integers(0, 9, 6) * DAY, as_of)
    who, time, value = (np.array(column) for column in zip(*world.history, strict=True))
    with world.engine(tmp_path_factory.mktemp("world")) as engine:
        survey = survey_database(engine, world.schema, entity, NEVER, depth)
        plan = plan_features(world.schema, entity, PlanSettings(5 * DAY, depth, **PLAN), survey)
        matrix = compute_features(plan, engine, seeds, History(who, time - 5 * DAY, time, value))
    assert blocks <= {f.block for f in plan.features}
    found = {n: [float(v) for v in column] for n, column in zip(matrix.names, matrix.values.T, strict=True)}
    for n, codes, levels in zip(matrix.category_names, matrix.codes.T, matrix.levels, strict=True):
        found[n] = [None if code < 0 else levels[code] for code in codes]
    for feature in plan.features:
        for i in range(len(seeds) if feature.proposer != "calendar" else 0):
            seed_i = (int(seeds.entity[i]), int(seeds.cutoff[i]), int(seeds.as_of[i]))
            expected, got = reference.feature(world.rows, world.history, plan, seed_i, feature.name), found[feature.name][i]
            if not feature.categorical:
                expected = pytest.approx(np.nan if expected is None else expected, rel=2e-5, abs=2e-5, nan_ok=True)
            assert got == expected, (feature.name, seed_i)
