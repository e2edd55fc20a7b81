"""What the tables of a database are: keys, times, references, and the meaning of every column.

Frozen values only; they are stored as JSON beside the ingested rows and travel with every model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from rdl.errors import SchemaError, nearest

COMMA = ","  # joins the columns of a composite reference


class Semantic(StrEnum):
    """What a column means, which decides how it is read."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"
    MULTI_CATEGORICAL = "multi_categorical"  # a list of categories, or text that one separator divides into them
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"
    DATE = "date"  # a time that is a value and no event: a date of birth, the end of a contract
    TEXT = "text"
    EMBEDDING = "embedding"  # a list of numbers, of one length
    IDENTIFIER = "identifier"


@dataclass(frozen=True)
class Column:
    """A native column: its name, meaning and SQL type."""

    name: str
    semantic: Semantic
    sql_type: str


@dataclass(frozen=True)
class Reference:
    """A foreign key: `column` of the table that holds it names a row of `table`.

    Attributes:
        column: the column's name; those of a composite key joined by commas, which is also how `_ref_<column>` is called.
        table: the parent.
        key: the parent's columns that are named, where they are not its key.
        parts: the columns of a composite reference, () where `column` is the only one.
    """

    column: str
    table: str
    key: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that name the parent's row."""
        return self.parts or (self.column,)

    @staticmethod
    def of(columns: tuple[str, ...], table: str, key: tuple[str, ...] = ()) -> "Reference":
        """A reference of one or several columns."""
        return Reference(COMMA.join(columns), table, key, columns if len(columns) > 1 else ())


@dataclass(frozen=True)
class Table:
    """One table as rdl sees it.

    Attributes:
        key: the key's columns, () where there is none.
        time: the column of the event time, None for a static table.
        lag: microseconds by which rows arrive after their event time.
        rows: how many rows were ingested.
        hide: columns that no feature, graph or encoder may read.
    """

    name: str
    key: tuple[str, ...]
    time: str | None
    lag: int
    references: tuple[Reference, ...]
    columns: tuple[Column, ...]
    rows: int
    hide: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that describe a row: no key, reference, identifier, hidden column, nor the event time."""
        structural = {*self.key, *self.hide, self.time, *(c for r in self.references for c in r.columns)}
        return tuple(c for c in self.columns if c.name not in structural and c.semantic is not Semantic.IDENTIFIER)

    def column(self, name: str) -> Column:
        """The column called `name`.

        Raises:
            SchemaError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise SchemaError(f"no column {name!r}", where=f"table {self.name}", fix=nearest(name, [c.name for c in self.columns]))


@dataclass(frozen=True)
class Schema:
    """All tables by name."""

    tables: Mapping[str, Table]

    def __getitem__(self, name: str) -> Table:
        if name not in self.tables:
            raise SchemaError(f"no table {name!r}", where="the database", fix=nearest(name, self.tables))
        return self.tables[name]

    def children(self, table: str) -> tuple[tuple[Table, Reference], ...]:
        """Every (child table, reference) that points at `table`, in a stable order."""
        return tuple(
            (child, reference)
            for _, child in sorted(self.tables.items())
            for reference in child.references
            if reference.table == table
        )

    def hiding(self, columns: Iterable[tuple[str, str]]) -> "Schema":
        """The same schema with (table, column) pairs hidden; a hidden reference leads nowhere.

        Raises:
            SchemaError: there is no such table or column, or it is the event time.
        """
        hidden: dict[str, list[str]] = {}
        for name, column in columns:
            table = self[name]
            if table.column(column).name == table.time:
                raise SchemaError(f"the event time {column!r} cannot be hidden", where=f"table {name}", fix="hide other columns")
            hidden.setdefault(name, []).append(column)
        return Schema({name: _hiding(table, hidden.get(name, [])) for name, table in self.tables.items()})

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return {name: asdict(table) for name, table in sorted(self.tables.items())}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Schema":
        """The schema that `to_json` wrote."""
        return Schema({name: _table_from_json(raw) for name, raw in data.items()})


def _hiding(table: Table, columns: list[str]) -> Table:
    references = tuple(r for r in table.references if not set(r.columns) & set(columns))
    return replace(table, hide=tuple(dict.fromkeys((*table.hide, *columns))), references=references)


def _table_from_json(raw: Mapping[str, Any]) -> Table:
    return Table(
        name=raw["name"],
        key=tuple(raw["key"]),
        time=raw["time"],
        lag=raw["lag"],
        references=tuple(Reference(r["column"], r["table"], tuple(r["key"]), tuple(r["parts"])) for r in raw["references"]),
        columns=tuple(Column(c["name"], Semantic(c["semantic"]), c["sql_type"]) for c in raw["columns"]),
        rows=raw["rows"],
        hide=tuple(raw["hide"]),
    )
