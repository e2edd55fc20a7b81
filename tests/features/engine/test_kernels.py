"""The kernels compute what SQL alone does, bit by bit: every feature of a random world, and sums too large for a word."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rdl.database.engine import connect
from rdl.features import compute_features
from rdl.features.engine import kernels
from rdl.features.engine.evaluate import Evaluator
from rdl.features.engine.lanes import Lanes
from rdl.features.matrix import compute_parts
from rdl.features.plan import Anchor
from rdl.task import History, Seeds
from rdl.timeline import ALWAYS, DAY, NEVER
from tests.features import worlds
from tests.features.test_matrix import history_of, plan_of, same, seeds_of

FEW = settings(max_examples=2, phases=[Phase.explicit, Phase.generate])  # a failing world is small as it is
ODD = [np.inf, -np.inf, np.nan, 1e300, -1e300, 5e-324, -0.0, 0.0, 0.5, -2.5, 2.0**40, 12345.678]


def odd(seed):
    """A world with numbers of every kind, many ties, static and invisible rows, and an entity without any."""
    world, rng = worlds.make(seed, users=5, orders=60, lines=40, span=12), np.random.default_rng(seed)
    for row in (*world.rows["orders"], *world.rows["shops"], *world.rows["lines"]):
        for column in ("amount", "size", "quantity"):
            if column in row and rng.random() < 0.4:
                row[column] = float(rng.choice(ODD))
        for reference in ("user_id", "shop_id"):
            if row.get(reference) == 0:
                row[reference] = row[f"_ref_{reference}"] = None
    for i, order in enumerate(world.rows["orders"]):
        order["_time"] = ALWAYS if i < 4 else order["_time"]
    return world


def both(world, folder, seeds, history=None):
    with world.engine(folder) as engine:
        plan = plan_of(world, engine)
        return tuple(compute_features(plan, engine, seeds, history, by_sql=by_sql) for by_sql in (True, False))


@pytest.mark.slow
@FEW
@given(st.integers(0, 2**32))
def test__kernels__odd_world__same_bits_as_sql(tmp_path_factory, seed):
    world = odd(seed)
    same(*both(world, tmp_path_factory.mktemp("world"), seeds_of(seed, 5, span=14), history_of(world)))


@pytest.mark.slow
def test__kernels__no_seeds_and_no_history__same_as_sql(tmp_path):
    none = np.array([], dtype=np.int64)
    same(*both(worlds.make(3), tmp_path, Seeds.at(none, none), History(none, none, none, np.array([]))))


def test__kernels__no_block_falls_back(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("rdl.features.engine.evaluate.Evaluator._run_sql", None)
    world = worlds.make(4)
    with world.engine(tmp_path) as engine:
        assert len(compute_features(plan_of(world, engine), engine, seeds_of(4, 6), history_of(world))) == 25


SMALL = [
    ("scan.LIMIT", 1),
    ("evaluate.BYTES_AT_ONCE", 4000),
    ("buckets.BYTES_A_BUCKET", 2000),
    ("buckets.FEW", 10**9),
    ("events.BATCH", 7),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value"), SMALL)
def test__kernels__sums_too_large_small_buckets_or_batches__same_bits(tmp_path, monkeypatch, name, value):
    world, seeds = worlds.make(6), seeds_of(6, 6)
    with world.engine(tmp_path) as engine:
        plan = plan_of(world, engine)
        whole = compute_features(plan, engine, seeds, history_of(world))
        monkeypatch.setattr(f"rdl.features.engine.{name}", value)
        evaluator = Evaluator(plan, Lanes(engine, 1, lambda _: None))
        blocks = [b for b in plan.blocks if b.anchor is Anchor.WORLD and b.facts]
        slices = [list(evaluator._slices(b, evaluator.features(b))) for b in blocks]
        assert (max(len(s) for s in slices) > 1) == name.endswith("ONCE")
        same(whole, compute_features(plan, engine, seeds, history_of(world)))


def scaled(number, factor):
    size = min(abs(number * factor), 2.0**42)
    return int(np.copysign(int(size) + (size - int(size) >= 0.5), number))


def huge(numbers):
    """Whole numbers of any size as the database turns them into DOUBLE."""
    with connect() as connection:
        values = ", ".join(f"(CAST('{n}' AS HUGEINT))" for n in numbers)
        return [row[0] for row in connection.sql(f"SELECT CAST(n AS DOUBLE) FROM (VALUES {values}) t(n)").fetchall()]


@given(st.lists(st.floats(-1e13, 1e13), min_size=1, max_size=12), st.integers(0, 12), st.integers(-4, 30))
@settings(max_examples=12)
def test__kernels__sums_of_two_words__exact(numbers, first, scale):
    n, factor = len(numbers), 2.0**scale
    number, count = np.array(numbers), np.arange(n + 1, dtype=np.int32)
    begin, side, end = (np.array([place], dtype=np.int64) for place in (0, min(first, n - 1), n))
    weights = [2**20 - 7 * j for j in range(n)]
    whole = [scaled(x, factor) for x in numbers]
    high, low, out = np.empty(n + 1, np.uint64), np.empty(n + 1, np.uint64), np.empty(1)
    kernels.running_squares(number, factor, high, low)
    kernels.squares(high, low, count, begin, side, end, out)
    found = [out[0]]
    kernels.weighted_sums(number, factor, begin, end, np.array(weights), out)
    found.append(out[0])
    told = [sum(x * x for x in whole[side[0] :]), sum(w * x for w, x in zip(weights, reversed(whole), strict=True))]
    assert found == huge(told)


def test__order_times__long_and_short_groups_in_any_order__stable():
    rng = np.random.default_rng(0)
    for size in (0, 1, 2, 30, 500):
        time = rng.integers(0, 9, size) * DAY
        start, order, ordered = np.array([0, size]), np.arange(size, dtype=np.int32), time.copy()
        kernels.order_times(start, order, ordered)
        assert order.tolist() == np.argsort(time, kind="stable").tolist()
        assert ordered.tolist() == sorted(time)
    assert kernels.MISSING == NEVER


@pytest.mark.parametrize("grid", [True, pytest.param(False, marks=pytest.mark.slow)])
def test__compute_parts__few_seeds_a_part__same_as_at_once(tmp_path, monkeypatch, grid):
    if not grid:
        monkeypatch.setattr("rdl.features.engine.evaluate.Evaluator.expect", lambda *_: None)
    world, seeds = worlds.make(7, users=9), seeds_of(7, 9, n=60, span=4 if grid else 60)
    with world.engine(tmp_path) as engine:
        plan = plan_of(world, engine)
        whole = compute_features(plan, engine, seeds, history_of(world))
        parts = list(compute_parts(plan, engine, seeds, history_of(world), most=13))
        monkeypatch.setattr("rdl.features.matrix.BYTES_A_PART", 25 * 8 * len(plan.features))
        same(whole, compute_features(plan, engine, seeds, history_of(world)))
    assert len(parts) > 3
    assert sorted(np.concatenate([index for index, _ in parts])) == list(range(60))
    for index, part in parts:
        same(whole[index], part)


@pytest.mark.parametrize("by_sql", [False, pytest.param(True, marks=pytest.mark.slow)])
def test__compute_parts__blocks_side_by_side__same_bits(tmp_path, by_sql):
    world, seeds = worlds.make(7, users=9), seeds_of(7, 9, n=60, span=4)
    with world.engine(tmp_path) as engine:
        plan = plan_of(world, engine)
        whole = compute_features(plan, engine, seeds, history_of(world))
        for index, part in compute_parts(plan, engine, seeds, history_of(world), most=30, by_sql=by_sql, lanes=2):
            same(whole[index], part)


def test__lanes__error_in_one_block__ends_the_call(tmp_path):
    def fail() -> None:
        raise ValueError("of one block")

    with worlds.make(7).engine(tmp_path) as engine:
        lanes, seen = Lanes(engine, 2, lambda own: own.execute("CREATE TEMP TABLE ready (a INT)")), []
        lanes.run([lambda: seen.append(lanes.engine), lambda: lanes.engine.execute("FROM ready")])
        assert seen[0] is not engine  # whose temporary tables the threads do not see
        with pytest.raises(ValueError, match="of one block"):
            lanes.run([fail, *[lambda: None] * 9])
        lanes.close()
        engine.execute("FROM ready")


def test__sums_of_windows__kernels_and_sql__mean_by_count(tmp_path):
    world, seeds = worlds.make(8), seeds_of(8, 6)
    with world.engine(tmp_path) as engine:
        plan = plan_of(world, engine)
        mean = next(f for f in plan.features if f.name.startswith("orders.user_id.amount.mean.") and f.window)
        plan = replace(plan, features=(mean, replace(mean, name="sum", aggregate="sum"))).only(["sum", mean.name])
        found = [compute_features(plan, engine, seeds, by_sql=by_sql) for by_sql in (True, False)]
    same(*found)
    by_name = dict(zip(found[0].names, found[0].values.T, strict=True))
    counts = (by_name["sum"] / by_name[mean.name])[~np.isnan(by_name[mean.name])]
    assert counts.max() > 1
    assert counts == pytest.approx(np.round(counts), rel=1e-4)
