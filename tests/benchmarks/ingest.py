"""Seconds, CPU-seconds and memory of ingestion, each case in a process of its own, beside the bare way to do the same work.

`python tests/benchmarks/ingest.py [--rows N | --large] [--only WORD]` prints one JSON object a line. `--large` reads 100M facts
within 4 GiB. Threads: 2. "bare" is DuckDB's CREATE TABLE AS SELECT … ORDER BY time, key, which resolves no reference and checks
nothing; "stream" reads the source's Arrow stream and drops it.
"""

import argparse
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

SETTINGS = """
[database]
source = "{source}"
memory_limit = "{memory}"
[tables.users]
key = "user_id"
[tables.items]
key = "item_id"
[tables.facts]
key = "fact_id"
time = "happened_at"
references = {{ user_id = "users", item_id = "items" }}
"""
TABLES = """
CREATE TABLE users (user_id INTEGER PRIMARY KEY, age REAL);
CREATE TABLE items (item_id INTEGER PRIMARY KEY, price REAL);
CREATE TABLE facts (
  fact_id BIGINT PRIMARY KEY, user_id INTEGER REFERENCES users, item_id INTEGER REFERENCES items,
  happened_at TIMESTAMP, amount REAL, channel TEXT
);
"""
PASSWORD = "RDL_TEST_PASSWORD"
LIMIT = "4GiB"


def report(case: str, value: float, unit: str, peak: float) -> dict[str, Any]:
    """One line of JSON."""
    line = {"name": "ingest", "case": case, "value": round(value, 3), "unit": unit, "peak_mib": round(peak)}
    print(json.dumps(line), flush=True)
    return line


def write_project(folder: Path, source: str, more: str = "") -> Path:
    """A project folder that reads `source`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rdl.toml").write_text(SETTINGS.format(source=source, memory=LIMIT) + more)
    return folder


def ingest(folder: Path, rows: int, in_place: bool | None = None) -> None:
    """Read a project's source with rdl, and make sure that it was read as the case says."""
    from rdl.database import open_database
    from rdl.project import open_project

    database = open_database(open_project(folder))
    assert database.schema["facts"].rows == rows, database.schema["facts"].rows
    if in_place is not None:
        read = {Path(stamp.path).stem for stamp in database.stamps}
        assert ("facts" in read) == in_place, database.stamps


def bare(folder: Path, kind: str) -> None:
    """Copy the files into a DuckDB file in the order of time and key."""
    from rdl.database.engine import connect, literal

    connection = connect(LIMIT, 2, folder / "tmp")
    connection.execute(f"ATTACH {literal(str(folder / 'bare.duckdb'))} AS db").fetchall()
    for name, order in (("users", "user_id"), ("items", "item_id"), ("facts", "happened_at, fact_id")):
        file = literal(str(folder / "data" / f"{name}.{kind}"))
        connection.execute(f"CREATE TABLE db.{name} AS SELECT * FROM read_{kind}({file}) ORDER BY {order}").fetchall()
    connection.close()


def drain(connect: Callable[[], Any], options: dict[str, str]) -> None:
    """Read the Arrow stream of every table and drop it."""
    with connect() as connection:
        for name in ("users", "items", "facts"):
            with connection.cursor() as cursor:
                cursor.adbc_statement.set_options(**options)
                cursor.execute(f"SELECT * FROM {name}")
                for _ in cursor.fetch_record_batch():
                    pass


def drain_sqlite(folder: Path) -> None:
    """The stream of `shop.sqlite`."""
    from adbc_driver_sqlite import dbapi

    drain(lambda: dbapi.connect(f"file:{folder / 'shop.sqlite'}?mode=ro"), {"adbc.sqlite.query.batch_rows": "16384"})


def drain_postgres(folder: Path) -> None:
    """The stream of the server that the project names."""
    from urllib.parse import quote

    from adbc_driver_postgresql import dbapi

    url = (folder / "url").read_text().replace(f"${{{PASSWORD}}}", quote(os.environ[PASSWORD], safe=""))
    drain(lambda: dbapi.connect(url), {})


def write(folder: Path, rows: int, kind: str, shuffled: bool = False) -> None:
    """The synthetic tables as files."""
    from synthetic import write_tables

    write_tables(folder / "data", rows, kind, shuffled)


WORK: dict[str, Callable[[Path, int], None]] = {
    "write parquet": lambda folder, rows: write(folder, rows, "parquet"),
    "write shuffled": lambda folder, rows: write(folder, rows, "parquet", shuffled=True),
    "write csv": lambda folder, rows: write(folder, rows, "csv"),
    "in place": lambda folder, rows: ingest(folder, rows, in_place=True),
    "copied": lambda folder, rows: ingest(folder, rows, in_place=False),
    "read": ingest,
    "bare parquet": lambda folder, _: bare(folder, "parquet"),
    "bare csv": lambda folder, _: bare(folder, "csv"),
    "drain sqlite": lambda folder, _: drain_sqlite(folder),
    "drain postgresql": lambda folder, _: drain_postgres(folder),
}


def work_once(name: str, folder: Path, rows: int, case: str) -> None:
    """What a child process does: one piece of work, imports apart, and its figures."""
    for module in ("numpy", "pyarrow", "rdl.database"):
        import_module(module)
    wall, cpu = time.perf_counter(), _cpu()
    WORK[name](folder, rows)
    wall, cpu = time.perf_counter() - wall, _cpu() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report(case, wall, "s", peak)
    report(case, cpu, "cpu-s", peak)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(name: str, folder: Path, rows: int, case: str) -> float:
    """Run a piece of work in a child, pass its lines on, and return its CPU-seconds."""
    command = [sys.executable, __file__, "--work", name, "--folder", str(folder), "--rows", str(rows), "--case", case]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(ran.stdout, end="", flush=True)
    return float(json.loads(ran.stdout.splitlines()[-1])["value"])


