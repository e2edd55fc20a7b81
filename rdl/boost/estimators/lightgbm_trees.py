"""LightGBM: trees that grow leaf by leaf. On disk they are its own text.

Sums are told to be taken in a fixed order, so the same seed gives the same bits.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdl.boost.estimators.estimator import Estimator, FittedEstimator, Float64, FoldRun, Learned, fold_of
from rdl.boost.matrix import Matrix
from rdl.boost.settings import BoostSettings
from rdl.errors import ModelFileError
from rdl.task import Kind

if TYPE_CHECKING:
    import lightgbm

_FILE = "lightgbm.json"
_OBJECTIVES = {Kind.BINARY: ("binary", "binary_logloss"), Kind.MULTICLASS: ("multiclass", "multi_logloss")}


@dataclass(frozen=True)
class FittedLightGbm(FittedEstimator):
    """Boosters of several seeds; the prediction is their mean."""

    boosters: "tuple[lightgbm.Booster, ...]"
    names: tuple[str, ...]
    settings: BoostSettings

    def predict(self, matrix: Matrix) -> Float64:
        """[n] probability or value, or [n, classes] probabilities."""
        if matrix.names != self.names:
            raise ValueError("the matrix has other columns than the fitted one")
        return np.asarray(np.mean([_predict(b, matrix, self.settings.threads) for b in self.boosters], axis=0))

    def importance(self) -> dict[str, float]:
        """Share of the total gain by feature, largest first."""
        gain = np.sum([b.feature_importance("gain") for b in self.boosters], axis=0)
        share = gain / (gain.sum() or 1.0)
        order = np.lexsort((self.names, -share))
        return {self.names[i]: float(share[i]) for i in order if share[i] > 0}

    def save(self, folder: Path) -> None:
        """Write LightGBM's text and a JSON description into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"names": self.names, "settings": asdict(self.settings), "boosters": len(self.boosters)}
        (folder / _FILE).write_text(json.dumps(facts), encoding="utf-8")
        for i, booster in enumerate(self.boosters):
            (folder / f"trees-{i}.txt").write_text(booster.model_to_string(), encoding="utf-8")


class LightGbm(Estimator):
    """Settings are those of XGBoost, in LightGBM's words; trees have as many leaves as those would have, wherever they pay."""

    name = "lightgbm"

    def fold(self, rows: Learned, later: Learned, settings: BoostSettings, seed: int) -> FoldRun:
        """Fit on `rows` and look at the `later` ones after every round, until `settings.patience` rounds bring nothing."""
        import lightgbm

        data = _data(rows, settings)
        watch = lightgbm.Dataset(later.matrix.values, later.label, reference=data)
        history: dict[str, dict[str, list[float]]] = {}
        booster = lightgbm.train(
            _told(rows, settings, seed),
            data,
            settings.rounds,
            valid_sets=[watch],
            valid_names=["later"],
            callbacks=[lightgbm.early_stopping(settings.patience, verbose=False), lightgbm.record_evaluation(history)],
        )
        (scores,) = history["later"].values()
        return fold_of(scores, lambda rounds: _predict(booster, later.matrix, settings.threads, rounds))

    def fit(self, rows: Learned, settings: BoostSettings, seed: int) -> FittedLightGbm:
        """Fit `settings.rounds` rounds, `settings.seeds` times."""
        import lightgbm

        boosters = tuple(
            lightgbm.train(_told(rows, settings, seed + i), _data(rows, settings), settings.rounds) for i in range(settings.seeds)
        )
        return FittedLightGbm(boosters, rows.matrix.names, settings)

    def load(self, folder: Path) -> FittedLightGbm:
        """What `save` wrote."""
        self.require()
        import lightgbm

        try:
            facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            texts = [(folder / f"trees-{i}.txt").read_text(encoding="utf-8") for i in range(facts["boosters"])]
            boosters = tuple(lightgbm.Booster(model_str=text) for text in texts)
            return FittedLightGbm(boosters, tuple(facts["names"]), BoostSettings(**facts["settings"]))
        except (OSError, ValueError, KeyError, TypeError, lightgbm.basic.LightGBMError) as error:
            raise ModelFileError(f"unreadable LightGBM member: {error}", where=str(folder), fix="fetch the model again") from error


def _data(rows: Learned, settings: BoostSettings) -> "lightgbm.Dataset":
    import lightgbm

    categories = [i for i, flag in enumerate(rows.matrix.categorical) if flag]
    told = {"max_bin": settings.max_bin, "verbosity": -1, "num_threads": settings.threads}
    return lightgbm.Dataset(rows.matrix.values, rows.label, weight=rows.weight, categorical_feature=categories, params=told)


def _told(rows: Learned, settings: BoostSettings, seed: int) -> dict[str, Any]:
    """LightGBM's own parameters."""
    objective, metric = _OBJECTIVES.get(rows.kind) or (("regression_l1", "l1") if rows.absolute else ("regression", "rmse"))
    found: dict[str, Any] = {
        "objective": objective,
        "metric": metric,
        "learning_rate": settings.learning_rate,
        "num_leaves": 2**settings.max_depth,
        "min_sum_hessian_in_leaf": settings.min_child_weight,
        "bagging_fraction": settings.subsample,
        "bagging_freq": 1,
        "feature_fraction_bynode": settings.colsample_bytree,
        "lambda_l2": settings.reg_lambda,
        "max_bin": settings.max_bin,
        "num_threads": settings.threads,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    return found | ({"num_class": rows.target.shape[1]} if rows.kind is Kind.MULTICLASS else {})


def _predict(booster: "lightgbm.Booster", matrix: Matrix, threads: int, rounds: int | None = None) -> Float64:
    found = booster.predict(matrix.values, num_iteration=rounds, num_threads=threads)
    return np.asarray(found, dtype=np.float64)
