"""Rows to vectors: one fused encoder per table, one hashed embedding table for the whole graph.

A row's own columns are encoded once per batch, however many seeds reached it; what depends on the seed (the age of the row and
of its timestamps) is added per node, and scales the row's vector, so that a sum over neighbours can weigh them by recency.
Values never seen in training hit an untrained, zero embedding and add nothing. Non-finite numbers count as null.
"""

from functools import partial
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import NodeStorage

from rdl.gnn.naming import module_key
from rdl.gnn.numeric import Numeric, NumericEncoding, piecewise
from rdl.gnn.once import Kept, unique_rows
from rdl.gnn.statistics import KNOTS, Statistics, TableStatistics
from rdl.timeline import DAY, NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

FAR = 4.0
"""Standardised numbers are clipped to [-FAR, FAR]."""

CALENDAR = 4
"""Waves of `calendar`."""

_YEAR, _WEEK = 365.2425, 7.0


class GraphEncoder(nn.Module):
    """Encodes every node of a batch: `forward(batch)` returns float32[n, channels] by table.

    `make` gives a table's own encoder. Batches come from `rdl.gnn.batches`, which adds the rows' own times. Roots whose own row is
    not visible at their `as_of` get a learned vector instead of their columns.
    """

    def __init__(
        self,
        statistics: Statistics,
        entity_table: str,
        channels: int,
        buckets: int,
        make: "Callable[[TableStatistics], RowEncoder]",
    ) -> None:
        super().__init__()
        self.entity_table, self.buckets, self.names = entity_table, buckets, tuple(statistics)
        self.embedding = nn.EmbeddingBag(buckets + 1, channels, mode="sum", padding_idx=0)
        nn.init.zeros_(self.embedding.weight)
        self.unknown_root = nn.Parameter(torch.zeros(channels))
        self.tables = nn.ModuleDict({module_key(name): make(stats) for name, stats in statistics.items()})

    def forward(self, batch: HeteroData, kept: Kept | None = None) -> dict[str, Tensor]:
        """float32[n, channels] by table; `kept` holds rows that were encoded for earlier batches, and takes the others."""
        encoded = {}
        for name in self.names:
            nodes = batch[name]
            if len(nodes.n_id) == 0:
                encoded[name] = self.unknown_root.new_zeros(0, len(self.unknown_root))
                continue
            ids = self._row_ids(batch, name)
            if kept is None:
                first, inverse = unique_rows(ids)
                row = self._rows(name, nodes, first)  # [unique, channels]
                if len(first) < len(inverse):
                    row = functional.embedding(inverse, row)  # [n, channels]; its backward is deterministic
            else:
                row = kept[name].find(ids, partial(self._rows, name, nodes))  # [n, channels]
            cutoff = batch[self.entity_table].cutoff[nodes.batch]
            encoded[name] = self._table(name).at_cutoff(row, nodes.x_ts, nodes.age, cutoff)
        return self._mask_roots(encoded, batch[self.entity_table].root_visible)

    def _table(self, name: str) -> "RowEncoder":
        return cast("RowEncoder", self.tables[module_key(name)])

    def _rows(self, name: str, nodes: NodeStorage, first: Tensor) -> Tensor:
        """The nodes at `first` [u] as rows, without what depends on the seed: [u, channels]."""
        words = self._index(nodes.x_cat[first]), self._index(nodes.x_text[first])
        return self._table(name).rows(nodes.x_num[first], words, row_moments(nodes, first), nodes.x_vec[first], self.embedding)

    def _row_ids(self, batch: HeteroData, name: str) -> Tensor:
        """Row ids [n]; roots that are not visible, whose columns are all null, are one and the same row."""
        ids: Tensor = batch[name].n_id
        if name == self.entity_table:
            visible = batch[name].root_visible
            ids = torch.cat([torch.where(visible, ids[: len(visible)], -1), ids[len(visible) :]])
        return ids

    def _index(self, hashes: Tensor) -> Tensor:
        """Rows of the embedding table: 0 for nulls."""
        return torch.where(hashes == 0, 0, 1 + hashes % self.buckets)

    def _mask_roots(self, encoded: dict[str, Tensor], visible: Tensor) -> dict[str, Tensor]:
        if not bool(visible.all()):
            nodes = encoded[self.entity_table]
            roots = torch.where(visible[:, None], nodes[: len(visible)], self.unknown_root)
            encoded[self.entity_table] = torch.cat([roots, nodes[len(visible) :]])
        return encoded


