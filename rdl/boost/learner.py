"""XGBoost on a feature matrix: native categoricals, nulls kept, several seeds averaged.

The number of rounds is not guessed: `learning_curve` says what every round scores on validation rows, folds are averaged, and the
model is refitted for that many rounds. Threads are fixed by the settings, not by the machine: the same seed gives the same bits.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdl.errors import ModelFileError
from rdl.task import Kind

if TYPE_CHECKING:
    import xgboost

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_OBJECTIVE = {"roc_auc": "binary:logistic", "average_precision": "binary:logistic", "log_loss": "binary:logistic"}
_EVAL = {
    "roc_auc": "logloss",
    "average_precision": "logloss",
    "log_loss": "logloss",
    "mae": "mae",
    "nmae": "mae",
    "rmse": "rmse",
    "r2": "rmse",
}
"""What every round is scored by on validation rows. Ranks settle long before probabilities do: binary tasks watch the log loss."""


SELECTION_ROUNDS = 100


@dataclass(frozen=True)
class BoostSettings:
    """What XGBoost is told; strong defaults for point-in-time features.

    Attributes:
        rounds: trees a seed at most; what is used is chosen on folds.
        patience: rounds without a better score after which a fold stops.
        seeds: models that are averaged.
        columns: features that are kept at most, by their gain in a short fit on the earliest rows.
        half_life: years after which an older row weighs half, or None for equal weights.
    """

    rounds: int = 500
    patience: int = 60
    learning_rate: float = 0.03
    max_depth: int = 4
    min_child_weight: float = 30.0
    subsample: float = 0.7
    colsample_bytree: float = 0.15
    reg_lambda: float = 10.0
    max_bin: int = 64
    max_cat_to_onehot: int = 8
    seeds: int = 3
    threads: int = 2
    columns: int = 256
    half_life: float | None = 10.0


DEFAULTS: Mapping[Kind, BoostSettings] = {
    Kind.BINARY: BoostSettings(),
    Kind.REGRESSION: BoostSettings(max_depth=3, min_child_weight=50.0, colsample_bytree=0.1),
}
"""What did best on forward-chained folds, by kind: shallower trees where the target is a value."""


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


@dataclass(frozen=True)
class FittedBoost:
    """Boosters of several seeds; the prediction is their mean (probability or value)."""

    boosters: "tuple[xgboost.Booster, ...]"
    names: tuple[str, ...]
    settings: BoostSettings

    def predict(self, matrix: Matrix) -> Float64:
        """[n] probability of the positive class, or value.

        Raises:
            ValueError: the matrix has other columns than the one that was fitted.
        """
        if matrix.names != self.names:
            raise ValueError("the matrix has other columns than the fitted one")
        data = _dmatrix(matrix, self.settings.threads)
        parts = [np.asarray(b.predict(data), dtype=np.float64) for b in self.boosters]
        return np.asarray(np.mean(parts, axis=0))

    def importance(self) -> dict[str, float]:
        """Share of the total gain by feature, largest first."""
        total: dict[str, float] = {}
        for booster in self.boosters:
            for name, gain in booster.get_score(importance_type="total_gain").items():
                total[self.names[int(name[1:])]] = total.get(self.names[int(name[1:])], 0.0) + float(gain)
        whole = sum(total.values()) or 1.0
        return {name: gain / whole for name, gain in sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))}

    def save(self, folder: Path) -> None:
        """Write UBJSON trees and a JSON description into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"names": self.names, "settings": asdict(self.settings), "boosters": len(self.boosters)}
        (folder / "boost.json").write_text(json.dumps(facts), encoding="utf-8")
        for i, booster in enumerate(self.boosters):
            (folder / f"trees-{i}.ubj").write_bytes(bytes(booster.save_raw("ubj")))

    @staticmethod
    def load(folder: Path) -> "FittedBoost":
        """Read what `save` wrote.

        Raises:
            ModelFileError: a file is missing or unreadable.
        """
        import xgboost

        try:
            facts = json.loads((folder / "boost.json").read_text(encoding="utf-8"))
            settings = BoostSettings(**facts["settings"])
            boosters = []
            for i in range(facts["boosters"]):
                booster = xgboost.Booster({"nthread": settings.threads})
                booster.load_model(bytearray((folder / f"trees-{i}.ubj").read_bytes()))
                boosters.append(booster)
        except (OSError, ValueError, KeyError, TypeError, xgboost.core.XGBoostError) as error:
            raise ModelFileError(f"unreadable XGBoost member: {error}", where=str(folder), fix="fetch the model again") from error
        return FittedBoost(tuple(boosters), tuple(facts["names"]), settings)


def fit_boost(
    matrix: Matrix, target: Float64, kind: Kind, metric: str, settings: BoostSettings, seed: int, weight: Float64 | None = None
) -> FittedBoost:
    """Fit `settings.seeds` boosters of `settings.rounds` trees.

    Args:
        matrix: [n, m] features.
        target: [n] 0/1 or values.
        kind: what the target is.
        metric: what the task is judged by; decides the objective.
        settings: how.
        seed: the first of the seeds.
        weight: [n] row weights, or None.
    """
    import xgboost

    data = _dmatrix(matrix, settings.threads, target, weight, settings.max_bin)
    boosters = tuple(
        xgboost.train(_parameters(kind, metric, settings, seed + i, target), data, num_boost_round=settings.rounds)
        for i in range(settings.seeds)
    )
    return FittedBoost(boosters, matrix.names, settings)


