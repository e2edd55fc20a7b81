"""What a sampler returns: the neighbourhoods of a batch of seeds, as plain arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rdl.graph.tables import EdgeType

if TYPE_CHECKING:
    from rdl.task import Seeds


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
