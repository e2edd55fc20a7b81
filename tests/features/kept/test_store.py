"""Kept features equal computed ones bit by bit, whatever was kept; and only what is new is computed."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rdl.features import compute_features, kept_features
from rdl.features.kept import store
from rdl.features.kept.lineage import Lineage, bounds, history_digests
from rdl.task import Seeds
from rdl.timeline import DAY
from tests.features.growing import FIRST, START, make_history, make_plan, tables, write


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept")
    return write(folder / "project", tables(), folder / "home")


@pytest.fixture(scope="module")
def plan(database):
    return make_plan(database)


@pytest.fixture
def counted(monkeypatch):
    """How many rows and features each computation was asked for."""
    calls = []

    def compute(plan, engine, seeds, history):
        calls.append((len(seeds), len(plan.features)))
        return compute_features(plan, engine, seeds, history)

    monkeypatch.setattr(store, "compute_features", compute)
    return calls


def seeds_at(days, members=range(8), stale=0):
    """Everybody of `members` at every one of `days` after the first."""
    cutoff = FIRST + np.repeat(np.array(days, dtype=np.int64), len(members)) * DAY
    entity = np.tile(np.array(members, dtype=np.int64), len(days))
    return Seeds(entity, cutoff, cutoff - stale)


def computed(database, plan, seeds, history):
    return database.run(lambda engine: compute_features(plan, engine, seeds, history))


def assert_same(kept, wanted):
    assert (kept.names, kept.families) == (wanted.names, wanted.families)
    assert (kept.category_names, kept.category_families) == (wanted.category_names, wanted.category_families)
    assert kept.levels == wanted.levels
    assert kept.values.tobytes() == wanted.values.tobytes()
    assert kept.codes.tobytes() == wanted.codes.tobytes()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test__kept_features__any_calls_in_any_order__equal_the_computation_from_nothing(database, plan, data):
    pairs = data.draw(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=30))
    entity, step, stale = np.array(pairs, dtype=np.int64).T
    cutoff = FIRST + step * 10 * DAY + 3_600_000_000 * (step % 2)
    seeds = Seeds(entity, cutoff, cutoff - stale * 7 * DAY)
    family = data.draw(st.sampled_from(plan.families))
    asked = data.draw(st.sampled_from([plan, plan.drop(family), plan.keep(family)]))
    history = make_history()
    assert_same(kept_features(database, asked, seeds, history), computed(database, asked, seeds, history))


def test__kept_features__new_cutoffs_members_and_features__only_they_are_computed(tmp_path, plan, counted):
    database, history = write(tmp_path / "a", tables(), tmp_path / "home"), make_history()
    few = plan.keep("windows", "static")
    kept_features(database, few, seeds_at([20, 30]), history)
    kept_features(database, few, seeds_at([20, 30]), history)
    assert counted == [(16, len(few.features))]
    found = kept_features(database, few, seeds_at([20, 30, 40], range(9)), history)
    assert counted[1:] == [(2 + 9, len(few.features))]
    assert_same(found, computed(database, few, seeds_at([20, 30, 40], range(9)), history))
    kept_features(database, plan, seeds_at([20]), history)
    lacking = plan.only([f.name for f in plan.features if f.family not in few.families])
    assert counted[2:] == [(8, len(lacking.features))]
    assert len(lacking.features) < len(plan.features)
    found = kept_features(database, plan, seeds_at([30, 50]), history)
    assert counted[3:] == [(16, len(plan.features))]  # most of what stands at 30 lacks, so that one computation is cheaper than two
    assert_same(found, computed(database, plan, seeds_at([30, 50]), history))


@pytest.mark.parametrize("hour", [0, 5])
def test__kept_features__database_grew_by_later_rows__older_cutoffs_are_not_computed_again(tmp_path, plan, counted, hour):
    before = write(tmp_path / "a", tables(days=80), tmp_path / "home")
    after = write(tmp_path / "b", tables(days=100), tmp_path / "home")
    assert before.fingerprint != after.fingerprint
    seeds = seeds_at([20, 40])
    seeds = Seeds(seeds.entity, seeds.cutoff + hour * 3_600_000_000, seeds.as_of)
    kept_features(before, plan, seeds, make_history(80))
    counted.clear()
    found = kept_features(after, plan, Seeds.concat([seeds, seeds_at([60])]), make_history(100))
    assert counted == [(8, len(plan.features))]
    assert_same(found, computed(after, plan, Seeds.concat([seeds, seeds_at([60])]), make_history(100)))


def _late(rows):
    rows["events"]["at"][5] = START + timedelta(days=45, hours=1)


def _changed(rows):
    rows["events"]["amount"][next(i for i, at in enumerate(rows["events"]["at"]) if at and at.month == 11)] = 1e4


def _static(rows):
    rows["items"]["price"][2] = 99.0


def _renamed(rows):
    rows["members"]["member"][0] = "m0x"


def _retyped(rows):
    rows["items"]["item"] = [np.int32(i) for i in rows["items"]["item"]]


@pytest.mark.parametrize("change", [_late, _changed, _static, _renamed, _retyped])
def test__kept_features__rows_before_the_cutoff_changed__are_computed_again(tmp_path, plan, counted, change):
    seeds, history = seeds_at([20, 40]), make_history()
    kept_features(write(tmp_path / "a", tables(), tmp_path / "home"), plan, seeds, history)
    counted.clear()
    content = tables()
    change(content)
    database = write(tmp_path / "b", content, tmp_path / "home")
    found = kept_features(database, plan, seeds, history)
    assert sum(rows for rows, _ in counted) >= 8
    assert_same(found, computed(database, plan, seeds, history))


def test__kept_features__other_past_labels__are_computed_again(tmp_path, plan, counted):
    database, seeds, history = write(tmp_path / "a", tables(), tmp_path / "home"), seeds_at([20, 40]), make_history()
    kept_features(database, plan, seeds, history)
    history.value[history.time < FIRST + 20 * DAY] = 0.5
    assert_same(kept_features(database, plan, seeds, history), computed(database, plan, seeds, history))
    assert len(counted) == 2


def test__kept_features__member_who_is_not_there_yet__is_not_kept(tmp_path, plan, counted):
    database, history = write(tmp_path / "a", tables(), tmp_path / "home"), make_history()
    there = int(Lineage(database).known("members", np.array([FIRST + 20 * DAY]))[0])
    seeds = seeds_at([20], range(there - 1, there + 1))
    kept_features(database, plan, seeds, history)
    kept_features(database, plan, seeds, history)
    assert [rows for rows, _ in counted] == [2, 1]


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path):
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(bytes(content))


def _empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("harm", [_cut, _flip, _empty])
def test__kept_features__corrupted_part__is_computed_again_with_a_warning(tmp_path, plan, counted, caplog, harm):
    database, seeds, history = write(tmp_path / "a", tables(), tmp_path / "home"), seeds_at([20]), make_history()
    wanted = kept_features(database, plan, seeds, history)
    (part,) = (tmp_path / "home" / "features" / store.FOLDER).glob("*.parquet")
    harm(part)
    with caplog.at_level(logging.WARNING):
        assert_same(kept_features(database, plan, seeds, history), wanted)
    assert "is computed again" in caplog.text
    kept_features(database, plan, seeds, history)
    assert len(counted) == 2


def test__kept_features__several_at_once__leave_whole_parts(tmp_path, plan):
    database, history = write(tmp_path / "a", tables(), tmp_path / "home"), make_history()
    few = plan.keep("windows", "static")
    wanted = computed(database, few, seeds_at([20, 30]), history)

    def ask(first):
        return kept_features(database, few, seeds_at([20, 30], range(first, 8)), history)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, [0, 2, 4, 6, 1, 3, 0]))
    assert_same(found[0], wanted)
    assert_same(kept_features(database, few, seeds_at([20, 30]), history), wanted)
    assert not list((tmp_path / "home" / "features").rglob("*.tmp"))


@pytest.mark.parametrize(("limit", "most"), [("0B", 2**29), ("1GB", 100)])
def test__kept_features__limit_of_nothing_or_a_huge_call__keeps_nothing(tmp_path, plan, monkeypatch, limit, most):
    monkeypatch.setattr(store, "MOST_BYTES", most)
    database = write(tmp_path / "a", tables(), tmp_path / "home", limit=limit)
    kept_features(database, plan, seeds_at([20]), make_history())
    assert not (tmp_path / "home" / "features").exists()


def test__bounds__are_the_midnights_at_or_after():
    assert bounds(np.array([0, 1, DAY, DAY + 1, -1, -DAY])).tolist() == [0, DAY, DAY, 2 * DAY, 0, -DAY]


def test__history_digests__do_not_depend_on_the_bounds_asked_for_or_the_order():
    history, cutoffs = make_history(), FIRST + np.arange(0, 80, 10) * DAY
    whole = history_digests(history, cutoffs)
    assert [history_digests(history, cutoffs[i : i + 1])[0] for i in range(len(cutoffs))] == whole
    back = type(history)(*(a[::-1].copy() for a in (history.entity, history.cutoff, history.time, history.value)))
    assert history_digests(back, cutoffs) == whole
    assert len(set(whole)) == 8


@pytest.mark.parametrize("name", ["entity", "cutoff", "time", "value"])
def test__history_digests__any_change_before_the_bound__is_told(name):
    history, cutoffs = make_history(), FIRST + np.arange(0, 80, 10) * DAY
    whole = history_digests(history, cutoffs)
    getattr(history, name)[history.time == FIRST + 20 * DAY] += 1
    changed = [a != b for a, b in zip(history_digests(history, cutoffs), whole, strict=True)]
    assert changed == [False] * 3 + [True] * 5
