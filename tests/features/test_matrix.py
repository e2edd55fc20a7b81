"""Every feature agrees with loops over all rows, and keeps the laws: time, the batch, the threads."""

import copy

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rdl.features import PlanSettings, compute_features, plan_features, survey_database
from rdl.task import History, Seeds
from rdl.timeline import DAY, NEVER
from tests import reference
from tests.features import worlds

SETTINGS = PlanSettings(horizon=5 * DAY, recent=12, counts=(2, 4, 9))
FEW = settings(max_examples=2, phases=[Phase.explicit, Phase.generate])  # a failing world is small as it is


def plan_of(world, engine):
    return plan_features(world.schema, "users", SETTINGS, survey_database(engine, world.schema, "users", NEVER))


def seeds_of(seed, users, n=25, span=70):
    rng = np.random.default_rng(seed)
    as_of = rng.integers(0, span, n) * DAY + rng.integers(-1, 2, n)
    return Seeds(rng.integers(0, users, n), as_of + rng.integers(0, 30, n) * DAY * rng.integers(0, 2, n), as_of)


def history_of(world):
    entity, time, value = zip(*world.history, strict=True)
    time = np.array(time)
    return History(np.array(entity), time - SETTINGS.horizon, time, np.array(value))


def compute(world, folder, seeds, threads=2, plan=None):
    with world.engine(folder, threads) as engine:
        return compute_features(plan or plan_of(world, engine), engine, seeds, history_of(world))


def same(left, right):
    assert left.names == right.names
    assert left.values.tobytes() == right.values.tobytes()
    assert texts(left) == texts(right)


def texts(matrix):
    return [[None if c < 0 else matrix.levels[j][c] for c in matrix.codes[:, j]] for j in range(matrix.codes.shape[1])]


@FEW
@given(st.integers(0, 2**32))
def test__features__random_world__agree_with_loops(tmp_path_factory, seed):
    world, folder = worlds.make(seed), tmp_path_factory.mktemp("world")
    seeds = seeds_of(seed, 6)
    with world.engine(folder) as engine:
        plan = plan_of(world, engine)
        matrix = compute_features(plan, engine, seeds, history_of(world))
    proposed = {f.name: f for f in plan.features}
    checked = 0
    for j, name in enumerate(matrix.names):
        if proposed[name].proposer == "calendar":
            continue
        for i in range(len(seeds)):
            seed_i = (int(seeds.entity[i]), int(seeds.cutoff[i]), int(seeds.as_of[i]))
            expected = reference.feature(world.rows, world.history, plan, seed_i, name)
            got = float(matrix.values[i, j])
            assert got == pytest.approx(np.nan if expected is None else expected, rel=2e-5, abs=2e-5, nan_ok=True), (name, seed_i)
            checked += 1
    for j, name in enumerate(matrix.category_names):
        for i in range(len(seeds)):
            seed_i = (int(seeds.entity[i]), int(seeds.cutoff[i]), int(seeds.as_of[i]))
            assert texts(matrix)[j][i] == reference.feature(world.rows, world.history, plan, seed_i, name), (name, seed_i)
    assert checked > 1000
    anchors = {b.anchor.value for b in plan.blocks}
    assert {"self", "world", "season", "peers"} <= anchors
    assert anchors & {"last", "recent"}


@FEW
@given(st.integers(0, 2**32), st.sampled_from([-1, 0, 1]))
def test__features__rows_at_or_after_as_of_change__nothing_changes(tmp_path_factory, seed, offset):
    world, folder = worlds.make(seed), tmp_path_factory.mktemp("world")
    as_of = 30 * DAY
    seeds = Seeds(np.arange(6), np.full(6, as_of + 3 * DAY), np.full(6, as_of))
    with world.engine(folder) as engine:
        plan = plan_of(world, engine)
    before = compute(world, folder, seeds, plan=plan)
    changed = copy.deepcopy(world)
    rng = np.random.default_rng(seed)
    for name, rows in changed.rows.items():
        for row in rows:
            if row["_time"] >= as_of:
                row["_time"] = max(row["_time"], as_of) if rng.random() < 0.5 else NEVER
                row.update({c: worlds.value(rng, s) for c, s in worlds.COLUMNS[name].items()})
    late = {"_time": as_of, "_ref_user_id": 1, "user_id": 1, "_ref_shop_id": 0, "shop_id": 0, "amount": 1e6, "status": "new"}
    orders = changed.rows["orders"]
    orders.append({**late, "_row": len(orders), "id": len(orders)})
    history = [(e, t, v) if t < as_of else (e, as_of, 1 - v) for e, t, v in changed.history]
    same(before, compute(worlds.World(changed.rows, history), folder, seeds, plan=plan))
    orders[-1]["_time"] = as_of + offset
    moved = compute(changed, folder, seeds, plan=plan)
    j = before.names.index("orders.user_id.count.all")
    assert moved.values[1, j] - before.values[1, j] == (1 if offset < 0 else 0)


@pytest.mark.parametrize("late", [False, True])
def test__features__own_columns_of_an_entity_that_comes_later__change_nothing(tmp_path, late):
    world, as_of = worlds.make(1), 30 * DAY
    seeds = Seeds(np.arange(6), np.full(6, as_of + 3 * DAY), np.full(6, as_of))
    user = world.rows["users"][-1]
    user["_time"] = as_of if late else as_of - 1
    with world.engine(tmp_path) as engine:
        plan = plan_of(world, engine)
    before = compute(world, tmp_path, seeds, plan=plan)
    tiers = {row["tier"] for row in world.rows["users"]}
    for tier in sorted(tiers - {None}):
        user.update({"tier": tier, "born": None, "shop_id": 0, "_ref_shop_id": 0})
        after = compute(world, tmp_path, seeds, plan=plan)
        if late:
            same(before, after)
    assert late or before.values.tobytes() != after.values.tobytes()


@pytest.mark.slow
@FEW
@given(st.integers(0, 2**32))
def test__features__other_batch_and_other_threads__same_bits(tmp_path_factory, seed):
    world, folder = worlds.make(seed), tmp_path_factory.mktemp("world")
    seeds = seeds_of(seed, 6)
    with world.engine(folder) as engine:
        plan = plan_of(world, engine)
    whole = compute(world, folder, seeds, plan=plan)
    order = np.random.default_rng(seed).permutation(len(seeds))
    same(whole[order], compute(world, folder, seeds[order], threads=1, plan=plan))
    part = compute(world, folder, seeds[order[:3]], plan=plan)
    assert part.values.tobytes() == whole.values[order[:3]].tobytes()
    assert texts(part) == texts(whole[order[:3]])


@pytest.mark.slow
def test__features__buckets_of_keys__same_bits(tmp_path, monkeypatch):
    world = worlds.make(5)
    seeds = seeds_of(5, 6)
    whole = compute(world, tmp_path, seeds)
    monkeypatch.setattr("rdl.features.engine.buckets.FACTS_A_BUCKET", 10)
    same(whole, compute(world, tmp_path, seeds))


def test__features__no_history__past_labels_are_null(tmp_path):
    world = worlds.make(2)
    with world.engine(tmp_path) as engine:
        matrix = compute_features(plan_of(world, engine), engine, seeds_of(2, 6))
    assert np.isnan(matrix.values[:, matrix.names.index("history.value.mean.all")]).all()
    assert (matrix.values[:, matrix.names.index("history.count.all")] == 0).all()