def select_columns(
    matrix: Matrix, target: Float64, kind: Kind, metric: str, settings: BoostSettings, seed: int, weight: Float64 | None = None
) -> tuple[int, ...]:
    """The columns that a short fit gains most from, at most `settings.columns` of them, in their order."""
    if len(matrix.names) <= settings.columns:
        return tuple(range(len(matrix.names)))
    quick = replace(settings, rounds=SELECTION_ROUNDS, learning_rate=0.1, seeds=1)
    gain = fit_boost(matrix, target, kind, metric, quick, seed, weight).importance()
    best = set(list(gain)[: settings.columns])
    return tuple(i for i, name in enumerate(matrix.names) if name in best)


@dataclass(frozen=True)
class Curve:
    """One fold's outcome.

    Attributes:
        scores: [rounds] the metric on the validation rows after every round until the fold stopped, larger is better.
        booster: the fold's model, of all these rounds.
        valid: the validation rows.
    """

    scores: Float64
    booster: "xgboost.Booster"
    valid: Matrix
    threads: int

    def predict(self, rounds: int) -> Float64:
        """[n] predictions of the validation rows by the first `rounds` trees."""
        data = _dmatrix(self.valid, self.threads)
        return np.asarray(self.booster.predict(data, iteration_range=(0, rounds)), dtype=np.float64)


def learning_curve(
    train: tuple[Matrix, Float64],
    valid: tuple[Matrix, Float64],
    kind: Kind,
    metric: str,
    settings: BoostSettings,
    seed: int,
    weight: Float64 | None = None,
) -> Curve:
    """Fit on one fold and score every round on its validation rows."""
    import xgboost

    data = _dmatrix(train[0], settings.threads, train[1], weight, settings.max_bin)
    watch = xgboost.QuantileDMatrix(
        valid[0].values,
        label=valid[1],
        ref=data,
        feature_types=_types(valid[0]),
        enable_categorical=True,
        nthread=settings.threads,
        max_bin=settings.max_bin,
    )
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        _parameters(kind, metric, settings, seed, train[1]),
        data,
        num_boost_round=settings.rounds,
        evals=[(watch, "valid")],
        evals_result=history,
        early_stopping_rounds=settings.patience,
        verbose_eval=False,
    )
    scores = np.array(history["valid"][_EVAL[metric]])
    return Curve(-scores, booster, valid[0], settings.threads)


def best_rounds(curves: Sequence[Curve]) -> int:
    """The number of rounds whose mean score over the folds, weighted by their rows, is best; all folds must have come that far."""
    sizes = np.array([len(c.valid) for c in curves], dtype=np.float64)
    reached = min(len(c.scores) for c in curves)
    mean = np.average([_smooth(c.scores)[:reached] for c in curves], axis=0, weights=sizes)
    return int(np.argmax(mean)) + 1


def _smooth(scores: Float64, width: int = 9) -> Float64:
    """A centred running mean: one lucky round does not decide."""
    if len(scores) < width:
        return scores
    padded = np.pad(scores, width // 2, mode="edge")
    return np.asarray(np.convolve(padded, np.ones(width) / width, mode="valid"))


def with_rounds(settings: BoostSettings, rounds: int) -> BoostSettings:
    """The settings with the chosen number of rounds."""
    return replace(settings, rounds=rounds)


def recency_weight(cutoff: NDArray[np.int64], half_life: float | None) -> Float64 | None:
    """[n] weights of mean 1 that halve every `half_life` years before the newest cutoff; None for equal weights."""
    if half_life is None:
        return None
    years = (cutoff.max() - cutoff) / (365.25 * 86_400e6)
    weight = np.exp2(-years / half_life)
    return np.asarray(weight / weight.mean())


def _parameters(kind: Kind, metric: str, settings: BoostSettings, seed: int, target: Float64) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "tree_method": "hist",
        "objective": _OBJECTIVE.get(metric, "reg:squarederror" if metric in {"rmse", "r2"} else "reg:absoluteerror"),
        "eval_metric": _EVAL[metric],
        "learning_rate": settings.learning_rate,
        "max_depth": settings.max_depth,
        "min_child_weight": settings.min_child_weight,
        "subsample": settings.subsample,
        "colsample_bytree": settings.colsample_bytree,
        "reg_lambda": settings.reg_lambda,
        "max_bin": settings.max_bin,
        "max_cat_to_onehot": settings.max_cat_to_onehot,
        "nthread": settings.threads,
        "seed": seed,
    }
    if kind is Kind.BINARY:
        parameters["base_score"] = float(np.clip(target.mean(), 1e-6, 1 - 1e-6))
    return parameters


def _types(matrix: Matrix) -> list[str]:
    return ["c" if flag else "q" for flag in matrix.categorical]


def _dmatrix(
    matrix: Matrix, threads: int, target: Float64 | None = None, weight: Float64 | None = None, max_bin: int | None = None
) -> "xgboost.DMatrix":
    import xgboost

    if target is None:
        return xgboost.DMatrix(matrix.values, feature_types=_types(matrix), enable_categorical=True, nthread=threads)
    return xgboost.QuantileDMatrix(
        matrix.values,
        label=target,
        weight=weight,
        feature_types=_types(matrix),
        enable_categorical=True,
        nthread=threads,
        max_bin=max_bin,
    )
