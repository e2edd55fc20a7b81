"""The sampler's laws: time, disjointness, independence of batch and future, against the slow oracle."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rdl.errors import GraphError, UsageError
from rdl.graph import GraphStore, NodeTable, Sampler
from rdl.task import Seeds
from rdl.timeline import ALWAYS, NEVER, visible
from tests.graph.worlds import World, told, worlds_and_seeds
from tests.reference import temporal_subgraph

EDGE = ("orders", "customer", "customers")


def star(times, strategy="uniform", fanout=-1, seed=0):
    """One static customer with an order at each of `times`."""
    tables = {"customers": NodeTable.of([ALWAYS]), "orders": NodeTable.of(times)}
    store = GraphStore.from_arrays(tables, {EDGE: np.zeros(len(times), np.int32)})
    return Sampler(store, "customers", [fanout], strategy=strategy, seed=seed)


def at(*as_of):
    times = np.array(as_of, np.int64)
    return Seeds.at(np.zeros(len(times), np.int64), times)


def orders_of(sampler, *as_of):
    subgraph = sampler.sample(at(*as_of))
    return [subgraph.nodes["orders"][subgraph.batch["orders"] == i].tolist() for i in range(len(as_of))]


@given(worlds_and_seeds(), st.integers(0, 4), st.sampled_from(["uniform", "last"]), st.sampled_from([None, 1, 3]))
def test__full_fan_out__any_schema__equals_the_oracle(drawn, hops, strategy, window):
    world, seeds = drawn
    subgraph = Sampler(world.store(), "t0", [-1] * hops, strategy=strategy, window=window).sample(seeds)
    for i in range(len(seeds)):
        nodes, found_at, edges = told(subgraph, i)
        entity, as_of = int(seeds.entity[i]), int(seeds.as_of[i])
        reached, expected = temporal_subgraph(world.tables, world.references, "t0", entity, as_of, hops, window)
        pairs = [(t, row, hop) for t in nodes for row, hop in zip(nodes[t], found_at[t], strict=True)]
        assert sorted(pairs) == sorted((t, row, hop) for (t, row), hop in reached.items())
        got = [(hop, edge, s, d) for (hop, edge), ends in edges.items() for s, d in ends]
        assert sorted(got) == sorted(expected)
    assert subgraph.nodes["t0"][: len(seeds)].tolist() == seeds.entity.tolist()
    root_times = np.array(world.tables["t0"])[seeds.entity]
    assert subgraph.root_visible.tolist() == visible(root_times, seeds.as_of).tolist()


@given(worlds_and_seeds(), st.integers(1, 3), st.integers(1, 3), st.integers(0, 9))
def test__small_fan_out__any_schema__takes_the_right_number_of_valid_neighbours_once(drawn, hops, most, seed):
    world, seeds = drawn
    store = world.store()
    subgraph = Sampler(store, "t0", [most] * hops, seed=seed).sample(seeds)
    for i in range(len(seeds)):
        as_of = int(seeds.as_of[i])
        nodes, found_at, edges = told(subgraph, i)
        assert all(len(set(rows)) == len(rows) for rows in nodes.values())
        for table, rows in nodes.items():
            for row, hop in zip(rows, found_at[table], strict=True):
                if hop == hops:
                    continue
                _, around = temporal_subgraph(world.tables, world.references, table, row, as_of, 1)
                for edge in (e for e in store.edge_types if e[2] == table):
                    valid = {s for _, e, s, _ in around if e == edge}
                    taken = [s for s, d in edges.get((hop + 1, edge), []) if d == row]
                    assert len(set(taken)) == len(taken) == min(most, len(valid))
                    assert valid.issuperset(taken)


@given(worlds_and_seeds(), st.integers(1, 3))
def test__last__any_schema__takes_the_latest_with_ties_by_row(drawn, most):
    world, seeds = drawn
    store = world.store()
    subgraph = Sampler(store, "t0", [most], strategy="last").sample(seeds)
    for i in range(len(seeds)):
        entity, as_of = int(seeds.entity[i]), int(seeds.as_of[i])
        _, around = temporal_subgraph(world.tables, world.references, "t0", entity, as_of, 1)
        edges = told(subgraph, i)[2]
        for edge in (e for e in store.edge_types if e[2] == "t0"):
            valid = sorted((world.tables[edge[0]][s], s) for _, e, s, _ in around if e == edge)
            assert sorted(s for s, _ in edges.get((1, edge), [])) == sorted(s for _, s in valid[-most:])


@given(worlds_and_seeds(), st.randoms(use_true_random=False), st.integers(1, 2), st.sampled_from(["uniform", "last"]))
def test__a_seed__in_any_order_and_company__samples_the_same(drawn, random, most, strategy):
    world, seeds = drawn
    sampler = Sampler(world.store(), "t0", [most, most, most], strategy=strategy, seed=3)
    whole = sampler.sample(seeds)
    order = list(range(len(seeds)))
    random.shuffle(order)
    shuffled = sampler.sample(seeds[np.array(order)])
    for place, i in enumerate(order):
        alone = sampler.sample(seeds[np.array([i])])
        assert told(whole, i) == told(shuffled, place) == told(alone, 0)


@given(worlds_and_seeds(), st.randoms(use_true_random=False), st.integers(1, 2))
def test__rows_at_or_after_as_of__deleted_or_rewired__change_nothing(drawn, random, most):
    world, seeds = drawn
    seeds = Seeds.at(seeds.entity, np.full(len(seeds), int(seeds.as_of[0])))
    as_of = int(seeds.as_of[0])
    assume(all(world.tables["t0"][e] < as_of for e in seeds.entity))
    kept = {name: sum(t < as_of for t in times) for name, times in world.tables.items()}
    rewired = {
        (c, name, p): [k if row < kept[c] else random.randint(-1, len(world.tables[p]) - 1) for row, k in enumerate(keys)]
        for (c, name, p), keys in world.references.items()
    }
    cut = {(c, name, p): [k if k < kept[p] else -1 for k in keys[: kept[c]]] for (c, name, p), keys in world.references.items()}
    shorter = {name: times[: kept[name]] for name, times in world.tables.items()}
    answers = [
        Sampler(w.store(), "t0", [most] * 3, seed=5).sample(seeds)
        for w in (world, World(world.tables, rewired), World(shorter, cut))
    ]
    for i in range(len(seeds)):
        assert told(answers[0], i) == told(answers[1], i) == told(answers[2], i)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30), st.lists(st.integers(-6, 6), min_size=1, max_size=5))
def test__visible_rows__any_times__are_those_of_the_law(times, as_of):
    sampler = star(np.sort(times))
    for seen, moment in zip(orders_of(sampler, *as_of), as_of, strict=True):
        assert seen == np.flatnonzero(visible(np.sort(times), moment)).tolist()


def test__a_row_at_the_cutoff__one_microsecond_around__is_visible_only_after():
    noon = 1_700_000_000_000_000
    assert orders_of(star([noon]), noon - 1, noon, noon + 1) == [[], [], [0]]


def test__static_and_null_times__any_cutoff__always_and_never():
    assert orders_of(star([ALWAYS, 7, NEVER]), -100, 8, NEVER) == [[0], [0, 1], [0, 1]]


def test__an_entity_not_yet_visible__is_kept_flagged_and_its_keys_are_not_read():
    tables = {"customers": NodeTable.of([10]), "cities": NodeTable.of([ALWAYS]), "orders": NodeTable.of([3])}
    references = {("customers", "city", "cities"): np.array([0]), EDGE: np.array([0])}
    sampler = Sampler(GraphStore.from_arrays(tables, references), "customers", [-1])
    subgraph = sampler.sample(at(10, 11))
    assert subgraph.root_visible.tolist() == [False, True]
    assert subgraph.nodes["customers"].tolist() == [0, 0]
    assert subgraph.batch["cities"].tolist() == [1]
    assert subgraph.batch["orders"].tolist() == [0, 1]


def test__window__draws_from_the_last_year_only():
    sampler = Sampler(star(np.arange(100)).store, "customers", [3], seed=2, window=10)
    taken = orders_of(sampler, *range(20, 100))
    assert all(len(rows) == 3 and min(rows) >= as_of - 10 for rows, as_of in zip(taken, range(20, 100), strict=True))
    assert orders_of(Sampler(sampler.store, "customers", [3], "last", window=10), 5, 50, 500) == [[2, 3, 4], [47, 48, 49], []]
    with pytest.raises(UsageError, match="window"):
        Sampler(sampler.store, "customers", [3], window=0)


@pytest.mark.parametrize(("count", "most"), [(20, 5), (20, 19), (1000, 1), (130, 128), (800, 700)])
def test__uniform__many_cutoffs__takes_every_neighbour_equally_often(count, most):
    draws = 3000
    sampler = star(np.arange(count), fanout=most, seed=11)
    nodes = sampler.sample(at(*range(count, count + draws))).nodes["orders"]
    expected = draws * most / count
    spread = ((np.bincount(nodes, minlength=count) - expected) ** 2).sum() / (expected * (1 - most / count))
    freedom = count - 1
    assert abs(spread * freedom / count - freedom) < 4 * np.sqrt(2 * freedom)  # chi-square, four deviations


def test__uniform__pairs_of_neighbours__are_equally_likely():
    sampler, draws = star(np.arange(6), fanout=2, seed=1), 6000
    pairs = Counter(tuple(sorted(taken)) for taken in orders_of(sampler, *range(6, 6 + draws)))
    assert len(pairs) == 15
    assert sum((n - draws / 15) ** 2 for n in pairs.values()) / (draws / 15) < 36.1  # chi-square, 14 degrees, p = 0.001


def test__the_draw__another_seed_cutoff_or_hop__differs():
    times = np.arange(1000)
    base = orders_of(star(times, fanout=5, seed=1), 1000)[0]
    assert base == orders_of(star(times, fanout=5, seed=1), 1000)[0]
    assert base != orders_of(star(times, fanout=5, seed=2), 1000)[0]
    assert base != orders_of(star(times, fanout=5, seed=1), 1001)[0]


def test__the_draw__fixed_seed__is_golden():
    assert orders_of(star(np.arange(1000), fanout=5, seed=1), 1000) == [[707, 383, 284, 673, 690]]


def test__the_draw__of_other_nodes_and_edge_types__is_independent():
    tables = {"cities": NodeTable.of([ALWAYS]), "customers": NodeTable.of([ALWAYS] * 2), "orders": NodeTable.of(range(1000))}
    turn = np.arange(1000) % 2
    references = {("customers", "city", "cities"): [0, 0], EDGE: turn, ("orders", "payer", "customers"): turn}
    store = GraphStore.from_arrays(tables, references)
    _, _, edges = told(Sampler(store, "cities", [-1, 5]).sample(at(1000)), 0)
    draws = [
        tuple(source // 2 for source, target in edges[2, ("orders", column, "customers")] if target == customer)
        for column in ("customer", "payer")
        for customer in (0, 1)
    ]
    assert len(set(draws)) == 4


def test__the_same_entity__older_as_of__draws_from_the_older_prefix():
    sampler = star(np.arange(100), fanout=10)
    seeds = Seeds(np.zeros(2, np.int64), np.array([100, 100]), np.array([100, 50]))
    subgraph = sampler.sample(seeds)
    assert subgraph.nodes["orders"][subgraph.batch["orders"] == 1].max() < 50


def test__threads__sharing_a_sampler__get_the_same_answers():
    sampler = star(np.arange(5000), fanout=50)
    batches = [at(*range(5000 + 64 * i, 5064 + 64 * i)) for i in range(20)]
    alone = [sampler.sample(b).nodes["orders"].tolist() for b in batches]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda b: sampler.sample(b).nodes["orders"].tolist(), batches)) == alone


def test__fan_outs_by_edge_type__walk_only_those_named():
    tables = {"customers": NodeTable.of([ALWAYS]), "orders": NodeTable.of([1, 2]), "visits": NodeTable.of([1, 2])}
    visits = ("visits", "customer", "customers")
    store = GraphStore.from_arrays(tables, {EDGE: np.zeros(2, np.int32), visits: np.zeros(2, np.int32)})
    subgraph = Sampler(store, "customers", {EDGE: [1]}).sample(at(9))
    assert {t: len(rows) for t, rows in subgraph.nodes.items()} == {"customers": 1, "orders": 1, "visits": 0}
    assert subgraph.num_sampled_edges[visits] == [0]


def test__no_seeds__gives_an_empty_subgraph():
    subgraph = star([1, 2]).sample(at())
    assert all(len(rows) == 0 for rows in subgraph.nodes.values())


@pytest.mark.parametrize("entity", [-1, 1])
def test__an_entity_outside_the_table__is_refused(entity):
    with pytest.raises(GraphError, match=f"no row {entity}"):
        star([1]).sample(Seeds.at(np.array([entity]), np.array([5])))


def test__settings__unknown_or_negative__are_refused():
    store = star([1]).store
    with pytest.raises(GraphError, match="customers"):
        Sampler(store, "customer", [1])
    with pytest.raises(UsageError, match="strategy"):
        Sampler(store, "customers", [1], strategy="newest")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="fan-out"):
        Sampler(store, "customers", [-2])
    with pytest.raises(UsageError, match="edge type"):
        Sampler(store, "customers", {("a", "b", "c"): [1]})


@settings(max_examples=20)
@given(st.integers(200, 3000), st.integers(0, 5))
def test__many_nodes__buffers_and_tables_grow__nothing_is_lost(rows, seed):
    rng = np.random.default_rng(seed)
    world = World({"t0": [ALWAYS] * 3, "t1": list(range(rows)), "t2": [ALWAYS] * rows}, {
        ("t1", "a", "t0"): rng.integers(0, 3, rows).tolist(), ("t1", "b", "t2"): rng.integers(0, rows, rows).tolist(),
    })  # fmt: skip
    subgraph = Sampler(world.store(), "t0", [-1, -1]).sample(Seeds.at(np.arange(3), np.full(3, rows)))
    for i in range(3):
        mine = np.flatnonzero(np.array(world.references["t1", "a", "t0"]) == i)
        assert subgraph.nodes["t1"][subgraph.batch["t1"] == i].tolist() == mine.tolist()
        others = np.array(world.references["t1", "b", "t2"])[mine]
        assert sorted(subgraph.nodes["t2"][subgraph.batch["t2"] == i].tolist()) == np.unique(others).tolist()
