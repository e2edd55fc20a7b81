"""Trained networks: predict, save, load. Two files, `gnn.json` and `gnn.safetensors`; loading runs none of a model's code.

Networks of several seeds are trained alike and answer together: their predictions are averaged.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as pack_tensors
from torch import Tensor

from rdl.errors import GraphError, ModelFileError
from rdl.gnn import past
from rdl.gnn.batches import stream
from rdl.gnn.model import Blueprint, GraphModel
from rdl.gnn.once import Kept, KeptRows
from rdl.gnn.statistics import TableStatistics
from rdl.graph import GraphStore, Sampler
from rdl.graph.tables import NodeTable
from rdl.graph.torch_sampler import TorchSampler
from rdl.task import History, Seeds

FORMAT = 3

_JSON, _WEIGHTS = "gnn.json", "gnn.safetensors"
_REFIT = "restore the folder from where it came, or fit the model again"


@dataclass(frozen=True, eq=False)
class FittedGnn:
    """Networks that have seen their training labels; one for every seed that there was time for.

    Attributes:
        plan: how each network is built.
        networks: their parameters by name, on the CPU, in the order of `seeds_of(seed, …)`.
        seed: the random seed of the first one's training and sampler.
        best_epochs: how many epochs gave each network's parameters.
        report: figures of the fit, JSON values.
    """

    plan: Blueprint
    networks: tuple[Mapping[str, Tensor], ...]
    seed: int
    best_epochs: tuple[int, ...]
    report: Mapping[str, Any]

    @property
    def best_epoch(self) -> int:
        """The mean of the networks' epochs, rounded: how long to train without a validation."""
        return max(1, round(sum(self.best_epochs) / len(self.best_epochs)))

    def predict(self, store: GraphStore, seeds: Seeds, history: History | None = None) -> NDArray[np.float64]:
        """float64[n]: the probability of a binary label, or the value; or float64[n, classes] probabilities.

        Each is the mean of what the networks say. A seed's prediction depends on what was visible at its `as_of`, not on the other
        seeds. `history` holds the task's past labels where the networks were trained with them. Raises GraphError for a graph of
        another schema.
        """
        total = np.zeros((len(seeds), *self.plan.answer.shape))
        for place in range(len(self.networks)):  # one after the other: memory is that of one, and sampling costs next to nothing
            model, sampler = self._ready(store, place)
            with fixed_threads(self.plan.settings.threads):
                total += predict(model, self.plan, store, sampler, seeds, history)
        return total / len(self.networks)

    def embed(self, store: GraphStore, seeds: Seeds, history: History | None = None) -> NDArray[np.float32]:
        """float32[n, channels]: the last hidden vector of every seed in the first network; its answer is linear in it.

        It holds what the network read of the seed's neighbourhood, past labels and cutoff; none of its numbers is below zero. The
        other networks' vectors are left out: the axes of two networks differ, so that they cannot be averaged. Arguments and errors
        as of `predict`.
        """
        model, sampler = self._ready(store, 0)
        with fixed_threads(self.plan.settings.threads):
            return embed(model, self.plan, store, sampler, seeds, history)

    def _ready(self, store: GraphStore, place: int) -> tuple[GraphModel, Sampler | TorchSampler]:
        """One network with its weights, and its sampler on `store`; GraphError for a graph of another schema."""
        if (tuple(store.node_types), tuple(store.edge_types)) != (self.plan.tables, self.plan.edges):
            raise GraphError("the graph's tables or references are not those of the fit", fix="fit the model again")
        for name, known in self.plan.statistics.items():
            _check_columns(name, known, store.tables[name])
        model = GraphModel(self.plan)
        model.load_state_dict(dict(self.networks[place]))
        own = seeds_of(self.seed, len(self.networks))[place]
        return model.to(choose_device(self.plan.settings.device)), make_sampler(store, self.plan, own)

    def save(self, folder: Path) -> None:
        """Write both files into `folder`, each aside and then moved into place."""
        folder.mkdir(parents=True, exist_ok=True)
        named = {f"{place}/{name}": value for place, network in enumerate(self.networks) for name, value in network.items()}
        packed = pack_tensors({name: value.contiguous() for name, value in named.items()})
        meta = {
            "format": FORMAT,
            "plan": self.plan.to_json(),
            "seed": self.seed,
            "best_epochs": list(self.best_epochs),
            "report": dict(self.report),
            "weights_sha256": hashlib.sha256(packed).hexdigest(),
        }
        write_whole(folder / _WEIGHTS, packed)
        write_whole(folder / _JSON, json.dumps(meta, indent=1).encode())

    @staticmethod
    def load(folder: Path) -> "FittedGnn":
        """What `save` wrote. Raises ModelFileError where a file is missing, altered or of another version."""
        meta = _read_meta(folder / _JSON)
        tensors = read_tensors(folder / _WEIGHTS, meta.get("weights_sha256"))
        try:
            plan, epochs = Blueprint.from_json(meta["plan"]), tuple(int(e) for e in meta["best_epochs"])
            networks = _apart(tensors, len(epochs))
            for weights in networks:
                GraphModel(plan).load_state_dict(weights)
            return FittedGnn(plan, networks, int(meta["seed"]), epochs, dict(meta["report"]))
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise ModelFileError(f"not a network: {error}", where=str(folder / _JSON), fix=_REFIT) from error


