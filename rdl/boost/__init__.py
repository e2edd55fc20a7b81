"""XGBoost on point-in-time features, and the blend of all members."""

from rdl.boost.blend import blend, fit_blend
from rdl.boost.learner import (
    BoostSettings,
    Curve,
    FittedBoost,
    Matrix,
    best_rounds,
    fit_boost,
    learning_curve,
    recency_weight,
    select_columns,
    with_rounds,
)

__all__ = [
    "BoostSettings",
    "Curve",
    "FittedBoost",
    "Matrix",
    "best_rounds",
    "blend",
    "fit_blend",
    "fit_boost",
    "learning_curve",
    "recency_weight",
    "select_columns",
    "with_rounds",
]
