"""From an ingested database to a graph on disk.

The folder is named by content: the database's fingerprint and the version of the format. A graph that stands there whole is
opened, not built. Tables are read block by block and written as they come, so memory holds one block, and then one key column and
its inverse; where an older graph stands beside, what is new is added to a copy of it.
"""

import hashlib
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rdl.database import Database
from rdl.errors import GraphError
from rdl.graph.embedder import HASHING, open_embedder
from rdl.graph.extend import find_earlier
from rdl.graph.files import FORMAT, write_meta, written_aside
from rdl.graph.layout import lay_out
from rdl.graph.store import GraphStore

if TYPE_CHECKING:
    from rdl.graph.tables import Link, NodeTable

log = logging.getLogger(__name__)


def graph_key(database: Database, text: str = HASHING) -> str:
    """The name of a database's graph: a hash of its content, of how text is read, and of the graph's format."""
    said = "" if text == HASHING else f" {text}"
    return hashlib.sha256(f"graph {FORMAT} {database.fingerprint}{said}".encode()).hexdigest()[:20]


def build_graph(database: Database, folder: Path | str, text: str = HASHING) -> GraphStore:
    """The graph of a database, at `folder / graph_key(database)`; built there unless it stands there whole.

    Where an older graph of these tables is in `folder`, rows that were appended since are added to it (see `rdl.graph.extend`). A
    graph that is incomplete or altered is built anew. Repeating, and extending instead of building, gives the same bytes.
    `text` names what makes vectors of texts (see `rdl.graph.embedder`); by default their words are kept.
    """
    key = graph_key(database, text)
    target = Path(folder) / key
    try:
        return GraphStore.open(target, verify=True)
    except GraphError:
        pass  # absent, or not whole: either way the database is the truth
    with written_aside(target) as aside:
        tables: dict[str, NodeTable] = {}
        known: dict[str, NodeTable] = {}
        with database.engine() as engine:
            embedder = open_embedder(text)
            layouts = [lay_out(engine, table, embedder) for table in database.schema.tables.values()]
            earlier = find_earlier(Path(folder), layouts)
            for place, layout in enumerate(layouts):
                name = layout.table.name
                tables[name], old = earlier.keep_table(aside, place, engine, layout)
                known |= {name: old} if old else {}
        if known:
            fresh = sum(table.rows - (known[name].rows if name in known else 0) for name, table in tables.items())
            log.info("graph: %d of %d rows are new to it", fresh, sum(table.rows for table in tables.values()))
        links: list[Link] = []
        placed = Counter[str]()
        for layout in layouts:
            for column, parent in layout.references:
                child = layout.table.name
                links.append(earlier.keep_link(aside, len(links), (child, column, parent), placed[child], tables, known))
                placed[child] += 1
        store = GraphStore(tables, tuple(links), key)
        store.check_shapes()
        store.check_order()
        write_meta(aside, key, tables, tuple(links))
    return GraphStore.open(target)
