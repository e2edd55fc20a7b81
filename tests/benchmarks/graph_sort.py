"""The sort of a graph's edges alone, from its key columns, in a process that has loaded nothing else; see graph_build.py.

`python tests/benchmarks/graph_sort.py STORE_FOLDER`
"""

import sys
from pathlib import Path

import numpy as np
from measuring import measure, report

from rdl.graph.csc import build_csc
from rdl.graph.store import GraphStore, link_tables


def sorting(store: GraphStore) -> None:
    """The sort alone."""
    build_csc(np.zeros((1, 2), np.int32)[:, 0], 1, np.zeros(1, np.int64))  # compile
    report("before the sorts", 0, "s")
    tables = {name: table for name, table in store.tables.items() if table.keys.shape[1] or name in ("users", "items")}
    references = [x.upward for x in store.links]
    measure("counting sort, all 4 edge types of 2 references", lambda: link_tables(tables, references))
    facts, users = store.tables["facts"], store.tables["users"].rows
    order = np.random.default_rng(0).permutation(facts.rows)
    user, moment = np.ascontiguousarray(facts.keys[order, 0]), facts.time[order]
    measure("counting sort, 2 edge types of one reference, rows shuffled", lambda: build_csc(user, users, moment))


if __name__ == "__main__":
    sorting(GraphStore.open(Path(sys.argv[1])))
