"""What may be set about a network and its training; everything here is JSON."""

from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from rdl.errors import UsageError, nearest

_CHOICES = {
    "encoder": ("fused", "resnet"),
    "strategy": ("last", "uniform"),
    "precision": ("auto", "float32", "bf16"),
    "sampling": ("cpu", "device"),
    "numeric": ("piecewise", "periodic", "standard"),
}


@dataclass(frozen=True)
class GnnSettings:
    """Settings of `fit_gnn`.

    Attributes:
        seeds: how many networks are trained, each from its own random numbers; what they say is averaged.
        network: name of the message passing network, one of `rdl.gnn.networks.NETWORKS`.
        channels: width of every layer.
        fanouts: most neighbours per node and edge type, for each hop; its length is the number of layers.
        strategy: which neighbours are taken, the "last" ones or "uniform" ones.
        window: microseconds before a seed's `as_of` beyond which children are too old to be read; None for all of them.
        encoder: what rows are encoded by: the "fused" encoder, which is small, or a "resnet" of `encoder_layers` blocks, which
            costs far more and reads numbers as "standard".
        numeric: what numbers are told by, beside their standardised value: "piecewise" quantiles, "periodic" waves, or "standard",
            which is nothing.
        buckets: rows of the one embedding table that all categorical values and words share.
        history: how many of the entity's own past labels are read one by one (their mean and count are read too).
        epochs: passes over the training seeds; the most of them where a validation set stops earlier.
        epoch_seeds: seeds an epoch at most; where there are more, every epoch draws other ones.
        batch_size: seeds in a step.
        learning_rate, weight_decay, dropout, clip: of AdamW; `clip` bounds the norm of the gradient.
        warm_up: steps over which the learning rate rises to its value; it is constant from there on.
        averaging: decay of the running average of the weights, which is what is validated and kept.
        patience: epochs (and at least 40 steps) without a better validation before training stops.
        staleness: microseconds; each epoch every training seed's `as_of` is moved back by a draw from U(0, staleness).
        budget_s: seconds of wall time of all networks together, or None for no limit.
        device: "auto" takes an accelerator where there is one.
        precision: what products are computed in while training: "float32", "bf16" (weights stay float32), or "auto", which is
            bf16 on an accelerator. Predictions are float32 in any case.
        sampling: where batches are made: on the "cpu", or on the "device", to which the graph is then copied. They are the same.
        workers: threads that prepare batches on the CPU; they change nothing in them.
        threads: cores torch uses while fitting and predicting (`workers` others prepare batches). Sums are split by it, so it is
            part of the result: a setting, and not what the machine has.
    """

    seeds: int = 1
    network: str = "sage"
    channels: int = 32
    fanouts: tuple[int, ...] = (32, 8)
    strategy: Literal["last", "uniform"] = "last"
    window: int | None = None
    encoder: Literal["fused", "resnet"] = "fused"
    encoder_layers: int = 4
    numeric: Literal["piecewise", "periodic", "standard"] = "piecewise"
    buckets: int = 8192
    history: int = 6
    epochs: int = 24
    epoch_seeds: int = 12_288
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    dropout: float = 0.3
    clip: float = 1.0
    warm_up: int = 20
    averaging: float = 0.97
    patience: int = 4
    staleness: int = 0
    budget_s: float | None = None
    device: str = "auto"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    sampling: Literal["cpu", "device"] = "cpu"
    workers: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "fanouts", tuple(int(f) for f in self.fanouts))
        for name in ("seeds", "channels", "buckets", "epochs", "epoch_seeds", "batch_size", "workers", "threads", "encoder_layers"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", where="settings of the network", fix="give at least 1")
        if self.window is not None and self.window < 1:
            raise UsageError(f"window is {self.window}", where="settings of the network", fix="give microseconds, or none")
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                fix = f"use one of {', '.join(map(repr, known))}"
                raise UsageError(f"{name} is {getattr(self, name)!r}", where="settings of the network", fix=fix)
        if not self.fanouts:
            raise UsageError("there is no fan-out", where="settings of the network", fix="give one number a hop, such as (32, 8)")

    def to_json(self) -> dict[str, Any]:
        """The settings as plain JSON values."""
        return {**asdict(self), "fanouts": list(self.fanouts)}

    @staticmethod
    def from_json(values: dict[str, Any]) -> "GnnSettings":
        """Settings from `to_json`; UsageError names an unknown key and the nearest known one."""
        known = {f.name for f in fields(GnnSettings)}
        for name in values:
            if name not in known:
                raise UsageError(f"unknown setting {name!r}", where="settings of the network", fix=nearest(name, known))
        return GnnSettings(**values)
