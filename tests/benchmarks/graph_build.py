"""From tables to a graph that can be sampled: the counting sort alone, and the whole build from an ingested database.

`python tests/benchmarks/graph_build.py [--rows N | --large]` prints one JSON object a line. Peak memory is the process's so far,
mapped files included; the tables are made and ingested in a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from synthetic import generate

from rdl.database import open_database
from rdl.graph import GraphStore, Sampler, build_graph
from rdl.graph.csc import build_csc
from rdl.project import open_project

SETTINGS = """
[database]
source = "data"
[tables.users]
key = "user_id"
[tables.items]
key = "item_id"
[tables.facts]
key = "fact_id"
time = "happened_at"
references = { user_id = "users", item_id = "items" }
"""


def write_project(folder: Path, rows: int) -> None:
    """The synthetic tables as Parquet, with an rdl.toml; then ingested."""
    data = generate(rows)
    (folder / "data").mkdir()
    (folder / "rdl.toml").write_text(SETTINGS)
    tables = {
        "users": {"user_id": np.arange(data.users), "age": (np.arange(data.users) % 90).astype(np.float32)},
        "items": {"item_id": np.arange(data.items), "price": (np.arange(data.items) % 999).astype(np.float32)},
        "facts": {
            "fact_id": np.arange(len(data.time)),
            "user_id": data.user,
            "item_id": data.item,
            "happened_at": data.time.view("datetime64[us]"),
            "amount": data.amount,
            "channel": pa.array(["web", "shop", "phone"]).take(pa.array(data.user % 3)),
        },
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / "data" / f"{name}.parquet")
    open_database(open_project(folder))


def measure(case: str, work: Callable[[], Any]) -> Any:
    """Run, print seconds and peak memory, and return what the work returned."""
    started = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"name": "graph_build", "case": case, "value": round(seconds, 4), "unit": "s", "peak_mib": round(peak)}),
        flush=True,
    )
    return result


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--large", action="store_true", help="100M facts")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = 100_000_000 if options.large else options.rows
    if options.write:
        write_project(options.write, rows)
        return
    build_csc(np.zeros(1, np.int32), 1, np.zeros(1, np.int64))  # compile
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, __file__, "--rows", str(rows), "--write", name], check=True)
        database = open_database(open_project(folder))
        store = measure("database to graph", lambda: build_graph(database, folder / "graph"))
        measure("database to graph, it stands there (checksums read)", lambda: build_graph(database, folder / "graph"))
        measure("open", lambda: GraphStore.open(store.folder or ""))
        measure("sampler, proving the order of every edge", lambda: Sampler(store, "users", [128, 64]))
        facts = store.tables["facts"]
        user = np.ascontiguousarray(facts.keys[:, 0])
        moment = np.array(facts.time)
        users = store.tables["users"].rows
        measure("counting sort, one edge type, rows in time order", lambda: build_csc(user, users, moment))
        order = np.random.default_rng(0).permutation(len(user))
        user, moment = user[order], moment[order]
        measure("counting sort, one edge type, rows shuffled", lambda: build_csc(user, users, moment))


if __name__ == "__main__":
    main()
