"""From a root's vector to one number: a logit, or a standardised value."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from rdl.gnn.encoder import CALENDAR, calendar, log_days
from rdl.task import Kind
from rdl.timeline import DAY

_SCALE = 8.0
"""log1p of eight years, in days: brings a staleness to the order of one."""


class Head(nn.Module):
    """`forward(root, past, cutoff, as_of)` returns float32[seeds].

    Reads the root's vector [s, channels], the past labels [s, past], the calendar of the cutoff and how stale the database is.
    Before training it says `base`.
    """

    def __init__(self, channels: int, past: int, base: float, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.first = nn.Linear(channels + past + CALENDAR + 2, channels)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(channels, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.constant_(self.last.bias, base)  # else the first steps teach the features what the mean is

    def forward(self, root: Tensor, past: Tensor, cutoff: Tensor, as_of: Tensor) -> Tensor:
        """float32[seeds]: logits, or standardised values."""
        moment = cutoff.double() / DAY
        stale = log_days(((cutoff - as_of).double() / DAY).float())[:, None] / _SCALE
        inputs = torch.cat([self.norm(root), past, calendar(moment), stale], dim=1)
        return self.last(self.dropout(torch.relu(self.first(inputs))))[:, 0]


def loss(kind: Kind, output: Tensor, target: Tensor) -> Tensor:
    """Mean loss of outputs [s] for targets [s]: cross entropy of logits, or absolute error of standardised values."""
    if kind is Kind.BINARY:
        return functional.binary_cross_entropy_with_logits(output, target)
    return functional.l1_loss(output, target)
