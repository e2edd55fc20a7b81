"""Temporal neighbour sampling: for each seed its own subgraph, of what was visible at the seed's own `as_of`.

Promises:
- No node of a seed's subgraph is later than its `as_of`: visible neighbours are a prefix, found by binary search through
  `rdl.timeline`. The seed's own row is always there, flagged by `root_visible`; while it is invisible its key columns are
  not read.
- Subgraphs are disjoint, and within one a row occurs once, whatever the number of hops that reach it.
- A draw depends on (random seed, entity, cutoff, hop, edge type, node) alone: neither on the batch's order or composition,
  nor on workers, nor on rows at or after `as_of`.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from rdl.errors import GraphError, UsageError
from rdl.graph import kernels
from rdl.graph.hashing import hash_text
from rdl.graph.store import GraphStore
from rdl.graph.tables import EdgeType, Link
from rdl.timeline import visible

if TYPE_CHECKING:
    from rdl.task import Seeds

Strategy = Literal["uniform", "last"]
Fanouts = Sequence[int] | Mapping[EdgeType, Sequence[int]]

ALL = -1
"""The fan-out that takes every visible neighbour."""

_MOST = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Subgraph:
    """The sampled neighbourhoods of a batch of seeds, every table and edge type of the graph present.

    Attributes:
        entity_table: the seeds' table; its first `len(seeds)` nodes are the seeds, in order.
        seeds: the batch (entity, cutoff, as_of).
        root_visible: bool[seeds], whether the seed's own row may be read at its `as_of`.
        nodes: row ids int64[n] by table, hop by hop.
        batch: int32[n] by table, the seed each node belongs to.
        num_sampled_nodes: by table, how many nodes each hop added, the roots being hop 0: hops + 1 counts.
        edges: by edge type (source int64[e], destination int64[e]) as positions in `nodes`, hop by hop.
        num_sampled_edges: by edge type, how many edges each hop added: hops counts.
    """

    entity_table: str
    seeds: "Seeds"
    root_visible: npt.NDArray[np.bool_]
    nodes: Mapping[str, npt.NDArray[np.int64]]
    batch: Mapping[str, npt.NDArray[np.int32]]
    num_sampled_nodes: Mapping[str, list[int]]
    edges: Mapping[EdgeType, tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]
    num_sampled_edges: Mapping[EdgeType, list[int]]

    def hops(self, table: str) -> npt.NDArray[np.int8]:
        """The hop that each node of a table was first reached in, int8[n]."""
        counts = self.num_sampled_nodes[table]
        return np.repeat(np.arange(len(counts), dtype=np.int8), counts)


class Sampler:
    """Samples subgraphs of one graph around rows of `entity_table`; may be shared by threads.

    `fanouts` holds, for each hop, the most neighbours taken per node and edge type, -1 for all; or a list per edge type
    (edge types left out are not walked). `strategy` is "uniform" without replacement, or "last", the latest ones (ties by row
    id). Making a sampler proves the order of the whole graph; GraphError when it is broken.
    """

    def __init__(
        self, store: GraphStore, entity_table: str, fanouts: Fanouts, strategy: Strategy = "uniform", seed: int = 0
    ) -> None:
        store.table(entity_table)
        store.check_order()
        if strategy not in ("uniform", "last"):
            raise UsageError(f"no sampling strategy {strategy!r}", fix="use 'uniform' or 'last'")
        self.store, self.entity_table, self.strategy, self.seed = store, entity_table, strategy, seed
        self.fanouts = _per_edge_type(fanouts, store.edge_types)
        self.hops = max((len(f) for f in self.fanouts.values()), default=0)
        self._steps = _plan(store, entity_table, self.fanouts, self.hops)
        self._degree = max((int(np.diff(x.csc.offsets).max(initial=0)) for x in store.links), default=0)
        self._scratch = threading.local()

    def sample(self, seeds: "Seeds") -> Subgraph:
        """The subgraphs of a batch of seeds; GraphError for an entity that is no row of the table."""
        entity = np.ascontiguousarray(seeds.entity, dtype=np.int64)
        cutoff = np.ascontiguousarray(seeds.cutoff, dtype=np.int64)
        as_of = np.ascontiguousarray(seeds.as_of, dtype=np.int64)
        rows = self.store.tables[self.entity_table].rows
        if len(entity) and (entity.min() < 0 or entity.max() >= rows):
            wrong = int(entity.min()) if entity.min() < 0 else int(entity.max())
            raise GraphError(f"no row {wrong}", where=f"table {self.entity_table} of {rows} rows", fix="check the seeds")
        walk = _Walk(self, seeds, entity, cutoff, as_of)
        for hop in range(self.hops):
            for step in self._steps[hop]:
                walk.expand(hop, step)
            walk.close_hop()
        return walk.result()

    def scratch(self) -> "_Scratch":
        """This thread's reusable buffers."""
        if not hasattr(self._scratch, "value"):
            self._scratch.value = _Scratch(self._degree)
        scratch: _Scratch = self._scratch.value
        return scratch


