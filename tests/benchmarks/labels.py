"""CPU and memory of labels: the demo shop's churn through rdl, and the same labels by hand (`labels.sql`) and by plain queries.

`python tests/benchmarks/labels.py [--rows N] [--large]` prints one JSON object a line. Rows are orders, order lines, visits
and tickets together; there are about a tenth as many (entity, cutoff) pairs, at the last 15 mature cutoffs. rdl answers twice: from
`labels.sql` as a task's one query, and from the two queries that the demo's task is made of, which read more. Each case runs in a
process of its own; CPU and memory include the sandbox's, from the first query to the labels as arrays, with the database open.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from rdl.database import Database, open_database
from rdl.database.demo import write_demo
from rdl.project import open_project
from rdl.task import Task, find_task, labels_at, mature_cutoffs

HAND = Path(__file__).with_suffix(".sql")
FACTS_PER_ORDER = 4.63
CUTOFFS = 15


def by_rdl(database: Database, task: Task, cutoffs: np.ndarray) -> tuple[int, float]:
    """Labels as rdl makes them: the user's SQL in the sandbox, checks, entities as dense rows, in order."""
    labels, _ = labels_at(database, task, cutoffs)
    return len(labels), float(labels.target.sum())


def by_rdl_from_one_query(database: Database, task: Task, cutoffs: np.ndarray) -> tuple[int, float]:
    """The same from the query by hand, as a task's only one."""
    return by_rdl(database, replace(task, label_sql=HAND.read_text(), population_sql=None), cutoffs)


def by_hand(database: Database, task: Task, cutoffs: np.ndarray) -> tuple[int, float]:
    """One pass, unchecked, keys as they are."""
    return _ask(database, cutoffs, HAND.read_text())


def by_plain_queries(database: Database, task: Task, cutoffs: np.ndarray) -> tuple[int, float]:
    """The task's own two queries, joined; unchecked, keys as they are."""
    label = task.label_sql.replace("$horizon", "INTERVAL 30 DAY")
    sql = (
        f"SELECT l.* FROM ({label}) l SEMI JOIN ({task.population_sql}) p ON (p.cutoff, p.customer_id) = (l.cutoff, l.customer_id)"
    )
    return _ask(database, cutoffs, sql)


CASES = {
    "hand": by_hand,
    "rdl, one query": by_rdl_from_one_query,
    "two plain queries": by_plain_queries,
    "rdl, two queries": by_rdl,
}


def _ask(database: Database, cutoffs: np.ndarray, sql: str) -> tuple[int, float]:
    with database.engine() as engine:
        engine.register("cutoffs", pa.table({"cutoff": pa.array(cutoffs, pa.timestamp("us"))}))
        found = engine.arrow(sql)
    return len(found), float(np.asarray(found["label"]).sum())


def measure(folder: Path, case: str) -> None:
    """Run one case and print what it cost; its memory is that of both processes at their largest."""
    database = open_database(open_project(folder))
    task = find_task(database, "churn")
    cutoffs = mature_cutoffs(task, database.span[1], database.span)[-CUTOFFS:]
    wall, before = time.perf_counter(), _cpu()
    pairs, positive = CASES[case](database, task, cutoffs)
    seconds = {"wall": time.perf_counter() - wall, "cpu": _cpu() - before}
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print(json.dumps({"pairs": pairs, "positive": positive, "peak": peak, **seconds}))


def _cpu() -> float:
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def report(case: str, value: float, unit: str, peak: float) -> None:
    """One line of JSON."""
    print(json.dumps({"name": "labels", "case": case, "value": round(value, 2), "unit": unit, "peak_mib": round(peak)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--large", action="store_true", help="100M rows, 10M pairs")
    parser.add_argument("--measure", nargs=2, metavar=("FOLDER", "CASE"), help="one case, on a shop that is there")
    options = parser.parse_args()
    if options.measure:
        measure(Path(options.measure[0]), options.measure[1])
        return
    rows = 100_000_000 if options.large else options.rows
    with tempfile.TemporaryDirectory() as temporary:
        shop = Path(temporary) / "shop"
        made = write_demo(shop, round(rows / FACTS_PER_ORDER))
        if options.large:  # both processes together are to stay within 4 GiB
            settings = shop / "rdl.toml"
            settings.write_text(settings.read_text().replace('memory_limit = "4GB"', 'memory_limit = "3GB"'))
        facts = sum(made.rows[table] for table in ("orders", "order_lines", "visits", "support_tickets"))
        compare(shop, facts)


def compare(shop: Path, facts: int) -> None:
    """Every case on one shop; the labels must be the same."""
    open_database(open_project(shop))
    found = {}
    for case in CASES:
        said = subprocess.run([sys.executable, __file__, "--measure", str(shop), case], check=True, capture_output=True, text=True)
        found[case] = json.loads(said.stdout.splitlines()[-1])
        name = f"{facts} rows, {found[case]['pairs']} pairs, {case}"
        report(name, found[case]["cpu"], "cpu-s", found[case]["peak"])
        report(f"{name}, the same", found[case]["wall"], "s", found[case]["peak"])
    assert len({(f["pairs"], f["positive"]) for f in found.values()}) == 1, "the same labels"
    for case in list(CASES)[1:]:
        report(f"{case} / hand", found[case]["cpu"] / found["hand"]["cpu"], "x", found[case]["peak"])


if __name__ == "__main__":
    main()
