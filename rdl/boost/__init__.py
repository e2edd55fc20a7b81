"""XGBoost on point-in-time features, and the blend of all members.

Where cores are shared, threads that spin while they wait cost ten times the work they wait for; so they sleep instead.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from rdl.boost.blend import Mixing, blend, blend_groups, row_losses
from rdl.boost.learner import FittedBoost, fit_boost, recency_weight, select_columns
from rdl.boost.matrix import Matrix
from rdl.boost.rounds import Curve, best_rounds, learning_curve
from rdl.boost.settings import DEFAULTS, BoostSettings, default_settings, with_rounds
from rdl.boost.weighing import Blend, fit_blend, fit_groups

__all__ = [
    "DEFAULTS",
    "Blend",
    "BoostSettings",
    "Curve",
    "FittedBoost",
    "Matrix",
    "Mixing",
    "best_rounds",
    "blend",
    "blend_groups",
    "default_settings",
    "fit_blend",
    "fit_boost",
    "fit_groups",
    "learning_curve",
    "recency_weight",
    "row_losses",
    "select_columns",
    "with_rounds",
]
