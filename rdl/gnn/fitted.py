"""A trained network: predict, save, load. Two files, `gnn.json` and `gnn.safetensors`; loading runs none of a model's code."""

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

FORMAT = 2

_JSON, _WEIGHTS = "gnn.json", "gnn.safetensors"
_REFIT = "restore the folder from where it came, or fit the model again"


@dataclass(frozen=True, eq=False)
class FittedGnn:
    """A network that has seen its training labels.

    Attributes:
        plan: how the network is built.
        weights: its parameters by name, on the CPU.
        seed: the random seed of training and of the sampler.
        best_epoch: how many epochs gave these weights.
        report: figures of the fit, JSON values.
    """

    plan: Blueprint
    weights: Mapping[str, Tensor]
    seed: int
    best_epoch: int
    report: Mapping[str, Any]

    def predict(self, store: GraphStore, seeds: Seeds, history: History | None = None) -> NDArray[np.float64]:
        """float64[n]: the probability of a binary label, or the value; or float64[n, classes] probabilities.

        A seed's prediction depends on what was visible at its `as_of`, not on the other seeds. `history` holds the task's past
        labels where the network was trained with them. Raises GraphError for a graph of another schema.
        """
        model, sampler = self._ready(store)
        with fixed_threads(self.plan.settings.threads):
            return predict(model, self.plan, store, sampler, seeds, history)

    def embed(self, store: GraphStore, seeds: Seeds, history: History | None = None) -> NDArray[np.float32]:
        """float32[n, channels]: the last hidden vector of every seed, which the answer is a linear function of.

        It holds what the network read of the seed's neighbourhood, past labels and cutoff; none of its numbers is below zero. Two
        networks' vectors are not comparable: their axes differ. Arguments and errors as of `predict`.
        """
        model, sampler = self._ready(store)
        with fixed_threads(self.plan.settings.threads):
            return embed(model, self.plan, store, sampler, seeds, history)

    def _ready(self, store: GraphStore) -> tuple[GraphModel, Sampler | TorchSampler]:
        """The network with its weights, and its sampler on `store`; GraphError for a graph of another schema."""
        if (tuple(store.node_types), tuple(store.edge_types)) != (self.plan.tables, self.plan.edges):
            raise GraphError("the graph's tables or references are not those of the fit", fix="fit the model again")
        for name, known in self.plan.statistics.items():
            _check_columns(name, known, store.tables[name])
        model = GraphModel(self.plan)
        model.load_state_dict(dict(self.weights))
        return model.to(choose_device(self.plan.settings.device)), make_sampler(store, self.plan, self.seed)

    def save(self, folder: Path) -> None:
        """Write both files into `folder`, each aside and then moved into place."""
        folder.mkdir(parents=True, exist_ok=True)
        packed = pack_tensors({name: value.contiguous() for name, value in self.weights.items()})
        meta = {
            "format": FORMAT,
            "plan": self.plan.to_json(),
            "seed": self.seed,
            "best_epoch": self.best_epoch,
            "report": dict(self.report),
            "weights_sha256": hashlib.sha256(packed).hexdigest(),
        }
        write_whole(folder / _WEIGHTS, packed)
        write_whole(folder / _JSON, json.dumps(meta, indent=1).encode())

    @staticmethod
    def load(folder: Path) -> "FittedGnn":
        """What `save` wrote. Raises ModelFileError where a file is missing, altered or of another version."""
        meta = _read_meta(folder / _JSON)
        weights = read_tensors(folder / _WEIGHTS, meta.get("weights_sha256"))
        try:
            plan = Blueprint.from_json(meta["plan"])
            fitted = FittedGnn(plan, weights, int(meta["seed"]), int(meta["best_epoch"]), dict(meta["report"]))
            GraphModel(plan).load_state_dict(weights)
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise ModelFileError(f"not a network: {error}", where=str(folder / _JSON), fix=_REFIT) from error
        return fitted


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
