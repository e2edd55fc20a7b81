"""The sampler in torch, for graphs that fit on an accelerator: all seeds, nodes and draws of a step at once.

It takes the same neighbours as `rdl.graph.Sampler`, with the same random numbers in the same order, so a network sees the same
batches whichever made them; a test holds the one against the other. Tables and links are copied to the device once, when a sampler
is made; a batch then leaves it for nothing.
"""

from copy import copy
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from rdl.graph.hashing import NULL
from rdl.graph.kernels import GOLDEN
from rdl.graph.plan import Step
from rdl.graph.sampler import Sampler
from rdl.graph.subgraph import Subgraph
from rdl.graph.tables import NULL_TIMESTAMP, EdgeType, NodeTable
from rdl.timeline import ALWAYS, DAY, NEVER

if TYPE_CHECKING:
    from rdl.task import Seeds

_GOLDEN = int(GOLDEN) - 2**64
_NULLS = {"x_num": torch.nan, "x_cat": NULL, "x_ts": NULL_TIMESTAMP, "x_text": NULL, "x_vec": torch.nan}


class TorchSampler:
    """Samples as `sampler` does, on `device`. Without `columns`, only edges are kept there, and `batch` has nothing to read."""

    def __init__(self, sampler: Sampler, device: torch.device | str, *, columns: bool = True) -> None:
        self.sampler, self.device = sampler, torch.device(device)
        self.store, self.entity_table, self.hops = sampler.store, sampler.entity_table, sampler.hops
        self.time = {name: self._put(table.time) for name, table in self.store.tables.items()}
        self.keys = {name: self._put(table.keys) for name, table in self.store.tables.items()}
        self.csc = {x.upward: (self._put(x.csc.offsets), self._put(x.csc.rows)) for x in self.store.links}
        self._columns = {name: self._copied(table) for name, table in self.store.tables.items()} if columns else {}

    def seeded(self, seed: int) -> Self:
        """The same sampler with another random seed; what lies on the device is shared."""
        other = copy(self)
        other.sampler = self.sampler.seeded(seed)
        return other

    def sample(self, seeds: "Seeds") -> Subgraph:
        """What `Sampler.sample` gives."""
        walk = self._walk(seeds)
        return Subgraph(
            entity_table=self.entity_table,
            seeds=seeds,
            root_visible=walk.root_visible.cpu().numpy(),
            nodes={name: (key & _LOW).cpu().numpy() for name, key in walk.keys.items()},
            batch={name: (key >> 32).int().cpu().numpy() for name, key in walk.keys.items()},
            num_sampled_nodes=walk.node_counts(),
            edges={e: tuple(ends.cpu().numpy()) for e, ends in walk.edge_index().items()},
            num_sampled_edges=walk.edge_counts,
        )

    def batch(self, seeds: "Seeds") -> HeteroData:
        """What `rdl.graph.batch.to_hetero_data` makes of the sample, on the device; `time` int64[n] too."""
        walk, data = self._walk(seeds), HeteroData()
        cutoff = torch.from_numpy(seeds.cutoff.copy()).to(self.device)
        counts = walk.node_counts()
        for name in self.store.tables:
            nodes, row = data[name], walk.keys[name] & _LOW
            nodes.num_nodes, nodes.n_id, nodes.batch = len(row), row, walk.keys[name] >> 32
            nodes.num_sampled_nodes = counts[name]
            nodes.time = self.time[name][row]
            self._fill(nodes, name, row, cutoff[nodes.batch], walk)
        for edge, ends in walk.edge_index().items():
            data[edge].edge_index = ends
            data[edge].num_sampled_edges = walk.edge_counts[edge]
        root = data[self.entity_table]
        root.root_visible, root.cutoff, root.as_of = walk.root_visible, cutoff, walk.as_of
        root.batch_size = len(cutoff)
        return data

    def _fill(self, nodes: Any, name: str, row: Tensor, cutoff: Tensor, walk: "_Walk") -> None:
        """Columns and ages of the rows [n]; nulls for roots that are not visible."""
        hidden = torch.zeros(len(row), dtype=torch.bool, device=self.device)
        if name == self.entity_table:
            hidden[: len(walk.root_visible)] = ~walk.root_visible
        for attribute, values in self._columns[name].items():
            found = values[row].long() if attribute in ("x_cat", "x_text") else values[row]
            if attribute in ("x_cat", "x_text"):
                found &= _LOW  # kept as int32
            found[hidden] = _NULLS[attribute]
            nodes[attribute] = found
        time = torch.where(hidden, NEVER, nodes.time)
        nodes.age_known = (time != ALWAYS) & (time != NEVER)
        days = (cutoff - torch.where(nodes.age_known, time, cutoff)).double() / DAY
        nodes.age = torch.where(nodes.age_known, days, torch.nan).float()

    def _walk(self, seeds: "Seeds") -> "_Walk":
        walk = _Walk(self, seeds)
        for hop, steps in enumerate(self.sampler.plan):
            for step in steps:
                walk.expand(hop, step)
            walk.close_hop()
        return walk

    def _copied(self, table: NodeTable) -> dict[str, Tensor]:
        return {
            "x_num": self._put(table.numeric),
            "x_cat": self._put(table.category.view("int32")),
            "x_ts": self._put(table.timestamp),
            "x_text": self._put(table.text.view("int32")),
            "x_vec": self._put(table.vector),
        }

    def _put(self, array: Any) -> Tensor:
        return torch.from_numpy(array.copy()).to(self.device)


