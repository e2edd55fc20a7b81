"""Which family of features brings what, on temporal folds before the test date: no test label is read.

`python tests/benchmarks/ablation.py [--project DIR] [--tasks …] [--whole] [--alone]` prints one JSON object a line. By default it
is what the search of a fit tries: by how much the loss of the folds' later rows changes without each family, and without longer
walks, when short fits of three seeds read the features that a fit keeps. `--whole` measures the metric by whole fits on every
feature instead, over `--folds` folds, also with the entity's own columns and the calendar only, and with `--alone` with those and
one family. `error` is the standard error of the change: what is smaller than twice that may be chance. Default: rel-f1.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from rdl.database import Database, open_database
from rdl.model import FitSettings
from rdl.model.boosted import OWN, Boosted
from rdl.model.search import depths, search_plan
from rdl.model.selection import select_features
from rdl.model.training import Training, prepare_training
from rdl.project import open_project
from rdl.task import find_task, list_tasks, with_classes
from rdl.task.metrics import score

REL_F1 = Path(__file__).parents[2].parent / "shared" / "data" / "rel-f1"


def fold_scores(training: Training, families: tuple[str, ...] = ()) -> np.ndarray:
    """[folds] the task's metric of their later rows by XGBoost on these families, on all of them where none is named."""
    task, folds = training.source.task, training.folds()
    _, predictions = Boosted("features", families).choose(folds, training.context(1.0))
    return np.array([score(task.kind, f.valid.labels, p, 1.0)[task.metric] for f, p in zip(folds, predictions, strict=True)])


def ablate(database: Database, name: str, settings: FitSettings, alone: bool) -> None:
    """Every case of one task."""
    task = find_task(database, name)
    task = with_classes(database, task, task.test)
    training = prepare_training(database, task, task.test, settings, 0)
    plan = training.source.plan
    whole = fold_scores(training)
    report(f"{name}, all {len(plan.features)} features", whole, task.metric)
    own = fold_scores(training, OWN)
    report(f"{name}, the entity's own columns only", own, task.metric, own - whole)
    for family in (f for f in plan.families if f not in OWN):
        count = sum(f.family == family for f in plan.features)
        less = fold_scores(training, tuple(f for f in plan.families if f != family))
        report(f"{name}, without {family} ({count})", less, task.metric, less - whole)
        if alone:
            only = fold_scores(training, (*OWN, family))
            report(f"{name}, {family} ({count}) alone", only, task.metric, only - whole)
    walked = depths(plan)
    near = training.only(plan.only({feature for feature, depth in walked.items() if depth < 2}))
    shallow = fold_scores(near)
    report(f"{name}, walks over one reference ({len(near.source.plan.features)})", shallow, task.metric, shallow - whole)


def tried(database: Database, name: str, settings: FitSettings) -> None:
    """What the search tries of one task, each plan with one family less."""
    task = find_task(database, name)
    task = with_classes(database, task, task.test)
    training = prepare_training(database, task, task.test, settings, 0)
    training = training.only(select_features(training.source.plan, training.earliest(), training.context(1.0)))
    plan = training.source.plan
    before = time.process_time()
    _, trials = search_plan(plan, training.folds(), training.context(1.0))
    counts = {family: sum(f.family == family for f in plan.features) for family in plan.families}
    for trial in trials:
        case = f"{name}, without {trial.without} ({counts.get(trial.without, 'of all families')})"
        print_line(case, trial.change, "loss", error=round(trial.error, 4), taken=trial.taken)
    print_line(f"{name}, the search", time.process_time() - before, "cpu-s")


def report(case: str, scores: np.ndarray, metric: str, change: np.ndarray | None = None) -> None:
    """A metric by fold, and its change."""
    more = {}
    if change is not None:
        error = float(change.std(ddof=1) / np.sqrt(len(change)))
        more = {"change": round(float(change.mean()), 4), "error": round(error, 4)}
    print_line(case, float(scores.mean()), metric, **more)


def print_line(case: str, value: float, unit: str, **more: float) -> None:
    """One line of JSON."""
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    line = {"name": "ablation", "case": case, "value": round(value, 4), "unit": unit, **more, "peak_mib": peak}
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=REL_F1)
    parser.add_argument("--tasks", help="names, comma-separated; all by default")
    parser.add_argument("--whole", action="store_true", help="whole fits on every feature")
    parser.add_argument("--alone", action="store_true", help="with --whole: each family alone as well")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    settings = FitSettings(seed=options.seed, folds=options.folds, lattices=1, members=("features",))
    with tempfile.TemporaryDirectory() as temporary:
        database = open_database(open_project(options.project, home=temporary))
        for name in options.tasks.split(",") if options.tasks else list_tasks(database):
            if options.whole:
                ablate(database, name, settings, options.alone)
            else:
                tried(database, name, settings)


if __name__ == "__main__":
    main()
