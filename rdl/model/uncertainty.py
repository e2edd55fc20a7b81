"""How sure a prediction is, as columns beside it: intervals, sets of classes, quantiles and grades.

What was calibrated on out-of-fold rows is kept in the model's choices. It is read at any level that is asked for, and moves on with
labels that become known after the fit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.conformal import ClassSets, Intervals, JointSets
from rdl.boost.grades import Grades
from rdl.boost.matrix import Matrix
from rdl.features import Encoding, FeatureMatrix
from rdl.task import Kind, Labels, Task

LOWER, UPPER, POSSIBLE, CERTAIN, GRADE, QUANTILE = "lower", "upper", "possible", "certain", "grade", "quantile"
LEVEL = 0.9
"""How often an interval or a set holds the truth, where nothing else is asked for."""

Float64 = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]
Regions = Intervals | ClassSets | JointSets

_KINDS: Mapping[str, type[Intervals] | type[ClassSets] | type[JointSets]] = {
    Kind.REGRESSION: Intervals,
    Kind.MULTICLASS: ClassSets,
    Kind.MULTILABEL: JointSets,
}


@dataclass(frozen=True)
class Uncertainty:
    """What a model can say of how sure it is.

    Attributes:
        regions: intervals of a regression, sets of classes; None where nothing was asked for, or where rows were too few.
        encoding: of the features that the size of a residual is told from.
        grades: of probabilities.
        levels: nominal coverages; the first one's columns have plain names.
        quantiles: of a regression, besides.
    """

    regions: Regions | None = None
    encoding: Encoding | None = None
    grades: Grades | None = None
    levels: tuple[float, ...] = (LEVEL,)
    quantiles: tuple[float, ...] = ()

    def sizes(self, features: FeatureMatrix, prediction: NDArray[Any]) -> Float64:
        """[n, 2] expected sizes of a regression's residual below and above; ones elsewhere."""
        if not isinstance(self.regions, Intervals) or self.regions.spread is None or self.encoding is None:
            return np.ones((len(prediction), 2))
        return self.regions.sizes(size_matrix(features, self.encoding, prediction))

    def columns(self, task: Task, prediction: NDArray[Any], sizes: Float64) -> dict[str, NDArray[Any]]:
        """Columns by name, each [n], or [n, classes] of flags: see `level_columns`, `quantile_…` and `grade`."""
        found: dict[str, NDArray[Any]] = {}
        for level in self.levels if self.regions is not None else ():
            found |= self._region(task, prediction, sizes, level)
        if self.quantiles and isinstance(self.regions, Intervals):
            values = task.bounded(self.regions.quantiles(prediction, sizes, self.quantiles))
            found |= {f"{QUANTILE}_{percent(q)}": values[:, i] for i, q in enumerate(self.quantiles)}
        return found if self.grades is None else {**found, GRADE: self.grades.of(prediction)}

    def _region(self, task: Task, prediction: NDArray[Any], sizes: Float64, level: float) -> dict[str, NDArray[Any]]:
        names = level_columns(task.kind, level, self.levels[0])
        if isinstance(self.regions, Intervals):
            tail = (1.0 - level) / 2
            low, high = task.bounded(self.regions.quantiles(prediction, sizes, (tail, 1.0 - tail))).T
            return dict(zip(names, (np.minimum(low, prediction), np.maximum(high, prediction)), strict=True))
        if isinstance(self.regions, ClassSets):
            return {names[0]: self.regions.possible(prediction, level)}
        assert self.regions is not None
        return dict(zip(names, self.regions.certain_and_possible(prediction, level), strict=True))

    def moved(self, labels: Labels, prediction: NDArray[Any], sizes: Float64) -> "Uncertainty":
        """The same with labels [n] that became known after the fit, and what had been predicted of them."""
        if self.regions is None or not len(labels):
            return self
        target, cutoff = labels.target, labels.seeds.cutoff
        if isinstance(self.regions, Intervals):
            return replace(self, regions=self.regions.moved(target - prediction, sizes, cutoff))
        return replace(self, regions=self.regions.moved(prediction, target, cutoff))

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        kind = next((kind for kind, of in _KINDS.items() if isinstance(self.regions, of)), None)
        return {
            "kind": kind,
            "regions": None if self.regions is None else self.regions.to_json(),
            "encoding": None if self.encoding is None else self.encoding.to_json(),
            "grades": None if self.grades is None else self.grades.to_json(),
            "levels": list(self.levels),
            "quantiles": list(self.quantiles),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Uncertainty":
        """What `to_json` wrote."""
        return Uncertainty(
            None if data["kind"] is None else _KINDS[data["kind"]].from_json(data["regions"]),
            None if data["encoding"] is None else Encoding.from_json(data["encoding"]),
            None if data["grades"] is None else Grades.from_json(data["grades"]),
            tuple(data["levels"]),
            tuple(data["quantiles"]),
        )


def size_matrix(features: FeatureMatrix, encoding: Encoding, prediction: NDArray[Any]) -> Matrix:
    """[n, m + 1] the features, and the prediction itself."""
    encoded = encoding.transform(features)
    values = np.column_stack([encoded.values, prediction.astype(np.float32)])
    return Matrix(values, (*encoded.names, "prediction"), (*(bool(c) for c in encoded.categorical), False))


def level_columns(kind: Kind, level: float, first: float) -> tuple[str, ...]:
    """The names of a level's columns.

    `lower` and `upper` of a regression; `possible` classes of a multiclass; of a multilabel `certain` and `possible` ones. Those of
    any level but the first end in the level: `lower_50`.
    """
    names = {Kind.REGRESSION: (LOWER, UPPER), Kind.MULTICLASS: (POSSIBLE,), Kind.MULTILABEL: (CERTAIN, POSSIBLE)}.get(kind, ())
    return names if level == first else tuple(f"{name}_{percent(level)}" for name in names)


def percent(share: float) -> str:
    """A share as it ends a name: 90, 99_5."""
    return f"{100 * share:.6g}".replace(".", "_")