_LOW = 0xFFFFFFFF


class _Walk:
    """One batch. A node is the number `seed << 32 | row`; nodes of a table stand in the order in which they were found."""

    def __init__(self, graph: TorchSampler, seeds: "Seeds") -> None:
        self.graph, self.device = graph, graph.device
        given = torch.from_numpy(seeds.entity.copy()).to(self.device)
        self.as_of = torch.from_numpy(seeds.as_of.copy()).to(self.device)
        cutoff = torch.from_numpy(seeds.cutoff.copy()).to(self.device)
        self.random = seed_keys(graph.sampler.seed, given, cutoff)
        empty = torch.empty(0, dtype=torch.int64, device=self.device)
        self.keys = dict.fromkeys(graph.store.tables, empty)
        self.keys[graph.entity_table] = torch.arange(len(given), device=self.device) << 32 | given
        self.ends: dict[str, list[int]] = {name: [len(key)] for name, key in self.keys.items()}
        self.edges: dict[EdgeType, list[tuple[Tensor, Tensor]]] = {}
        self.edge_counts = {edge: [0] * graph.hops for edge in graph.store.edge_types}
        self._bounds: dict[str, tuple[Tensor, Tensor]] = {}
        self.root_visible = given < self.bounds(graph.entity_table)[1]

    def bounds(self, table: str) -> tuple[Tensor, Tensor]:
        """The first row of a table that each seed may see, and how many rows come before those that it may not."""
        if table not in self._bounds:
            time, window = self.graph.time[table], self.graph.sampler.window
            after = torch.searchsorted(time, self.as_of)  # strictly before: the law of time, held to it by a test
            first = torch.zeros_like(after)
            if window is not None and len(time) and int(time[-1]) != ALWAYS:
                first = torch.searchsorted(time, self.as_of.clamp(min=ALWAYS + window) - window)
            self._bounds[table] = first, after
        return self._bounds[table]

    def close_hop(self) -> None:
        """What was added since the last call is the next frontier."""
        for name, key in self.keys.items():
            self.ends[name].append(len(key))

    def node_counts(self) -> dict[str, list[int]]:
        """By table, how many nodes each hop added."""
        return {name: [b - a for a, b in zip([0, *ends[:-1]], ends, strict=True)] for name, ends in self.ends.items()}

    def edge_index(self) -> dict[EdgeType, Tensor]:
        """int64[2, e] by edge type, hop by hop."""
        none = torch.empty(2, 0, dtype=torch.int64, device=self.device)
        parts = {edge: [torch.stack(ends) for ends in self.edges.get(edge, [])] for edge in self.edge_counts}
        return {edge: torch.cat([none, *found], dim=1) for edge, found in parts.items()}

    def expand(self, hop: int, step: Step) -> None:
        """Find the neighbours of the frontier along one edge type, and add them and the edges."""
        ends = self.ends[step.target]
        first, last = (ends[-2] if hop else 0), ends[-1]
        if first == last:
            return
        key = self.keys[step.target][first:last]
        found, target = (self._children if step.upward else self._parents)(step, key)
        if len(found):
            self.edges.setdefault(step.edge, []).append((self._admit(step.source, found), first + target))
            self.edge_counts[step.edge][hop] = len(found)

    def _parents(self, step: Step, key: Tensor) -> tuple[Tensor, Tensor]:
        """The visible parents of the frontier's nodes [n], as nodes, and which node's each is."""
        row, owner = key & _LOW, key >> 32
        parent = self.graph.keys[step.target][row, step.link.place].long()
        seen = (parent >= 0) & (parent < self.bounds(step.source)[1][owner]) & (row < self.bounds(step.target)[1][owner])
        place = seen.nonzero()[:, 0]
        return owner[place] << 32 | parent[place], place

    def _children(self, step: Step, key: Tensor) -> tuple[Tensor, Tensor]:
        """The sampled children of the frontier's nodes [n], as nodes, and which node's each is."""
        row, owner = key & _LOW, key >> 32
        offsets, rows = self.graph.csc[step.link.upward]
        begin, end = offsets[row].long(), offsets[row + 1].long()
        low, high = (bound[owner] for bound in self.bounds(step.source))
        begin, end = first_from(rows, begin, end, low), first_from(rows, begin, end, high)
        valid = end - begin
        take = valid.clamp(max=step.most)
        target = torch.repeat_interleave(take)  # [taken] which node's
        place = torch.arange(len(target), device=self.device) - (take.cumsum(0) - take)[target]
        place += (end - take)[target]
        many = (valid > step.most).nonzero()[:, 0] if self.graph.sampler.strategy == "uniform" else valid[:0]
        if len(many):
            state = mix(mix(self.random[owner[many]] ^ as_signed(int(step.salt))) ^ row[many])
            drawn = draw(valid[many], step.most, state) + begin[many][:, None]  # [many, most]
            place[torch.isin(target, many)] = drawn.flatten()
        return owner[target] << 32 | rows[place].long(), target

    def _admit(self, table: str, key: Tensor) -> Tensor:
        """Add those nodes not met before, in the order of their first mention; the places of all."""
        known = self.keys[table]
        both = torch.cat([known, key])
        distinct, inverse = torch.unique(both, return_inverse=True)
        first = torch.full_like(distinct, len(both)).scatter_reduce_(
            0, inverse, torch.arange(len(both), device=self.device), "amin"
        )
        order = first.argsort()
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order), device=self.device)
        self.keys[table] = distinct[order]
        return place[inverse[len(known) :]]


