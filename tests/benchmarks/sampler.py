"""Milliseconds a batch of the neighbour sampler: 512 seeds, random cutoffs, fan-out [128, 64], one thread.

`python tests/benchmarks/sampler.py [--rows N]` prints one JSON object a line.
"""

import argparse
import json
import resource
import time
from typing import NamedTuple

import numpy as np
import torch
from synthetic import SPAN, START, Synthetic, generate

from rdl.graph import GraphStore, NodeTable, Sampler
from rdl.graph.torch_sampler import TorchSampler
from rdl.timeline import ALWAYS


class Batch(NamedTuple):
    """Seeds of one batch."""

    entity: np.ndarray
    cutoff: np.ndarray
    as_of: np.ndarray


def graph(data: Synthetic) -> GraphStore:
    """users <- facts -> items, users and items without a time."""
    return GraphStore.from_arrays(
        {
            "users": NodeTable.of(np.full(data.users, ALWAYS)),
            "items": NodeTable.of(np.full(data.items, ALWAYS)),
            "facts": NodeTable.of(data.time, {"numeric": {"amount": data.amount}}),
        },
        {("facts", "user_id", "users"): data.user, ("facts", "item_id", "items"): data.item},
    )


def batches(rows: int, count: int, size: int = 512) -> list[Batch]:
    """Random entities at random cutoffs."""
    rng = np.random.default_rng(1)
    made = []
    for _ in range(count):
        cutoff = rng.integers(START, START + SPAN, size)
        made.append(Batch(rng.integers(0, rows, size), cutoff, cutoff))
    return made


def report(name: str, case: str, value: float, unit: str) -> None:
    """One line of JSON, with the peak memory of the process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {"name": name, "case": case, "value": round(value, 4), "unit": unit, "peak_mib": round(peak)}
    print(json.dumps(line), flush=True)


def on_device(sampler: Sampler, case: str, work: list[Batch]) -> None:
    """The same batches made in torch: on an accelerator where there is one, else a few on one core."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(1)
    made = TorchSampler(sampler, device)
    work = work if device == "cuda" else work[:5]
    made.batch(work[0])
    started = time.perf_counter()
    for batch in work:
        made.batch(batch)
    if device == "cuda":
        torch.cuda.synchronize()
    report("sampler", f"{case}, with columns, in torch on {device}", 1000 * (time.perf_counter() - started) / len(work), "ms/batch")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--large", action="store_true", help="100M facts")
    parser.add_argument("--batches", type=int, default=200)
    options = parser.parse_args()
    store = graph(generate(100_000_000 if options.large else options.rows))
    for strategy in ("uniform", "last"):
        for table in ("users", "items"):
            started = time.perf_counter()
            sampler = Sampler(store, table, [128, 64], strategy=strategy)
            work = batches(store.tables[table].rows, options.batches)
            sampler.sample(work[0])
            if strategy == "uniform":
                report("sampler", f"{table}/first batch, with check and compilation", time.perf_counter() - started, "s")
            taken, edges, processor = [], 0, time.process_time()
            for batch in work:
                started = time.perf_counter()
                subgraph = sampler.sample(batch)
                taken.append(time.perf_counter() - started)
                edges += sum(sum(n) for n in subgraph.num_sampled_edges.values())
            processor = time.process_time() - processor
            report("sampler", f"{table}/{strategy}/[128,64]", 1000 * float(np.median(taken)), "ms/batch")
            report("sampler", f"{table}/{strategy}/[128,64], processor, mean", 1000 * processor / len(work), "ms/batch")
            report("sampler", f"{table}/{strategy}/[128,64] edges", edges / len(work), "edges/batch")
            on_device(sampler, f"{table}/{strategy}/[128,64]", work)


if __name__ == "__main__":
    main()
