"""Scoring with and without tonight's table of features, on the demo shop: single requests in process, and the whole population.

`python tests/benchmarks/scoring.py [--rows N] [--requests N]` prints one JSON object a line. The model is XGBoost on SQL features.
CPU figures are user and system time of this process, all threads. `--large` takes a shop of a million orders. `--stack ROWS`
measures the default members in place of all this: fitted on a shop of `--rows`, they predict every customer of one of ROWS, and
`--members features` those that it names; then the whole population is scored as every night, into a file.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from rdl.database import Database, open_database
from rdl.database.demo import write_demo
from rdl.mlops import score
from rdl.mlops.answer import written
from rdl.mlops.requests import Question
from rdl.mlops.scorer import Scorer
from rdl.model import FitSettings, Model, fit_model
from rdl.model.parts import predict_parts
from rdl.project import open_project
from rdl.task import Seeds, Task, entity_keys, find_task
from rdl.timeline import DAY, format_time


def report(case: str, value: float, unit: str) -> None:
    """One line of JSON, with the peak memory of the process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"name": "scoring", "case": case, "value": round(value, 3), "unit": unit, "peak_mib": round(peak)}), flush=True
    )


def latency(case: str, ask: Callable[[int], object], count: int) -> None:
    """CPU-milliseconds of single calls; the first is not counted."""
    ask(0)
    spent = []
    for i in range(1, count + 1):
        before = time.process_time()
        ask(i)
        spent.append((time.process_time() - before) * 1e3)
    for share in (50, 99):
        report(f"{case}, p{share}", float(np.percentile(spent, share)), "cpu-ms")


def requests(database: Database, task: Task, model: Model, as_of: int, with_table: int, without: int) -> None:
    """One entity a request, looked up in the table and computed."""
    tables = model.tables(database)
    drawn = np.random.default_rng(0).integers(0, tables[-1].facts.rows, with_table + 1)
    keys = entity_keys(database, task, drawn).to_pylist()
    rows = [Question({**{name: [value] for name, value in key.items()}, "as_of": [format_time(as_of)]}) for key in keys]
    scorer = Scorer.on(database, model)
    plain = replace(scorer, tables=())
    latency("one entity's features read from the table", lambda i: tables[-1].features(drawn[i : i + 1]), with_table)
    latency("one entity, with the table", lambda i: written(scorer.answer(rows[i])), with_table)
    latency("one entity, without", lambda i: written(plain.answer(rows[i])), without)
    pairs = [(scorer.answer(row), plain.answer(row)) for row in rows[:5]]
    assert all((a.prediction == b.prediction).all() for a, b in pairs), "the table changes predictions"


def batch(database: Database, task: Task, model: Model, as_of: int, folder: Path, case: str) -> Path:
    """The whole population."""
    before, out = time.process_time(), folder / f"{case}.parquet"
    found = score(database.project, database, task, model, as_of, out)
    report(f"population of {found.rows}, {case}", found.rows / (time.process_time() - before), "rows/cpu-s")
    return out


def stack(folder: Path, rows: int, most: int, members: tuple[str, ...]) -> None:
    """Every customer of a large shop by the default members, or by those named; features and graph are computed on the way."""
    write_demo(folder / "shop", rows)
    database = open_database(open_project(folder / "shop"))
    task = find_task(database, "churn")
    model = fit_model(database, task, database.span[1] + 1, FitSettings(rows=12_000, **({"members": members} if members else {})))
    write_demo(folder / "large", most)
    large = open_database(open_project(folder / "large"))
    if not members:
        cpu = time.process_time()
        model.source(large).graph  # noqa: B018 - it is built on first use
        report(f"graph of {sum(table.rows for table in large.schema.tables.values())} rows", time.process_time() - cpu, "cpu-s")
    before, cpu = time.monotonic(), time.process_time()
    people = large.schema[task.entity_table].rows
    seeds = Seeds.at(np.arange(people), np.full(people, large.span[1] + 1, dtype=np.int64))
    for index, _ in predict_parts(model, large, seeds):
        report(f"part of {len(index)} by {', '.join(model.members)}", time.process_time() - cpu, "cpu-s so far")
    report(f"all {people}", time.process_time() - cpu, "cpu-s")
    report(f"all {people}", time.monotonic() - before, "s")
    before, cpu, as_of = time.monotonic(), time.process_time(), (large.span[1] // DAY + 1) * DAY
    found = score(large.project, large, task, model, as_of, folder / "scores.parquet")
    report(f"score of {found.rows}", time.process_time() - cpu, "cpu-s")
    report(f"score of {found.rows}", time.monotonic() - before, "s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="orders of the demo shop")
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--large", action="store_true", help="1M orders")
    parser.add_argument("--stack", type=int, metavar="ROWS", help="the default members, on a shop of so many orders")
    parser.add_argument("--members", default="", metavar="A,B", help="those that --stack measures in place of the default ones")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.stack:
            stack(folder, options.rows, options.stack, tuple(filter(None, options.members.split(","))))
            return
        write_demo(folder / "shop", 1_000_000 if options.large else options.rows)
        database = open_database(open_project(folder / "shop"))
        task = find_task(database, "churn")
        model = fit_model(database, task, database.span[1] + 1, FitSettings(members=("features",), rows=6000))
        as_of = (database.span[1] // DAY + 1) * DAY
        report("features of the model", len(model.plan.features), "features")
        wanted = batch(database, task, model, as_of, folder, "without a table")
        place, before = database.project.home / "tonight" / task.name / "now", time.process_time()
        facts = model.materialise(database, as_of, place)
        report(f"table of {facts.rows} entities", time.process_time() - before, "cpu-s")
        tables = model.tables(database)
        report("the same, on disk", tables[-1].size / 2**20, "MiB")
        found = batch(database, task, model, as_of, folder, "with the table")
        assert pq.read_table(wanted).equals(pq.read_table(found)), "the table changes predictions"
        requests(database, task, model, as_of, options.requests, min(options.requests, 50))


if __name__ == "__main__":
    main()
