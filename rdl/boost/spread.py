"""How large the error of a row's prediction will be: what makes an interval wide where predictions are poor and narrow where not.

XGBoost learns the size of out-of-fold residuals from the row's features, either one size for both sides, or by quantile losses
one below and one above the prediction (conformalised quantile regression around the blend: Romano, Patterson and Candès, 2019).
Sizes are drawn half-way, as logarithms, to their mean: what residuals tell of a single row is little.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.matrix import Matrix, to_learn, to_predict

if TYPE_CHECKING:
    import xgboost

Float64 = NDArray[np.float64]
Int = NDArray[np.int64]

ROUNDS = 60
LEVELS = (0.1, 0.9)
"""The quantiles of the residual that are the sizes of its sides."""
LEAST = 0.2
"""Of the mean size, which no size falls below."""
ROWS = 8_000
"""The newest rows that are learned from, at most."""


@dataclass(frozen=True)
class Spread:
    """The size of the residual by row.

    Attributes:
        sided: whether the sides have sizes of their own.
        trees: the booster as UBJSON.
        mean: mean size below and above the prediction, of the rows that were learned from.
        threads: on how many threads it predicts.
    """

    sided: bool
    trees: bytes
    mean: tuple[float, float]
    threads: int

    @cached_property
    def _booster(self) -> "xgboost.Booster":
        import xgboost

        booster = xgboost.Booster({"nthread": self.threads})
        booster.load_model(bytearray(self.trees))
        return booster

    def sizes(self, matrix: Matrix) -> Float64:
        """[n, 2] sizes below and above the prediction, all positive."""
        mean = np.asarray(self.mean)
        if not len(matrix):
            return np.empty((0, 2))
        found = np.asarray(self._booster.predict(to_predict(matrix, self.threads)), dtype=np.float64)
        raw = np.column_stack([-found.min(axis=1), found.max(axis=1)]) if self.sided else np.column_stack([found, found])
        return np.sqrt(np.maximum(raw, LEAST * mean) * mean)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back; the trees are UBJSON in base64."""
        trees = base64.b64encode(self.trees).decode()
        return {"sided": self.sided, "trees": trees, "mean": list(self.mean), "threads": self.threads}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Spread":
        """The spread that `to_json` wrote."""
        return Spread(data["sided"], base64.b64decode(data["trees"]), tuple(data["mean"]), data["threads"])


def fit_spread(matrix: Matrix, residual: Float64, seed: int, threads: int, *, sided: bool) -> Spread:
    """Learn the size of n out-of-fold residuals, of which the last are the newest."""
    import xgboost

    rows = np.arange(len(residual))[-ROWS:]
    matrix, residual = matrix.rows(rows), residual[rows]
    target = residual if sided else np.abs(residual)
    told: dict[str, Any] = {
        "tree_method": "hist",
        "objective": "reg:quantileerror" if sided else "reg:squarederror",
        "learning_rate": 0.06,
        "max_depth": 3,
        "min_child_weight": 30.0,
        "subsample": 0.7,
        "colsample_bytree": 0.2,
        "reg_lambda": 10.0,
        "max_bin": 64,
        "nthread": threads,
        "seed": seed,
    }
    if sided:
        told["quantile_alpha"] = list(LEVELS)
    booster = xgboost.train(told, to_learn(matrix, target, threads, told["max_bin"]), ROUNDS)
    even = max(float(np.abs(residual).mean()), 1e-12)
    spread = Spread(sided, bytes(booster.save_raw("ubj")), (even, even), threads)
    if not sided:
        return spread
    low, high = np.quantile(residual, LEVELS)
    return replace(spread, mean=(max(float(-low), LEAST * even), max(float(high), LEAST * even)))
