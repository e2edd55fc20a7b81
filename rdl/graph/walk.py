"""The walk of one batch through the hops of a plan: frontier by frontier, edge type by edge type, all seeds at once."""

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rdl.graph import kernels
from rdl.graph.plan import Step
from rdl.graph.store import GraphStore
from rdl.graph.subgraph import Subgraph
from rdl.timeline import ALWAYS, visible

if TYPE_CHECKING:
    from rdl.graph.tables import EdgeType
    from rdl.task import Seeds


class Nodes:
    """The nodes of one table found so far, and the hash table that knows them."""

    def __init__(self) -> None:
        self.row = np.empty(1024, np.int32)
        self.owner = np.empty(1024, np.int32)
        self.slots = np.zeros(4096, np.int64)
        self.epoch = 0
        self.count = 0
        self.ends: list[int] = []

    def clear(self) -> None:
        """Forget all nodes, in constant time."""
        self.count, self.ends = 0, []
        self.epoch += 1
        if self.epoch == 2**31 - 1:
            self.slots[:] = 0
            self.epoch = 1

    def reserve(self, more: int) -> None:
        """Make sure that `more` nodes fit."""
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


class Scratch:
    """What one thread keeps between batches: buffers that only grow. `degree` is the most children any node has."""

    def __init__(self, degree: int) -> None:
        self.nodes: dict[str, Nodes] = {}
        self.mark = np.zeros(degree + 1, np.int32)
        self._found = np.empty((2, 1024), np.int32)

    def found(self, most: int) -> npt.NDArray[np.int32]:
        """Room for `most` rows and their seeds, int32[2, most], until the next call."""
        if most > self._found.shape[1]:
            self._found = np.empty((2, 2 * most), np.int32)
        return self._found[:, :most]


class Walk:
    """One batch on its way through the hops: `expand` along each step of a hop, then `close_hop`, and at last `result`."""

    def __init__(
        self, store: GraphStore, entity_table: str, hops: int, seed: int, seeds: "Seeds", scratch: Scratch, window: int | None
    ) -> None:
        self.store, self.entity_table, self.seeds, self.scratch, self.window = store, entity_table, seeds, scratch, window
        entity = np.ascontiguousarray(seeds.entity, dtype=np.int64)
        self.as_of = np.ascontiguousarray(seeds.as_of, dtype=np.int64)
        cutoff = np.ascontiguousarray(seeds.cutoff, dtype=np.int64)
        self.keys = kernels.seed_keys(np.uint64(seed % 2**64), entity, cutoff)
        self.bounds: dict[str, npt.NDArray[np.int64]] = {}
        self.floors: dict[str, npt.NDArray[np.int64]] = {}
        self.frontier_keys: dict[str, npt.NDArray[np.int32]] = {}
        self.edges: dict[EdgeType, list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]] = {}
        self.edge_counts = {edge: [0] * hops for edge in store.edge_types}
        self.nodes = {name: scratch.nodes.setdefault(name, Nodes()) for name in store.tables}
        for nodes in self.nodes.values():
            nodes.clear()
        self.root_visible = entity < self.bound(entity_table)
        self.nodes[entity_table].admit(entity.astype(np.int32), np.arange(len(entity), dtype=np.int32))
        self.close_hop()

    def bound(self, table: str) -> npt.NDArray[np.int64]:
        """How many rows of a table each seed may see."""
        if table not in self.bounds:
            self.bounds[table] = count_visible(self.store.tables[table].time, self.as_of)
        return self.bounds[table]

    def floor(self, table: str) -> npt.NDArray[np.int64]:
        """How many rows of a table are too old for each seed's window."""
        if table not in self.floors:
            self.floors[table] = count_too_old(self.store.tables[table].time, self.as_of, self.window)
        return self.floors[table]

    def close_hop(self) -> None:
        """What was added since the last call is the next frontier."""
        for nodes in self.nodes.values():
            nodes.ends.append(nodes.count)
        self.frontier_keys.clear()

    def expand(self, hop: int, step: Step, uniform: bool) -> None:
        """Find the neighbours of the frontier along one edge type, and add them and the edges."""
        target = self.nodes[step.target]
        first, last = (target.ends[-2] if hop else 0), target.ends[-1]
        if first == last:
            return
        node, owner = target.row[first:last], target.owner[first:last]
        if step.upward:
            row, belongs, destination = self._children(step, node, owner, first, uniform)
        else:
            row, belongs, destination = self._parents(step, node, owner, first)
        if len(row) == 0:
            return
        nodes = self.nodes[step.source]
        source = nodes.append(row, belongs) if step.distinct else nodes.admit(row, belongs)
        self.edges.setdefault(step.edge, []).append((source, destination))
        self.edge_counts[step.edge][hop] = len(source)

    def _children(self, step: Step, node: Any, owner: Any, first: int, uniform: bool) -> tuple[Any, Any, Any]:
        csc = step.link.csc
        start, valid = np.empty((2, len(node)), np.int32)
        floor, bound = self.floor(step.source), self.bound(step.source)
        total = kernels.count_children(csc.offsets, csc.rows, node, owner, floor, bound, step.most, start, valid)
        row, belongs = self.scratch.found(total)
        destination = np.empty(total, np.int64)
        kernels.take_children(
            csc.rows,
            node,
            owner,
            start,
            valid,
            step.most,
            uniform,
            self.keys,
            step.salt,
            self.scratch.mark,
            first,
            row,
            belongs,
            destination,
        )
        return row, belongs, destination

    def _parents(self, step: Step, node: Any, owner: Any, first: int) -> tuple[Any, Any, Any]:
        row, belongs = self.scratch.found(len(node))
        destination = np.empty(len(node), np.int64)
        total = kernels.take_parents(
            self._keys(step.target, node),
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

    def _keys(self, table: str, node: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The key columns of this hop's frontier in a table, read once for all of its references."""
        if table not in self.frontier_keys:
            keys = self.store.tables[table].keys
            self.frontier_keys[table] = np.empty((len(node), keys.shape[1]), np.int32)
            kernels.gather_keys(keys, node, self.frontier_keys[table])
        return self.frontier_keys[table]

    def result(self) -> Subgraph:
        """All that was found, in arrays of its own."""
        none = np.empty(0, np.int64)
        edges = {}
        for edge in self.store.edge_types:
            parts = self.edges.get(edge, [(none, none)])
            sources, destinations = zip(*parts, strict=True)
            edges[edge] = parts[0] if len(parts) == 1 else (np.concatenate(sources), np.concatenate(destinations))
        return Subgraph(
            entity_table=self.entity_table,
            seeds=self.seeds,
            root_visible=self.root_visible,
            nodes={name: n.row[: n.count].astype(np.int64) for name, n in self.nodes.items()},
            batch={name: n.owner[: n.count].copy() for name, n in self.nodes.items()},
            num_sampled_nodes={name: np.diff(n.ends, prepend=0).tolist() for name, n in self.nodes.items()},
            edges=edges,
            num_sampled_edges=self.edge_counts,
        )


def count_too_old(time: npt.NDArray[np.int64], as_of: npt.NDArray[np.int64], window: int | None) -> npt.NDArray[np.int64]:
    """For every `as_of` [m], how many rows of an ascending `time` [n] are older than `window` before it; none of a static table.

    Returns int64[m].
    """
    if window is None or not len(time) or time[-1] == ALWAYS:
        return np.zeros(len(as_of), np.int64)
    return count_visible(time, np.maximum(as_of, ALWAYS + window) - window)


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
        low += half * visible(time.take(low + (half - 1)), as_of)
        length -= half
    return low + visible(time[low], as_of)
