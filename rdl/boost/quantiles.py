"""Several quantiles of a value by one fit of XGBoost: pinball losses, trees of its own for each level, and no two that cross.

A quantile of a larger level is never below one of a smaller level: what the trees say is put in order, which never makes their
pinball loss larger (Chernozhukov, Fernández-Val and Galichon, 2010).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.boosters import load_boosters, save_boosters, total_gain
from rdl.boost.matrix import Matrix, to_learn, to_predict
from rdl.boost.objective import parameters
from rdl.boost.rounds import Curve
from rdl.boost.settings import BoostSettings
from rdl.errors import ModelFileError
from rdl.task import Kind

if TYPE_CHECKING:
    import xgboost

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class FittedQuantiles:
    """Boosters of several seeds; each quantile is the mean of theirs.

    Attributes:
        levels: between 0 and 1, ascending.
    """

    boosters: "tuple[xgboost.Booster, ...]"
    levels: tuple[float, ...]
    names: tuple[str, ...]
    settings: BoostSettings

    def predict(self, matrix: Matrix) -> Float64:
        """[n, levels] values, ascending in every row.

        Raises:
            ValueError: the matrix has other columns than the one that was fitted.
        """
        if matrix.names != self.names:
            raise ValueError("the matrix has other columns than the fitted one")
        data = to_predict(matrix, self.settings.threads)
        parts = [np.asarray(b.predict(data), dtype=np.float64).reshape(len(matrix), -1) for b in self.boosters]
        return np.sort(np.mean(parts, axis=0), axis=1)

    def importance(self) -> dict[str, float]:
        """Share of the total gain by feature, largest first."""
        return total_gain(self.boosters, self.names)

    def save(self, folder: Path) -> None:
        """Write UBJSON trees and a JSON description into `folder`."""
        facts = {"names": self.names, "levels": self.levels, "settings": asdict(self.settings)}
        save_boosters(folder, "quantiles.json", self.boosters, facts)

    @staticmethod
    def load(folder: Path) -> "FittedQuantiles":
        """Read what `save` wrote.

        Raises:
            ModelFileError: a file is missing or unreadable.
        """
        boosters, facts = load_boosters(folder, "quantiles.json")
        try:
            return FittedQuantiles(boosters, tuple(facts["levels"]), tuple(facts["names"]), BoostSettings(**facts["settings"]))
        except (KeyError, TypeError) as error:
            raise ModelFileError(f"unreadable quantiles: {error}", where=str(folder), fix="fetch the model again") from error


def fit_quantiles(
    matrix: Matrix,
    target: Float64,
    levels: Sequence[float],
    settings: BoostSettings,
    seed: int,
    weight: Float64 | None = None,
) -> FittedQuantiles:
    """Fit `settings.seeds` boosters of `settings.rounds` rounds, each round a tree a level.

    Args:
        matrix: [n, m] features.
        target: [n] values.
        levels: between 0 and 1; in any order.
        settings: how.
        seed: the first of the seeds.
        weight: [n] row weights, or None.
    """
    import xgboost

    levels = _checked(levels)
    data = to_learn(matrix, target, settings.threads, settings.max_bin, weight)
    boosters = tuple(
        xgboost.train(_told(levels, settings, seed + i, target), data, num_boost_round=settings.rounds)
        for i in range(settings.seeds)
    )
    return FittedQuantiles(boosters, levels, matrix.names, settings)


def quantile_curve(
    train: tuple[Matrix, Float64],
    valid: tuple[Matrix, Float64],
    levels: Sequence[float],
    settings: BoostSettings,
    seed: int,
    weight: Float64 | None = None,
) -> Curve:
    """Fit on one fold and score every round on its validation rows by the mean pinball loss; see `learning_curve`.

    What the curve predicts, [n, levels], is as the trees say it: not in order yet.
    """
    import xgboost

    levels = _checked(levels)
    data = to_learn(train[0], train[1], settings.threads, settings.max_bin, weight)
    watch = to_learn(valid[0], valid[1], settings.threads, settings.max_bin, like=data)
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        _told(levels, settings, seed, train[1]),
        data,
        num_boost_round=settings.rounds,
        evals=[(watch, "valid")],
        evals_result=history,
        early_stopping_rounds=settings.patience,
        verbose_eval=False,
    )
    return Curve(-np.array(history["valid"]["quantile"]), booster, valid[0], (len(levels),), settings.threads)


def pinball(prediction: Float64, target: Float64, levels: Sequence[float]) -> Float64:
    """[n, levels] the loss that a quantile of each level minimises, of predictions [n, levels] and values [n]."""
    below = target[:, None] - prediction
    return np.asarray(np.maximum(np.array(levels) * below, (np.array(levels) - 1.0) * below))


def _checked(levels: Sequence[float]) -> tuple[float, ...]:
    assert levels, "no level"
    assert all(0 < level < 1 for level in levels), levels
    return tuple(sorted({float(level) for level in levels}))


def _told(levels: tuple[float, ...], settings: BoostSettings, seed: int, target: Float64) -> dict[str, Any]:
    found = parameters(Kind.REGRESSION, "mae", settings, seed, target)
    return found | {"objective": "reg:quantileerror", "eval_metric": "quantile", "quantile_alpha": list(levels)}
