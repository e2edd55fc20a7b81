"""From an ingested database to a graph on disk.

The folder is named by content: the database's fingerprint and the version of the format. A graph that stands there whole is
opened, not built. One column is in memory at a time; rows are put in their place by their row id, whatever order they arrive in.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rdl.database import Column, Database, Engine, Semantic, Table, load_sql, quote
from rdl.errors import GraphError
from rdl.graph.files import FORMAT, keep_link, keep_nodes, write_meta, written_aside
from rdl.graph.hashing import hash_values, hash_words
from rdl.graph.store import GraphStore, link_tables
from rdl.graph.tables import NULL_TIMESTAMP, TOKENS, NodeTable, empty_columns, fill_column

if TYPE_CHECKING:
    import pyarrow as pa

Values = npt.NDArray[Any]

_KIND_OF = {
    Semantic.NUMERIC: "numeric",
    Semantic.BOOLEAN: "numeric",
    Semantic.CATEGORICAL: "category",
    Semantic.TIMESTAMP: "timestamp",
    Semantic.DATE: "timestamp",
    Semantic.TEXT: "text",
    Semantic.MULTI_CATEGORICAL: "text",
}


def graph_key(database: Database) -> str:
    """The name of a database's graph: a hash of its content and of the graph's format."""
    return hashlib.sha256(f"graph {FORMAT} {database.fingerprint}".encode()).hexdigest()[:20]


def build_graph(database: Database, folder: Path | str) -> GraphStore:
    """The graph of a database, at `folder / graph_key(database)`; built there unless it stands there whole.

    A graph that is incomplete or altered is built anew. Repeating gives the same bytes.
    """
    key = graph_key(database)
    target = Path(folder) / key
    try:
        return GraphStore.open(target, verify=True)
    except GraphError:
        pass  # absent, or not whole: either way the database is the truth
    references = [(t.name, r.column, r.table) for t in database.schema.tables.values() for r in t.references]
    with written_aside(target) as aside:
        tables = {}
        with database.engine() as engine:
            for place, table in enumerate(database.schema.tables.values()):
                tables[table.name] = keep_nodes(aside, place, _read_table(engine, table))
        links = tuple(keep_link(aside, i, x) for i, x in enumerate(link_tables(tables, references)))
        store = GraphStore(tables, links, key)
        store.check_shapes()
        store.check_order()
        write_meta(aside, key, tables, links)
    return GraphStore.open(target)


def _read_table(engine: Engine, table: Table) -> NodeTable:
    """All arrays of one table, its keys in the order of its references."""
    source = f"rows.{quote(table.name)}"
    columns: dict[str, list[Column]] = {kind: [] for kind in ("numeric", "category", "timestamp", "text")}
    for column in table.features:
        if column.semantic in _KIND_OF:
            columns[_KIND_OF[column.semantic]].append(column)
    infinite: dict[str, int] = {}
    arrays = {kind: empty_columns(kind, table.rows, len(named)) for kind, named in columns.items()}
    for kind, named in columns.items():
        for place, column in enumerate(named):
            lost = fill_column(arrays[kind], place, _READERS[kind](engine, table, column.name))
            infinite.update({column.name: lost} if lost else {})
    keys = np.empty((table.rows, len(table.references)), np.int32)
    for place, reference in enumerate(table.references):
        sql = load_sql("graph/key.sql").format(table=source, column=quote(f"_ref_{reference.column}"))
        keys[:, place] = _numbers(engine, table, sql)
    return NodeTable(
        time=_numbers(engine, table, load_sql("graph/time.sql").format(table=source)),
        keys=keys,
        names={kind: tuple(c.name for c in named) for kind, named in columns.items()},
        infinite=infinite,
        **arrays,
    )


def _read_numeric(engine: Engine, table: Table, column: str) -> Values:
    return _numbers(engine, table, _sql("numeric", table, column))


def _read_timestamp(engine: Engine, table: Table, column: str) -> Values:
    return _numbers(engine, table, _sql("timestamp", table, column, null=str(NULL_TIMESTAMP)))


def _read_category(engine: Engine, table: Table, column: str) -> Values:
    order, values = _texts(engine, table, column)
    return _in_place(table, order, hash_values(table.name, column, values))


def _read_text(engine: Engine, table: Table, column: str) -> Values:
    order, values = _texts(engine, table, column)
    return _in_place(table, order, hash_words(table.name, column, values, TOKENS))


_READERS: dict[str, Callable[[Engine, Table, str], Values]] = {
    "numeric": _read_numeric,
    "category": _read_category,
    "timestamp": _read_timestamp,
    "text": _read_text,
}


def _sql(template: str, table: Table, column: str, **more: str) -> str:
    return load_sql(f"graph/{template}.sql").format(table=f"rows.{quote(table.name)}", column=quote(column), **more)


def _numbers(engine: Engine, table: Table, sql: str) -> Values:
    found = engine.numpy(sql)
    return _in_place(table, found["row"], found["value"])


def _texts(engine: Engine, table: Table, column: str) -> tuple[Values, "pa.ChunkedArray"]:
    found = engine.arrow(_sql("text", table, column))
    return found["row"].to_numpy(), found["value"]


def _in_place(table: Table, order: npt.NDArray[np.int64], values: Values) -> Values:
    """`values` put at their row ids; GraphError unless those are each of 0..rows - 1 once."""
    if len(order) != table.rows:
        raise GraphError(f"{len(order)} rows, expected {table.rows}", where=f"table {table.name}", fix="ingest the database again")
    if np.array_equal(order, np.arange(table.rows)):
        return values
    if not np.array_equal(np.sort(order), np.arange(table.rows)):
        raise GraphError("row ids are not dense", where=f"table {table.name}", fix="ingest the database again")
    placed = np.empty_like(values)
    placed[order] = values
    return placed
