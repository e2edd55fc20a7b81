"""Rows encoded once: once in a batch, and in a long scoring once for all its batches.

What a row is does not depend on the seed that reached it. `KeptRows` holds for weights that do not change, so it lives as long as
one call of `predict`, on the network's device. It keeps a bounded number of rows in the order of first use; when that is reached,
all are let go, and encoded anew where they are met again.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

MOST = 500_000
"""Rows kept per table: 61 MiB at 32 channels."""


class KeptRows:
    """Encoded rows [used, channels] of a table of `rows` rows; the id -1 is one more of them."""

    def __init__(self, rows: int, channels: int, device: torch.device, most: int = MOST) -> None:
        self.most = most
        self.place = torch.from_numpy(np.zeros(rows + 1, np.int32)).to(device)  # 1 + where a row is kept; 0 where it is not
        self.values = torch.empty(0, channels, device=device)
        self.used = 0

    def find(self, ids: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
        """The vectors [n, channels] of the rows `ids` [n].

        `encode` is told where the rows not kept yet stand in `ids` [u], each once, and returns their vectors [u, channels].
        """
        ids = ids + 1  # the extra row comes first
        place = self.place.index_select(0, ids)
        fresh = (place == 0).nonzero()[:, 0]
        if len(fresh):
            first = fresh[unique_rows(ids[fresh])[0]]
            if self.used + len(first) > self.most:
                self.place.zero_()
                self.used, first = 0, unique_rows(ids)[0]
            self._keep(ids[first], encode(first))
            place = self.place.index_select(0, ids)
        return functional.embedding(place - 1, self.values)

    def _keep(self, ids: Tensor, values: Tensor) -> None:
        end = self.used + len(ids)
        if end > len(self.values):
            grown = values.new_empty(max(end, min(2 * end, self.most)), values.shape[1])
            grown[: self.used] = self.values[: self.used]
            self.values = grown
        self.values[self.used : end] = values
        self.place[ids] = torch.arange(self.used + 1, end + 1, dtype=torch.int32, device=ids.device)
        self.used = end


Kept = Mapping[str, KeptRows]


def unique_rows(ids: Tensor) -> tuple[Tensor, Tensor]:
    """Where each distinct id of `ids` [n] stands for the first time [u], and for each id the place of its like [n]."""
    distinct, inverse = torch.unique(ids, return_inverse=True)
    if len(distinct) == len(ids):
        every = torch.arange(len(ids), device=ids.device)
        return every, every
    first = torch.full_like(distinct, len(ids))
    first.scatter_reduce_(0, inverse, torch.arange(len(ids), device=ids.device), "amin")
    return first, inverse