def quietly(name: str, folder: Path, rows: int) -> None:
    """Run a piece of work in a child, so that this process stays small, and do not report it."""
    command = [sys.executable, __file__, "--work", name, "--folder", str(folder), "--rows", str(rows), "--case", name]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def parquet(folder: Path, rows: int, shuffled: bool) -> None:
    """Files in time order are read where they lie, shuffled ones are copied."""
    name = f"{rows} facts in Parquet, {'shuffled: copied' if shuffled else 'in time order: in place'}"
    write_project(folder, "data")
    quietly("write shuffled" if shuffled else "write parquet", folder, rows)
    measure("copied" if shuffled else "in place", folder, rows, name)
    measure("read", folder, rows, f"{name}, opened again")
    measure("bare parquet", folder, rows, f"{name}, bare")
    shutil.rmtree(folder)


def csv(folder: Path, rows: int) -> None:
    """CSV is parsed once and copied."""
    write_project(folder, "data")
    quietly("write csv", folder, rows)
    measure("copied", folder, rows, f"{rows} facts in CSV")
    measure("bare csv", folder, rows, f"{rows} facts in CSV, bare")
    shutil.rmtree(folder)


def streams(kind: str, folder: Path, source: str, rows: int, append: Callable[[int], None]) -> None:
    """A source that streams: read whole, and once more after a hundredth was added, with and without a watermark."""
    name = f"{rows} facts in {kind}"
    write_project(folder, source)
    ours = measure("read", folder, rows, name)
    stream = measure(f"drain {kind.lower()}", folder, rows, f"{name}, stream")
    report(f"{name}, above the stream", ours - stream, "cpu-s", 0)
    watched = write_project(folder / "watched", source, 'watermark = "fact_id"\n')
    quietly("read", watched, rows)
    measure("read", watched, rows, f"{name}, nothing new")
    append(rows // 100)
    measure("read", watched, rows + rows // 100, f"{name}, 1 % new, with a watermark")
    measure("read", folder, rows + rows // 100, f"{name}, 1 % new, without one")


def sqlite(folder: Path, rows: int) -> None:
    """SQLite, filled from the same SELECTs."""
    path = folder / "shop.sqlite"
    path.parent.mkdir()

    def fill(more: int) -> None:
        with sqlite3.connect(path) as connection:
            for name, batches in selected(rows, more):
                for batch in batches:
                    marks = ", ".join("?" * len(batch[0]))
                    connection.executemany(f"INSERT INTO {name} VALUES ({marks})", batch)

    with sqlite3.connect(path) as connection:
        connection.executescript(TABLES)
    fill(0)
    streams("SQLite", folder, str(path), rows, fill)
    shutil.rmtree(folder)


def selected(rows: int, more: int) -> Iterator[tuple[str, Iterator[list[tuple[Any, ...]]]]]:
    """The rows of every table, times as text; with `more`, just so many new facts."""
    from synthetic import table_selects

    from rdl.database.engine import connect

    with connect("1GB", 2) as connection:
        for name, select in table_selects(rows, more=more).items():
            if more and name != "facts":
                continue
            text = " REPLACE (CAST(happened_at AS VARCHAR) AS happened_at)" if name == "facts" else ""
            result = connection.execute(f"SELECT *{text} FROM ({select})")
            yield name, iter(lambda result=result: result.fetchmany(100_000), [])


def postgres(folder: Path, rows: int) -> None:
    """A PostgreSQL of the benchmark's own, or a line that says why not."""
    from tests.servers import PASSWORD as WORD
    from tests.servers import PostgresServer, cluster, find_binaries

    binaries = find_binaries()
    if binaries is None:
        report("PostgreSQL is not installed here: left out", 0, "s", 0)
        return
    os.environ[PASSWORD] = WORD
    with cluster(binaries) as port:
        server = PostgresServer(binaries, port)
        url = server.create("shop", TABLES)
        folder.mkdir()
        (folder / "url").write_text(url)

        def fill(more: int) -> None:
            for name, batches in selected(rows, more):
                file = folder / f"{name}.tsv"
                with file.open("w") as text:
                    for batch in batches:
                        text.writelines("\t".join(map(str, row)) + "\n" for row in batch)
                server.run(f"\\copy {name} FROM '{file}'", "shop")
                file.unlink()

        fill(0)
        streams("PostgreSQL", folder, url, rows, fill)
    shutil.rmtree(folder)


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="facts in Parquet; a tenth of them in CSV and databases")
    parser.add_argument("--large", action="store_true", help="100M facts in Parquet, and nothing else")
    parser.add_argument("--only", default="", help="cases whose kind holds this word: ordered, shuffled, csv, sqlite, postgres")
    for hidden in ("--work", "--folder", "--case"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work_once(options.work, Path(options.folder), options.rows, options.case)
        return
    rows = 100_000_000 if options.large else options.rows
    cases: dict[str, Callable[[Path], None]] = {
        "ordered": lambda folder: parquet(folder, rows, shuffled=False),
        "shuffled": lambda folder: parquet(folder, rows, shuffled=True),
    }
    if not options.large:
        cases |= {
            "csv": lambda folder: csv(folder, rows // 10),
            "sqlite": lambda folder: sqlite(folder, rows // 10),
            "postgres": lambda folder: postgres(folder, rows // 10),
        }
    with tempfile.TemporaryDirectory(prefix="rdl-ingest-") as place:
        for name, case in cases.items():
            if options.only in name:
                case(Path(place) / name)


if __name__ == "__main__":
    main()
