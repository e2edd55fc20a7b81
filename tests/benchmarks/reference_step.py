"""A training step as heavy as that of RelBench's reference network, and how much of it rdl saves at equal function.

5 tables, 10 edge types, batches of 512 seeds, 128 channels, a ResNet of 4 blocks for every table, fan-out [128, 64], two layers.
`python tests/benchmarks/reference_step.py` prints one JSON object a line. "By the book" every sampled node is encoded, column by
column, and every layer computes every node; "rdl" encodes each row once, folds the first products, and trims. Both have the same
weights and give the same outputs, which is checked. Messages are passed by rdl's own layers in both. The reference itself, on its
own data, took 1,644 ms of wall and 2,400 CPU-ms a step.
"""

import argparse
import json
import resource
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partialmethod
from unittest import mock

import numpy as np
import torch

import rdl.gnn.encoder
from rdl.gnn import GnnSettings
from rdl.gnn.answer import make_answer
from rdl.gnn.batches import stream
from rdl.gnn.model import GraphModel
from rdl.gnn.sage import HeteroGraphSage
from rdl.gnn.train import make_plan
from rdl.graph import GraphStore, NodeTable, Sampler
from rdl.task import Kind, Seeds
from rdl.timeline import ALWAYS, DAY

USERS, ITEMS, SHOPS, ORDERS, VISITS = 100_000, 10_000, 500, 1_000_000, 1_000_000
SEEDS, SPAN = 512, 700


def graph() -> GraphStore:
    """users <- orders -> items -> shops, users <- visits -> shops: five references, so ten edge types."""
    rng = np.random.default_rng(0)

    def table(rows: int, numbers: int, categories: int, *, timed: bool) -> NodeTable:
        columns = {
            "numeric": {f"n{i}": rng.normal(size=rows) for i in range(numbers)},
            "category": {f"c{i}": rng.integers(1, 50, rows) * 7919 for i in range(categories)},
        }
        time = np.sort(rng.integers(0, SPAN, rows)) * DAY if timed else np.full(rows, ALWAYS)
        return NodeTable.of(time, columns)

    tables = {
        "users": table(USERS, 4, 3, timed=False),
        "items": table(ITEMS, 3, 4, timed=False),
        "shops": table(SHOPS, 2, 2, timed=False),
        "orders": table(ORDERS, 4, 2, timed=True),
        "visits": table(VISITS, 2, 3, timed=True),
    }
    references = {
        ("orders", "user", "users"): rng.integers(0, USERS, ORDERS),
        ("orders", "item", "items"): rng.integers(0, ITEMS, ORDERS),
        ("items", "shop", "shops"): rng.integers(0, SHOPS, ITEMS),
        ("visits", "user", "users"): rng.integers(0, USERS, VISITS),
        ("visits", "shop", "shops"): rng.integers(0, SHOPS, VISITS),
    }
    return GraphStore.from_arrays(tables, references)


def report(case: str, value: float, unit: str) -> None:
    """One line of JSON, with the peak memory of the process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    line = {"name": "reference_step", "case": case, "value": round(value, 3), "unit": unit, "peak_mib": round(peak)}
    print(json.dumps(line), flush=True)


def every_row(ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`unique_rows`, for an encoder that does not look for rows it has met."""
    every = torch.arange(len(ids))
    return every, every


class Step:
    """The network and how it is trained; `by_the_book` undoes what rdl saves."""

    def __init__(self, store: GraphStore, settings: GnnSettings, seeds: Seeds) -> None:
        self.target = (np.arange(len(seeds)) % 2).astype(np.float64)
        self.plan = make_plan(store, make_answer(Kind.BINARY, self.target), "users", seeds[:SEEDS], settings, 0, None)
        torch.manual_seed(0)
        self.model = GraphModel(self.plan)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3, fused=True)
        self.store, self.seeds, self.settings = store, seeds, settings

    def by_the_book(self, stack: ExitStack) -> None:
        """From here on, encode every node, column by column, and compute every node in every layer."""
        stack.enter_context(mock.patch.object(rdl.gnn.encoder, "unique_rows", every_row))
        stack.enter_context(mock.patch.object(HeteroGraphSage, "forward", partialmethod(HeteroGraphSage.forward, trim=False)))
        for table in self.model.encoder.tables.values():
            table.fold = False  # type: ignore[assignment]

    def outputs(self) -> torch.Tensor:
        """Of the first batch, in evaluation mode."""
        self.model.eval()
        with torch.no_grad():
            batch = next(self._batches())
            return self.model(batch, torch.empty(SEEDS, 0))

    def run(self, case: str, *, halved: bool = False) -> None:
        """Train through all seeds, and report wall and processor time a step, sampling included."""
        self.model.train()
        steps, wall, processor = 0, 0.0, 0.0
        for batch in self._batches():
            with torch.autocast("cpu", torch.bfloat16, enabled=halved):
                output = self.model(batch, torch.empty(SEEDS, 0))
            target = torch.from_numpy(self.target[batch["users"].input_id.numpy()]).float()
            loss = self.plan.answer.loss(output.float(), target)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            if steps == 0:
                wall, processor = time.perf_counter(), time.process_time()
            steps += 1
        report(f"{case}, wall", 1000 * (time.perf_counter() - wall) / (steps - 1), "ms/step")
        report(f"{case}, processor", 1000 * (time.process_time() - processor) / (steps - 1), "ms/step")

    def _batches(self):
        sampler = Sampler(self.store, "users", self.settings.fanouts, "uniform", 0)
        return stream(self.store, sampler, self.seeds, SEEDS)


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    store, rng = graph(), np.random.default_rng(1)
    count = SEEDS * (options.steps + 1)
    seeds = Seeds.at(rng.integers(0, USERS, count), rng.integers(SPAN // 2, SPAN, count) * DAY)
    heavy = GnnSettings(channels=128, fanouts=(128, 64), encoder="resnet", strategy="uniform", buckets=2**14, dropout=0.2)
    step = Step(store, heavy, seeds)
    found = step.outputs()
    step.run("rdl, at equal function")
    step.run("rdl, at equal function, bf16", halved=True)
    book = Step(store, heavy, seeds)
    with ExitStack() as stack:
        book.by_the_book(stack)
        torch.testing.assert_close(book.outputs(), found, rtol=1e-3, atol=1e-4)
        book.run("by the book")
    Step(store, replace(heavy, encoder="fused"), seeds).run("rdl, 128 channels, its own encoder")
    Step(store, GnnSettings(), seeds).run("rdl, default network")


if __name__ == "__main__":
    main()
