"""Seconds to infer the schema of 30 tables with 10M rows in all: 14 of things, 15 of events of up to 1.5M rows, one of event lines.

`python tests/benchmarks/inference.py [--rows N] [--threads N]` prints one JSON object a line.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from rdl.database.engine import connect, literal, quote
from rdl.database.inference import Aspect, Link, propose
from rdl.database.relation import Relation

THINGS = [
    "customer",
    "product",
    "supplier",
    "employee",
    "store",
    "city",
    "campaign",
    "device",
    "account",
    "vehicle",
    "course",
    "room",
    "artist",
    "policy",
]
EVENTS = [
    "order",
    "payment",
    "shipment",
    "visit",
    "call",
    "message",
    "claim",
    "booking",
    "trip",
    "lesson",
    "listen",
    "review",
    "refund",
    "session",
    "reading",
]
TEXT = "list_extract(['alpha', 'beta', 'gamma delta', 'epsilon'], CAST(1 + hash(i, {salt}) % 4 AS INTEGER))"


def report(case: str, value: float, unit: str) -> None:
    """One line of JSON, with the peak memory of the process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"name": "inference", "case": case, "value": round(value, 3), "unit": unit, "peak_mib": round(peak)}), flush=True
    )


def things(rows: int) -> dict[str, tuple[int, list[str]]]:
    """Rows and columns of the tables of things; each refers to the one before it."""
    found = {}
    for n, thing in enumerate(THINGS):
        size = max(50, rows // (20 * 3**n) if n < 8 else rows // 50_000)
        columns = [
            f"i + 1 AS {thing}_id",
            f"'{thing} number ' || i AS name",
            f"'{thing}' || i || '@example.org' AS email",
            *(f"{TEXT.format(salt=100 * n + k)} AS trait_{k}" for k in range(3)),
            f"CAST(hash(i, {n}) % 90 AS INTEGER) AS level",
            f"(hash(i, {n + 50}) % 100000) / 7.0 AS score",
            "TIMESTAMP '2015-01-01' + to_minutes(CAST(i AS BIGINT)) AS created_at",
        ]
        if n:
            parent = THINGS[n - 1]
            columns.insert(1, f"CAST(1 + hash(i, {n + 99}) % {found[parent + 's'][0]} AS BIGINT) AS {parent}_id")
        found[f"{thing}s"] = (size, columns)
    return found


def events(rows: int, parents: dict[str, tuple[int, list[str]]]) -> dict[str, tuple[int, list[str]]]:
    """Rows and columns of the tables of events, and of the lines of orders, which have neither key nor time of their own."""
    left = rows - sum(size for size, _ in parents.values())
    found = {}
    for n, event in enumerate(EVENTS):
        size = left * 15 // 100 if n < 3 else left * 30 // 1200
        referred = [THINGS[(n * 3 + k) % len(THINGS)] for k in range(3)]
        found[f"{event}s"] = (
            size,
            [
                f"i + 1 AS {event}_id",
                *(f"CAST(1 + hash(i, {n + 7 * k}) % {parents[t + 's'][0]} AS BIGINT) AS {t}_id" for k, t in enumerate(referred)),
                f"TIMESTAMP '2020-01-01' + to_seconds(CAST(i * 20 AS BIGINT)) AS {event}_date",
                "TIMESTAMP '2020-01-01' + to_seconds(CAST(i * 20 + hash(i) % 900000 AS BIGINT)) AS updated_at",
                f"{TEXT.format(salt=n)} AS status",
                f"md5('{event}' || i) AS token",
                f"CAST(1 + hash(i, {n + 31}) % 30 AS INTEGER) AS quantity",
                f"(hash(i, {n + 32}) % 1000000) / 100.0 AS amount",
            ],
        )
    size = rows - sum(s for s, _ in [*parents.values(), *found.values()])
    amount = "(hash(i, 78) % 1000000) / 100.0 AS amount"
    found["order_lines"] = (
        size,
        [
            "i // 3 + 1 AS order_id",
            "i % 3 + 1 AS line_number",
            f"CAST(1 + hash(i, 77) % {parents['products'][0]} AS BIGINT) AS product_id",
            amount,
        ],
    )
    return found


def write(folder: Path, rows: int) -> int:
    """The tables as Parquet files; their number."""
    parents = things(rows)
    tables = {**parents, **events(rows, parents)}
    with connect() as connection:
        for name, (size, columns) in tables.items():
            target = literal(str(folder / f"{name}.parquet"))
            connection.execute(f"COPY (SELECT {', '.join(columns)} FROM range({size}) r(i)) TO {target}").fetchall()
    return len(tables)


def infer(folder: Path, threads: int) -> None:
    """What inference costs, and how much of it is right."""
    with connect(threads=threads) as connection:
        relations = {}
        for file in sorted(folder.glob("*.parquet")):
            connection.execute(f"CREATE VIEW {quote(file.stem)} AS SELECT * FROM read_parquet({literal(str(file))})").fetchall()
            types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {quote(file.stem)}").fetchall()}
            relations[file.stem] = Relation(file.stem, quote(file.stem), types)
        total = sum(connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchall()[0][0] for name in relations)
        case = f"{len(relations)} tables, {total:,} rows, {sum(len(r.types) for r in relations.values())} columns"
        wall, cpu = time.perf_counter(), time.process_time()
        proposals = propose(lambda sql: connection.execute(sql).fetchall(), relations)
        report(case, time.perf_counter() - wall, "s")
        report(f"{case}, the same", time.process_time() - cpu, "cpu-s")
    true = {
        (t, c, f"{c.removesuffix('_id')}s")
        for t, r in relations.items()
        for c in list(r.types)[0 if t == "order_lines" else 1 :]
        if c.endswith("_id")
    }
    links = [p for p in proposals.accepted if p.aspect is Aspect.REFERENCE and isinstance(p.value, Link)]
    found = {(p.table, p.value.columns[0], p.value.table) for p in links if isinstance(p.value, Link)}
    report("wrong references", len(found - true), "references")
    report("references found", len(found & true) / len(true), "share")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), arguments.rows)
        infer(Path(folder), arguments.threads)


if __name__ == "__main__":
    main()
