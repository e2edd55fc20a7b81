"""How a network answers each kind of question: one class a kind, from targets to the loss and from outputs to predictions.

A new kind is a class and a line in `_ANSWERS`. A network gives `width` numbers a seed; everything that turns them into an answer
stands here, so the head and the training know no kinds.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from rdl.errors import TaskError
from rdl.task import DEFAULT_METRIC, Kind

Float = NDArray[np.float64]

RAREST = 1e-4
"""No class is said to be rarer than this before training."""


@dataclass(frozen=True)
class Answer(ABC):
    """One kind of answer, with what must be known of the training targets.

    Attributes:
        mean: [width] mean of the training targets: the value, or each class's share.
        spread: [width] by which standardised values are multiplied; 1 for classes.
        metric: what the task is judged by.
    """

    kind: ClassVar[Kind]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    metric: str

    @property
    def width(self) -> int:
        """How many numbers the head gives a seed."""
        return len(self.mean)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one prediction: a number, unless a kind says otherwise."""
        return ()

    @staticmethod
    def describe(target: Float, classes: int) -> tuple[Float, Float]:  # noqa: ARG004 - a number has no classes
        """Mean and spread [width] of training targets."""
        spread = target.std()
        return np.array([target.mean()]), np.array([spread if spread > 1e-12 else 1.0])

    @abstractmethod
    def base(self) -> Float:
        """What the head says before training [width]; else the first steps teach the features what the mean is."""

    @abstractmethod
    def target(self, target: Float) -> NDArray[Any]:
        """Training targets [n, …] as the loss reads them."""

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean loss of outputs [s, width] for targets [s, …]."""

    @abstractmethod
    def finish(self, output: Tensor) -> Tensor:
        """Predictions [s, *shape] from outputs [s, width]."""

    @abstractmethod
    def score(self, target: Float, found: Float) -> float:
        """How good predictions [n, *shape] are; larger is better. Targets are as in `Labels`, unknown classes among them."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"kind": self.kind.value, "mean": list(self.mean), "spread": list(self.spread), "metric": self.metric}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Answer":
        """An answer from `to_json`; KeyError, TypeError or ValueError where it is not one."""
        mean, spread = (tuple(float(v) for v in values[name]) for name in ("mean", "spread"))
        if not mean or len(mean) != len(spread):
            raise ValueError(f"{len(mean)} means and {len(spread)} spreads")
        return _ANSWERS[Kind(values["kind"])](mean, spread, str(values["metric"]))


class Probability(Answer):
    """A binary label: one logit, cross entropy; validated by AUROC (minus cross entropy where there is one class only)."""

    kind = Kind.BINARY

    def base(self) -> Float:
        """The log-odds of the training labels' mean."""
        return _log_odds(np.clip(self.mean, 1e-3, 1 - 1e-3))

    def target(self, target: Float) -> NDArray[Any]:
        """float32[n]."""
        return target.astype(np.float32)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Cross entropy."""
        return functional.binary_cross_entropy_with_logits(output[:, 0], target)

    def finish(self, output: Tensor) -> Tensor:
        """Probabilities [s]."""
        return torch.sigmoid(output[:, 0])

    def score(self, target: Float, found: Float) -> float:
        """AUROC, or minus cross entropy."""
        return _ranking(target[:, None], found[:, None])


class Value(Answer):
    """A number: one standardised value.

    Where the task is judged by squared errors these are trained and validated, else absolute ones.
    """

    kind = Kind.REGRESSION

    @property
    def squared(self) -> bool:
        """Whether the metric asks for the mean of what may come, not for its median."""
        return self.metric in ("rmse", "r2")

    def base(self) -> Float:
        """The mean."""
        return np.zeros(1)

    def target(self, target: Float) -> NDArray[Any]:
        """float32[n], standardised."""
        return ((target - self.mean[0]) / self.spread[0]).astype(np.float32)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Squared or absolute error of standardised values."""
        error = functional.mse_loss if self.squared else functional.l1_loss
        return error(output[:, 0], target)

    def finish(self, output: Tensor) -> Tensor:
        """Values [s]."""
        return output[:, 0] * self.spread[0] + self.mean[0]

    def score(self, target: Float, found: Float) -> float:
        """Minus the root of the mean squared error, or minus the mean absolute error."""
        error = target - found
        return -float(np.sqrt(np.mean(error**2))) if self.squared else -float(np.abs(error).mean())


