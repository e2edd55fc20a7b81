"""From tables to a graph that can be sampled: the build of an ingested database, what appended rows cost, and the sort alone.

`python tests/benchmarks/graph_build.py [--rows N | --large]` prints one JSON object a line. `--large` is 100M rows in 8 tables.
Each case is timed by the wall and by the processor (DuckDB's threads included), which other work on the machine does not lengthen
as much. Peak memory is the process's so far, mapped files included; the tables are made and ingested in a process of its own, and
the sort alone is measured in another (graph_sort.py).
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measuring import measure, report
from synthetic import DAY, SPAN, START, connect, generate, literal

from rdl.database import open_database
from rdl.graph import GraphStore, Sampler, build_graph
from rdl.graph.csc import build_csc
from rdl.project import open_project

SETTINGS = """
[database]
source = "data"
infer = false
[tables.users]
key = "user_id"
[tables.items]
key = "item_id"
[tables.facts]
key = "fact_id"
time = "happened_at"
references = { user_id = "users", item_id = "items" }
"""

# 100 million rows: name, rows in thousands, references
LARGE = (
    ("shops", 10, ()),
    ("makers", 50, ()),
    ("items", 940, ("makers",)),
    ("users", 5_000, ()),
    ("visits", 34_000, ("users", "shops")),
    ("orders", 20_000, ("users", "shops")),
    ("lines", 36_000, ("orders", "items")),
    ("reviews", 4_000, ("users", "items")),
)


def write_project(folder: Path, rows: int, more: int = 0) -> None:
    """The synthetic tables as Parquet, with an rdl.toml; then ingested. `more` facts come after all others."""
    data = generate(rows)
    rng = np.random.default_rng(1)
    user = np.concatenate([data.user, rng.integers(0, data.users, more, np.int32)])
    (folder / "data").mkdir(exist_ok=True)
    (folder / "rdl.toml").write_text(SETTINGS)
    late = START + SPAN + np.sort(rng.integers(0, DAY, more))
    tables = {
        "users": {"user_id": np.arange(data.users), "age": (np.arange(data.users) % 90).astype(np.float32)},
        "items": {"item_id": np.arange(data.items), "price": (np.arange(data.items) % 999).astype(np.float32)},
        "facts": {
            "fact_id": np.arange(rows + more),
            "user_id": user,
            "item_id": np.concatenate([data.item, rng.integers(0, data.items, more, np.int32)]),
            "happened_at": np.concatenate([data.time, late]).view("datetime64[us]"),
            "amount": np.concatenate([data.amount, rng.lognormal(3, 1, more).astype(np.float32)]),
            "channel": pa.array(["web", "shop", "phone"]).take(pa.array(user % 3)),
        },
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / "data" / f"{name}.parquet")
    open_database(open_project(folder))


def write_large(folder: Path) -> None:
    """100M rows in 8 tables, made by DuckDB; the five largest have a time, an amount and a category."""
    (folder / "data").mkdir()
    counts = {name: thousand * 1000 for name, thousand, _ in LARGE}
    settings = ['[database]\nsource = "data"\ninfer = false\nmemory_limit = "3GB"']
    connection = connect("3GB", 2, folder)
    for name, _, references in LARGE:
        rows, timed = counts[name], counts[name] > 1_000_000
        columns = [f"i AS {name}_id", "CAST(hash(i, 'a') % 1000 AS FLOAT) AS amount"]
        columns += [f"CAST(hash(i, '{r}') % {counts[r]} AS INTEGER) AS {r}_id" for r in references]
        columns += [
            f"make_timestamp({START} + i * {SPAN // rows}) AS happened_at",
            "chr(CAST(65 + hash(i) % 20 AS INTEGER)) AS kind",
        ]
        select = f"SELECT {', '.join(columns if timed else columns[:-2])} FROM range({rows}) t(i)"
        path = literal(str(folder / "data" / f"{name}.parquet"))
        connection.execute(f"COPY ({select}) TO {path} (FORMAT parquet)").fetchall()
        settings.append(f'[tables.{name}]\nkey = "{name}_id"' + ('\ntime = "happened_at"' if timed else ""))
        settings.append("references = { " + ", ".join(f'{r}_id = "{r}"' for r in references) + " }")
    connection.close()
    (folder / "rdl.toml").write_text("\n".join(settings))
    open_database(open_project(folder))


def opening(folder: Path, store: GraphStore) -> None:
    """Report the graph's size, and what it takes to open it and to prove its order."""
    report("size", sum(path.stat().st_size for path in (store.folder or folder).glob("*")) / 2**20, "MiB")
    report("rows", sum(table.rows for table in store.tables.values()), "rows")
    database = open_database(open_project(folder))
    measure("it stands there, checksums compared", lambda: build_graph(database, folder / "graph"))
    measure("it stands there, compared before", lambda: build_graph(database, folder / "graph"))
    measure("open", lambda: GraphStore.open(store.folder or ""))
    measure("sampler, proving the order of every edge", lambda: Sampler(store, "users", [128, 64]))


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--large", action="store_true", help="100M rows in 8 tables")
    parser.add_argument("--more", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write_large(options.write) if options.large else write_project(options.write, options.rows, options.more)
        return
    build_csc(np.zeros(1, np.int32), 1, np.zeros(1, np.int64))  # compile
    with tempfile.TemporaryDirectory() as name:
        folder, size = Path(name), ["--large"] if options.large else ["--rows", str(options.rows)]
        write = [sys.executable, __file__, *size, "--write", name]
        subprocess.run(write, check=True)
        store = measure("database to graph", lambda: build_graph(open_database(open_project(folder)), folder / "graph"))
        opening(folder, store)
        if options.large:
            return
        subprocess.run([*write, "--more", str(options.rows // 100)], check=True)
        more = open_database(open_project(folder))
        measure("1 % more facts, extended", lambda: build_graph(more, folder / "graph"))
        measure("1 % more facts, built anew", lambda: build_graph(more, folder / "anew"))
        subprocess.run([sys.executable, Path(__file__).parent / "graph_sort.py", str(store.folder)], check=True)


if __name__ == "__main__":
    main()
