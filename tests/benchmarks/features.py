"""Seconds and memory of point-in-time features; every case in a process of its own, so that its peak is its own.

`python tests/benchmarks/features.py [--rows N] [--seeds N]` prints one JSON object a line: rel-f1's driver-dnf, six aggregates and
all families of users <- facts -> items at random cutoffs. `--large` takes 10M facts and 1M seeds; `--shop` adds all families of the
demo shop of 10M rows for 500k pairs, in parts; `--curve N` adds the cost of the windows from 1M to N facts.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from synthetic import SPAN, START, table_selects

from rdl.database import Column, Reference, Schema, Semantic, Table, open_database
from rdl.database.demo import write_demo
from rdl.database.engine import Engine, connect, literal
from rdl.features import FeaturePlan, PlanSettings, compute_features, compute_parts, plan_features, survey_database
from rdl.project import open_project
from rdl.task import Labels, Seeds, Split, find_task, past_labels, population_at, split_labels
from rdl.timeline import ALWAYS, DAY

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
AMOUNTS = ("mean.all", "min.all", "max.all", "last0")
SIX = ("facts.user.sum", "facts.user.count.all", *(f"facts.user.amount.{name}" for name in AMOUNTS))
CURVE = (1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000)
SHOP_ROWS, SHOP_PAIRS = 2_160_000, 500_000


def report(case: str, value: float, unit: str) -> None:
    """One line of JSON, with the peak memory of the process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"name": "features", "case": case, "value": round(value, 3), "unit": unit, "peak_mib": round(peak)}), flush=True
    )


def timed(case: str, work: Callable[[], object]) -> None:
    """Wall and CPU seconds of one piece of work."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    report(case, time.perf_counter() - wall, "s")
    report(f"{case}, the same", time.process_time() - cpu, "cpu-s")


def alone(work: Callable[..., object], *arguments: object) -> object:
    """What `work` returns in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def rel_f1(home: Path) -> None:
    """All published seeds of driver-dnf, and one seed alone, as serving asks."""
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
        compute_features(plan, engine, seeds[:1], history)
        timed("rel-f1/one seed", lambda: compute_features(plan, engine, seeds[:1], history))
        size = f"{len(seeds)} seeds x {len(plan.features)} features"
        timed(f"rel-f1/{size}", lambda: compute_features(plan, engine, seeds, history))
        timed(f"rel-f1/{size}, by SQL alone", lambda: compute_features(plan, engine, seeds, history, by_sql=True))


