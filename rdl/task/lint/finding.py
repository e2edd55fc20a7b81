"""What can be wrong with a task's queries, how bad it is, and how that is said."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """What follows: an error refuses the training, a warning is logged, a notice is only listed."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


class Rule(StrEnum):
    """What is looked for; the value is the name by which a rule is silenced."""

    POPULATION_UNBOUNDED = "population_unbounded"
    POPULATION_AT_CUTOFF = "population_at_cutoff"
    POPULATION_AFTER_CUTOFF = "population_after_cutoff"
    POPULATION_LAG = "population_lag"
    POPULATION_CHANGES = "population_changes"
    POPULATION_FROM_FUTURE = "population_from_future"
    SELECTED_BY_FUTURE = "selected_by_future"
    LABEL_PAST = "label_past"
    LABEL_BEYOND = "label_beyond"
    LABEL_NO_END = "label_no_end"
    LABEL_NO_START = "label_no_start"
    LABEL_STARTS_EARLY = "label_starts_early"
    LABEL_SKIPS_CUTOFF = "label_skips_cutoff"
    LABEL_IS_FEATURE = "label_is_feature"
    LABEL_TIMELESS = "label_timeless"
    LABEL_CHANGES = "label_changes"
    LABEL_NO_TIME = "label_no_time"
    POPULATION_NO_TIME = "population_no_time"
    IMPLIES_LABEL = "implies_label"
    READS_HISTORY = "reads_history"
    NONDETERMINISTIC = "nondeterministic"
    ROW_ORDER = "row_order"
    NOT_READ = "not_read"
    RUN_SAMPLED = "run_sampled"
    RUN_STOPPED = "run_stopped"


_WARNINGS = {
    Rule.POPULATION_LAG,
    Rule.POPULATION_FROM_FUTURE,
    Rule.SELECTED_BY_FUTURE,
    Rule.LABEL_NO_START,
    Rule.LABEL_STARTS_EARLY,
    Rule.LABEL_SKIPS_CUTOFF,
    Rule.LABEL_NO_TIME,
    Rule.POPULATION_NO_TIME,
    Rule.IMPLIES_LABEL,
    Rule.ROW_ORDER,
}
_NOTICES = {Rule.READS_HISTORY, Rule.NOT_READ, Rule.RUN_SAMPLED, Rule.RUN_STOPPED}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a task.

    Attributes:
        query: `population` or `label`.
        line: the line of the task file, 1-based.
        text: what stands there.
        what: the finding, with the table or function that it is about.
        fix: what to write instead.
        table: the table concerned, "" where it is none.
        silenced: why the task file allows it, None where it does not.
    """

    rule: Rule
    query: str
    line: int
    text: str
    what: str
    fix: str
    table: str = ""
    silenced: str | None = None

    @property
    def severity(self) -> Severity:
        """How bad it is: errors are what makes a model's numbers untrue."""
        if self.rule in _NOTICES:
            return Severity.NOTICE
        return Severity.WARNING if self.rule in _WARNINGS else Severity.ERROR

    @property
    def silence(self) -> str:
        """The comment that silences this finding's rule for the query in which it stands."""
        return f"-- lint: allow {self.rule.value}"

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back, with the severity beside it."""
        return {**asdict(self), "rule": self.rule.value, "severity": self.severity.value}

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Finding":
        """The finding that `to_json` wrote."""
        return Finding(**{**{k: v for k, v in data.items() if k != "severity"}, "rule": Rule(data["rule"])})
