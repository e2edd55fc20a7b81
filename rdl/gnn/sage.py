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

from rdl.gnn.naming import module_key

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
        """The roots' vectors [seeds, channels]; `trim=False` computes every node in every layer, to the same result."""
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
    """x' = x + relu(norm(W x + sum over edge types of a message)).

    The message of a table's children is V [mean, log(1 + count) mean]; that of its one parent along a key is U parent.
    """

    def __init__(self, metadata: Metadata, channels: int, dropout: float) -> None:
        super().__init__()
        tables, kinds = metadata
        self.own = nn.ModuleDict({module_key(name): nn.Linear(channels, channels) for name in tables})
        self.norm = nn.ModuleDict({module_key(name): nn.LayerNorm(channels) for name in tables})
        self.dropout = nn.Dropout(dropout)
        self.messages = nn.ModuleDict(
            {module_key(*kind): nn.Linear(channels if from_parent(kind) else 2 * channels, channels, bias=False) for kind in kinds}
        )

    def forward(self, x: Mapping[str, Tensor], index: Mapping[EdgeType, Tensor], size: Mapping[str, int]) -> dict[str, Tensor]:
        """New vectors of the first `size[table]` nodes [n, channels] of every table."""
        total = {name: self.own[module_key(name)](x[name][:count]) for name, count in size.items() if count}
        for kind, edges in index.items():
            source, _, target = kind
            if edges.shape[1] and target in total:
                message = self.messages[module_key(*kind)]
                if from_parent(kind):  # parents are fewer than children: project them, then hand the result out
                    total[target] = total[target] + neighbour_mean(message(x[source]), edges, size[target])[0]
                else:
                    mean, count = neighbour_mean(x[source], edges, size[target])  # [size, channels], [size]
                    both = torch.cat([mean, mean * torch.log1p(count)[:, None]], dim=1)
                    total[target] = total[target] + message(self.dropout(both))
        fresh = {name: torch.relu(self.norm[module_key(name)](v)) + x[name][: len(v)] for name, v in total.items()}
        return {name: fresh.get(name, v[:0]) for name, v in x.items()}


def from_parent(kind: EdgeType) -> bool:
    """Whether an edge type leads from a row to the rows that reference it."""
    return kind[1].startswith("rev_")


def neighbour_mean(x: Tensor, edges: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The mean of the sources' vectors of `edges` [2, e] at each of `size` nodes, and how many they are.

    Returns float32[size, channels], zero where there is no neighbour, and float32[size]. The order of edges does not matter.
    """
    source, target = edges
    if not bool((target[1:] >= target[:-1]).all()):
        target, order = torch.sort(target, stable=True)
        source = source[order]
    count = torch.bincount(target, minlength=size)
    ends = functional.pad(count.cumsum(0), (1, 0))
    mean = functional.embedding_bag(source, x, ends, mode="mean", include_last_offset=True)  # [size, channels]
    return mean, count.float()  # bf16 counts to 256
