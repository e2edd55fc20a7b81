"""What a member of the blend is: it chooses on folds, fits on everything, predicts, saves and loads.

A new member is one class in one file and one line in `registry.py`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost import BoostSettings, default_settings
from rdl.model.inputs import Examples, Prepared, Source
from rdl.model.settings import FitSettings
from rdl.task import Kind

Prediction = NDArray[Any]
Choice = Mapping[str, Any]


@dataclass(frozen=True)
class FoldExamples:
    """One forward-chained fold: what is fitted on, and the later rows that are predicted."""

    train: Examples
    valid: Examples


@dataclass(frozen=True)
class Context:
    """What all members know.

    Attributes:
        source: database, task, plan and graph.
        settings: how to fit.
        checkpoints: a folder where long fits keep their progress.
        staleness: how old the database may be when the model predicts, microseconds.
        seconds: wall time this member may take for the step at hand, None for no limit.
    """

    source: Source
    settings: FitSettings
    checkpoints: Path
    staleness: int = 0
    seconds: float | None = None

    @property
    def kind(self) -> Kind:
        """The task's kind."""
        return self.source.task.kind

    @property
    def boost(self) -> BoostSettings:
        """The settings of XGBoost that hold for this task."""
        return self.settings.boost or default_settings(self.kind, len(self.source.task.classes))

    @property
    def metric(self) -> str:
        """The task's metric."""
        return self.source.task.metric


class FittedMember(ABC):
    """A member that can predict."""

    @abstractmethod
    def predict(self, inputs: Prepared, source: Source) -> Prediction:
        """Of prepared seeds: [n] probability or value, [n, classes] probabilities, or [n, top] ranked rows, -1 for none."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write everything that `load` needs, without pickle."""

    def importance(self) -> dict[str, float]:
        """Share of each feature, where the member knows it."""
        return {}

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The m features that `contributions` tells of; none where the member cannot tell."""
        return ()

    @property
    def explains(self) -> bool:
        """Whether the member knows what its features add to a prediction."""
        return bool(self.feature_names)

    def contributions(self, inputs: Prepared) -> NDArray[np.float64]:
        """[n, outputs, m + 1] what each feature adds to each margin of prepared seeds; last, where the margin begins."""
        raise NotImplementedError(f"{type(self).__name__} gives no reasons")


class Member(ABC):
    """A member that is not fitted: it has no `predict`."""

    name: str
    kinds: frozenset[Kind] = frozenset(Kind) - {Kind.RECOMMENDATION}
    """Which kinds of question it answers."""
    baseline: bool = False
    """Whether it stands beside the others for comparison, and enters the blend only where it is alone."""
    optional: bool = False
    """Whether it is fitted only where it is named."""

    def require(self) -> None:  # noqa: B027 - most members need nothing
        """Raises UsageError where a library that it needs is not installed."""

    @abstractmethod
    def choose(self, folds: Sequence[FoldExamples], context: Context) -> tuple[Choice, list[Prediction]]:
        """Decide on the folds.

        Returns:
            The choice, and the out-of-fold predictions of the later rows of each fold; of the latest ones only where a member
            costs too much to be fitted on them all.
        """

    @abstractmethod
    def fit(self, examples: Examples, choice: Choice, context: Context) -> FittedMember:
        """Fit on all examples as chosen."""

    @abstractmethod
    def load(self, folder: Path) -> FittedMember:
        """Read what the fitted member saved."""
