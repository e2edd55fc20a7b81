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
from copy import copy
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from rdl.errors import GraphError, UsageError
from rdl.graph.plan import Fanouts, Step, fanouts_by_edge_type, plan_steps
from rdl.graph.store import GraphStore
from rdl.graph.subgraph import Subgraph
from rdl.graph.walk import Scratch, Walk

if TYPE_CHECKING:
    from rdl.task import Seeds

Strategy = Literal["uniform", "last"]


class Sampler:
    """Samples subgraphs of one graph around rows of `entity_table`; may be shared by threads.

    `fanouts` holds, for each hop, the most neighbours taken per node and edge type, -1 for all; or a list per edge type
    (edge types left out are not walked). `strategy` is "uniform" without replacement, or "last", the latest ones (ties by row
    id). With `window`, in microseconds, children older than that before a seed's `as_of` are not taken; parents are, and so are
    children without time. Making a sampler proves the order of the whole graph; GraphError when it is broken.
    """

    def __init__(
        self,
        store: GraphStore,
        entity_table: str,
        fanouts: Fanouts,
        strategy: Strategy = "uniform",
        seed: int = 0,
        window: int | None = None,
    ) -> None:
        store.table(entity_table)
        store.check_order()
        if strategy not in ("uniform", "last"):
            raise UsageError(f"no sampling strategy {strategy!r}", fix="use 'uniform' or 'last'")
        if window is not None and window <= 0:
            raise UsageError(f"a window of {window} microseconds", fix="give the time before the cutoff that is read, or none")
        self.store, self.entity_table, self.strategy, self.seed = store, entity_table, strategy, seed
        self.window = window
        self.fanouts = fanouts_by_edge_type(fanouts, store.edge_types)
        self.hops = max((len(f) for f in self.fanouts.values()), default=0)
        self._plan = plan_steps(store, entity_table, self.fanouts, self.hops)
        self._degree = max((int(np.diff(x.csc.offsets).max(initial=0)) for x in store.links), default=0)
        self._scratch = threading.local()

    def seeded(self, seed: int) -> Self:
        """The same sampler with another random seed; the graph's order is not proved again."""
        other = copy(self)
        other.seed = seed
        return other

    @property
    def plan(self) -> list[list[Step]]:
        """The expansions of every hop."""
        return self._plan

    def sample(self, seeds: "Seeds") -> Subgraph:
        """The subgraphs of a batch of seeds; GraphError for an entity that is no row of the table."""
        entity, rows = np.asarray(seeds.entity), self.store.tables[self.entity_table].rows
        if len(entity) and (entity.min() < 0 or entity.max() >= rows):
            wrong = int(entity.min()) if entity.min() < 0 else int(entity.max())
            raise GraphError(f"no row {wrong}", where=f"table {self.entity_table} of {rows} rows", fix="check the seeds")
        walk = Walk(self.store, self.entity_table, self.hops, self.seed, seeds, self._own_scratch(), self.window)
        for hop, steps in enumerate(self._plan):
            for step in steps:
                walk.expand(hop, step, self.strategy == "uniform")
            walk.close_hop()
        return walk.result()

    def _own_scratch(self) -> Scratch:
        """This thread's reusable buffers."""
        if not hasattr(self._scratch, "value"):
            self._scratch.value = Scratch(self._degree)
        scratch: Scratch = self._scratch.value
        return scratch
