"""Milliseconds a training step of 512 seeds: sampling, batch, forward, backward and optimizer; and seeds a second of prediction.

`python tests/benchmarks/train_step.py [--rows N]` prints one JSON object a line. The first case is the default network, the second
one has the fan-out of the RDL reference. Predicted are other entities at other cutoffs, and the same entities at ten cutoffs, whose
rows come up again and again: once with the rows encoded in every batch, and once as `predict` does it.
"""

import argparse
import json
import resource
import time
from typing import Any
from unittest import mock

import numpy as np
from synthetic import SPAN, START, Synthetic, generate
from torch import Tensor
from torch_geometric.data import HeteroData

from rdl.gnn import FittedGnn, GnnSettings, fit_gnn
from rdl.gnn.model import GraphModel
from rdl.graph import GraphStore, NodeTable
from rdl.task import Kind, Labels, Seeds
from rdl.timeline import ALWAYS

BATCH = 512


def graph(data: Synthetic) -> GraphStore:
    """users <- facts -> items, with an amount on the facts and categories on users and items."""
    rng = np.random.default_rng(2)
    return GraphStore.from_arrays(
        {
            "users": NodeTable.of(np.full(data.users, ALWAYS), {"category": {"segment": rng.integers(1, 2**32, data.users)}}),
            "items": NodeTable.of(np.full(data.items, ALWAYS), {"category": {"brand": rng.integers(1, 2**32, data.items)}}),
            "facts": NodeTable.of(data.time, {"numeric": {"amount": data.amount}}),
        },
        {("facts", "user_id", "users"): data.user, ("facts", "item_id", "items"): data.item},
    )


def seeds_of(users: int, count: int) -> Seeds:
    """Random users at random cutoffs in the second year."""
    rng = np.random.default_rng(1)
    return Seeds.at(rng.integers(0, users, count), rng.integers(START + SPAN // 2, START + SPAN, count))


def again_and_again(users: int, count: int) -> Seeds:
    """A tenth as many users, each at the same ten cutoffs of the second year."""
    some = np.random.default_rng(1).integers(0, users, count // 10)
    cutoffs = START + SPAN // 2 + np.arange(10) * SPAN // 20
    return Seeds.at(np.tile(some, 10), np.repeat(cutoffs, len(some)))


def report(case: str, value: float, unit: str) -> None:
    """One line of JSON, with the peak memory of the process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps({"name": "train_step", "case": case, "value": round(value, 3), "unit": unit, "peak_mib": round(peak)}),
        flush=True,
    )


def fit(store: GraphStore, labels: Labels, settings: GnnSettings) -> tuple[FittedGnn, float, float]:
    """The network, and the wall and processor seconds of its fit."""
    wall, cpu = time.perf_counter(), time.process_time()
    fitted = fit_gnn(store, Kind.BINARY, "users", labels, None, settings, 0)
    return fitted, time.perf_counter() - wall, time.process_time() - cpu


def predict(case: str, fitted: FittedGnn, store: GraphStore, seeds: Seeds) -> None:
    """Report the seeds a second, of wall and of processor time."""
    wall, cpu = time.perf_counter(), time.process_time()
    fitted.predict(store, seeds)
    report(case, len(seeds) / (time.perf_counter() - wall), "seeds/s")
    report(f"{case}, the same", len(seeds) / (time.process_time() - cpu), "seeds/cpu-s")


def apart(model: GraphModel, batch: HeteroData, labels: Tensor, _kept: object = None, forward: Any = GraphModel.forward) -> Tensor:
    """`GraphModel.forward` without rows of earlier batches."""
    output: Tensor = forward(model, batch, labels)
    return output


def main() -> None:
    """Time `--steps` steps as the difference of a long and a short fit, so that compiling and statistics do not count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=GnnSettings().threads)
    options = parser.parse_args()
    store = graph(generate(options.rows))
    seeds = seeds_of(store.tables["users"].rows, BATCH * (options.steps + 2))
    labels = Labels(seeds, (np.arange(len(seeds)) % 2).astype(np.float64))
    for case, fanouts in (("default", GnnSettings().fanouts), ("[128,64]", (128, 64))):
        settings = GnnSettings(epochs=1, batch_size=BATCH, fanouts=fanouts, threads=options.threads)
        fit(store, labels[:BATCH], settings)
        _, wall_of_two, cpu_of_two = fit(store, labels[: 2 * BATCH], settings)
        fitted, wall, cpu = fit(store, labels, settings)
        report(f"{case}/wall", 1000 * (wall - wall_of_two) / options.steps, "ms/step")
        report(f"{case}/processor", 1000 * (cpu - cpu_of_two) / options.steps, "ms/step")
        predict(f"{case}/predict", fitted, store, seeds)
        repeated = again_and_again(store.tables["users"].rows, len(seeds))
        with mock.patch.object(GraphModel, "forward", apart):
            predict(f"{case}/predict ten cutoffs, rows in every batch", fitted, store, repeated)
        predict(f"{case}/predict ten cutoffs", fitted, store, repeated)


if __name__ == "__main__":
    main()
