"""Features as XGBoost reads them: native categoricals, nulls kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xgboost

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Matrix:
    """Features as XGBoost reads them.

    Attributes:
        values: [n, m] float32, NaN for null; categorical columns hold codes.
        names: m feature names.
        categorical: m flags.
    """

    values: Float32
    names: tuple[str, ...]
    categorical: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, index: "NDArray[Any]") -> "Matrix":
        """The rows at `index`."""
        return Matrix(self.values[index], self.names, self.categorical)

    def columns(self, index: Sequence[int]) -> "Matrix":
        """The columns at `index`."""
        return Matrix(
            np.ascontiguousarray(self.values[:, list(index)]),
            tuple(self.names[i] for i in index),
            tuple(self.categorical[i] for i in index),
        )

    @staticmethod
    def concat(parts: "Sequence[Matrix]") -> "Matrix":
        """All parts, which have the same columns, in order."""
        if len(parts) == 1:
            return parts[0]
        return Matrix(np.concatenate([p.values for p in parts]), parts[0].names, parts[0].categorical)

    @property
    def types(self) -> list[str]:
        """The m kinds in XGBoost's words: `c` for a category, `q` for a quantity."""
        return ["c" if flag else "q" for flag in self.categorical]


def to_predict(matrix: Matrix, threads: int) -> "xgboost.DMatrix":
    """Rows without a label."""
    import xgboost

    return xgboost.DMatrix(matrix.values, feature_types=matrix.types, enable_categorical=True, nthread=threads)


def to_learn(
    matrix: Matrix,
    label: Float64,
    threads: int,
    max_bin: int,
    weight: Float64 | None = None,
    like: "xgboost.QuantileDMatrix | None" = None,
) -> "xgboost.QuantileDMatrix":
    """Rows with their labels, in the bins of their own values, or in those of the rows that they are `like`."""
    import xgboost

    return xgboost.QuantileDMatrix(
        matrix.values,
        label=label,
        weight=weight,
        ref=like,
        feature_types=matrix.types,
        enable_categorical=True,
        nthread=threads,
        max_bin=max_bin,
    )