class OneOfClasses(Answer):
    """One class of several: a logit each, cross entropy; validated by it."""

    kind = Kind.MULTICLASS

    @property
    def shape(self) -> tuple[int, ...]:
        """(classes,)."""
        return (self.width,)

    @staticmethod
    def describe(target: Float, classes: int) -> tuple[Float, Float]:
        """The classes' shares."""
        return np.bincount(target.astype(np.int64), minlength=classes) / len(target), np.ones(classes)

    def base(self) -> Float:
        """The logarithms of the classes' shares."""
        return np.log(np.maximum(self.mean, RAREST))

    def target(self, target: Float) -> NDArray[Any]:
        """int64[n] places of classes."""
        return target.astype(np.int64)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Cross entropy."""
        return functional.cross_entropy(output, target)

    def finish(self, output: Tensor) -> Tensor:
        """Probabilities [s, classes]; those of a seed sum to one."""
        return torch.softmax(output, dim=1)

    def score(self, target: Float, found: Float) -> float:
        """Minus cross entropy; a class that is not known was given no probability."""
        place = target.astype(np.int64)
        given = np.where(place >= 0, found[np.arange(len(place)), place], 0.0)
        return float(np.log(np.maximum(given, 1e-15)).mean())


class SetOfClasses(Answer):
    """Any number of classes: a logit each, cross entropy of each; validated by the mean AUROC of those that tell seeds apart."""

    kind = Kind.MULTILABEL

    @property
    def shape(self) -> tuple[int, ...]:
        """(classes,)."""
        return (self.width,)

    @staticmethod
    def describe(target: Float, classes: int) -> tuple[Float, Float]:
        """The classes' shares."""
        return target.mean(axis=0), np.ones(classes)

    def base(self) -> Float:
        """The log-odds of the classes' shares."""
        return _log_odds(np.clip(self.mean, RAREST, 1 - RAREST))

    def target(self, target: Float) -> NDArray[Any]:
        """float32[n, classes]."""
        return target.astype(np.float32)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Mean cross entropy over seeds and classes."""
        return functional.binary_cross_entropy_with_logits(output, target)

    def finish(self, output: Tensor) -> Tensor:
        """Probabilities [s, classes], each for itself."""
        return torch.sigmoid(output)

    def score(self, target: Float, found: Float) -> float:
        """Mean AUROC, or minus cross entropy."""
        return _ranking(target, found)


_ANSWERS: Mapping[Kind, type[Answer]] = {answer.kind: answer for answer in (Probability, Value, OneOfClasses, SetOfClasses)}


def make_answer(kind: Kind, target: Float, classes: int = 0, metric: str | None = None) -> Answer:
    """The answer to a question of `kind` with these training targets, of at least one seed (see `Labels.target`).

    `classes` is how many the task knows, where it names classes. Raises TaskError where a target is not of such a kind.
    """
    if kind not in _ANSWERS:
        raise TaskError(f"networks do not answer {kind.value} tasks", fix=f"choose from {', '.join(_ANSWERS)}")
    expected = (len(target), classes) if kind is Kind.MULTILABEL else (len(target),)
    wrong = target[(target < 0) | (target >= classes)] if kind is Kind.MULTICLASS else target[~np.isfinite(target)]
    if target.shape != expected or len(wrong):
        found = f"shape {target.shape}, expected {expected}" if target.shape != expected else f"{wrong[0]:g} among them"
        fix = f"train on labels of the task's {classes} classes" if classes else "train on one number a seed"
        raise TaskError(f"these are no {kind.value} targets: {found}", fix=fix)
    answer = _ANSWERS[kind]
    mean, spread = answer.describe(target, classes)
    return answer(tuple(mean.tolist()), tuple(spread.tolist()), metric or DEFAULT_METRIC[kind])


def _log_odds(share: Float) -> Float:
    return np.asarray(np.log(share / (1 - share)))


def _ranking(target: Float, found: Float) -> float:
    """Mean AUROC of the columns [n, k] that hold zeros and ones; minus mean cross entropy where none does."""
    from sklearn.metrics import log_loss, roc_auc_score

    telling = [k for k in range(target.shape[1]) if len(np.unique(target[:, k])) == 2]
    if not telling:
        losses = [log_loss(target[:, k], found[:, k], labels=[0.0, 1.0]) for k in range(target.shape[1])]
        return -float(np.mean(losses))
    return float(np.mean([roc_auc_score(target[:, k], found[:, k]) for k in telling]))
