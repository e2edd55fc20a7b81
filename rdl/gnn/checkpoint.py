"""The state of a training run between two epochs: one safetensors file, its numbers as JSON in the file's header.

One file, so that it is replaced whole: a run that dies leaves the checkpoint of its last finished epoch.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from rdl.errors import ModelFileError
from rdl.gnn.fitted import write_whole


@dataclass
class Progress:
    """How far a run has come.

    Attributes:
        run: the hash of everything that decides the run's result.
        epoch: epochs done. step: steps done.
        best_epoch, best_score: the best validation so far (larger is better), 0 where there was none.
        scores: the validation score of each epoch.
    """

    run: str
    epoch: int = 0
    step: int = 0
    best_epoch: int = 0
    best_score: float = 0.0
    scores: tuple[float, ...] = ()


def write_checkpoint(path: Path, progress: Progress, groups: dict[str, dict[str, Tensor]]) -> None:
    """Replace the checkpoint at `path`: named groups of tensors and the progress."""
    tensors = {
        f"{group}/{name}": value.detach().cpu().contiguous().clone()
        for group, values in groups.items()
        for name, value in values.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, save(tensors, metadata={"progress": json.dumps(asdict(progress))}))


def read_checkpoint(path: Path, run: str) -> tuple[Progress, dict[str, dict[str, Tensor]]] | None:
    """The progress and tensors at `path`; None where there is no file, or it belongs to another run.

    Raises ModelFileError for a file that is no checkpoint.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            values: dict[str, Any] = json.loads((file.metadata() or {})["progress"])
            progress = Progress(**{**values, "scores": tuple(values["scores"])})
            if progress.run != run:
                return None
            groups: dict[str, dict[str, Tensor]] = {}
            for key in list(file.keys()):
                group, name = key.split("/", 1)
                groups.setdefault(group, {})[name] = file.get_tensor(key)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"not a checkpoint: {error}", where=str(path), fix="delete it; training starts anew") from error
    return progress, groups


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimizer's state as tensors by `parameter number/name`."""
    state = optimizer.state_dict()["state"]
    return {f"{place}/{name}": value for place, values in state.items() for name, value in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        place, name = key.split("/", 1)
        state.setdefault(int(place), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
