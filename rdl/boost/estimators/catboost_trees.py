"""CatBoost: symmetric trees, and categories by what became of the rows before them. On disk they are its own `cbm` file.

Rows are taken in the order of time (`has_time`), so a category's statistics look back only.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.estimators.estimator import Estimator, FittedEstimator, Float64, FoldRun, Learned, fold_of
from rdl.boost.matrix import Matrix
from rdl.boost.settings import BoostSettings
from rdl.errors import ModelFileError
from rdl.task import Kind

if TYPE_CHECKING:
    import catboost

_FILE = "catboost.json"


@dataclass(frozen=True)
class FittedCatBoost(FittedEstimator):
    """Models of several seeds; the prediction is their mean."""

    models: "tuple[catboost.CatBoost, ...]"
    names: tuple[str, ...]
    settings: BoostSettings
    kind: Kind

    def predict(self, matrix: Matrix) -> Float64:
        """[n] probability or value, or [n, classes] probabilities."""
        if matrix.names != self.names:
            raise ValueError("the matrix has other columns than the fitted one")
        return np.asarray(np.mean([_predict(m, matrix, self.kind, self.settings.threads) for m in self.models], axis=0))

    def importance(self) -> dict[str, float]:
        """Share of what predictions change by, by feature, largest first."""
        change = np.mean([m.get_feature_importance() for m in self.models], axis=0)
        share = change / (change.sum() or 1.0)
        order = np.lexsort((self.names, -share))
        return {self.names[i]: float(share[i]) for i in order if share[i] > 0}

    def save(self, folder: Path) -> None:
        """Write CatBoost's own files and a JSON description into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"names": self.names, "settings": asdict(self.settings), "kind": self.kind.value, "models": len(self.models)}
        (folder / _FILE).write_text(json.dumps(facts), encoding="utf-8")
        for i, model in enumerate(self.models):
            model.save_model(str(folder / f"trees-{i}.cbm"), format="cbm")


class CatBoost(Estimator):
    """Settings are those of XGBoost, in CatBoost's words."""

    name = "catboost"

    def fold(self, rows: Learned, later: Learned, settings: BoostSettings, seed: int) -> FoldRun:
        """Fit on `rows` and look at the `later` ones after every round, until `settings.patience` rounds bring nothing."""
        model = self._fitted(rows, settings, seed, later)
        (scores,) = model.get_evals_result()["validation"].values()
        return fold_of(scores, lambda rounds: _predict(model, later.matrix, rows.kind, settings.threads, rounds))

    def fit(self, rows: Learned, settings: BoostSettings, seed: int) -> FittedCatBoost:
        """Fit `settings.rounds` rounds, `settings.seeds` times."""
        models = tuple(self._fitted(rows, settings, seed + i) for i in range(settings.seeds))
        return FittedCatBoost(models, rows.matrix.names, settings, rows.kind)

    def load(self, folder: Path) -> FittedCatBoost:
        """What `save` wrote."""
        self.require()
        import catboost

        try:
            facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            paths = [str(folder / f"trees-{i}.cbm") for i in range(facts["models"])]
            models = tuple(catboost.CatBoost().load_model(path, format="cbm") for path in paths)
            return FittedCatBoost(models, tuple(facts["names"]), BoostSettings(**facts["settings"]), Kind(facts["kind"]))
        except (OSError, ValueError, KeyError, TypeError, catboost.CatBoostError) as error:
            raise ModelFileError(f"unreadable CatBoost member: {error}", where=str(folder), fix="fetch the model again") from error

    @staticmethod
    def _fitted(rows: Learned, settings: BoostSettings, seed: int, later: Learned | None = None) -> "catboost.CatBoost":
        import catboost

        stop = {} if later is None else {"early_stopping_rounds": settings.patience, "use_best_model": False}
        model = catboost.CatBoost(_told(rows, settings, seed) | stop)
        return model.fit(_pool(rows), eval_set=None if later is None else _pool(later))


def _told(rows: Learned, settings: BoostSettings, seed: int) -> dict[str, Any]:
    """CatBoost's own parameters."""
    losses = {Kind.BINARY: "Logloss", Kind.MULTICLASS: "MultiClass"}
    found: dict[str, Any] = {
        "loss_function": losses.get(rows.kind) or ("MAE" if rows.absolute else "RMSE"),
        "iterations": settings.rounds,
        "learning_rate": settings.learning_rate,
        "depth": settings.max_depth,
        "l2_leaf_reg": settings.reg_lambda,
        "bootstrap_type": "Bernoulli",
        "subsample": settings.subsample,
        "rsm": settings.colsample_bytree,
        "border_count": settings.max_bin,
        "one_hot_max_size": settings.max_cat_to_onehot,
        "has_time": True,
        "thread_count": settings.threads,
        "random_seed": seed,
        "allow_writing_files": False,
        "logging_level": "Silent",
    }
    return found | ({"classes_count": rows.target.shape[1]} if rows.kind is Kind.MULTICLASS else {})


def _pool(rows: Learned) -> "catboost.Pool":
    import catboost

    return catboost.Pool(_table(rows.matrix), rows.label, cat_features=_categories(rows.matrix), weight=rows.weight)


def _table(matrix: Matrix) -> NDArray[Any]:
    """[n, m] numbers; categories are whole numbers, -1 for null, which CatBoost wants as such."""
    places = _categories(matrix)
    if not places:
        return matrix.values
    table = matrix.values.astype(object)
    for place in places:
        table[:, place] = np.nan_to_num(matrix.values[:, place], nan=-1.0).astype(np.int64)
    return table


def _categories(matrix: Matrix) -> list[int]:
    return [i for i, flag in enumerate(matrix.categorical) if flag]


def _predict(model: "catboost.CatBoost", matrix: Matrix, kind: Kind, threads: int, rounds: int = 0) -> Float64:
    asked = "RawFormulaVal" if kind is Kind.REGRESSION else "Probability"
    found = model.predict(_pool_of(matrix), prediction_type=asked, ntree_end=rounds, thread_count=threads)
    values = np.asarray(found, dtype=np.float64)
    return values[:, 1] if kind is Kind.BINARY else values


def _pool_of(matrix: Matrix) -> "catboost.Pool":
    import catboost

    return catboost.Pool(_table(matrix), cat_features=_categories(matrix))
