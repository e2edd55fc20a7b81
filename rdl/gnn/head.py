"""From a root's vector to the numbers that an answer is made of: logits, or standardised values."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rdl.gnn.encoder import CALENDAR, calendar, log_days
from rdl.timeline import DAY

_SCALE = 8.0
"""log1p of eight years, in days: brings a staleness to the order of one."""


class Head(nn.Module):
    """`forward(root, past, cutoff, as_of)` returns float32[seeds, width].

    Reads the root's vector [s, channels], the past labels [s, past], the calendar of the cutoff and how stale the database is.
    Before training it says `base` [width].
    """

    def __init__(self, channels: int, past: int, base: NDArray[np.float64], dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.first = nn.Linear(channels + past + CALENDAR + 2, channels)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(channels, len(base))
        nn.init.zeros_(self.last.weight)
        with torch.no_grad():
            self.last.bias.copy_(torch.from_numpy(base))

    def forward(self, root: Tensor, past: Tensor, cutoff: Tensor, as_of: Tensor) -> Tensor:
        """float32[seeds, width]."""
        output: Tensor = self.last(self.dropout(self.hidden(root, past, cutoff, as_of)))
        return output

    def hidden(self, root: Tensor, past: Tensor, cutoff: Tensor, as_of: Tensor) -> Tensor:
        """What the answer is a linear function of: float32[seeds, channels], none below zero."""
        moment = cutoff.double() / DAY
        stale = log_days(((cutoff - as_of).double() / DAY).float())[:, None] / _SCALE
        inputs = torch.cat([self.norm(root), past, calendar(moment), stale], dim=1)
        return torch.relu(self.first(inputs))
