"""A deeper encoder of rows: the tabular ResNet of Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data" (2021).

Every column becomes a vector, the vectors stand side by side, and residual blocks follow. All that comes before the first block's
products is linear, so it is multiplied into them ("folded"): a number costs one row of a small matrix, and a category is looked up
among products that were made once for each different value of the batch. The function, and its gradients, are the same.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdl.gnn.encoder import CALENDAR, RowEncoder
from rdl.gnn.statistics import TableStatistics

Part = tuple[Tensor, Tensor]
"""Inputs [u, columns, i] of columns that are linear functions of numbers, and their weights [columns, i, channels]."""


class ResNetEncoder(RowEncoder):
    """`RowEncoder` with residual blocks over the columns' vectors, `layers` of them."""

    def __init__(self, statistics: TableStatistics, channels: int, dropout: float, layers: int) -> None:
        super().__init__(statistics, channels, dropout)
        self.channels, self.fold = channels, True
        numbers, dates = len(statistics.numeric), self._dated()
        self.number = nn.Parameter(torch.randn(numbers, 3, channels) / 2)  # its value, whether it is null, and one
        self.date = nn.Parameter(torch.randn(dates, CALENDAR + 1, channels) / 2)
        given = len(statistics.vector)
        self.given = nn.Parameter(torch.randn(1 if given else 0, given + 1, channels) / (given + 1) ** 0.5)
        columns = numbers + dates + len(self.given) + statistics.categories + statistics.texts
        bound = (max(columns, 1) * channels) ** -0.5
        self.first = nn.Parameter(torch.empty(columns, channels, 2 * channels).uniform_(-bound, bound))
        self.first_bias = nn.Parameter(torch.zeros(2 * channels))
        self.blocks = nn.ModuleList(_Block(channels, dropout, first=place == 0) for place in range(layers))
        self.decoder = nn.Sequential(nn.LayerNorm(channels), nn.ReLU(), nn.Linear(channels, channels))
        self._see_times(channels)

    def rows(
        self, numbers: Tensor, words: tuple[Tensor, Tensor], moments: Tensor, vectors: Tensor, embedding: nn.EmbeddingBag
    ) -> Tensor:
        """[u, channels]; see `RowEncoder.rows`."""
        sets = [index.reshape(len(numbers), -1) for index in (*words[0].unbind(1), *words[1].unbind(1))]  # [u, 1] or [u, TOKENS]
        mixed = self.first_bias.new_zeros(len(numbers), 2 * self.channels)
        if len(self.first):
            multiply = self._folded if self.fold else self._plain
            mixed = mixed + multiply(self._parts(numbers, moments, vectors), sets, embedding)
        left, x = (mixed + self.first_bias).chunk(2, dim=1)
        for place, block in enumerate(self.blocks):
            x = block(x, left if place == 0 else None)
        finished: Tensor = self.finish(self.decoder(x))
        return finished

    def _folded(self, parts: list[Part], sets: list[Tensor], embedding: nn.EmbeddingBag) -> Tensor:
        """The first products [u, 2 channels] without the columns' vectors."""
        at, total = 0, self.first_bias.new_zeros(())
        for inputs, weights in parts:
            products = torch.einsum("kic,kco->kio", weights, self.first[at : at + len(weights)])  # [columns, i, 2 channels]
            total = total + inputs.flatten(1) @ products.flatten(0, 1)
            at += len(weights)
        for place, index in enumerate(sets, at):
            different, inverse = torch.unique(index, return_inverse=True)
            known = functional.embedding(different, embedding.weight) * (different != 0)[:, None]
            products = known @ self.first[place]  # [different, 2 channels]
            total = total + functional.embedding_bag(inverse, products, mode="sum")
        return total

    def _plain(self, parts: list[Part], sets: list[Tensor], embedding: nn.EmbeddingBag) -> Tensor:
        """The same by the book."""
        columns = [torch.einsum("uki,kic->ukc", inputs, weights) for inputs, weights in parts]
        columns += [embedding(index)[:, None] for index in sets]
        return torch.cat(columns, dim=1).flatten(1) @ self.first.flatten(0, 1)

    def _parts(self, numbers: Tensor, moments: Tensor, vectors: Tensor) -> list[Part]:
        """The columns that are linear functions of numbers, kind by kind; kinds without columns left out."""
        scaled, known = self._standard(numbers)
        parts: list[Part] = []
        if len(self.number):
            parts.append((torch.stack([scaled, (~known).float(), torch.ones_like(scaled)], dim=2), self.number))  # [u, k, 3]
        if len(self.date):
            parts.append((torch.stack(self._dates(moments), dim=1), self.date))  # [u, dates, CALENDAR + 1]
        if len(self.given):
            parts.append((self._levelled(vectors)[:, None], self.given))  # [u, 1, d + 1]
        return parts


class _Block(nn.Module):
    """x + f(x), f being two products with norms; of the first block the first product and the way round it are made outside."""

    def __init__(self, channels: int, dropout: float, *, first: bool) -> None:
        super().__init__()
        self.enter = None if first else nn.Linear(channels, channels)
        self.one = nn.Sequential(nn.LayerNorm(channels), nn.ReLU(), nn.Dropout(dropout), nn.Linear(channels, channels))
        self.two = nn.Sequential(nn.LayerNorm(channels), nn.ReLU(), nn.Dropout(dropout))

    def forward(self, x: Tensor, entered: Tensor | None) -> Tensor:
        """[u, channels]."""
        inside = entered if self.enter is None or entered is not None else self.enter(x)
        out: Tensor = x + self.two(self.one(inside))
        return out
