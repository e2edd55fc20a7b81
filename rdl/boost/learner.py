"""XGBoost on a feature matrix: several seeds averaged.

Threads are fixed by the settings, not by the machine: the same seed gives the same bits.
"""

import logging
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rdl.boost.boosters import load_boosters, save_boosters, total_gain
from rdl.boost.contributions import contributions
from rdl.boost.forest import Forest, UnfitError, lay_out
from rdl.boost.matrix import Matrix, to_learn, to_predict
from rdl.boost.objective import native_label, parameters
from rdl.boost.settings import BoostSettings
from rdl.errors import ModelFileError
from rdl.task import Kind

if TYPE_CHECKING:
    import xgboost

Float64 = NDArray[np.float64]

log = logging.getLogger(__name__)

MANY = 20_000
"""Rows from which on trees are laid out for them."""
CHECKED = 64
"""Rows of these that XGBoost predicts too."""
SELECTION_ROUNDS = 100
"""Trees of the short fit that tells which columns are worth keeping; where there are classes, of all of them together …"""
SELECTION_LEAST = 25
"""… but each class gets at least so many."""


@dataclass(frozen=True)
class FittedBoost:
    """Boosters of several seeds; the prediction is their mean: a probability or value, or one probability a class.

    Attributes:
        shape: what one prediction looks like: (), or (classes,).
    """

    boosters: "tuple[xgboost.Booster, ...]"
    names: tuple[str, ...]
    settings: BoostSettings
    shape: tuple[int, ...] = ()

    def predict(self, matrix: Matrix) -> Float64:
        """[n] probability of the positive class, or value; [n, classes] probabilities.

        Raises:
            ValueError: the matrix has other columns than the one that was fitted.
        """
        if matrix.names != self.names:
            raise ValueError("the matrix has other columns than the fitted one")
        parts = [np.asarray(part, dtype=np.float64) for part in self._predicted(matrix)]
        return np.mean(parts, axis=0).reshape(len(matrix), *self.shape)

    def _predicted(self, matrix: Matrix) -> "list[NDArray[np.float32]]":
        """Every booster's predictions; those of many rows are checked on a few of them against XGBoost's own."""
        if len(matrix) >= MANY and self._forest is not None:
            few = np.linspace(0, len(matrix) - 1, CHECKED).astype(np.int64)
            found = self._forest.predict(matrix.values, self.settings.threads)
            own = self._by_xgboost(matrix.rows(few))
            if all(np.array_equal(a[few], b) for a, b in zip(found, own, strict=True)):
                return found
            log.warning("boost: laid-out trees do not predict what XGBoost does; XGBoost predicts")
        return self._by_xgboost(matrix)

    def _by_xgboost(self, matrix: Matrix) -> "list[NDArray[np.float32]]":
        data = to_predict(matrix, self.settings.threads)
        return [np.asarray(booster.predict(data)) for booster in self.boosters]

    @cached_property
    def _forest(self) -> Forest | None:
        """The trees laid out for many rows, where they can be."""
        try:
            return lay_out(self.boosters)
        except UnfitError as reason:
            log.info("boost: XGBoost predicts, for its trees have %s", reason)
            return None

    def contributions(self, matrix: Matrix) -> Float64:
        """[n, outputs, m + 1] what each feature adds to each margin, and last where the margin begins."""
        return contributions(self.boosters, matrix, self.settings.threads, self.shape[0] if self.shape else 1)

    def importance(self) -> dict[str, float]:
        """Share of the total gain by feature, largest first."""
        return total_gain(self.boosters, self.names)

    def save(self, folder: Path) -> None:
        """Write UBJSON trees and a JSON description into `folder`."""
        save_boosters(
            folder, "boost.json", self.boosters, {"names": self.names, "settings": asdict(self.settings), "shape": self.shape}
        )

    @staticmethod
    def load(folder: Path) -> "FittedBoost":
        """Read what `save` wrote.

        Raises:
            ModelFileError: a file is missing or unreadable.
        """
        boosters, facts = load_boosters(folder, "boost.json")
        try:
            return FittedBoost(boosters, tuple(facts["names"]), BoostSettings(**facts["settings"]), tuple(facts["shape"]))
        except (KeyError, TypeError) as error:
            raise ModelFileError(f"unreadable XGBoost member: {error}", where=str(folder), fix="fetch the model again") from error


def fit_boost(
    matrix: Matrix, target: Float64, kind: Kind, metric: str, settings: BoostSettings, seed: int, weight: Float64 | None = None
) -> FittedBoost:
    """Fit `settings.seeds` boosters of `settings.rounds` rounds.

    Args:
        matrix: [n, m] features.
        target: [n] 0/1 or values; where there are classes, [n, classes] of 0 and 1, for multiclass with one 1 a row.
        kind: what the target is.
        metric: what the task is judged by; decides the objective.
        settings: how.
        seed: the first of the seeds.
        weight: [n] row weights, or None.
    """
    import xgboost

    data = to_learn(matrix, native_label(kind, target), settings.threads, settings.max_bin, weight)
    boosters = tuple(
        xgboost.train(parameters(kind, metric, settings, seed + i, target), data, num_boost_round=settings.rounds)
        for i in range(settings.seeds)
    )
    return FittedBoost(boosters, matrix.names, settings, target.shape[1:])


def select_columns(
    matrix: Matrix, target: Float64, kind: Kind, metric: str, settings: BoostSettings, seed: int, weight: Float64 | None = None
) -> tuple[int, ...]:
    """The columns that a short fit gains most from, at most `settings.columns` of them, in their order."""
    if len(matrix.names) <= settings.columns:
        return tuple(range(len(matrix.names)))
    rounds = max(SELECTION_LEAST, SELECTION_ROUNDS // (target.shape[1] if target.ndim > 1 else 1))
    quick = replace(settings, rounds=rounds, learning_rate=0.1, seeds=1)
    gain = fit_boost(matrix, target, kind, metric, quick, seed, weight).importance()
    best = set(list(gain)[: settings.columns])
    return tuple(i for i, name in enumerate(matrix.names) if name in best)


def recency_weight(cutoff: NDArray[np.int64], half_life: float | None) -> Float64 | None:
    """[n] weights of mean 1 that halve every `half_life` years before the newest cutoff; None for equal weights."""
    if half_life is None:
        return None
    years = (cutoff.max() - cutoff) / (365.25 * 86_400e6)
    weight = np.exp2(-years / half_life)
    return np.asarray(weight / weight.mean())
