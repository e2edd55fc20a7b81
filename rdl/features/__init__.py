"""Point-in-time SQL features: plan -> SQL -> matrix."""

from rdl.features.encoding import EncodedMatrix, Encoding
from rdl.features.kept.store import kept_features
from rdl.features.kept.table import FeatureTable, fitting_tables, tables_of
from rdl.features.kept.tonight import materialise
from rdl.features.matrix import FeatureMatrix, compute_features, compute_parts
from rdl.features.plan import FeaturePlan, PlanSettings
from rdl.features.proposing.propose import plan_features
from rdl.features.proposing.survey import Survey, survey_database
from rdl.features.statement import feature_sql

__all__ = [
    "EncodedMatrix",
    "Encoding",
    "FeatureMatrix",
    "FeaturePlan",
    "FeatureTable",
    "PlanSettings",
    "Survey",
    "compute_features",
    "compute_parts",
    "feature_sql",
    "fitting_tables",
    "kept_features",
    "materialise",
    "plan_features",
    "survey_database",
    "tables_of",
]
