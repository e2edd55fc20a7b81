"""Everything that is to be said of finished tables, from one survey of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from rdl.database.checks.columns import observe
from rdl.database.checks.drift import compare
from rdl.database.checks.finding import Check, Finding, Policy
from rdl.database.checks.history import History
from rdl.database.checks.profile import Profiles, profile
from rdl.database.checks.references import references
from rdl.database.checks.survey import survey
from rdl.database.relation import Ask
from rdl.database.schema import Table


@dataclass(frozen=True)
class Inspection:
    """What was found in the finished rows and against earlier runs, and the profiles that the next run is compared with."""

    findings: tuple[Finding, ...]
    profiles: Profiles


def inspect(
    ask: Ask, tables: Mapping[str, Table], policies: Mapping[str, Mapping[Check, Policy]], history: History, now: int
) -> Inspection:
    """Look at the references and columns of every finished table, and compare all of them with the last run.

    Args:
        ask: runs SQL in which `db.rows."table"` are the finished rows.
        tables: by name.
        policies: by table.
        history: what earlier runs read, from `recall`.
        now: microseconds at which the database was read.

    Raises:
        SchemaError: a policy refuses what was found.
    """
    findings: list[Finding] = []
    profiles = {}
    for name, table in tables.items():
        findings += references(ask, table, tables, policies[name])
        surveyed = survey(ask, table, now)
        findings += observe(ask, surveyed, policies[name])
        profiles[name] = profile(ask, surveyed)
    return Inspection((*findings, *compare(history, profiles, policies)), profiles)
