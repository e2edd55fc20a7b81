"""Which part of the network brings what, on temporal folds before the test date: no test label is read.

`python tests/benchmarks/gnn_ablation.py --out FILE [--tasks …] [--regimes …] [--variants …] [--folds N] [--seeds …]` trains every
variant once for a task, a regime, a fold and a seed, and appends one JSON object a line to FILE; what stands there already is not
trained again, so a run that was cut goes on. In each fold training stops by the latest block of its own training labels, and the
fold's rows are only scored. Frozen, these rows see the database as of the fold's first cutoff, and training is as stale as the test
split is. `--table` prints the change of each variant against the default, paired by fold and seed, and trains nothing: `error` is
the standard error of the mean over the pairs, which is somewhat too small, for the seeds of a fold share its rows. Default: rel-f1.
"""

import argparse
import json
import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rdl.database import Database, open_database
from rdl.evaluate import Regime
from rdl.features import FeaturePlan, PlanSettings
from rdl.gnn import GnnSettings, fit_gnn
from rdl.model.inputs import Source
from rdl.project import open_project
from rdl.task import (
    Fold,
    Labels,
    Split,
    Task,
    find_task,
    forward_folds,
    known,
    labels_at,
    mature_cutoffs,
    past_labels,
    split_labels,
    with_classes,
)
from rdl.task.metrics import score

REL_F1 = Path(__file__).parents[2].parent / "shared" / "data" / "rel-f1"
TASKS = "driver-dnf,driver-top3,driver-position"
NO_PAST = "no past labels"
VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    NO_PAST: {},
    "encoder resnet": {"encoder": "resnet"},
    "numbers standard": {"numeric": "standard"},
    "numbers periodic": {"numeric": "periodic"},
    "relgnn": {"network": "relgnn"},
    "one hop (32)": {"fanouts": (32,)},
    "three hops (32, 8, 4)": {"fanouts": (32, 8, 4)},
    "fan-out (8, 4)": {"fanouts": (8, 4)},
    "fan-out (128, 32)": {"fanouts": (128, 32)},
    "uniform": {"strategy": "uniform"},
    "three networks": {"seeds": 3},
    "no averaging": {"averaging": 0.0},
    "64 channels": {"channels": 64},
    "dropout 0.5": {"dropout": 0.5},
}


class Case:
    """One task in one regime: its labels before the test date, its past labels and its graph."""

    def __init__(self, database: Database, name: str, regime: Regime, count: int) -> None:
        task = find_task(database, name)
        self.task: Task = with_classes(database, task, task.test)
        self.regime = regime
        self.staleness = 0
        if regime is Regime.FROZEN:
            cutoffs = split_labels(database, self.task, Split.TEST).seeds.cutoff  # the cutoffs alone
            self.staleness = int(cutoffs.max() - self.task.test)
        grid = mature_cutoffs(self.task, self.task.test, database.span)
        labels, _ = labels_at(database, self.task, grid)
        self.labels = labels[known(self.task, labels.target)]
        self.history = past_labels(database, self.task, grid)
        self.graph = Source(database, self.task, FeaturePlan(self.task.entity_table, PlanSettings(self.task.window), (), ())).graph
        self.folds: tuple[Fold, ...] = forward_folds(self.task, self.labels, count)

    def later(self, labels: Labels) -> Labels:
        """A block of labels as its model will see it: frozen, no later than the block's first cutoff."""
        if not self.staleness:
            return labels
        cutoff = labels.seeds.cutoff
        snapshot = np.maximum(int(cutoff.min()), cutoff - self.staleness)
        return labels.seen_by(labels.seeds.stale(cutoff - snapshot))

    def measure(self, variant: str, fold: Fold, seed: int) -> dict[str, float]:
        """The metric on a fold's later rows, and what the fit took."""
        older = self.labels[fold.train]
        inner = forward_folds(self.task, older, 3)[-1]
        settings = replace(GnnSettings(), **VARIANTS[variant], staleness=self.staleness)
        history = None if variant == NO_PAST else self.history
        began, wall = time.process_time(), time.monotonic()
        fitted = fit_gnn(
            self.graph,
            self.task.kind,
            self.task.entity_table,
            older[inner.train],
            self.later(older[inner.valid]),
            settings,
            seed,
            history=history,
            classes=len(self.task.classes),
            metric=self.task.metric,
        )
        cpu, wall = time.process_time() - began, time.monotonic() - wall
        later = self.later(self.labels[fold.valid])
        value = score(self.task.kind, later, fitted.predict(self.graph, later.seeds, history), 1.0)[self.task.metric]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {
            "value": value,
            "epochs": fitted.best_epoch,
            "cpu_s": round(cpu, 1),
            "wall_s": round(wall, 1),
            "peak_mib": round(peak),
        }


