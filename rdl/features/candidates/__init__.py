"""Candidates of recommendations: which rows of the target table may be ranked for a seed, and what is said of each."""

from rdl.features.candidates.compile import SOURCES
from rdl.features.candidates.compute import Candidates, compute_candidates, order_links
from rdl.features.candidates.plan import CandidatePlan, CandidateSettings, Link, plan_candidates

__all__ = [
    "SOURCES",
    "CandidatePlan",
    "CandidateSettings",
    "Candidates",
    "Link",
    "compute_candidates",
    "order_links",
    "plan_candidates",
]
