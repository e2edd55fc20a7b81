"""The stream of batches that networks read: sampled neighbourhoods, with the rows' own times."""

from collections.abc import Iterator

import torch
from torch_geometric.data import HeteroData

from rdl.graph import GraphStore, Sampler
from rdl.graph.batch import iterate_batches
from rdl.task import Seeds


def stream(
    store: GraphStore, sampler: Sampler, seeds: Seeds, batch_size: int, shuffle_seed: int | None = None
) -> Iterator[HeteroData]:
    """`iterate_batches`, each batch passed through `with_times`."""
    for batch in iterate_batches(store, sampler, seeds, batch_size, shuffle_seed):
        yield with_times(store, batch)


def with_times(store: GraphStore, batch: HeteroData) -> HeteroData:
    """Add `time` int64[n] to every node type: microseconds of the rows, ALWAYS for static ones.

    Times are read from the table, not computed from ages: those are rounded, and differ between the seeds that reach a row.
    """
    for name, table in store.tables.items():
        batch[name].time = torch.from_numpy(table.time[batch[name].n_id.numpy()])
    return batch
