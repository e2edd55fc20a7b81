"""Numbers beside their standardised value: how far through a column's quantiles they are, or waves of them.

After Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in Tabular Deep Learning" (2022).
"""

from typing import Literal

import torch
from torch import Tensor, nn

from rdl.gnn.statistics import KNOTS

Numeric = Literal["piecewise", "periodic", "standard"]

PERIODS = (KNOTS - 1) // 2
"""Frequencies of a column's waves: as many numbers as a piecewise encoding has."""

_SPREAD = 0.5
"""Standard deviation of the frequencies before training, in turns per standard deviation of the column."""


class NumericEncoding(nn.Module):
    """`forward(scaled, known)` returns float32[n, k, width] of standardised numbers [n, k]; zeros where not known.

    The kind "piecewise" tells how far a number has come through each interval of its column's quantiles; "periodic" gives sine and
    cosine of it at learned frequencies; "standard" adds nothing.
    """

    knots: Tensor

    def __init__(self, kind: Numeric, knots: Tensor) -> None:
        super().__init__()
        self.kind = kind
        self.width = 0 if kind == "standard" else KNOTS - 1
        self.register_buffer("knots", knots, persistent=False)
        self.frequency = nn.Parameter(torch.randn(len(knots), PERIODS) * _SPREAD) if kind == "periodic" else None

    def forward(self, scaled: Tensor, known: Tensor) -> Tensor:
        """float32[n, k, width]."""
        if self.frequency is not None:
            angle = 2 * torch.pi * scaled[:, :, None] * self.frequency  # [n, k, PERIODS]
            return torch.cat([angle.sin(), angle.cos()], dim=2) * known[:, :, None]
        if self.width == 0:
            return scaled.new_empty(*scaled.shape, 0)
        return piecewise(scaled, self.knots) * known[:, :, None]


def piecewise(values: Tensor, knots: Tensor) -> Tensor:
    """How far values [n, k] have come through each interval of their knots [k, q]: [n, k, q - 1] in [0, 1]."""
    low = knots[:, :-1]
    return ((values[:, :, None] - low) / (knots[:, 1:] - low)).clamp(0.0, 1.0)