def seeds_of(seed: int, count: int) -> list[int]:
    """The seeds of `count` networks; the first one is `seed` itself, so that one network is what it was alone."""
    return [seed, *(int(np.random.SeedSequence([seed, place, 3]).generate_state(1)[0]) for place in range(1, count))]


def _apart(tensors: Mapping[str, Tensor], count: int) -> tuple[dict[str, Tensor], ...]:
    """The tensors of each of `count` networks by their own names; ValueError where there are none, or others."""
    networks: tuple[dict[str, Tensor], ...] = tuple({} for _ in range(count))
    for key, value in tensors.items():
        place, name = key.split("/", 1)
        if not place.isdecimal() or int(place) >= count:
            raise ValueError(f"{key!r} belongs to none of {count} networks")
        networks[int(place)][name] = value
    if not count:
        raise ValueError("there is no network")
    return networks


def _check_columns(name: str, known: TableStatistics, table: NodeTable) -> None:
    """GraphError where a table has not as many columns of each kind as the network was made for."""
    expected = (len(known.numeric), len(known.moment), known.tokens, len(known.vector))
    words = table.category.shape[1] + table.text.shape[1] * table.text.shape[2]
    found = (table.numeric.shape[1], table.timestamp.shape[1], words, table.vector.shape[1])
    if found != expected:
        raise GraphError(
            f"{found} numbers, timestamps, words and numbers of vectors, at the fit {expected}",
            where=f"table {name}",
            fix="fit the model again, or read text as at the fit ([database] text)",
        )


def predict(
    model: GraphModel, plan: Blueprint, store: GraphStore, sampler: Sampler | TorchSampler, seeds: Seeds, history: History | None
) -> NDArray[np.float64]:
    """Predictions [n, …] of a model in evaluation mode, batch by batch."""
    outputs = np.empty((len(seeds), *plan.answer.shape), np.float64)
    for place, output in _evaluated(model, model.forward, plan, store, sampler, seeds, history):
        outputs[place] = plan.answer.finish(output.double()).cpu().numpy()
    return outputs


def embed(
    model: GraphModel, plan: Blueprint, store: GraphStore, sampler: Sampler | TorchSampler, seeds: Seeds, history: History | None
) -> NDArray[np.float32]:
    """The last hidden vectors [n, channels] of a model in evaluation mode, batch by batch."""
    outputs = np.empty((len(seeds), plan.settings.channels), np.float32)
    for place, output in _evaluated(model, model.embed, plan, store, sampler, seeds, history):
        outputs[place] = output.float().cpu().numpy()
    return outputs


def _evaluated(
    model: GraphModel,
    call: Callable[[Any, Tensor, Kept | None], Tensor],
    plan: Blueprint,
    store: GraphStore,
    sampler: Sampler | TorchSampler,
    seeds: Seeds,
    history: History | None,
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """What `call` says of every batch, and the places of the batch's seeds; rows are encoded once for all batches."""
    device = next(model.parameters()).device
    labels = torch.from_numpy(past_features(plan, seeds, history))
    several = len(seeds) > plan.settings.batch_size
    channels = plan.settings.channels
    kept = {name: KeptRows(table.rows, channels, device) for name, table in store.tables.items()} if several else None
    model.eval()
    for batch in stream(store, sampler, seeds, plan.settings.batch_size, workers=plan.settings.workers):
        with torch.inference_mode():
            place = batch[plan.entity_table].input_id
            output = call(batch.to(device), labels[place.cpu()].to(device), kept)
        yield place.cpu().numpy(), output


def past_features(plan: Blueprint, seeds: Seeds, history: History | None) -> NDArray[np.float32]:
    """The past labels' numbers [n, k] of the seeds; [n, 0] for a network that reads none."""
    if not plan.past:
        return np.empty((len(seeds), 0), np.float32)
    none = np.empty(0, np.int64)
    given = history or History(none, none, none, np.empty((0, plan.past)))
    mean, spread = plan.answer.mean[: plan.past], plan.answer.spread[: plan.past]
    return past.PastLabels(given, plan.settings.history, mean, spread).features(seeds)


def make_sampler(store: GraphStore, plan: Blueprint, seed: int) -> Sampler | TorchSampler:
    """The sampler that a network was trained with."""
    settings = plan.settings
    sampler = Sampler(store, plan.entity_table, settings.fanouts, settings.strategy, seed, settings.window)
    return TorchSampler(sampler, choose_device(settings.device)) if settings.sampling == "device" else sampler


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" is an accelerator where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Torch uses `threads` cores inside, and what it used before outside."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file aside, flush it to disk, and move it into place."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)


def read_tensors(path: Path, sha256: str | None) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises ModelFileError where it is missing, altered or malformed."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"not readable: {error}", where=str(path), fix=_REFIT) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelFileError("its content was altered: the checksum differs", where=str(path), fix=_REFIT)
    try:
        return parse_tensors(content)
    except SafetensorError as error:
        raise ModelFileError(f"not a safetensors file: {error}", where=str(path), fix=_REFIT) from error


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelFileError(f"not readable: {error}", where=str(path), fix=_REFIT) from error
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        found = meta.get("format") if isinstance(meta, dict) else type(meta).__name__
        raise ModelFileError(f"format {found}, expected {FORMAT}", where=str(path), fix=_REFIT)
    return meta
