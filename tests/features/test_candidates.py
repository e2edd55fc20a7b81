"""Candidates agree with loops over all rows, and keep the laws: time, the batch, the order of rows."""

import copy
import json

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from rdl.errors import ModelFileError
from rdl.features.candidates import CandidatePlan, CandidateSettings, compute_candidates, plan_candidates
from rdl.task import Seeds
from rdl.timeline import DAY, NEVER
from tests.features import worlds
from tests.features.candidate_oracle import candidates

TIGHT = CandidateSettings(5 * DAY, past=2, popular=1, groups=1, in_group=1, together=2, recent=3, neighbours=2, links=2)
FEW = settings(max_examples=3, phases=[Phase.explicit, Phase.generate])  # a failing world is small as it is
ENDS = st.sampled_from([("users", "shops"), ("shops", "users"), ("users", "users"), ("lines", "shops"), ("shops", "orders")])


def plan_of(world, entity, target, told=TIGHT):
    plan = plan_candidates(world.schema, entity, target, told)
    return plan.ordered([0] * len(plan.links))


def seeds_of(seed, entities, n=12):
    rng = np.random.default_rng(seed)
    as_of = rng.choice([12 * DAY, 31 * DAY + 1], n)
    return Seeds(rng.integers(0, entities, n), as_of + rng.integers(0, 9, n) * DAY, as_of)


def compute(world, folder, plan, seeds, threads=2):
    with world.engine(folder, threads) as engine:
        return compute_candidates(plan, engine, seeds)


def listed(found):
    """Per seed: its rows, sources and features as bytes."""
    seed, pair = found.pairs()
    values = found.matrix(seed, pair)
    return [(found.rows[pair[seed == i]].tolist(), values[seed == i].tobytes()) for i in range(len(found))]


@FEW
@given(st.integers(0, 2**32), ENDS)
def test__candidates__random_world__agree_with_loops(tmp_path_factory, seed, ends):
    world = worlds.make(seed, users=7, orders=60)
    plan, seeds = plan_of(world, *ends), seeds_of(seed, len(world.rows[ends[0]]), n=4)
    found = compute(world, tmp_path_factory.mktemp("world"), plan, seeds)
    of, pair = found.pairs()
    values = found.matrix(of, pair)
    for i in range(len(seeds)):
        expected = candidates(world, plan, int(seeds.entity[i]), int(seeds.as_of[i]))
        assert found.rows[pair[of == i]].tolist() == list(expected)
        late = (seeds.cutoff[i] - seeds.as_of[i]) / DAY
        for row, told in zip(values[of == i], expected.values(), strict=True):
            assert set(told) == set(found.names)
            for j, name in enumerate(found.names):
                value = told[name]
                wanted = np.nan if value is None else value + late * found.aged[j]
                assert row[j] == pytest.approx(wanted, rel=1e-5, nan_ok=True), (name, i)


@FEW
@given(st.integers(0, 2**32), ENDS)
def test__candidates__rewritten_future__stay_the_same(tmp_path_factory, seed, ends):
    folder = tmp_path_factory.mktemp("world")
    world = worlds.make(seed)
    other, rng, cutoff = copy.deepcopy(world), np.random.default_rng(seed), 31 * DAY
    for name, rows in other.rows.items():
        late = [r for r in rows if r["_time"] >= cutoff]
        for row in late:
            for column in worlds.REFERENCES[name]:
                row[f"_ref_{column}"] = int(rng.integers(3))
            for column, semantic in worlds.COLUMNS[name].items():
                row[column] = worlds.value(rng, semantic)
        kept = len(rows) - len(late) // 2
        del rows[kept:]
        rows += [{**rows[0], "_row": kept + i, "id": kept + i, "_time": cutoff + i} for i in range(30)]
    plan, n = plan_of(world, *ends), len(world.rows[ends[0]])
    seeds = Seeds.at(np.arange(n), np.full(n, cutoff))
    seeds = seeds[[r["_time"] < cutoff for r in world.rows[ends[0]]]]
    assert listed(compute(world, folder, plan, seeds)) == listed(compute(other, folder, plan, seeds))


def test__candidates__of_one_seed__depend_on_no_other_nor_on_threads_nor_on_where_rows_lie(tmp_path):
    world = worlds.make(5, users=9, orders=200)
    plan, seeds = plan_of(world, "users", "shops"), seeds_of(5, 9, 30)
    whole = listed(compute(world, tmp_path, plan, seeds))
    shuffled = copy.deepcopy(world)
    for rows in shuffled.rows.values():
        np.random.default_rng(1).shuffle(rows)
    again = compute(shuffled, tmp_path, plan, seeds[::-1], threads=1)
    assert listed(again)[::-1] == whole
    assert listed(again[::-1]) == whole
    assert listed(compute(world, tmp_path, plan, seeds[3:4])) == whole[3:4]


def test__candidates__row_of_the_cutoff_itself__is_not_seen(tmp_path):
    world = worlds.make(3)
    row = next(r for r in world.rows["orders"] if r["_ref_user_id"] is not None and r["_time"] < NEVER)
    plan, user = plan_of(world, "users", "shops"), row["_ref_user_id"]
    row["_ref_shop_id"], others = 2, [r for r in world.rows["orders"] if r is not row]
    for other in others:
        other["_ref_user_id"] = None
    for shift, seen in ((0, 0.0), (1, 1.0)):
        found = compute(world, tmp_path, plan, Seeds.at(np.array([user]), np.array([row["_time"] + shift])))
        met = found.column("orders.shop_id by user_id: met all")
        assert met.sum() == seen


def test__plan_candidates__target_without_facts__gives_the_newest_rows(tmp_path):
    world = worlds.make(7)
    plan = plan_of(world, "users", "lines", CandidateSettings(5 * DAY, popular=3, depth=1))
    assert plan.links == ()
    found = compute(world, tmp_path, plan, Seeds.at(np.array([1, 4]), np.array([40 * DAY, 40 * DAY])))
    newest = [r["_row"] for r in world.rows["lines"] if r["_time"] < 40 * DAY][-3:]
    assert found.rows[found.pairs()[1]].tolist() == newest * 2


def test__plan_candidates__fact_over_an_order__is_found_within_the_depth():
    world = worlds.make(1)
    links = [str(link) for link in plan_candidates(world.schema, "users", "shops", TIGHT).links]
    assert links[0] == "orders.shop_id by user_id"
    assert "users.shop_id" in links
    assert not any(link.startswith("lines.order_id") for link in links)  # what both sides share is the order's own link


def test__candidate_plan__json__reads_back():
    plan = plan_of(worlds.make(1), "shops", "users")
    again = CandidatePlan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert again.hash == plan.hash
    with pytest.raises(ModelFileError, match="format 0"):
        CandidatePlan.from_json({**plan.to_json(), "format": 0})
