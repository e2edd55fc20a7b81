"""What each kind of member brings to a blend on the test split: features, + graph boosting, + a network, + a stack.

`python tests/benchmarks/blend_ablation.py [--project DIR] [--tasks …] [--regimes …] [--seeds …] [--members …] [--budget SECONDS]`
fits every member once for a task, a regime and a seed, and then blends the growing sets of members by the project's rule, on the
predictions that they made out of fold before the test date. The test labels are read once, to score. One JSON object a line: what
each set of members comes to on the task's metric, each member alone, and what choosing and fitting it took. Default: rel-f1's three
tasks, fresh and frozen, seed 0.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rdl.boost import Blend, blend, fit_blend
from rdl.database import Database, open_database
from rdl.evaluate import Regime
from rdl.model import FitSettings, resolve_members
from rdl.model.member import Choice, Prediction
from rdl.model.recipe import fit_members
from rdl.model.registry import member
from rdl.model.selection import select_features
from rdl.model.settings import Choices
from rdl.model.training import Training, prepare_training
from rdl.project import open_project
from rdl.task import Labels, Seeds, Split, Task, find_task, split_labels, with_classes
from rdl.task.metrics import score

REL_F1 = Path(__file__).parents[2].parent / "shared" / "data" / "rel-f1"
TASKS = "driver-dnf,driver-top3,driver-position"
MEMBERS = "features,graphboost,sage,stacked"


def measure(database: Database, name: str, regime: Regime, settings: FitSettings, order: Sequence[str]) -> None:
    """One task in one regime, with one seed: a line for every member alone and for every set of members."""
    task = find_task(database, name)
    task = with_classes(database, task, task.test)
    labels = split_labels(database, task, Split.TEST)
    frozen = regime is Regime.FROZEN
    seeds = labels.seeds.frozen(task.test) if frozen else labels.seeds
    staleness = int(seeds.cutoff.max() - task.test) if frozen else 0
    training = prepare_training(database, task, task.test, settings, staleness)
    training = training.only(select_features(training.source.plan, training.earliest(), training.context(0.5)))
    chosen, known, out_of_fold, seconds = choose_each(training)
    began = time.process_time()
    equal = dict.fromkeys(order, 1.0 / len(order))
    choices = Choices(training.source.plan, equal, chosen, {}, len(known))
    later = predicted(training, choices, seeds, -(-len(np.unique(seeds.cutoff)) // 4) if regime is Regime.ROLLING else None)
    seconds["fitting and predicting"] = time.process_time() - began
    labels = labels.seen_by(seeds)
    case = f"{name}, {regime.value}, seed {settings.seed}"
    for i, new in enumerate(order):
        found = blended(task, order[: i + 1], known, out_of_fold)
        mixed = blend(later, found.weights, task.kind, found.mixing)
        more = {"found": found.mixing.found, "weights": dict(found.weights)}
        report(f"{case}, {'+ ' * bool(i)}{new}", worth(task, labels, mixed), task.metric, **more)
    for new in order:
        report(f"{case}, {new} alone", worth(task, labels, later[new]), task.metric, cpu_s=round(seconds[new], 1))
    report(f"{case}, fitting and predicting", seconds["fitting and predicting"], "cpu-s")


def predicted(training: Training, choices: Choices, seeds: Seeds, step: int | None) -> dict[str, Prediction]:
    """What every member says of the test rows; fitted again as chosen at every `step` cutoffs, where that is given."""
    database, task = training.source.database, training.source.task
    cutoffs, found = np.unique(seeds.cutoff), []
    blocks = [cutoffs[i : i + step] for i in range(0, len(cutoffs), step)] if step else [cutoffs]
    for i, block in enumerate(blocks):
        told = prepare_training(database, task, int(block[0]), training.settings, 0, choices) if i else training
        model = fit_members(told, choices)
        source = model.source(database)
        rows = np.flatnonzero((seeds.cutoff >= block[0]) & (seeds.cutoff <= block[-1]))  # rows are in the order of their cutoffs
        found.append(model.predict_prepared(source, source.prepare(seeds[rows])).members)
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def choose_each(training: Training) -> tuple[dict[str, Choice], Labels, dict[str, Prediction], dict[str, float]]:
    """Every member's choice, the out-of-fold rows that all of them predicted, what they said of them, and what that took."""
    folds = training.folds()
    chosen: dict[str, Choice] = {}
    parts: dict[str, list[Prediction]] = {}
    seconds = {}
    for name in training.settings.members:
        began = time.process_time()
        chosen[name], parts[name] = member(name).choose(folds, training.context(0.5))
        seconds[name] = time.process_time() - began
    shared = min(len(p) for p in parts.values())
    known = Labels.concat([f.valid.labels for f in folds[-shared:]])
    return chosen, known, {name: np.concatenate(p[-shared:]) for name, p in parts.items()}, seconds


def blended(task: Task, names: Sequence[str], known: Labels, out_of_fold: dict[str, Prediction]) -> Blend:
    """The weights of these members alone."""
    told = {name: out_of_fold[name] for name in names}
    return fit_blend(told, known.target, task.kind, task.metric, known.seeds.cutoff)


def worth(task: Task, labels: Labels, prediction: Prediction) -> float:
    """The task's metric."""
    return score(task.kind, labels, prediction, 1.0)[task.metric]


def report(case: str, value: float, unit: str, **more: object) -> None:
    """One line of JSON."""
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    line = {"name": "blend_ablation", "case": case, "value": round(value, 4), "unit": unit, **more, "peak_mib": peak}
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=REL_F1)
    parser.add_argument("--home", type=Path, help="where labels and networks are kept; a temporary folder by default")
    parser.add_argument("--tasks", default=TASKS, help="names, comma-separated")
    parser.add_argument("--regimes", default="fresh,frozen")
    parser.add_argument("--seeds", default="0", help="numbers, comma-separated")
    parser.add_argument("--members", default=MEMBERS, help="in the order in which they join")
    parser.add_argument("--budget", type=float, help="seconds of wall time a task, regime and seed; no limit by default")
    options = parser.parse_args()
    order = options.members.split(",")
    with tempfile.TemporaryDirectory() as temporary:
        database = open_database(open_project(options.project, home=options.home or Path(temporary)))
        for seed in map(int, options.seeds.split(",")):
            for name in options.tasks.split(","):
                for regime in map(Regime, options.regimes.split(",")):
                    told = {"members": resolve_members(order), "search": False, "portfolio": False}
                    settings = FitSettings(seed=seed, budget_s=options.budget, **told)  # type: ignore[arg-type]
                    measure(database, name, regime, settings, order)


if __name__ == "__main__":
    main()