def first_from(rows: Tensor, low: Tensor, high: Tensor, least: Tensor) -> Tensor:
    """For every group low[n]..high[n] of ascending `rows`, the first place whose row is not below least [n]: int64[n]."""
    low, high = low.clone(), high.clone()
    longest = int((high - low).max()) if len(low) else 0
    last = max(len(rows) - 1, 0)
    for _ in range(longest.bit_length()):
        middle = (low + high) >> 1
        open_ = low < high
        below = open_ & (rows[middle.clamp(max=last)] < least)
        low = torch.where(below, middle + 1, low)
        high = torch.where(open_ & ~below, middle, high)
    return low


def draw(count: Tensor, take: int, state: Tensor) -> Tensor:
    """Floyd's sample of `take` places below each count [n] > take, without replacement: int64[n, take].

    `state` [n] are the random states; numbers and order are those of the kernel in `rdl.graph.kernels`.
    """
    picks = torch.empty(len(count), take, dtype=torch.int64, device=count.device)
    state = state.clone()
    for place in range(take):
        span = count - take + place + 1
        state += _GOLDEN
        product = high_half(mix(state)) * span
        uneven = (2**32 - span) % span
        again = (product & _LOW) < uneven  # Lemire; rare
        while bool(again.any()):
            state = torch.where(again, state + _GOLDEN, state)
            product = torch.where(again, high_half(mix(state)) * span, product)
            again = (product & _LOW) < uneven
        drawn = product >> 32
        met = (picks[:, :place] == drawn[:, None]).any(dim=1)
        picks[:, place] = torch.where(met, span - 1, drawn)
    return picks


def seed_keys(seed: int, entity: Tensor, cutoff: Tensor) -> Tensor:
    """`rdl.graph.kernels.seed_keys` as int64[n]."""
    start = mix(torch.tensor(as_signed((seed + int(GOLDEN)) % 2**64), device=entity.device))
    return mix((mix((start ^ entity) + _GOLDEN) ^ cutoff) + _GOLDEN)


def mix(x: Tensor) -> Tensor:
    """The finaliser of splitmix64, on int64 that stand for uint64."""
    x = (x ^ shift(x, 30)) * as_signed(0xBF58476D1CE4E5B9)
    x = (x ^ shift(x, 27)) * as_signed(0x94D049BB133111EB)
    return x ^ shift(x, 31)


def high_half(x: Tensor) -> Tensor:
    """The upper 32 of 64 bits."""
    return shift(x, 32)


def shift(x: Tensor, bits: int) -> Tensor:
    """A logical shift to the right."""
    return (x >> bits) & (2 ** (64 - bits) - 1)


def as_signed(x: int) -> int:
    """The int64 that has the bits of a uint64."""
    return x - 2**64 if x >= 2**63 else x
