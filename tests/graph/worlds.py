"""Small random databases with everything that makes sampling hard, and what a sampler's answer says of one seed."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from rdl.graph import GraphStore, NodeTable
from rdl.task import Seeds
from rdl.timeline import ALWAYS, NEVER

TIMES = [ALWAYS, 0, 1, 2, 3, 4, 5, NEVER]


@dataclass(frozen=True)
class World:
    """Times by table and keys by reference, as lists."""

    tables: dict[str, list[int]]
    references: dict[tuple[str, str, str], list[int]]

    def store(self) -> GraphStore:
        return GraphStore.from_arrays(
            {name: NodeTable.of(time) for name, time in self.tables.items()},
            {edge: np.array(keys, np.int64) for edge, keys in self.references.items()},
        )


@st.composite
def worlds(draw, most_rows=10):
    """Cycles, self references, several references between the same tables, ties, null and static times, isolated rows."""
    names = [f"t{i}" for i in range(draw(st.integers(1, 4)))]
    tables = {}
    for i, name in enumerate(names):
        rows = draw(st.integers(1 if i == 0 else 0, most_rows))
        static = draw(st.booleans())
        times = [ALWAYS] * rows if static else sorted(draw(st.lists(st.sampled_from(TIMES), min_size=rows, max_size=rows)))
        tables[name] = times
    references = {}
    for i in range(draw(st.integers(0, 6))):
        child, parent = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        key = st.integers(-1, len(tables[parent]) - 1)
        size = len(tables[child])
        references[child, f"c{i}", parent] = draw(st.lists(key, min_size=size, max_size=size))
    return World(tables, references)


@st.composite
def worlds_and_seeds(draw):
    """A world and 1..6 seeds in its first table, each with its own cutoff and as_of."""
    world = draw(worlds())
    rows = len(world.tables["t0"])
    seeds = draw(st.lists(st.tuples(st.integers(0, rows - 1), st.integers(-1, 7), st.integers(0, 3)), min_size=1, max_size=6))
    entity, as_of, stale = (np.array(column, np.int64) for column in zip(*seeds, strict=True))
    return world, Seeds(entity, as_of + stale, as_of)


def told(subgraph, seed):
    """One seed's part of a subgraph: its nodes in order by table, their hops, and its edges by (hop, edge type) in order."""
    nodes = {t: rows[subgraph.batch[t] == seed].tolist() for t, rows in subgraph.nodes.items()}
    hops = {t: subgraph.hops(t)[subgraph.batch[t] == seed].tolist() for t in subgraph.nodes}
    edges = defaultdict(list)
    for edge, (source, destination) in subgraph.edges.items():
        hop = np.repeat(np.arange(1, len(subgraph.num_sampled_edges[edge]) + 1), subgraph.num_sampled_edges[edge])
        mine = subgraph.batch[edge[2]][destination] == seed
        assert np.array_equal(subgraph.batch[edge[0]][source] == seed, mine)
        sources, targets = subgraph.nodes[edge[0]][source[mine]], subgraph.nodes[edge[2]][destination[mine]]
        for h, s, d in zip(hop[mine].tolist(), sources.tolist(), targets.tolist(), strict=True):
            edges[h, edge].append((s, d))
    return nodes, hops, dict(edges)
