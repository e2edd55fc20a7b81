"""Is the question asked fairly? Leaks and mistakes in a task's queries, found before anything is trained on them."""

from rdl.task.lint.finding import Finding, Rule, Severity
from rdl.task.lint.verdict import judge, lint, lint_text, refuse_leaks

__all__ = ["Finding", "Rule", "Severity", "judge", "lint", "lint_text", "refuse_leaks"]
