"""Backtests in named regimes, the field's metrics, and the report page."""

from rdl.evaluate.audit import Audit, audit
from rdl.evaluate.compare import Comparison, compare
from rdl.evaluate.evaluation import BLEND, AtCutoff, Evaluation, evaluate, read_evaluation
from rdl.evaluate.regimes import Regime, regimes_for
from rdl.evaluate.report import write_report
from rdl.task.metrics import LARGER_IS_BETTER, score

__all__ = [
    "BLEND",
    "LARGER_IS_BETTER",
    "AtCutoff",
    "Audit",
    "Comparison",
    "Evaluation",
    "Regime",
    "audit",
    "compare",
    "evaluate",
    "read_evaluation",
    "regimes_for",
    "score",
    "write_report",
]
