"""How many rounds: not guessed, but read from what every round scores on the later rows of temporal folds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rdl.boost.matrix import Matrix, to_learn, to_predict
from rdl.boost.objective import native_label, parameters, watched
from rdl.boost.settings import BoostSettings
from rdl.task import Kind

if TYPE_CHECKING:
    import xgboost

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One fold's outcome.

    Attributes:
        scores: [rounds] the loss of the validation rows after every round until the fold stopped, negated: larger is better.
        booster: the fold's model, of all these rounds.
        valid: the validation rows.
        shape: what one prediction looks like: (), or (classes,).
    """

    scores: Float64
    booster: "xgboost.Booster"
    valid: Matrix
    shape: tuple[int, ...]
    threads: int

    def predict(self, rounds: int) -> Float64:
        """[n, …] predictions of the validation rows by the first `rounds` rounds."""
        found = self.booster.predict(to_predict(self.valid, self.threads), iteration_range=(0, rounds))
        return np.asarray(found, dtype=np.float64).reshape(len(self.valid), *self.shape)


def learning_curve(
    train: tuple[Matrix, Float64],
    valid: tuple[Matrix, Float64],
    kind: Kind,
    metric: str,
    settings: BoostSettings,
    seed: int,
    weight: Float64 | None = None,
) -> Curve:
    """Fit on one fold and score every round on its validation rows; arguments as in `fit_boost`."""
    import xgboost

    data = to_learn(train[0], native_label(kind, train[1]), settings.threads, settings.max_bin, weight)
    watch = to_learn(valid[0], native_label(kind, valid[1]), settings.threads, settings.max_bin, like=data)
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        parameters(kind, metric, settings, seed, train[1]),
        data,
        num_boost_round=settings.rounds,
        evals=[(watch, "valid")],
        evals_result=history,
        early_stopping_rounds=settings.patience,
        verbose_eval=False,
    )
    scores = np.array(history["valid"][watched(kind, metric)])
    return Curve(-scores, booster, valid[0], train[1].shape[1:], settings.threads)


def best_rounds(curves: Sequence[Curve]) -> int:
    """The number of rounds whose mean score over the folds, weighted by their rows, is best; all folds must have come that far."""
    return best_round([c.scores for c in curves], [len(c.valid) for c in curves])[0]


def best_round(scores: Sequence[Float64], rows: Sequence[int]) -> tuple[int, float]:
    """The number of rounds at which the mean of the folds' scores, weighted by their rows, is best, and that mean."""
    reached = min(len(s) for s in scores)
    mean = np.average([_smooth(s)[:reached] for s in scores], axis=0, weights=np.array(rows, dtype=np.float64))
    return int(np.argmax(mean)) + 1, float(mean.max())


def _smooth(scores: Float64, width: int = 9) -> Float64:
    """A centred running mean: one lucky round does not decide."""
    if len(scores) < width:
        return scores
    padded = np.pad(scores, width // 2, mode="edge")
    return np.asarray(np.convolve(padded, np.ones(width) / width, mode="valid"))