def write_synthetic(path: Path, facts: int) -> None:
    """The shared tables as ingestion would write them."""
    select = table_selects(facts)["facts"]
    with connect("2GB", 2, path.parent) as connection:
        connection.execute(f"ATTACH {literal(str(path))} AS db").fetchall()
        connection.execute("CREATE SCHEMA db.rows").fetchall()
        for name, count in (("users", facts // 10), ("items", facts // 100)):
            rows = f"SELECT i AS _row, CAST('{ALWAYS}' AS BIGINT) AS _time FROM range({count}) t(i)"
            connection.execute(f"CREATE TABLE db.rows.{name} AS {rows}").fetchall()
        columns = "fact_id AS _row, epoch_us(happened_at) AS _time, user_id AS user, item_id AS item, amount"
        keys = "CAST(user_id AS BIGINT) AS _ref_user, CAST(item_id AS BIGINT) AS _ref_item"
        connection.execute(f"CREATE TABLE db.rows.facts AS SELECT {columns}, {keys} FROM ({select})").fetchall()


def schema_of(facts: int) -> Schema:
    """Users, items and facts."""
    references = (Reference("user", "users"), Reference("item", "items"))
    amount = Column("amount", Semantic.NUMERIC, "FLOAT")
    return Schema(
        {
            "users": Table("users", (), None, 0, (), (), facts // 10),
            "items": Table("items", (), None, 0, (), (), facts // 100),
            "facts": Table("facts", (), "_time", 0, references, (amount,), facts),
        }
    )


def synthetic_plan(path: Path, facts: int, families: tuple[str, ...]) -> FeaturePlan:
    """What is proposed for users."""
    settings = PlanSettings(30 * DAY, families=families, history=False)
    with Engine(path, "2GB", 2, path.parent / "tmp") as engine:
        return plan_features(schema_of(facts), "users", settings, survey_database(engine, schema_of(facts), "users", START + SPAN))


def six_of(plan: FeaturePlan) -> FeaturePlan:
    """Sum, count, mean, min, max and last of a user's amounts; no family proposes the sum, which is the mean by the count."""
    mean = next(f for f in plan.features if f.name == "facts.user.amount.mean.all")
    return replace(plan, features=(*plan.features, replace(mean, name="facts.user.sum", aggregate="sum"))).only(SIX)


def synthetic(path: Path, facts: int, count: int, case: str, plan: FeaturePlan) -> None:
    """The plan's features of random users at random days."""
    rng = np.random.default_rng(1)
    seeds = Seeds.at(rng.integers(0, facts // 10, count), START + rng.integers(SPAN // 2 // DAY, SPAN // DAY, count) * DAY)
    with Engine(path, "2GB", 2, path.parent / "tmp") as engine:
        compute_features(plan, engine, seeds[:10])
        name = f"synthetic/{facts} facts, {count} seeds, {case}, {len(plan.features)} features"
        timed(name, lambda: compute_features(plan, engine, seeds))


def write_shop(folder: Path) -> FeaturePlan:
    """The demo shop, read once, and the plan of its churn."""
    write_demo(folder, SHOP_ROWS)
    database = open_database(open_project(folder))
    task = find_task(database, "churn")
    with database.engine() as engine:
        survey = survey_database(engine, database.schema, task.entity_table, task.validate)
    return plan_features(database.schema, task.entity_table, PlanSettings(task.horizon), survey)


def shop(folder: Path, plan: FeaturePlan) -> None:
    """All families for pairs of customers and monthly cutoffs, in parts."""
    database = open_database(open_project(folder))
    task = find_task(database, "churn")
    seeds = population_at(database, task, task.test - task.every * np.arange(12, -1, -1))
    history = past_labels(database, task, seeds.cutoff)
    seeds = seeds[np.sort(np.random.default_rng(0).permutation(len(seeds))[:SHOP_PAIRS])]
    report("shop/labels and seeds", len(seeds), "pairs")
    with database.engine() as engine:
        name = f"shop/{len(seeds)} pairs x {len(plan.features)} features, in parts"
        timed(name, lambda: sum(len(index) for index, _ in compute_parts(plan, engine, seeds, history)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=100_000)
    parser.add_argument("--large", action="store_true", help="10M facts, 1M seeds")
    parser.add_argument("--shop", action="store_true", help="the demo shop of 10M rows, 500k pairs")
    parser.add_argument("--curve", type=int, default=0, help="windows from 1M up to so many facts, a seed to ten facts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if (DATA / "rel-f1").is_dir():
            alone(rel_f1, folder / "home")
        facts, count = (10_000_000, 1_000_000) if options.large else (options.rows, options.seeds)
        path = folder / "synthetic.duckdb"
        alone(write_synthetic, path, facts)
        plan = alone(synthetic_plan, path, facts, ())
        assert isinstance(plan, FeaturePlan)
        alone(synthetic, path, facts, count, "six aggregates", six_of(plan))
        alone(synthetic, path, facts, count, "own windows", plan.keep("windows"))
        alone(synthetic, path, facts, count, "all families", plan)
        for facts in (size for size in CURVE if size <= options.curve):
            path = folder / f"{facts}.duckdb"
            alone(write_synthetic, path, facts)
            alone(synthetic, path, facts, facts // 10, "curve", plan.keep("windows"))
            path.unlink()
        if options.shop:
            alone(shop, folder / "shop", alone(write_shop, folder / "shop"))


if __name__ == "__main__":
    main()
