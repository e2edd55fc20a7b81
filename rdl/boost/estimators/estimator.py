"""What a learner of another library is to rdl: it fits a fold, fits all rows, predicts, saves and loads."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rdl.boost.matrix import Matrix
from rdl.boost.settings import BoostSettings
from rdl.errors import UsageError
from rdl.task import Kind

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Learned:
    """Rows to learn from.

    Attributes:
        matrix: [n, m] features, rows in the order of time.
        target: [n] 0/1 or values; of classes [n, classes] with one 1 a row.
        weight: [n], or None.
        kind: what the target is.
        metric: what the task is judged by.
    """

    matrix: Matrix
    target: Float64
    weight: Float64 | None
    kind: Kind
    metric: str

    @property
    def label(self) -> Float64:
        """[n] 0/1, values, or places of classes."""
        return self.target.argmax(axis=1).astype(np.float64) if self.kind is Kind.MULTICLASS else self.target

    @property
    def shape(self) -> tuple[int, ...]:
        """What one prediction looks like: (), or (classes,)."""
        return self.target.shape[1:]

    @property
    def absolute(self) -> bool:
        """Whether values are judged by absolute errors: then medians are asked for, not means."""
        return self.kind is Kind.REGRESSION and self.metric not in ("rmse", "r2")


class FittedEstimator(ABC):
    """A learner that can predict."""

    @abstractmethod
    def predict(self, matrix: Matrix) -> Float64:
        """[n] probability or value, or [n, classes] probabilities."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write everything that `load` needs, without pickle."""

    def importance(self) -> dict[str, float]:
        """Share of each feature, where the learner knows it."""
        return {}


@dataclass(frozen=True)
class FoldRun:
    """One fold: what every round scores on its later rows, larger is better, and their predictions [n, …] by so many rounds.

    A learner without rounds has one.
    """

    scores: Float64
    predict: Callable[[int], Float64]


class Estimator(ABC):
    """A learner that is not fitted: it has no `predict`.

    Attributes:
        name: the member's, the package's and the extra's.
        kinds: which kinds of question it answers.
    """

    name: str
    kinds: frozenset[Kind] = frozenset({Kind.BINARY, Kind.MULTICLASS, Kind.REGRESSION})

    def require(self) -> None:
        """Raises UsageError where the library is not installed."""
        if find_spec(self.name) is None:
            raise UsageError(
                f"the member {self.name!r} needs the package {self.name}, which is not installed",
                where="--members",
                fix=f"pip install 'rdl[{self.name}]'",
            )

    @abstractmethod
    def fold(self, rows: Learned, later: Learned, settings: BoostSettings, seed: int) -> FoldRun:
        """Fit on `rows` and look at the `later` ones after every round."""

    @abstractmethod
    def fit(self, rows: Learned, settings: BoostSettings, seed: int) -> FittedEstimator:
        """Fit `settings.rounds` rounds, `settings.seeds` times."""

    @abstractmethod
    def load(self, folder: Path) -> FittedEstimator:
        """What `save` wrote.

        Raises:
            ModelFileError: a file is missing or unreadable.
            UsageError: the library is not installed.
        """


def fold_of(scores: Sequence[float], predict: Callable[[int], Float64]) -> FoldRun:
    """A fold from the losses of its rounds."""
    return FoldRun(-np.array(scores, dtype=np.float64), predict)
