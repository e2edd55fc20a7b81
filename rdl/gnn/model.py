"""Encoder, network and head as one module, and all that is needed to build it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch_geometric.data import HeteroData

from rdl.errors import UsageError, nearest
from rdl.gnn import past
from rdl.gnn.answer import Answer
from rdl.gnn.encoder import FusedEncoder, GraphEncoder, RowEncoder
from rdl.gnn.head import Head
from rdl.gnn.networks import NETWORKS
from rdl.gnn.once import Kept
from rdl.gnn.resnet import ResNetEncoder
from rdl.gnn.settings import GnnSettings
from rdl.gnn.statistics import TableStatistics


@dataclass(frozen=True, eq=False)
class Blueprint:
    """A network without its weights: what `FittedGnn` writes as JSON.

    `past` is how many channels the past labels have that the head reads; 0 where it reads none. They are standardised by the
    answer's mean and spread.
    """

    settings: GnnSettings
    answer: Answer
    entity_table: str
    tables: tuple[str, ...]
    edges: tuple[tuple[str, str, str], ...]
    statistics: Mapping[str, TableStatistics]
    past: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "settings": self.settings.to_json(),
            "answer": self.answer.to_json(),
            "entity_table": self.entity_table,
            "tables": list(self.tables),
            "edges": [list(edge) for edge in self.edges],
            "statistics": {name: stats.to_json() for name, stats in self.statistics.items()},
            "past": self.past,
        }

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Blueprint":
        """A blueprint from `to_json`; KeyError, TypeError or ValueError where it is not one."""
        if values["entity_table"] not in values["tables"]:
            raise ValueError(f"the entity table {values['entity_table']!r} is not one of {values['tables']}")
        return Blueprint(
            settings=GnnSettings.from_json(values["settings"]),
            answer=Answer.from_json(values["answer"]),
            entity_table=str(values["entity_table"]),
            tables=tuple(values["tables"]),
            edges=tuple((a, b, c) for a, b, c in values["edges"]),
            statistics={name: TableStatistics.from_json(stats) for name, stats in values["statistics"].items()},
            past=int(values["past"]),
        )


class GraphModel(nn.Module):
    """`forward(batch, past)` returns float32[seeds, width], which `plan.answer` makes predictions of."""

    def __init__(self, plan: Blueprint) -> None:
        super().__init__()
        settings = plan.settings
        if settings.network not in NETWORKS:
            raise UsageError(f"no network {settings.network!r}", fix=nearest(settings.network, NETWORKS))
        self.entity_table = plan.entity_table
        make = partial(make_encoder, settings=settings)
        self.encoder = GraphEncoder(plan.statistics, plan.entity_table, settings.channels, settings.buckets, make)
        self.network = NETWORKS[settings.network](
            (plan.tables, plan.edges), plan.entity_table, settings.channels, len(settings.fanouts), settings.dropout
        )
        labels = past.width(settings.history, plan.past) if plan.past else 0
        self.head = Head(settings.channels, labels, plan.answer.base(), settings.dropout)

    def forward(self, batch: HeteroData, labels: Tensor, kept: Kept | None = None) -> Tensor:
        """Outputs [seeds, width] for a batch and its seeds' past labels [seeds, k]; for `kept` see `GraphEncoder`."""
        output: Tensor = self.head(*self._read(batch, labels, kept))
        return output

    def embed(self, batch: HeteroData, labels: Tensor, kept: Kept | None = None) -> Tensor:
        """What the outputs are a linear function of, [seeds, channels]; arguments as of `forward`."""
        return self.head.hidden(*self._read(batch, labels, kept))

    def _read(self, batch: HeteroData, labels: Tensor, kept: Kept | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the head takes."""
        root = self.network(self.encoder(batch, kept), batch)  # [seeds, channels]
        seeds = batch[self.entity_table]
        return root, labels, seeds.cutoff, seeds.as_of


def make_encoder(statistics: TableStatistics, settings: GnnSettings) -> RowEncoder:
    """The encoder of one table's rows."""
    if settings.encoder == "resnet":
        return ResNetEncoder(statistics, settings.channels, settings.dropout, settings.encoder_layers)
    return FusedEncoder(statistics, settings.channels, settings.dropout, settings.numeric)
