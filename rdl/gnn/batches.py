"""The stream of batches that networks read: sampled neighbourhoods, with the rows' own times."""

from collections.abc import Iterator

import torch
from torch_geometric.data import HeteroData

from rdl.graph import GraphStore, Sampler
from rdl.graph.batch import divide, iterate_batches
from rdl.graph.torch_sampler import TorchSampler
from rdl.task import Seeds


def stream(
    store: GraphStore,
    sampler: Sampler | TorchSampler,
    seeds: Seeds,
    batch_size: int,
    shuffle_seed: int | None = None,
    workers: int = 1,
) -> Iterator[HeteroData]:
    """`iterate_batches`, each batch passed through `with_times`; or the same batches made on a device, by a sampler there."""
    if isinstance(sampler, TorchSampler):
        for place in divide(len(seeds), batch_size, shuffle_seed):
            batch = sampler.batch(seeds[place])
            batch[sampler.entity_table].input_id = torch.from_numpy(place)
            yield batch
        return
    for batch in iterate_batches(store, sampler, seeds, batch_size, shuffle_seed, workers):
        yield with_times(store, batch)


def with_times(store: GraphStore, batch: HeteroData) -> HeteroData:
    """Add `time` int64[n] to every node type: microseconds of the rows, ALWAYS for static ones.

    Times are read from the table, not computed from ages: those are rounded, and differ between the seeds that reach a row.
    """
    for name, table in store.tables.items():
        batch[name].time = torch.from_numpy(table.time[batch[name].n_id.numpy()])
    return batch