@dataclass(frozen=True, eq=False)
class _Step:
    """One expansion: the neighbours of the nodes of table `target` that the last hop added, along one edge type.

    `distinct` says that nothing it finds can be met before or after, so de-duplication is not needed.
    """

    edge: EdgeType
    link: Link
    most: int
    salt: np.uint64
    distinct: bool

    @property
    def source(self) -> str:
        return self.edge[0]

    @property
    def target(self) -> str:
        return self.edge[2]

    @property
    def upward(self) -> bool:
        return self.edge == self.link.upward


class _Nodes:
    """The nodes of one table found so far, and the hash table that knows them."""

    def __init__(self) -> None:
        self.row = np.empty(1024, np.int32)
        self.owner = np.empty(1024, np.int32)
        self.slots = np.zeros(4096, np.int64)
        self.epoch = 0
        self.count = 0
        self.ends: list[int] = []

    def clear(self) -> None:
        self.count, self.ends = 0, []
        self.epoch += 1
        if self.epoch == 2**31 - 1:
            self.slots[:] = 0
            self.epoch = 1

    def reserve(self, more: int) -> None:
        if self.count + more > len(self.row):
            room = 2 * (self.count + more)
            self.row = np.concatenate([self.row[: self.count], np.empty(room - self.count, np.int32)])
            self.owner = np.concatenate([self.owner[: self.count], np.empty(room - self.count, np.int32)])

    def append(self, row: npt.NDArray[np.int32], owner: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Add nodes known to be new, without hashing; return their local ids."""
        self.reserve(len(row))
        first, self.count = self.count, self.count + len(row)
        self.row[first : self.count] = row
        self.owner[first : self.count] = owner
        return np.arange(first, self.count)

    def admit(self, row: npt.NDArray[np.int32], owner: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Add those nodes not met before; return the local ids of all."""
        self.reserve(len(row))
        self._make_room(self.count + len(row))
        local = np.empty(len(row), np.int64)
        self.count = kernels.admit(row, owner, self.slots, self.epoch, self.row, self.owner, self.count, local)
        return local

    def _make_room(self, most: int) -> None:
        if 4 * most > len(self.slots):  # two words an entry, at most half of the entries in use
            self.slots = np.zeros(2 ** int(4 * most).bit_length(), np.int64)
            known = np.empty(self.count, np.int64)
            row, owner = self.row[: self.count].copy(), self.owner[: self.count].copy()
            kernels.admit(row, owner, self.slots, self.epoch, self.row, self.owner, 0, known)


class _Scratch:
    """What one thread keeps between batches."""

    def __init__(self, degree: int) -> None:
        self.nodes: dict[str, _Nodes] = {}
        self.mark = np.zeros(degree + 1, np.int32)
        self._found = np.empty((2, 1024), np.int32)

    def found(self, most: int) -> npt.NDArray[np.int32]:
        """Room for `most` rows and their seeds, int32[2, most], until the next call."""
        if most > self._found.shape[1]:
            self._found = np.empty((2, 2 * most), np.int32)
        return self._found[:, :most]


class _Walk:
    """One batch on its way through the hops."""

    def __init__(
        self,
        sampler: Sampler,
        seeds: "Seeds",
        entity: npt.NDArray[np.int64],
        cutoff: npt.NDArray[np.int64],
        as_of: npt.NDArray[np.int64],
    ) -> None:
        self.sampler, self.seeds, self.as_of = sampler, seeds, as_of
        self.scratch = sampler.scratch()
        self.keys = kernels.seed_keys(np.uint64(sampler.seed % 2**64), entity, cutoff)
        self.bounds: dict[str, npt.NDArray[np.int64]] = {}
        self.edges: dict[EdgeType, list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]] = {}
        self.edge_counts = {edge: [0] * sampler.hops for edge in sampler.store.edge_types}
        self.nodes = {name: self.scratch.nodes.setdefault(name, _Nodes()) for name in sampler.store.tables}
        for nodes in self.nodes.values():
            nodes.clear()
        self.root_visible = entity < self.bound(sampler.entity_table)
        self._plant(entity)
        self.close_hop()

    def _plant(self, entity: npt.NDArray[np.int64]) -> None:
        owner = np.arange(len(entity), dtype=np.int32)
        self.nodes[self.sampler.entity_table].admit(entity.astype(np.int32), owner)

    def bound(self, table: str) -> npt.NDArray[np.int64]:
        """How many rows of a table each seed may see."""
        if table not in self.bounds:
            self.bounds[table] = count_visible(self.sampler.store.tables[table].time, self.as_of)
        return self.bounds[table]

    def close_hop(self) -> None:
        for nodes in self.nodes.values():
            nodes.ends.append(nodes.count)

    def expand(self, hop: int, step: _Step) -> None:
        """Find the neighbours of the frontier along one edge type, and add them and the edges."""
        target = self.nodes[step.target]
        first, last = (target.ends[-2] if hop else 0), target.ends[-1]
        if first == last:
            return
        node, owner = target.row[first:last], target.owner[first:last]
        take = self._children if step.upward else self._parents
        row, belongs, destination = take(step, node, owner, first)
        if len(row) == 0:
            return
        nodes = self.nodes[step.source]
        source = nodes.append(row, belongs) if step.distinct else nodes.admit(row, belongs)
        self.edges.setdefault(step.edge, []).append((source, destination))
        self.edge_counts[step.edge][hop] = len(source)

    def _children(self, step: _Step, node: Any, owner: Any, first: int) -> tuple[Any, Any, Any]:
        csc = step.link.csc
        valid = np.empty(len(node), np.int32)
        bound = self.bound(step.source)
        total = kernels.count_children(csc.offsets, csc.rows, node, owner, bound, step.most, valid)
        row, belongs = self.scratch.found(total)
        destination = np.empty(total, np.int64)
        kernels.take_children(
            csc.offsets,
            csc.rows,
            node,
            owner,
            valid,
            step.most,
            self.sampler.strategy == "uniform",
            self.keys,
            step.salt,
            self.scratch.mark,
            first,
            row,
            belongs,
            destination,
        )
        return row, belongs, destination

    def _parents(self, step: _Step, node: Any, owner: Any, first: int) -> tuple[Any, Any, Any]:
        row, belongs = self.scratch.found(len(node))
        destination = np.empty(len(node), np.int64)
        total = kernels.take_parents(
            self.sampler.store.tables[step.target].keys,
            step.link.place,
            node,
            owner,
            self.bound(step.target),
            self.bound(step.source),
            first,
            row,
            belongs,
            destination,
        )
        return row[:total], belongs[:total], destination[:total]

    def result(self) -> Subgraph:
        none = np.empty(0, np.int64)
        edges = {}
        for edge in self.sampler.store.edge_types:
            parts = self.edges.get(edge, [(none, none)])
            sources, destinations = zip(*parts, strict=True)
            edges[edge] = parts[0] if len(parts) == 1 else (np.concatenate(sources), np.concatenate(destinations))
        return Subgraph(
            entity_table=self.sampler.entity_table,
            seeds=self.seeds,
            root_visible=self.root_visible,
            nodes={name: n.row[: n.count].astype(np.int64) for name, n in self.nodes.items()},
            batch={name: n.owner[: n.count].copy() for name, n in self.nodes.items()},
            num_sampled_nodes={name: np.diff(n.ends, prepend=0).tolist() for name, n in self.nodes.items()},
            edges=edges,
            num_sampled_edges=self.edge_counts,
        )