class RowEncoder(nn.Module):
    """The columns of one table, in two parts: what a row is (`rows`), and what it is as seen from a cutoff.

    A subclass says what a row is; it ends its `__init__` with `_see_times`.
    """

    mean: Tensor
    spread: Tensor
    age_knots: Tensor
    moment: Tensor
    vector_mean: Tensor
    vector_spread: Tensor

    def __init__(self, statistics: TableStatistics, channels: int, dropout: float) -> None:
        super().__init__()
        for name, value in (
            ("mean", statistics.numeric[:, 0]),
            ("spread", statistics.numeric[:, 1]),
            ("age_knots", statistics.age),
            ("moment", statistics.moment),
            ("vector_mean", statistics.vector[:, 0]),
            ("vector_spread", statistics.vector[:, 1]),
        ):
            self.register_buffer(name, torch.from_numpy(value.copy()), persistent=False)
        self.finish = nn.Sequential(nn.LayerNorm(channels), nn.Dropout(dropout))
        self.timing: nn.Linear | None = None

    def _see_times(self, channels: int) -> None:
        seen = (KNOTS - 1 if len(self.age_knots) else 0) + len(self.moment) * 2
        self.timing = nn.Linear(seen, 2 * channels) if seen else None

    def rows(
        self, numbers: Tensor, words: tuple[Tensor, Tensor], moments: Tensor, vectors: Tensor, embedding: nn.EmbeddingBag
    ) -> Tensor:
        """Encode rows' own columns.

        Takes numbers [u, k] with NaN, the places of categories [u, k] and of words [u, k, TOKENS] in `embedding`, times [u, dates]
        in days since 1970 with NaN (float64), and given embeddings [u, d] with NaN. Returns [u, channels].
        """
        raise NotImplementedError

    def at_cutoff(self, row: Tensor, timestamps: Tensor, age: Tensor, cutoff: Tensor) -> Tensor:
        """Scale and shift rows [n, channels] by their age [n] in days and that of their timestamps [n, m] at the cutoff [n]."""
        if self.timing is None:
            return row
        parts = []
        if len(self.age_knots):
            days = log_days(torch.nan_to_num(age))[:, None]
            parts.append(piecewise(days, self.age_knots[None])[:, 0])  # [n, KNOTS - 1]
        for place in range(timestamps.shape[1]):
            given = timestamps[:, place] != NEVER
            since = torch.where(given, cutoff - timestamps[:, place], 0).double() / DAY
            scaled = ((log_days(since.float()) - self.moment[place, 0]) / self.moment[place, 1]).clamp(-FAR, FAR)
            parts.append(torch.stack([scaled * given, given.float()], dim=1))
        scale, shift = self.timing(torch.cat(parts, dim=1)).chunk(2, dim=1)  # [n, channels] each
        return torch.addcmul(row + shift, row, scale)

    def _standard(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers [u, k] standardised, and whether they are known."""
        known = torch.isfinite(numbers)
        return ((torch.where(known, numbers, self.mean) - self.mean) / self.spread).clamp(-FAR, FAR), known

    def _levelled(self, vectors: Tensor) -> Tensor:
        """Given embeddings [u, d], standardised, and whether they are there: [u, d + 1]."""
        given = torch.isfinite(vectors)
        levelled = ((torch.where(given, vectors, self.vector_mean) - self.vector_mean) / self.vector_spread).clamp(-FAR, FAR)
        return torch.cat([levelled, given.all(dim=1, keepdim=True).float()], dim=1)

    def _dated(self) -> int:
        """How many times a row has: its own, unless the table is static, and its timestamp columns."""
        return len(self.moment) + (1 if len(self.age_knots) else 0)

    def _dates(self, moments: Tensor) -> list[Tensor]:
        """The calendar [u, CALENDAR + 1] of each of a row's times."""
        return [calendar(m) for m in moments[:, moments.shape[1] - self._dated() :].T]


class FusedEncoder(RowEncoder):
    """All of a row's columns summed, and one small network over the sum."""

    def __init__(self, statistics: TableStatistics, channels: int, dropout: float, numeric: Numeric = "piecewise") -> None:
        super().__init__(statistics, channels, dropout)
        self.numeric = NumericEncoding(numeric, torch.from_numpy(statistics.knots.copy()))
        inputs = len(statistics.numeric) * (self.numeric.width + 2) + self._dated() * (CALENDAR + 1)
        self.number = nn.Linear(inputs, channels) if inputs else None
        self.mix = nn.Sequential(nn.LayerNorm(channels), nn.ReLU(), nn.Linear(channels, channels))
        self._see_times(channels)
        given = len(statistics.vector)
        self.vector = nn.Linear(given + 1, channels) if given else None

    def rows(
        self, numbers: Tensor, words: tuple[Tensor, Tensor], moments: Tensor, vectors: Tensor, embedding: nn.EmbeddingBag
    ) -> Tensor:
        """[u, channels]; see `RowEncoder.rows`."""
        index = torch.cat([words[0], words[1].flatten(1)], dim=1)  # [u, tokens]
        row: Tensor = embedding(index) if index.shape[1] else embedding.weight.new_zeros(len(numbers), embedding.embedding_dim)
        if self.vector is not None:
            row = row + self.vector(self._levelled(vectors))
        if self.number is not None:
            scaled, known = self._standard(numbers)
            more = self.numeric(scaled, known)  # [u, k, width]
            parts = torch.cat([scaled[:, :, None], (~known)[:, :, None].float(), more], dim=2)  # [u, k, width + 2]
            row = row + self.number(torch.cat([parts.flatten(1), *self._dates(moments)], dim=1))
        finished: Tensor = self.finish(row + self.mix(row))
        return finished


def row_moments(nodes: NodeStorage, first: Tensor) -> Tensor:
    """The own time of the rows at `first` [u], then their timestamp columns: days since 1970, float64[u, 1 + m], NaN where null."""
    own = torch.where(nodes.age_known[first], nodes.time[first].double() / DAY, torch.nan)
    stamps = nodes.x_ts[first]
    days = torch.where(stamps == NEVER, torch.nan, stamps.double() / DAY)
    return torch.cat([own[:, None], days], dim=1)


def calendar(days: Tensor) -> Tensor:
    """Sine and cosine of the year and of the week, and whether the time is known, of days [n] since 1970 (float64, NaN is null).

    Returns float32[n, CALENDAR + 1]; zeros where null.
    """
    known = torch.isfinite(days)
    turns = torch.stack([days / _YEAR, days / _WEEK], dim=1)
    angle = torch.nan_to_num(2 * torch.pi * torch.frac(turns)).float()  # [n, 2]
    waves = torch.cat([angle.sin(), angle.cos()], dim=1) * known[:, None]
    return torch.cat([waves, known[:, None].float()], dim=1)


def log_days(days: Tensor) -> Tensor:
    """sign(x) log1p(|x|), float32."""
    return torch.sign(days) * torch.log1p(days.abs())
