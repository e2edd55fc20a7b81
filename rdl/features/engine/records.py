"""What became of the parents of last rows: which parents, at which moments, and the mean of their features over a point's rows.

Many points share a parent at a moment (a product that many bought lately), so its features are computed once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rdl.features.engine import kernels

Int = NDArray[np.int64]

GRID = 2**28
"""Pairs of parent and moment that are told apart in an array; more are sorted."""


@dataclass(frozen=True)
class Parents:
    """Parents of the last rows of points: row ids int32 [n, places], the last row's first; -1 where there is none."""

    rows: NDArray[np.int32]

    @staticmethod
    def none(points: int, places: int) -> "Parents":
        """No parent anywhere."""
        return Parents(np.full((points, places), -1, dtype=np.int32))

    def put(self, point: Int, place: Int, parent: Int) -> None:
        """Fill in parents [m] of points at places."""
        self.rows[point, place] = parent


@dataclass(frozen=True)
class Pairs:
    """Distinct (parent, moment), ascending, and which of them every point's places stand for.

    Attributes:
        parent: [m] row ids.
        moment: [m] ranks among the moments.
        row: int32 [n, places] positions in [m]; -1 where there is no parent.
    """

    parent: Int
    moment: Int
    row: NDArray[np.int32]


def distinct_pairs(parents: Parents, moment: NDArray[np.int32], moments: int) -> Pairs:
    """The pairs of parents and the ranks [n] of their points' moments, of which there are `moments`."""
    size = (int(parents.rows.max(initial=-1)) + 1) * moments
    row = np.empty_like(parents.rows)
    if size <= GRID:
        number = np.zeros(size, dtype=np.int32)
        kernels.mark_pairs(parents.rows, moment, moments, number)
        pairs = np.flatnonzero(number)
        number[pairs] = np.arange(len(pairs), dtype=np.int32)
        kernels.find_pairs(parents.rows, moment, moments, number, row)
    else:
        code = np.where(parents.rows >= 0, parents.rows.astype(np.int64) * moments + moment[:, None], -1)
        pairs, inverse = np.unique(code, return_inverse=True)
        none = int(len(pairs) > 0 and pairs[0] < 0)
        row[:] = inverse.reshape(row.shape) - none
        pairs = pairs[none:]
    return Pairs(pairs // moments, pairs % moments, row)


def mean_over(values: NDArray[np.float32], row: NDArray[np.int32]) -> NDArray[np.float32]:
    """Mean of the non-null numbers of `values` [m, k] at each point's rows [n, places], added up in their order: [n, k]."""
    out = np.empty((len(row), values.shape[1]), dtype=np.float32)
    kernels.mean_rows(values, row, out)
    return out