def count_visible(time: npt.NDArray[np.int64], as_of: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For every `as_of` [m], how many rows of an ascending `time` [n] are visible. Returns int64[m].

    All binary searches advance together, one halving at a time, so that their cache misses overlap.
    """
    low = np.zeros(len(as_of), np.int64)
    length = len(time)
    if length == 0 or len(as_of) == 0:
        return low
    if visible(time[-1:], int(as_of.min()))[0]:
        return low + length
    while length > 1:
        half = length // 2
        low += half * visible(time[low + (half - 1)], as_of)
        length -= half
    return low + visible(time[low], as_of)


def _per_edge_type(fanouts: Fanouts, edge_types: list[EdgeType]) -> dict[EdgeType, list[int]]:
    """The fan-outs of every edge type that is walked; UsageError for an unknown edge type or a value below -1."""
    if isinstance(fanouts, Mapping):
        unknown = [edge for edge in fanouts if edge not in edge_types]
        if unknown:
            raise UsageError(f"no edge type {unknown[0]}", fix=f"known are: {edge_types}")
        given = {edge: list(values) for edge, values in fanouts.items()}
    else:
        given = {edge: list(fanouts) for edge in edge_types}
    for edge, values in given.items():
        if any(int(v) != v or v < ALL for v in values):
            raise UsageError(f"fan-out {values} of {edge}", fix="give whole numbers from 0 on, or -1 for all")
    return given


def _plan(
    store: GraphStore, entity_table: str, fanouts: Mapping[EdgeType, list[int]], hops: int
) -> list[list[_Step]]:
    """The expansions of every hop, in the store's order of edge types, leaving out those that no node can reach."""
    links = {edge: link for link in store.links for edge in (link.upward, link.downward)}
    plan: list[list[tuple[EdgeType, int]]] = []
    frontier = {entity_table}
    for hop in range(hops):
        most = {edge: values[hop] for edge, values in fanouts.items() if hop < len(values) and values[hop] != 0}
        plan.append([(e, _MOST if most[e] == ALL else most[e]) for e in store.edge_types if e in most and e[2] in frontier])
        frontier = {edge[0] for edge, _ in plan[-1]}
    reached = [entity_table, *(edge[0] for steps in plan for edge, _ in steps)]
    return [
        [
            _Step(e, links[e], most, _salt(hop, e), e == links[e].upward and reached.count(e[0]) == 1)
            for e, most in steps
        ]
        for hop, steps in enumerate(plan)
    ]


def _salt(hop: int, edge: EdgeType) -> np.uint64:
    """What distinguishes the draws of a hop and edge type, from their names alone."""
    return np.uint64(hash_text("|".join(edge)) | (hop + 1) << 32)
