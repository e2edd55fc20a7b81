"""Tables without a time whose parents have one: their rows are visible before what they belong to has happened.

Where a person said that the table has no time, this is reported; where nobody did, it is refused: silence may not leak.
"""

from collections.abc import Mapping

from rdl.database.checks.finding import Check, Finding, Policy
from rdl.database.declared import Declared
from rdl.errors import SchemaError


def timeless(declared: Mapping[str, Declared], rows: Mapping[str, int], guessed: set[str]) -> tuple[Finding, ...]:
    """A finding for every table without a time that references one with a time.

    Args:
        declared: every table.
        rows: by table.
        guessed: the tables of which nobody said whether they have a time, and no policy for this check is stated.

    Raises:
        SchemaError: nobody said that such a table has no time, or its policy refuses it.
    """
    found = []
    for name, table in declared.items():
        parents = sorted({r.table for r in table.references if declared[r.table].time is not None})
        if table.time is not None or not parents or not rows[name]:
            continue
        policy = Policy.REFUSE if name in guessed else table.policies[Check.TIMELESS]
        detail = f"its rows are visible at any time, {parents[0]} only after {declared[parents[0]].time}"
        if policy is Policy.REFUSE:
            raise SchemaError(
                f"{name} has no time, though its parent {parents[0]} has: "
                f"{rows[name]:,} rows would be visible before they happened",
                where=f"table {name}",
                fix=f"name its time, take it from {parents[0]} in a staging SELECT (rdl schema --write proposes one), "
                f"or write time = false in [tables.{name}]",
            )
        found.append(Finding(name, Check.TIMELESS, "", rows[name], 1.0, tuple(parents[:3]), policy, detail))
    return tuple(found)
