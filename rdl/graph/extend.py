"""What an older graph of the same database is still good for.

A table is taken over where its first rows are, one by one, what the older graph was made of: two sums over all that the graph keeps
of them say so, computed by the database itself. Only rows that came since are then read, and only their keys are sorted; the result
is the same, byte for byte, as if all had been built anew. A table of which an old row changed, or was pushed back by one that
came late, is read again, and its links are sorted again.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rdl.database import Engine
from rdl.errors import GraphError
from rdl.graph.csc import build_csc, extend_csc
from rdl.graph.files import META, keep_link, read_link, rows_by_table, share_arrays
from rdl.graph.layout import Layout
from rdl.graph.reading import keep_rows
from rdl.graph.store import GraphStore
from rdl.graph.tables import EdgeType, Link, NodeTable

log = logging.getLogger(__name__)

TRIED = 8
"""How many older graphs are looked at, the latest first."""


@dataclass(frozen=True)
class Earlier:
    """An older graph, or none.

    Attributes:
        store: as opened from its folder; None where there is none.
    """

    store: GraphStore | None

    def keep_table(self, folder: Path, place: int, engine: Engine, layout: Layout) -> tuple[NodeTable, NodeTable | None]:
        """Write a table into `folder` as number `place`; the table, and what of the older graph it goes on from."""
        old = self._candidate(layout)
        first = old.rows if old else layout.table.rows
        before, digest = _digests(engine, layout, first)
        if old is not None and before != old.digest:
            log.info("graph: earlier rows of %s changed; it is read again", layout.table.name)
            old = None
        if old is not None and old.rows == layout.table.rows and self._share(folder, f"table{place:03d}", layout.table.name):
            return old, old
        return keep_rows(folder, place, engine, layout, old, digest), old

    def keep_link(
        self, folder: Path, place: int, edge: EdgeType, key: int, tables: Mapping[str, NodeTable], known: Mapping[str, NodeTable]
    ) -> Link:
        """Write the reference `edge` (child, column, parent), the child's key column `key`, into `folder` as number `place`.

        `tables` are the new tables, `known` those of the older graph that some of them go on from.
        """
        child, column, parent = edge
        rows, parents = tables[child], tables[parent].rows
        old = self._link(edge) if child in known else None
        if old is not None and len(old.csc.offsets) <= parents + 1:
            if (rows.rows, parents) == (known[child].rows, len(old.csc.offsets) - 1) and self._share_link(folder, place, old):
                return read_link(folder, place, Link(child, column, parent, key, old.csc))
            first = known[child].rows
            csc = extend_csc(old.csc, first, np.ascontiguousarray(rows.keys[first:, key]), parents)
        else:
            csc = build_csc(np.ascontiguousarray(rows.keys[:, key]), parents, rows.time)
        return keep_link(folder, place, Link(child, column, parent, key, csc))

    def _candidate(self, layout: Layout) -> NodeTable | None:
        """The older table, where it has the same columns and no more rows."""
        old = self.store.tables.get(layout.table.name) if self.store else None
        if old is None or self.store is None or not old.digest or old.rows > layout.table.rows:
            return None
        links = sorted((x for x in self.store.links if x.child == layout.table.name), key=lambda x: x.place)
        same = old.names == layout.names and tuple((x.column, x.parent) for x in links) == layout.references
        return old if same else None

    def _link(self, edge: EdgeType) -> Link | None:
        return next((x for x in self.store.links if x.upward == edge), None) if self.store else None

    def _share(self, folder: Path, prefix: str, table: str) -> bool:
        if self.store is None or self.store.folder is None:
            return False
        return share_arrays(self.store.folder, f"table{list(self.store.tables).index(table):03d}", folder, prefix)

    def _share_link(self, folder: Path, place: int, old: Link) -> bool:
        if self.store is None or self.store.folder is None:
            return False
        return share_arrays(self.store.folder, f"link{self.store.links.index(old):03d}", folder, f"link{place:03d}")


def find_earlier(folder: Path, layouts: Sequence[Layout]) -> Earlier:
    """The graph in `folder` that most of these tables' rows may stand in, and which is whole."""
    rows = {layout.table.name: layout.table.rows for layout in layouts}
    graphs = sorted(folder.glob(f"[!.]*/{META}"), key=lambda path: -path.stat().st_mtime_ns)[:TRIED] if folder.is_dir() else []
    found: list[tuple[int, Path]] = []
    for path in graphs:
        try:
            had = rows_by_table(path.parent)
        except GraphError:
            continue  # of another format, or not whole: it is no help
        common = sum(count for name, count in had.items() if count <= rows.get(name, -1))
        if common:
            found.append((common, path.parent))
    for _, graph in sorted(found, key=lambda pair: -pair[0]):
        try:
            return Earlier(GraphStore.open(graph, verify=True))
        except GraphError as error:
            log.warning("graph: an earlier graph is damaged: %s", error)
    return Earlier(None)


def _digests(engine: Engine, layout: Layout, first: int) -> tuple[str, str]:
    """The digest of a table's rows before `first`, and of all of them."""
    found = engine.arrow(layout.digest_sql(first)).to_pylist()
    embedder = f", text by {layout.embedder.name}" if layout.embedder else ""
    parts = [(x["fresh"], x["rows"], int(x["one"]), int(x["two"])) for x in found]

    def digest(chosen: list[tuple[bool, int, int, int]]) -> str:
        one = 0
        for _, _, value, _ in chosen:
            one ^= value
        return f"{sum(n for _, n, _, _ in chosen)} rows, {one:x}, {sum(two for *_, two in chosen):x}{embedder}"

    return digest([part for part in parts if not part[0]]), digest(parts)