def read(path: Path) -> list[dict[str, Any]]:
    """The lines that were written whole."""
    lines = path.read_text().split("\n")[:-1] if path.is_file() else []
    return [json.loads(line) for line in lines]


def key(line: dict[str, Any]) -> tuple[Any, ...]:
    """What a line was measured on."""
    return tuple(line[name] for name in ("task", "regime", "variant", "folds", "fold", "seed"))


def table(lines: list[dict[str, Any]]) -> None:
    """The change of each variant against the default, of the pairs that were measured."""
    found = {key(line): line for line in lines}
    for task, regime in dict.fromkeys((line["task"], line["regime"]) for line in lines):
        for variant in VARIANTS:
            mine = [k for k in found if k[:3] == (task, regime, variant) and (*k[:2], "default", *k[3:]) in found]
            if not mine:
                continue
            change = np.array([found[k]["value"] - found[(*k[:2], "default", *k[3:])]["value"] for k in mine])
            error = float(change.std(ddof=1) / np.sqrt(len(change))) if len(change) > 1 else None
            more = {"change": round(float(change.mean()), 4), "error": error and round(error, 4), "pairs": len(change)}
            mean = {name: round(float(np.mean([found[k][name] for k in mine])), 4) for name in ("value", "cpu_s", "epochs")}
            print(json.dumps({"name": "gnn_ablation", "case": f"{task}, {regime}, {variant}", **mean, **more}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=REL_F1)
    parser.add_argument("--home", type=Path, help="where labels and graphs are kept; a temporary folder by default")
    parser.add_argument("--out", type=Path, required=True, help="JSON lines; a run goes on from those of an earlier one")
    parser.add_argument("--tasks", default=TASKS, help="names, comma-separated")
    parser.add_argument("--regimes", default="fresh,frozen")
    parser.add_argument("--variants", default=";".join(VARIANTS), help="names, separated by semicolons")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", default="0,1", help="numbers, comma-separated")
    parser.add_argument("--table", action="store_true", help="print what FILE comes to")
    options = parser.parse_args()
    if options.table:
        table(read(options.out))
        return
    done = {key(line) for line in read(options.out)}
    variants = list(dict.fromkeys(("default", *options.variants.split(";"))))
    with tempfile.TemporaryDirectory() as temporary, options.out.open("a") as out:
        database = open_database(open_project(options.project, home=options.home or Path(temporary)))
        regimes = map(Regime, options.regimes.split(","))
        cases = [Case(database, name, regime, options.folds) for regime in regimes for name in options.tasks.split(",")]
        for seed in map(int, options.seeds.split(",")):
            for variant in variants:
                for case in cases:
                    for i, fold in enumerate(case.folds):
                        line = {"task": case.task.name, "regime": case.regime.value, "variant": variant}
                        line |= {"folds": options.folds, "fold": i, "seed": seed}
                        if key(line) in done:
                            continue
                        out.write(json.dumps(line | case.measure(variant, fold, seed)) + "\n")
                        out.flush()


if __name__ == "__main__":
    main()
