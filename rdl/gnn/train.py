"""Training: same seed, same labels, same weights, bit for bit on a CPU with the settings' number of threads.

Everything random in an epoch (order, draws of neighbours, dropout, staleness) comes from (seed, epoch) alone, so a run resumed at
an epoch ends where an uninterrupted one does. What is validated and kept is the running average of the weights.

Several networks are trained one after the other, the first one as if it were alone. Each has its own checkpoint.
"""

import hashlib
import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rdl.errors import TaskError
from rdl.gnn.answer import Answer, make_answer
from rdl.gnn.batches import stream
from rdl.gnn.checkpoint import Progress, optimizer_tensors, read_checkpoint, restore_optimizer, write_checkpoint
from rdl.gnn.fitted import FittedGnn, choose_device, fixed_threads, make_sampler, past_features, predict, seeds_of
from rdl.gnn.model import Blueprint, GraphModel
from rdl.gnn.settings import GnnSettings
from rdl.gnn.statistics import fit_statistics
from rdl.graph import GraphStore, Sampler
from rdl.task import History, Kind, Labels, Seeds

_log = logging.getLogger(__name__)

SAMPLE = 1024
"""Training seeds whose neighbourhoods give the statistics of ages."""

_NO_MATTER = ("epochs", "budget_s", "sampling", "workers", "seeds")
"""Settings that a run may go on with when they changed."""

LEAST_STEPS = 40
"""Patience lasts at least so many steps: an epoch of few seeds teaches little."""


def fit_gnn(
    store: GraphStore,
    kind: Kind,
    entity_table: str,
    train: Labels,
    valid: Labels | None,
    settings: GnnSettings,
    seed: int,
    checkpoint: Path | None = None,
    history: History | None = None,
    valid_history: History | None = None,
    classes: int = 0,
    metric: str | None = None,
) -> FittedGnn:
    """Train `settings.seeds` networks on the seeds' visible neighbourhoods.

    With `valid`, training stops when its score (see `rdl.gnn.answer`) has not improved for `settings.patience` epochs, and the
    best epoch is kept; without, exactly `settings.epochs` epochs are trained. `history` holds the task's past labels
    (`valid_history` those for the validation seeds, where they lie on another lattice). With `checkpoint`, the file is replaced
    after every epoch and a run that finds its own file there goes on from it; the second network's has `.1` behind its name, and so
    on. A budget that runs out ends training where it is; another network is begun only where the time of the slowest is left.
    `classes` is how many the task knows, where labels name classes; `metric` is what it is judged by, by default the kind's.
    Raises TaskError when there is nothing to learn from, or targets that are not of the kind.
    """
    if not len(train):
        raise TaskError("there is no training label", fix="choose a later as-of")
    started = time.monotonic()
    answer = make_answer(kind, train.target, classes, metric)
    plan = make_plan(store, answer, entity_table, train.seeds, settings, seed, history)
    late = valid_history if valid_history is not None else history
    done: list[_Outcome] = []
    for place, own in enumerate(seeds_of(seed, settings.seeds)):
        if place and not _time_for_another(settings, started, done):
            _log.info("gnn: %d networks of %d, the budget of %.0f s leaves no time", place, settings.seeds, settings.budget_s)
            break
        with fixed_threads(settings.threads), seeded(own, 0):
            run = _Run(store, plan, train, own, history, started)
            file = checkpoint if not place or checkpoint is None else checkpoint.with_name(f"{checkpoint.name}.{place}")
            if file is not None:
                run.progress.run = _run_key(plan, own, (train, valid), (history, late))
                run.resume(file)
            run.train(valid, late, file)
            done.append(run.outcome())
    report = {"networks": [o.report for o in done], "seconds": round(time.monotonic() - started, 2)}
    return FittedGnn(plan, tuple(o.weights for o in done), seed, tuple(o.epoch for o in done), report)


@dataclass(frozen=True)
class _Outcome:
    """What a run gave: weights on the CPU, the epochs that gave them, its figures, and the seconds that it took."""

    weights: dict[str, Tensor]
    epoch: int
    report: dict[str, Any]
    seconds: float


def _time_for_another(settings: GnnSettings, started: float, done: Sequence[_Outcome]) -> bool:
    """Whether the budget leaves as much time as the slowest network took."""
    if settings.budget_s is None:
        return True
    return time.monotonic() - started + max(o.seconds for o in done) <= settings.budget_s


