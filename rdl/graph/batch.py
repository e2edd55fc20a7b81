"""Sampled subgraphs as PyG `HeteroData`, and a stream of them.

Only the sampled rows are read from the store. A batch keeps row ids (`n_id`), so that what a network says can be traced to the
rows it read.
"""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rdl.graph.hashing import NULL
from rdl.graph.sampler import Sampler
from rdl.graph.store import GraphStore
from rdl.graph.subgraph import Subgraph
from rdl.graph.tables import NULL_TIMESTAMP, NodeTable
from rdl.timeline import ALWAYS, DAY, NEVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch_geometric.data import HeteroData

    from rdl.task import Seeds

_NONE = np.empty(0, np.int64)


def to_hetero_data(store: GraphStore, subgraph: Subgraph) -> "HeteroData":
    """A batch for PyG modules.

    Every node type has, for its n nodes hop by hop: `n_id` int64[n] row ids, `batch` int64[n] the seed's place in the batch,
    `x_num` float32[n, k] (NaN is null), `x_cat` int64[n, k] hashes (0 is null), `x_ts` int64[n, k] microseconds (NULL_TIMESTAMP
    is null), `x_text` int64[n, k, TOKENS] hashes of words or elements (0 is padding), `x_vec` float32[n, d] given embeddings (NaN
    is null), `age` float32[n] days from the row to the seed's cutoff, `age_known` bool[n] (False for static rows, whose age is
    NaN), `num_nodes`, `num_sampled_nodes`. Every edge type has `edge_index` int64[2, e] and `num_sampled_edges`. The entity type
    also has, for the seeds: `root_visible` bool[s] (where False, the root stands for an entity not known yet: all its columns and
    its age are null), `cutoff` and `as_of` int64[s], and `batch_size`.
    """
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    cutoff = np.ascontiguousarray(subgraph.seeds.cutoff)
    for name, table in store.tables.items():
        row, batch = subgraph.nodes[name], subgraph.batch[name]
        hidden = np.flatnonzero(~subgraph.root_visible) if name == subgraph.entity_table else _NONE
        nodes = data[name]
        nodes.num_nodes = len(row)
        nodes.n_id = torch.from_numpy(row)
        nodes.batch = torch.from_numpy(batch.astype(np.int64))
        for attribute, values in _columns(table, row, cutoff[batch], hidden).items():
            nodes[attribute] = torch.from_numpy(values)
        nodes.num_sampled_nodes = subgraph.num_sampled_nodes[name]
    for edge, ends in subgraph.edges.items():
        data[edge].edge_index = torch.from_numpy(np.stack(ends))  # [2, edges]
        data[edge].num_sampled_edges = subgraph.num_sampled_edges[edge]
    root = data[subgraph.entity_table]
    root.root_visible = torch.from_numpy(subgraph.root_visible)
    root.cutoff = torch.from_numpy(cutoff)
    root.as_of = torch.from_numpy(np.ascontiguousarray(subgraph.seeds.as_of))
    root.batch_size = len(cutoff)
    return data


def iterate_batches(
    store: GraphStore,
    sampler: Sampler,
    seeds: "Seeds",
    batch_size: int,
    shuffle_seed: int | None = None,
    workers: int = 1,
) -> "Iterator[HeteroData]":
    """All seeds in batches of `batch_size`, in order or shuffled by `shuffle_seed`.

    The entity type of each batch has `input_id` int64[s]: the positions of its seeds in `seeds`. `workers` threads prepare the
    batches after the one that is in use; how many they are changes nothing in them.
    """
    import torch

    def make(place: npt.NDArray[np.int64]) -> Any:
        data = to_hetero_data(store, sampler.sample(seeds[place]))
        data[sampler.entity_table].input_id = torch.from_numpy(place)
        return data

    chunks = iter(divide(len(seeds.entity), batch_size, shuffle_seed))
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="rdl-batch") as pool:
        pending = deque(pool.submit(make, chunk) for chunk in islice(chunks, workers))
        try:
            while pending:
                ready = pending.popleft().result()
                pending.extend(pool.submit(make, chunk) for chunk in islice(chunks, 1))
                yield ready
        finally:
            for future in pending:
                future.cancel()


def divide(count: int, batch_size: int, shuffle_seed: int | None = None) -> list[npt.NDArray[np.int64]]:
    """The places 0..count - 1 in parts of `batch_size`, in order or shuffled."""
    order = np.arange(count)
    if shuffle_seed is not None:
        order = np.random.default_rng(shuffle_seed).permutation(order)
    return [order[start : start + batch_size] for start in range(0, count, batch_size)]


def _columns(
    table: NodeTable, row: npt.NDArray[np.int64], cutoff: npt.NDArray[np.int64], hidden: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[Any]]:
    """What is read of the rows [n] of a table; at the places `hidden`, nulls."""
    time = table.time[row]
    time[hidden] = NEVER
    known = (time != ALWAYS) & (time != NEVER)
    days = (cutoff - np.where(known, time, cutoff)) / DAY
    columns: dict[str, npt.NDArray[Any]] = {
        "x_num": table.numeric[row],  # [n, numeric columns]
        "x_cat": table.category[row].astype(np.int64),  # [n, categorical columns]
        "x_ts": table.timestamp[row],  # [n, timestamp columns]
        "x_text": table.text[row].astype(np.int64),  # [n, text columns, TOKENS]
        "x_vec": table.vector[row],  # [n, numbers]
    }
    for name, null in (("x_num", np.nan), ("x_cat", NULL), ("x_ts", NULL_TIMESTAMP), ("x_text", NULL), ("x_vec", np.nan)):
        columns[name][hidden] = null
    return {**columns, "age": np.where(known, days, np.nan).astype(np.float32), "age_known": known}
