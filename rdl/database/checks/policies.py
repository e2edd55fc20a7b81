"""What is done about what a check finds: the default, what else is allowed, and how a refusal reads.

A default changes rows only where keeping them would mislead in silence: a key must name one row, a time that cannot be is no time,
and what is not finite is no number. Everything else is kept and reported.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rdl.database.checks.finding import WORDS, Check, Finding, Policy
from rdl.errors import ProjectError, SchemaError, nearest

_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Rule:
    """The policies that a check allows; the first is the default."""

    allowed: tuple[Policy, ...]

    @property
    def default(self) -> Policy:
        """What is done where nothing is declared."""
        return self.allowed[0]


_OBSERVED = Rule((Policy.KEEP, Policy.REFUSE))

_CHANGING = {
    # A key names one row, or references multiply rows.
    Check.NULL_KEY: Rule((Policy.REFUSE, Policy.DROP)),
    Check.DUPLICATE_KEY: Rule((Policy.REFUSE, Policy.DROP)),  # drop keeps the first in the order of time, then of all columns
    # null and keep both read the reference as null; keep leaves the value to be read.
    Check.DANGLING: Rule((Policy.KEEP, Policy.NULL, Policy.DROP, Policy.REFUSE)),
    Check.NULL_TIME: Rule((Policy.KEEP, Policy.DROP, Policy.REFUSE)),  # kept, it is never visible
    Check.FUTURE_TIME: Rule((Policy.KEEP, Policy.NULL, Policy.DROP, Policy.REFUSE)),  # a calendar holds days to come
    # 9999-12-31 would be the end of the data, and 0001-01-01 two thousand years old: as null, the row is never visible.
    Check.ABSURD_TIME: Rule((Policy.NULL, Policy.KEEP, Policy.DROP, Policy.REFUSE)),
    Check.BEFORE_PARENT: Rule((Policy.KEEP, Policy.DROP, Policy.REFUSE)),
    Check.INFINITE: Rule((Policy.NULL, Policy.KEEP, Policy.DROP, Policy.REFUSE)),  # one NaN makes every mean NaN
}

RULES: Mapping[Check, Rule] = {check: _CHANGING.get(check, _OBSERVED) for check in Check}
"""The policies of every check."""

DEFAULTS: Mapping[Check, Policy] = {check: rule.default for check, rule in RULES.items()}
"""What is done where nothing is declared."""


def parse(checks: Mapping[str, str], where: str) -> dict[Check, Policy]:
    """The policies that a table of settings names.

    Raises:
        ProjectError: there is no such check, or it does not allow the policy.
    """
    return {check: _policy(check, policy, where) for check, policy in ((_check(n, where), p) for n, p in checks.items())}


def resolve(table_checks: Mapping[str, str], database_checks: Mapping[str, str], where: str) -> Mapping[Check, Policy]:
    """The policy of every check for one table: the table's settings over the database's over the defaults.

    Args:
        table_checks: policy by check, for this table.
        database_checks: policy by check, for every table that states none.
        where: the place of the table's settings, for errors.

    Raises:
        ProjectError: there is no such check, or it does not allow the policy.
    """
    return {**DEFAULTS, **parse(database_checks, where), **parse(table_checks, where)}


def _check(name: str, where: str) -> Check:
    if name not in {c.value for c in Check}:
        raise ProjectError(f"unknown check {name!r}", where=where, fix=nearest(name, [c.value for c in Check]))
    return Check(name)


def _policy(check: Check, name: str, where: str) -> Policy:
    allowed = [policy.value for policy in RULES[check].allowed]
    if name not in allowed:
        raise ProjectError(
            f"{check.value} = {name!r} is no policy of this check", where=where, fix=f"write one of {', '.join(allowed)}"
        )
    return Policy(name)


def refuse(findings: Iterable[Finding]) -> None:
    """Raise the first finding that is to be refused.

    Raises:
        SchemaError: with table, column, count, share, an example, and the setting that changes it.
    """
    for finding in findings:
        if finding.policy is Policy.REFUSE:
            raise SchemaError(
                _sentence(finding), where=place(finding.table, finding.column), fix=remedy(finding.table, finding.check)
            )


def _sentence(finding: Finding) -> str:
    parts = [WORDS[finding.check], f"{finding.count:,} ({percent(finding.share)})"]
    if finding.examples:
        parts.append(f"for example {finding.examples[0]!r}")
    return ", ".join(parts) + (f": {finding.detail}" if finding.detail else "")


def place(table: str, column: str) -> str:
    """The place of a finding, as an error names it."""
    return f"table {table}, column {column}" if column else f"table {table}"


def remedy(table: str, check: Check) -> str:
    """The setting under which the check refuses no longer."""
    policy = next(p for p in (*(q for q in RULES[check].allowed if q is not Policy.KEEP), Policy.KEEP) if p is not Policy.REFUSE)
    return f'mend the source, or set [tables.{_key(table)}.checks] {check.value} = "{policy.value}"'


def _key(name: str) -> str:
    """`name` as a key of TOML."""
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def percent(share: float) -> str:
    """A share as a percentage; never 0 % or 100 % where it is not."""
    if share in {0.0, 1.0}:
        return f"{share * 100:.0f} %"
    if share < 0.001:
        return "< 0.1 %"
    if share > 0.999:
        return "> 99.9 %"
    return f"{100 * share:.1f} %"
