"""Accuracy on the test split: tasks x regimes x seeds, every member alone and the blend.

`python tests/benchmarks/accuracy.py [--project DIR] [--tasks …] [--regimes …] [--seeds N] [--members …] [--portfolio]` prints one
JSON object a line: the mean of the task's metric over the seeds as `value`, their standard deviation as `spread`, and what a fit
and its predictions took. Everything is chosen on temporal folds before the test date; the test labels are read once, to score.
Default: rel-f1, fresh, five seeds, XGBoost on the features. Fits that the home holds already are found there, and take no time.
"""

import argparse
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path

from rdl.database import Database, open_database
from rdl.evaluate import Regime, evaluate
from rdl.evaluate.regimes import regimes_for
from rdl.model import FitSettings, resolve_members
from rdl.project import open_project
from rdl.task import find_task, list_tasks

REL_F1 = Path(__file__).parents[2].parent / "shared" / "data" / "rel-f1"


def measure(database: Database, name: str, regime: Regime, seeds: range, settings: dict[str, object]) -> None:
    """One task in one regime: a line for every member, for the blend, and for the time."""
    values: dict[str, list[float]] = {}
    before, metric = time.process_time(), ""
    for seed in seeds:
        found = evaluate(database, find_task(database, name), regime, FitSettings(seed=seed, **settings))  # type: ignore[arg-type]
        metric = found.metric
        for member, metrics in found.metrics.items():
            values.setdefault(member, []).append(metrics[metric])
    for member, scores in values.items():
        spread = round(statistics.stdev(scores), 4) if len(scores) > 1 else None
        report(f"{name}, {regime.value}, {member}", statistics.fmean(scores), metric, spread=spread, seeds=len(scores))
    report(f"{name}, {regime.value}, one seed", (time.process_time() - before) / len(seeds), "cpu-s")


def report(case: str, value: float, unit: str, **more: float | None) -> None:
    """One line of JSON."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {"name": "accuracy", "case": case, "value": round(value, 4), "unit": unit, **more, "peak_mib": round(peak)}
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=REL_F1)
    parser.add_argument("--home", type=Path, help="where fits are kept; a temporary folder by default")
    parser.add_argument("--tasks", help="names, comma-separated; all by default")
    parser.add_argument("--regimes", default="fresh", help="frozen,fresh,rolling; those that a task knows are measured")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--members", default="features", help="names or groups, comma-separated; `all` for all that answer")
    parser.add_argument("--portfolio", action="store_true", help="try configurations of XGBoost beside the default")
    parser.add_argument("--rows", type=int, help="training rows at most")
    options = parser.parse_args()
    members = () if options.members == "all" else resolve_members(options.members.split(","))
    settings: dict[str, object] = {"members": members, "portfolio": options.portfolio or None}
    settings |= {"rows": options.rows} if options.rows else {}
    with tempfile.TemporaryDirectory() as temporary:
        database = open_database(open_project(options.project, home=options.home or Path(temporary)))
        names = options.tasks.split(",") if options.tasks else list(list_tasks(database))
        for name in names:
            for regime in map(Regime, options.regimes.split(",")):
                if regime in regimes_for(find_task(database, name)):
                    measure(database, name, regime, range(options.seeds), settings)


if __name__ == "__main__":
    main()
