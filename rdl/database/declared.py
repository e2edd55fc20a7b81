"""What is taken as true of a table: what `rdl.toml` states, what the source declares, and what was inferred and pinned, in this order."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rdl.database.checks.finding import Check, Policy
from rdl.database.schema import Reference, Semantic


@dataclass(frozen=True)
class Declared:
    """One table's declaration, complete.

    Attributes:
        key: the key's columns, () where there is none.
        time: the column of the event time, None for a static table.
        lag: microseconds by which rows arrive after their event time.
        references: every foreign key; its parent columns are `reference.key`, or the parent's key where that is ().
        types: meanings that are stated, by column.
        policies: what is done about what a check finds; every check has an entry.
    """

    name: str
    key: tuple[str, ...] = ()
    time: str | None = None
    lag: int = 0
    references: tuple[Reference, ...] = ()
    hide: tuple[str, ...] = ()
    types: Mapping[str, Semantic] = field(default_factory=dict)
    policies: Mapping[Check, Policy] = field(default_factory=dict)
