"""Learners of other libraries on the same features, by name: one file and one line each.

None of them is needed: each is an extra of its own, and asking for one that is not installed says so. What they write is read back
without running code of the model's: LightGBM's text, CatBoost's own file, or the rows that an in-context learner reads anew.
"""

from rdl.boost.estimators.catboost_trees import CatBoost
from rdl.boost.estimators.estimator import Estimator, FittedEstimator, Learned, fold_of
from rdl.boost.estimators.in_context import InContext
from rdl.boost.estimators.lightgbm_trees import LightGbm

ESTIMATORS: dict[str, Estimator] = {
    estimator.name: estimator
    for estimator in (
        LightGbm(),
        CatBoost(),
        InContext("tabicl", "TabICLClassifier", "TabICLRegressor"),
        InContext("tabpfn", "TabPFNClassifier", "TabPFNRegressor", {"ignore_pretraining_limits": True}),
    )
}

__all__ = ["ESTIMATORS", "Estimator", "FittedEstimator", "Learned", "fold_of"]
