"""Staging SELECTs that follow from proposals: a time is read from a text, given its time of day, or joined from a parent."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rdl.database.engine import quote
from rdl.database.inference.proposal import InheritedTime, Time
from rdl.database.inference.survey import Survey
from rdl.database.keys import as_key


@dataclass(frozen=True)
class Staging:
    """The SELECTs of a database.

    Attributes:
        times: how each timed table comes to its time.
        casts: further columns that are read as something else: SQL by column, by table.
        raw: whether tables are called as a staging file calls them; else as they can be read now.
    """

    survey: Survey
    times: Mapping[str, Time | InheritedTime]
    casts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    raw: bool = True

    def select(self, table: str) -> str | None:
        """The table's SELECT; None where the table is well as it is."""
        value = self.times.get(table)
        casts = dict(self.casts.get(table, {}))
        if isinstance(value, Time) and value.cast is not None:
            casts[value.column] = value.cast
        if not casts and not isinstance(value, InheritedTime):
            return None
        replaced = ", ".join(f"{sql} AS {quote(column)}" for column, sql in casts.items())
        columns = f"t.* REPLACE ({replaced})" if casts else "t.*"
        if not isinstance(value, InheritedTime):
            return f"SELECT {columns}\nFROM {self._name(table)} t"
        time = f"p.{quote(value.source)} AS {quote(value.column)}"
        return f"SELECT {columns}, {time}\nFROM {self._name(table)} t\n{self.join(table, value, 'p')}"

    def join(self, table: str, value: InheritedTime, alias: str) -> str:
        """The LEFT JOIN of the parent, with its time, to the rows `t` of the table."""
        types = self.survey.tables
        pairs = []
        for column, key in zip(value.via.columns, value.via.key, strict=True):
            own = as_key(f"t.{quote(column)}", types[table][column].sql_type, types[value.table][key].sql_type)
            pairs.append(f"{alias}.{quote(key)} = {own}")
        return f"LEFT JOIN {self._source(value.table)} {alias} ON {' AND '.join(pairs)}"

    def _source(self, table: str) -> str:
        """The table with its time: itself, or its SELECT in brackets."""
        select = Staging(self.survey, self.times, {}, self.raw).select(table)
        return self._name(table) if select is None else "(\n" + "\n".join(f"    {line}" for line in select.splitlines()) + "\n)"

    def _name(self, table: str) -> str:
        return quote(table) if self.raw else self.survey.relations[table].sql
