"""Which of the planned features are worth computing.

A short fit on the rows that are older than every fold's later rows; what it gains nothing from is dropped from the plan, and is
then computed neither for training nor for scoring. The entity's own columns and the calendar stay, which a member reads alone,
and what the blend's weights are told apart by.
"""

import logging

from rdl.boost import recency_weight, select_columns
from rdl.features import Encoding, FeaturePlan
from rdl.model.boosted import OWN, encoded_matrix, shaped_target
from rdl.model.inputs import Examples
from rdl.model.member import Context
from rdl.task import learnable

log = logging.getLogger(__name__)


def select_features(plan: FeaturePlan, earliest: Examples, context: Context) -> FeaturePlan:
    """The plan with as many features as the settings of XGBoost allow, beside the entity's own.

    Args:
        plan: everything that was planned.
        earliest: the training rows of the earliest fold.
        context: task and settings.
    """
    if not learnable(context.kind, earliest.labels):
        return plan
    features = earliest.inputs.features
    matrix = encoded_matrix(features, Encoding.fit(features), ())
    weight = recency_weight(earliest.inputs.seeds.cutoff, context.boost.half_life)
    target = shaped_target(earliest, context)
    kept = select_columns(matrix, target, context.kind, context.metric, context.boost, context.settings.seed, weight)
    names = {matrix.names[i] for i in kept} | {f.name for f in plan.features if f.family in OWN} | {context.settings.blend_by}
    pruned = plan.only(names)
    log.info("features: %d of %d kept", len(pruned.features), len(plan.features))
    return pruned
