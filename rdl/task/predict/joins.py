"""The FROM clause of one query: a table, and what is joined to it along references."""

from collections.abc import Callable, Sequence

from rdl.database import Reference, Schema, Table
from rdl.database.keys import as_key
from rdl.task.predict.names import plain
from rdl.task.predict.paths import Step

Bound = Callable[[Table, str], Sequence[str]]  # conditions by which rows of a table, under an alias, are visible


class Joins:
    """Lines of a FROM clause that grow as columns are asked for; every joined table has an alias of its own.

    Args:
        schema: the database's.
        bound: which rows of a joined table may be seen.
        taken: aliases that are in use already.
    """

    def __init__(self, schema: Schema, bound: Bound, taken: Sequence[str]) -> None:
        self._schema, self._bound = schema, bound
        self._taken = set(taken)
        self._parents: dict[tuple[str, Step], str] = {}
        self.lines: list[str] = []

    def alias(self, table: str) -> str:
        """A new alias: the table's first letters, or a number behind its first."""
        letters = "".join(c for c in table.lower() if c.isascii() and c.isalpha()) or "t"
        wanted = [letters[:1], letters[:2], letters[:3], *(f"{letters[:1]}{i}" for i in range(2, 100))]
        found = next(w for w in wanted if w not in self._taken and plain(w) == w)
        self._taken.add(found)
        return found

    def parent(self, alias: str, step: Step, *, optional: bool) -> str:
        """The alias of the parent that the row called `alias` references; joined once only."""
        known = self._parents.get((alias, step))
        if known is not None:
            return known
        parent = self._schema[step.reference.table]
        new = self.alias(parent.name)
        conditions = self._equal(self._schema[step.child], alias, step.reference, parent, new)
        self._join("LEFT JOIN" if optional else "JOIN", parent, new, [*conditions, *self._bound(parent, new)])
        self._parents[alias, step] = new
        return new

    def children(self, alias: str, step: Step, *, bounded: bool = True) -> str:
        """The alias of the children that reference the row called `alias`."""
        child, parent = self._schema[step.child], self._schema[step.reference.table]
        new = self.alias(child.name)
        conditions = self._equal(child, new, step.reference, parent, alias)
        self._join("JOIN", child, new, [*conditions, *(self._bound(child, new) if bounded else ())])
        return new

    def _join(self, kind: str, table: Table, alias: str, conditions: Sequence[str]) -> None:
        self.lines.append(f"{kind} {plain(table.name)} {alias} ON {' AND '.join(conditions)}")

    def _equal(self, child: Table, alias: str, reference: Reference, parent: Table, parent_alias: str) -> list[str]:
        keys = reference.key or parent.key
        return [
            f"{parent_alias}.{plain(key)} = {key_sql(child, alias, column, parent, key)}"
            for key, column in zip(keys, reference.columns, strict=True)
        ]


def key_sql(child: Table, alias: str, column: str, parent: Table, key: str) -> str:
    """What `column` of a child says, in the type of the parent's `key`."""
    return as_key(f"{alias}.{plain(column)}", child.column(column).sql_type, parent.column(key).sql_type)
