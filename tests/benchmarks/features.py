"""Seconds and memory of point-in-time features: rel-f1's driver-dnf, and users <- facts -> items at random cutoffs.

`python tests/benchmarks/features.py [--rows N] [--seeds N]` prints one JSON object a line.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from synthetic import SPAN, START, generate

from rdl.database import Column, Reference, Schema, Semantic, Table, open_database
from rdl.database.engine import Engine, connect, literal
from rdl.features import PlanSettings, compute_features, plan_features, survey_database
from rdl.project import open_project
from rdl.task import Labels, Seeds, Split, find_task, past_labels, split_labels
from rdl.timeline import ALWAYS, DAY

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def report(case: str, value: float, unit: str) -> None:
    """One line of JSON, with the peak memory of the process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"name": "features", "case": case, "value": round(value, 3), "unit": unit, "peak_mib": round(peak)}), flush=True
    )


def rel_f1(home: Path) -> None:
    """All published seeds of driver-dnf."""
    database = open_database(open_project(DATA / "rel-f1", home=home))
    task = find_task(database, "driver-dnf")
    labels = [split_labels(database, task, split) for split in Split]
    with database.engine() as engine:
        started = time.perf_counter()
        survey = survey_database(engine, database.schema, task.entity_table, task.validate)
        plan = plan_features(database.schema, task.entity_table, PlanSettings(task.horizon), survey)
        report("rel-f1/plan", time.perf_counter() - started, "s")
        history = past_labels(database, task, labels[0].seeds.cutoff)
        seeds = Labels.concat(labels).seeds
        wall, cpu = time.perf_counter(), time.process_time()
        matrix = compute_features(plan, engine, seeds, history)
        report(f"rel-f1/{len(matrix)} seeds x {len(plan.features)} features", time.perf_counter() - wall, "s")
        report("rel-f1/the same", time.process_time() - cpu, "cpu-s")
        wall = time.perf_counter()
        compute_features(plan, engine, seeds[:1], history)
        report("rel-f1/one seed", time.perf_counter() - wall, "s")


def synthetic(folder: Path, facts: int, count: int) -> None:
    """Own facts of random users at random cutoffs, and the record of the items they took lately."""
    data = generate(facts)
    row = np.arange(facts)
    tables = {
        "users": pa.table({"_row": np.arange(data.users), "_time": np.full(data.users, ALWAYS)}),
        "items": pa.table({"_row": np.arange(data.items), "_time": np.full(data.items, ALWAYS)}),
        "facts": pa.table(
            {
                "_row": row,
                "_time": data.time,
                "user": data.user,
                "item": data.item,
                "_ref_user": data.user.astype(np.int64),
                "_ref_item": data.item.astype(np.int64),
                "amount": data.amount,
            }
        ),
    }
    path = folder / "synthetic.duckdb"
    with connect() as connection:
        connection.execute(f"ATTACH {literal(str(path))} AS db").fetchall()
        connection.execute("CREATE SCHEMA db.rows").fetchall()
        for name, table in tables.items():
            connection.register("incoming", table)
            connection.execute(f"CREATE TABLE db.rows.{name} AS SELECT * FROM incoming").fetchall()
            connection.unregister("incoming")
    references = (Reference("user", "users"), Reference("item", "items"))
    amount = Column("amount", Semantic.NUMERIC, "FLOAT")
    schema = Schema(
        {
            "users": Table("users", (), None, 0, (), (), data.users),
            "items": Table("items", (), None, 0, (), (), data.items),
            "facts": Table("facts", (), "_time", 0, references, (amount,), facts),
        }
    )
    rng = np.random.default_rng(1)
    seeds = Seeds.at(rng.integers(0, data.users, count), START + rng.integers(SPAN // 2 // DAY, SPAN // DAY, count) * DAY)
    with Engine(path, "2GB", 2, folder / "tmp") as engine:
        survey = survey_database(engine, schema, "users", START + SPAN)
        for case, families in (("own windows", ("windows",)), ("all families", ())):
            plan = plan_features(schema, "users", PlanSettings(30 * DAY, families=families, history=False), survey)
            wall, cpu = time.perf_counter(), time.process_time()
            compute_features(plan, engine, seeds)
            name = f"synthetic/{facts} facts, {count} seeds, {case}, {len(plan.features)} features"
            report(name, time.perf_counter() - wall, "s")
            report(f"{name}, the same", time.process_time() - cpu, "cpu-s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=100_000)
    parser.add_argument("--large", action="store_true", help="10M facts, 1M seeds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if (DATA / "rel-f1").is_dir():
            rel_f1(Path(folder) / "home")
        facts, count = (10_000_000, 1_000_000) if options.large else (options.rows, options.seeds)
        synthetic(Path(folder), facts, count)


if __name__ == "__main__":
    main()
