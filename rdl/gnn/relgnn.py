"""RelGNN: composite message passing over bridge tables.

After Chen, Kanatsoulis and Leskovec, "RelGNN: Composite Message Passing for Relational Deep Learning" (2025).

A table with two or more references is a hyperedge between the tables that it references. What its rows tell one of their parents
is first fused with what they know of the others (a race's result tells the driver of the constructor), so a bridge table costs no
extra hop. A parent attends to the fused rows. The paper makes one route of each ordered pair of references; here a row is fused
with all its other parents at once: as many routes as references, not as pairs.

The parents that a row is fused with enter as they were encoded, so trimming changes no number: a layer needs the vectors of the
nodes one hop further than it computes, and their parents' encodings, which every sampled node has.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import HeteroData
from torch_geometric.utils import softmax

from rdl.gnn.naming import module_key
from rdl.gnn.sage import EdgeType, Metadata, from_parent, neighbour_mean

HEADS = 4


class HeteroRelGnn(nn.Module):
    """`forward(encoded, batch)` returns the roots' vectors, float32[seeds, channels]; see `HeteroGraphSage`."""

    def __init__(self, metadata: Metadata, entity_table: str, channels: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.entity_table = entity_table
        self.layers = nn.ModuleList(RelGnnLayer(metadata, channels, dropout) for _ in range(layers))

    def forward(self, encoded: Mapping[str, Tensor], batch: HeteroData, *, trim: bool = True) -> Tensor:
        """The roots' vectors [seeds, channels]; `trim=False` computes every node in every layer, to the same result."""
        nodes = {name: list(batch[name].num_sampled_nodes) for name in batch.node_types}
        edges = {kind: list(batch[kind].num_sampled_edges) for kind in batch.edge_types}
        whole = {kind: batch[kind].edge_index for kind in batch.edge_types}
        x, index, hops = dict(encoded), whole, len(self.layers)
        for depth, layer in enumerate(self.layers):
            size = {name: len(v) for name, v in x.items()}
            if trim:
                left = hops - depth
                x = {name: v[: sum(nodes[name][: left + 1])] for name, v in x.items()}
                index = {kind: e[:, : sum(edges[kind][:left])] for kind, e in whole.items()}
                size = {name: sum(nodes[name][:left]) for name in x}
            reach = {kind: whole[kind][:, : sum(edges[kind][: left + 1])] if trim else whole[kind] for kind in whole}
            x = layer(x, index, size, encoded, reach)
        return x[self.entity_table][: nodes[self.entity_table][0]]


class RelGnnLayer(nn.Module):
    """x' = x + relu(norm(W x + sum over edge types of a message)).

    A parent along a key sends U parent. The children of a reference, fused with their other parents where they have any, send
    V [attended, log(1 + count) mean].
    """

    def __init__(self, metadata: Metadata, channels: int, dropout: float) -> None:
        super().__init__()
        tables, kinds = metadata
        self.heads = HEADS if channels % HEADS == 0 else 1
        self.own = nn.ModuleDict({module_key(name): nn.Linear(channels, channels) for name in tables})
        self.norm = nn.ModuleDict({module_key(name): nn.LayerNorm(channels) for name in tables})
        self.dropout = nn.Dropout(dropout)
        parents: dict[str, list[EdgeType]] = {}
        for kind in kinds:
            if from_parent(kind):
                parents.setdefault(kind[2], []).append(kind)
        self.bridges = {table: found for table, found in parents.items() if len(found) > 1}
        """Tables with several references, and the edge types along which their parents are reached."""
        self.fact = nn.ModuleDict({module_key(table): nn.Linear(channels, channels) for table in self.bridges})
        self.dim = nn.ModuleDict(
            {module_key(*kind): nn.Linear(channels, channels, bias=False) for found in self.bridges.values() for kind in found}
        )
        upward = [kind for kind in kinds if not from_parent(kind)]
        self.query = nn.ModuleDict({module_key(*kind): nn.Linear(channels, channels, bias=False) for kind in upward})
        self.key = nn.ModuleDict({module_key(*kind): nn.Linear(channels, channels, bias=False) for kind in upward})
        self.messages = nn.ModuleDict(
            {module_key(*kind): nn.Linear(channels if from_parent(kind) else 2 * channels, channels, bias=False) for kind in kinds}
        )

    def forward(
        self,
        x: Mapping[str, Tensor],
        index: Mapping[EdgeType, Tensor],
        size: Mapping[str, int],
        encoded: Mapping[str, Tensor],
        reach: Mapping[EdgeType, Tensor],
    ) -> dict[str, Tensor]:
        """New vectors of the first `size[table]` nodes [n, channels] of every table.

        Args:
            x: vectors by table; those of the nodes that `index` starts from.
            index: int64[2, e] by edge type, whose targets are computed.
            size: how many nodes of each table are computed.
            encoded: every sampled node's encoding by table.
            reach: the edges of the nodes in `x`, one hop more than `index`.
        """
        total = {name: self.own[module_key(name)](x[name][:count]) for name, count in size.items() if count}
        fused = {table: self._fuse(table, x[table], encoded, reach) for table in self.bridges if len(x.get(table, ()))}
        for kind, edges in index.items():
            source, _, target = kind
            if not edges.shape[1] or target not in total:
                continue
            message = self.messages[module_key(*kind)]
            if from_parent(kind):
                total[target] = total[target] + neighbour_mean(message(x[source]), edges, size[target])[0]
            else:
                rows = fused[source].without(kind) if source in fused else x[source]
                total[target] = total[target] + message(self._attend(kind, rows, x[target], edges, size[target]))
        fresh = {name: torch.relu(self.norm[module_key(name)](v)) + x[name][: len(v)] for name, v in total.items()}
        return {name: fresh.get(name, v[:0]) for name, v in x.items()}

    def _fuse(self, table: str, x: Tensor, encoded: Mapping[str, Tensor], reach: Mapping[EdgeType, Tensor]) -> "_Fused":
        """The rows of a bridge table with what they know of their parents."""
        own = self.fact[module_key(table)](x)
        parents = {}
        for kind in self.bridges[table]:
            source, target = reach[kind]
            inside = target < len(x)
            known = self.dim[module_key(*kind)](encoded[kind[0]])
            parents[kind] = torch.zeros_like(own).index_add(0, target[inside], known[source[inside]])  # one parent a row
        return _Fused(own, parents)

    def _attend(self, kind: EdgeType, rows: Tensor, x: Tensor, edges: Tensor, size: int) -> Tensor:
        """[size, 2 channels] what a parent attends to among its children, and their mean by how many they are."""
        source, target = edges
        if not bool((target[1:] >= target[:-1]).all()):
            target, order = torch.sort(target, stable=True)
            source = source[order]
        width = rows.shape[1] // self.heads
        query = self.query[module_key(*kind)](x[:size]).view(-1, self.heads, width)
        key = self.key[module_key(*kind)](rows).view(-1, self.heads, width)
        score = (query[target] * key[source]).sum(dim=2) / width**0.5  # [edges, heads]
        weight = softmax(score, target, num_nodes=size, dim=0)  # [edges, heads]
        values = rows[source].view(-1, self.heads, width) * weight[:, :, None]
        attended = rows.new_zeros(size, rows.shape[1]).index_add(0, target, values.reshape(len(source), -1))
        mean, count = neighbour_mean(rows, torch.stack([source, target]), size)
        both = torch.cat([attended, mean * torch.log1p(count)[:, None]], dim=1)
        mixed: Tensor = self.dropout(both)
        return mixed


class _Fused:
    """Rows [n, channels] fused with their parents; a parent is told of the others only."""

    def __init__(self, own: Tensor, parents: Mapping[EdgeType, Tensor]) -> None:
        self._parents = parents
        self._sum = own + torch.stack(list(parents.values())).sum(dim=0)

    def without(self, kind: EdgeType) -> Tensor:
        """[n, channels] for the parent along `kind`, a reference (child, column, parent)."""
        child, column, parent = kind
        return functional.relu(self._sum - self._parents[parent, f"rev_{column}", child])