def make_plan(
    store: GraphStore, answer: Answer, entity_table: str, train: Seeds, settings: GnnSettings, seed: int, history: History | None
) -> Blueprint:
    """The network's blueprint, with the statistics of what the training seeds may see."""
    rng = np.random.default_rng([seed, 0])
    some = np.sort(rng.permutation(len(train))[:SAMPLE])
    sampler = Sampler(store, entity_table, settings.fanouts, settings.strategy, seed, settings.window)
    batches = stream(store, sampler, train[some], settings.batch_size)
    return Blueprint(
        settings=settings,
        answer=answer,
        entity_table=entity_table,
        tables=tuple(store.node_types),
        edges=tuple(store.edge_types),
        statistics=fit_statistics(store, entity_table, int(train.as_of.max()), batches),
        past=0 if history is None else int(np.prod(history.value.shape[1:])),
    )


class _Run:
    """One training run: the model, its average, its optimizer, and how far it has come."""

    def __init__(
        self, store: GraphStore, plan: Blueprint, train: Labels, seed: int, history: History | None, started: float
    ) -> None:
        self.store, self.plan, self.train_labels, self.seed, self.history = store, plan, train, seed, history
        self.settings = plan.settings
        self.device = choose_device(self.settings.device)
        precision = self.settings.precision
        self.halved = precision == "bf16" or (precision == "auto" and self.device.type != "cpu")
        self.model = GraphModel(plan).to(self.device)
        self.average = _copy(self.model)
        self.best = _copy(self.model)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=self.settings.learning_rate, weight_decay=self.settings.weight_decay, fused=True
        )
        self.progress = Progress(run="")
        self.sampler = make_sampler(store, plan, seed)
        self.target = torch.from_numpy(plan.answer.target(train.target))
        self.started, self.begun = started, time.monotonic()

    def train(self, valid: Labels | None, history: History | None, checkpoint: Path | None) -> None:
        """Epochs until the last one, the validation's patience or the budget ends."""
        while self.progress.epoch < self.settings.epochs and not self._patience_ended(valid):
            whole = self._epoch(self.progress.epoch + 1)
            if valid is not None and (whole or not self.progress.best_epoch):
                self._validate(valid, history)
            if not whole:
                _log.info("gnn: the budget of %.0f s ended in epoch %d", self.settings.budget_s, self.progress.epoch)
                return
            if checkpoint is not None:
                write_checkpoint(checkpoint, self.progress, self._tensors())

    def outcome(self) -> _Outcome:
        """The best weights where there was a validation, else the last average."""
        validated = self.progress.best_epoch > 0
        weights = self.best if validated else self.average
        seconds = time.monotonic() - self.begun
        progress = self.progress
        report = {"epochs": progress.epoch, "steps": progress.step, "scores": list(progress.scores), "seconds": round(seconds, 2)}
        epoch = progress.best_epoch if validated else progress.epoch
        return _Outcome({name: value.cpu() for name, value in weights.items()}, max(epoch, 1), report, seconds)

    def resume(self, checkpoint: Path) -> None:
        """Go on from the checkpoint, if it is this run's."""
        found = read_checkpoint(checkpoint, self.progress.run)
        if found is None:
            return
        self.progress, groups = found
        self.model.load_state_dict(groups["model"])
        self.average = {name: value.to(self.device) for name, value in groups["average"].items()}
        self.best = {name: value.to(self.device) for name, value in groups["best"].items()}
        restore_optimizer(self.optimizer, groups["optimizer"])
        _log.info("gnn: resumed after epoch %d", self.progress.epoch)

    def _epoch(self, epoch: int) -> bool:
        """One pass over the training seeds, or over as many as an epoch may have; False when the budget ended it early."""
        chosen = self._chosen(epoch)
        seeds, target = self._seeds(epoch)[chosen], self.target[torch.from_numpy(chosen)]
        labels = torch.from_numpy(past_features(self.plan, seeds, self.history))
        sampler = self.sampler
        if self.settings.strategy == "uniform":
            sampler = self.sampler.seeded(self.seed + 1_000_003 * epoch)
        batches = stream(self.store, sampler, seeds, self.settings.batch_size, _mixed(self.seed, epoch), self.settings.workers)
        total, whole = 0.0, True
        self.model.train()
        with seeded(self.seed, epoch):
            for batch in batches:
                if self._budget_ended():
                    whole = False
                    break
                total += self._step(batch, labels, target) * batch[self.plan.entity_table].batch_size
        self.progress.epoch = epoch
        _log.info("gnn: epoch %d, loss %.4f, %.1f s", epoch, total / len(seeds), time.monotonic() - self.started)
        return whole

    def _seeds(self, epoch: int) -> Seeds:
        """The training seeds of an epoch, seen from a database as stale as the settings ask for."""
        seeds = self.train_labels.seeds
        if not self.settings.staleness:
            return seeds
        rng = np.random.default_rng([self.seed, epoch, 1])
        back = rng.integers(0, self.settings.staleness, len(seeds))
        return Seeds(seeds.entity, seeds.cutoff, seeds.as_of - back)

    def _chosen(self, epoch: int) -> NDArray[np.int64]:
        """Indices of an epoch's training seeds, ascending; other ones in every epoch where there are too many for one."""
        count, most = len(self.train_labels), self.settings.epoch_seeds
        if count <= most:
            return np.arange(count)
        return np.sort(np.random.default_rng([self.seed, epoch, 2]).choice(count, most, replace=False))

    def _step(self, batch: Any, labels: Tensor, target: Tensor) -> float:
        place = batch[self.plan.entity_table].input_id
        rate = self.settings.learning_rate * min(1.0, (self.progress.step + 1) / max(self.settings.warm_up, 1))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.halved):
            output = self.model(batch.to(self.device), labels[place.cpu()].to(self.device))
        value = self.plan.answer.loss(output.float(), target[place.cpu()].to(self.device))
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimizer.step()
        self.progress.step += 1
        self._follow()
        return float(value.detach())

    def _follow(self) -> None:
        """Move the average towards the weights; quickly in the first steps."""
        decay = min(self.settings.averaging, self.progress.step / (self.progress.step + 10))
        with torch.no_grad():
            current = self.model.state_dict()
            torch._foreach_lerp_(list(self.average.values()), [current[n] for n in self.average], 1 - decay)

    def _validate(self, valid: Labels, history: History | None) -> None:
        kept = _copy(self.model)
        self.model.load_state_dict(self.average)
        found = predict(self.model, self.plan, self.store, self.sampler, valid.seeds, history)
        self.model.load_state_dict(kept)
        value = self.plan.answer.score(valid.target, found)
        self.progress.scores = (*self.progress.scores, value)
        if not self.progress.best_epoch or value > self.progress.best_score:
            self.progress.best_epoch, self.progress.best_score = self.progress.epoch, value
            self.best = {name: tensor.clone() for name, tensor in self.average.items()}
        _log.info("gnn: epoch %d, validation %.4f", self.progress.epoch, value)

    def _tensors(self) -> dict[str, dict[str, Tensor]]:
        groups = {"model": _copy(self.model), "average": self.average, "best": self.best}
        return {**groups, "optimizer": optimizer_tensors(self.optimizer)}

    def _patience_ended(self, valid: Labels | None) -> bool:
        waited = self.progress.epoch - self.progress.best_epoch
        steps = waited * -(-len(self.train_labels) // self.settings.batch_size)
        worn_out = waited >= self.settings.patience and steps >= LEAST_STEPS
        return valid is not None and self.progress.best_epoch > 0 and worn_out

    def _budget_ended(self) -> bool:
        budget = self.settings.budget_s
        return budget is not None and self.progress.step > 0 and time.monotonic() - self.started > budget


@contextmanager
def seeded(seed: int, epoch: int) -> Iterator[None]:
    """Torch's random numbers come from (seed, epoch) inside; outside they go on as if nothing had happened."""
    with torch.random.fork_rng():
        torch.manual_seed(_mixed(seed, epoch))
        yield


def _mixed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])


def _copy(model: GraphModel) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _run_key(plan: Blueprint, seed: int, labels: tuple[Labels | None, ...], histories: tuple[History | None, ...]) -> str:
    """What decides the result of an epoch, as a hash."""
    values = plan.to_json()
    values["settings"] = {k: v for k, v in values["settings"].items() if k not in _NO_MATTER}
    digest = hashlib.sha256(json.dumps([values, seed], sort_keys=True).encode())
    given = [(x.seeds.entity, x.seeds.cutoff, x.seeds.as_of, x.target) if x else () for x in labels]
    past = [(h.entity, h.cutoff, h.time, h.value) if h else () for h in histories]
    for arrays in (*given, *past):
        digest.update(str(len(arrays)).encode())
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
