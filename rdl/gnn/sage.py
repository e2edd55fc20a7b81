"""GraphSAGE over a heterogeneous batch: every edge type its own weights, mean and count of the neighbours, residual layers.

A layer computes only the nodes that the layers after it read: hops are stored one after the other, so trimming is slicing, and
changes no number. Neighbours of a node stand together (the sampler writes edges in the order of their destination), so a mean
is one segmented pass over them, without a message per edge.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import HeteroData

EdgeType = tuple[str, str, str]
Metadata = tuple[Sequence[str], Sequence[EdgeType]]


class HeteroGraphSage(nn.Module):
    """`forward(encoded, batch)` returns the roots' vectors, float32[seeds, channels].

    `encoded` holds float32[n, channels] by table; the entity table's first nodes are the roots.
    """

    def __init__(self, metadata: Metadata, entity_table: str, channels: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.entity_table = entity_table
        self.layers = nn.ModuleList(SageLayer(metadata, channels, dropout) for _ in range(layers))

    def forward(self, encoded: Mapping[str, Tensor], batch: HeteroData, *, trim: bool = True) -> Tensor:
        nodes = {name: list(batch[name].num_sampled_nodes) for name in batch.node_types}
        edges = {kind: list(batch[kind].num_sampled_edges) for kind in batch.edge_types}
        index = {kind: batch[kind].edge_index for kind in batch.edge_types}
        x, hops = dict(encoded), len(self.layers)
        for depth, layer in enumerate(self.layers):
            if trim:
                left = hops - depth
                x = {name: v[: sum(nodes[name][: left + 1])] for name, v in x.items()}
                index = {kind: e[:, : sum(edges[kind][:left])] for kind, e in index.items()}
                size = {name: sum(nodes[name][:left]) for name in x}
            else:
                size = {name: len(v) for name, v in x.items()}
            x = layer(x, index, size)
        return x[self.entity_table][: nodes[self.entity_table][0]]


class SageLayer(nn.Module):
    """x' = x + drop(relu(norm(W x + sum over edge types of V [mean, log(1 + count) mean])))."""

    def __init__(self, metadata: Metadata, channels: int, dropout: float) -> None:
        super().__init__()
        tables, kinds = metadata
        self.own = nn.ModuleDict({name: nn.Linear(channels, channels) for name in tables})
        self.norm = nn.ModuleDict({name: nn.LayerNorm(channels) for name in tables})
        self.dropout = nn.Dropout(dropout)
        self.names = {tuple(kind): "__".join(kind).replace(".", "_") for kind in kinds}
        self.neighbours = nn.ModuleDict({n: nn.Linear(2 * channels, channels, bias=False) for n in self.names.values()})

    def forward(
        self, x: Mapping[str, Tensor], index: Mapping[EdgeType, Tensor], size: Mapping[str, int]
    ) -> dict[str, Tensor]:
        """New vectors of the first `size[table]` nodes [n, channels] of every table."""
        total = {name: self.own[name](x[name][:count]) for name, count in size.items() if count}
        for kind, edges in index.items():
            source, _, target = kind
            if edges.shape[1] and target in total:
                both = neighbourhoods(x[source], edges, size[target])  # [size, 2 * channels]
                total[target] = total[target] + self.neighbours[self.names[kind]](both)
        fresh = {name: self.dropout(torch.relu(self.norm[name](v))) + x[name][: len(v)] for name, v in total.items()}
        return {name: fresh.get(name, v[:0]) for name, v in x.items()}


def neighbourhoods(x: Tensor, edges: Tensor, size: int) -> Tensor:
    """The mean of the sources' vectors of `edges` [2, e] at each of `size` nodes, and that mean times log(1 + their count).

    Returns float32[size, 2 * channels]; zero where there is no neighbour. Edges in any order give the same mean.
    """
    source, target = edges
    if not bool((target[1:] >= target[:-1]).all()):
        target, order = torch.sort(target, stable=True)
        source = source[order]
    count = torch.bincount(target, minlength=size)
    ends = functional.pad(count.cumsum(0), (1, 0))
    mean = functional.embedding_bag(source, x, ends, mode="mean", include_last_offset=True)  # [size, channels]
    return torch.cat([mean, mean * torch.log1p(count.float())[:, None]], dim=1)
