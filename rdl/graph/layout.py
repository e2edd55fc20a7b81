"""What the graph keeps of a table: which columns, in which arrays, read by which SQL.

A column's meaning decides. Lists of categories are kept as texts are, their elements in the place of words; given embeddings lie
side by side in one array, as wide as their lists are long, and so do those that an embedder makes of texts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from rdl.database import Column, Engine, Semantic, Table, load_sql, quote
from rdl.graph.embedder import TextEmbedder
from rdl.graph.tables import KINDS, NULL_TIMESTAMP

KIND_OF = {
    Semantic.NUMERIC: "numeric",
    Semantic.BOOLEAN: "numeric",
    Semantic.CATEGORICAL: "category",
    Semantic.TIMESTAMP: "timestamp",
    Semantic.DATE: "timestamp",
    Semantic.TEXT: "text",
    Semantic.MULTI_CATEGORICAL: "text",
    Semantic.EMBEDDING: "vector",
}

_MOMENT = "TRY_CAST({column} AS TIMESTAMP)"
_VALUE = {
    "numeric": "coalesce(TRY_CAST({column} AS DOUBLE), 'nan'::DOUBLE)",
    "category": "CAST({column} AS VARCHAR)",
    "timestamp": f"CASE WHEN isfinite({_MOMENT}) THEN epoch_us({_MOMENT}) ELSE {NULL_TIMESTAMP} END",
    "text": "CAST({column} AS VARCHAR)",
    "vector": "TRY_CAST({column} AS FLOAT[])",
}
_LIST = "CAST({column} AS VARCHAR[])"


@dataclass(frozen=True)
class Layout:
    """One table's arrays.

    Attributes:
        columns: the columns by kind, in the order of their arrays.
        widths: how many numbers each column of vectors holds.
        embedder: what makes vectors of texts; None where their words are kept.
    """

    table: Table
    columns: Mapping[str, tuple[Column, ...]]
    widths: Mapping[str, int]
    embedder: TextEmbedder | None = None

    @cached_property
    def names(self) -> dict[str, tuple[str, ...]]:
        """The names of every kind's columns; those of vectors once for each of their numbers."""
        named = {kind: tuple(c.name for c in columns) for kind, columns in self.columns.items()}
        return {**named, "vector": tuple(n for n in named["vector"] for _ in range(self.widths[n]))}

    @property
    def references(self) -> tuple[tuple[str, str], ...]:
        """(column, parent) of every reference."""
        return tuple((r.column, r.table) for r in self.table.references)

    def rows_sql(self, first: int, *, ordered: bool) -> str:
        """SQL of the rows from `first` on: `row`, `time`, `key0` …, and `numeric0` … for every kind."""
        named = {"time": "_time"}
        for place, reference in enumerate(self.table.references):
            named[f"key{place}"] = f"CAST(coalesce({quote(f'_ref_{reference.column}')}, -1) AS INTEGER)"
        for kind, columns in self.columns.items():
            named |= {f"{kind}{place}": value_sql(kind, column) for place, column in enumerate(columns)}
        return load_sql("graph/rows.sql").format(
            table=f"rows.{quote(self.table.name)}",
            columns=", ".join(f"{value} AS {name}" for name, value in named.items()),
            first=first,
            order="ORDER BY _row" if ordered else "",
        )

    def digest_sql(self, first: int) -> str:
        """SQL of the sums over everything the graph keeps, of the rows before `first` and of the others."""
        given = [quote(f"_ref_{r.column}") for r in self.table.references]
        given += [quote(c.name) for columns in self.columns.values() for c in columns]
        columns = ["_row", "_time", *given]
        return load_sql("graph/digest.sql").format(
            table=f"rows.{quote(self.table.name)}", columns=", ".join(columns), again=", ".join(reversed(columns)), first=first
        )


def lay_out(engine: Engine, table: Table, embedder: TextEmbedder | None = None) -> Layout:
    """The layout of a table; vectors are as wide as their longest list, or as the embedder's."""
    kinds = {**KIND_OF, **({Semantic.TEXT: "vector"} if embedder else {})}
    known = [(c, kinds[c.semantic]) for c in table.features if c.semantic in kinds]
    columns = {kind: tuple(c for c, own in known if own == kind) for kind in KINDS}
    widths = {}
    for column in columns["vector"]:
        if embedder and is_text(column):
            widths[column.name] = embedder.width
            continue
        sql = load_sql("graph/width.sql").format(table=f"rows.{quote(table.name)}", value=value_sql("vector", column))
        widths[column.name] = int(engine.numpy(sql)["width"][0])
    return Layout(table, columns, widths, embedder)


def is_list(column: Column) -> bool:
    """Whether a column holds lists."""
    return column.sql_type.endswith("]")


def is_text(column: Column) -> bool:
    """Whether a column holds free text."""
    return column.semantic is Semantic.TEXT


def value_sql(kind: str, column: Column) -> str:
    """SQL of a column's value in an array of a kind."""
    if is_text(column):
        kind = "text"
    template = _LIST if kind == "text" and is_list(column) else _VALUE[kind]
    return template.format(column=quote(column.name))
