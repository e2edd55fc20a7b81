"""In-context learners with scikit-learn's interface, such as TabICL and TabPFN: fitting keeps the rows, predicting reads them.

What lies on disk are these rows; a model that is loaded fits them anew, which costs what its first fit did. The libraries bring or
fetch weights of their own: rdl stores and ships none.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.estimators.estimator import Estimator, FittedEstimator, Float64, FoldRun, Learned, fold_of
from rdl.boost.matrix import Matrix
from rdl.boost.settings import BoostSettings
from rdl.errors import ModelFileError
from rdl.task import Kind

MOST_ROWS = 4_000
"""Rows that are learned from: attention costs their square. More are drawn, by their weights."""
_JSON, _ROWS = "in_context.json", "rows.npz"


@dataclass(frozen=True)
class FittedInContext(FittedEstimator):
    """Rows that a learner reads, and which one.

    Attributes:
        package, learner, told: the class, and what it is made with.
        values: float32 [n, m].
        label: [n] 0/1, values, or places of classes.
        shape: what one prediction looks like.
        value: `mean` or `median` of a value; "" where answers are probabilities.
    """

    package: str
    learner: str
    told: Mapping[str, Any]
    values: NDArray[np.float32]
    label: Float64
    names: tuple[str, ...]
    shape: tuple[int, ...]
    value: str

    @cached_property
    def fitted(self) -> Any:
        """The learner, with its rows."""
        learner = getattr(import_module(self.package), self.learner)(**self.told)
        label = self.label if self.value else self.label.astype(np.int64)
        return learner.fit(self.values, label)

    def predict(self, matrix: Matrix) -> Float64:
        """[n] probability or value, or [n, classes] probabilities."""
        if matrix.names != self.names:
            raise ValueError("the matrix has other columns than the fitted one")
        if self.value:
            return np.asarray(self.fitted.predict(matrix.values, output_type=self.value), dtype=np.float64)
        found = np.zeros((len(matrix), *(self.shape or (2,))))
        found[:, np.asarray(self.fitted.classes_, dtype=np.int64)] = self.fitted.predict_proba(matrix.values)
        return found if self.shape else found[:, 1]

    def save(self, folder: Path) -> None:
        """Write the rows as arrays and the rest as JSON into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"seed": self.told["random_state"], "names": self.names, "shape": self.shape, "value": self.value}
        (folder / _JSON).write_text(json.dumps(facts), encoding="utf-8")
        np.savez(folder / _ROWS, values=self.values, label=self.label)


@dataclass(frozen=True)
class InContext(Estimator):
    """A package with a classifier and a regressor that take `random_state`, and what else they are told."""

    name: str
    classifier: str
    regressor: str
    told: Mapping[str, Any] = field(default_factory=dict)

    def fold(self, rows: Learned, later: Learned, settings: BoostSettings, seed: int) -> FoldRun:
        """Read `rows`, predict the `later` ones; there are no rounds."""
        found = self.fit(rows, settings, seed).predict(later.matrix)
        return fold_of([0.0], lambda _: found)

    def fit(self, rows: Learned, settings: BoostSettings, seed: int) -> FittedInContext:  # noqa: ARG002 - nothing is set
        """Keep at most `MOST_ROWS` rows."""
        kept = np.arange(len(rows.matrix))
        if len(kept) > MOST_ROWS:
            chance = None if rows.weight is None else rows.weight / rows.weight.sum()
            kept = np.sort(np.random.default_rng(seed).choice(len(kept), MOST_ROWS, replace=False, p=chance))
        value = "" if rows.kind is not Kind.REGRESSION else "median" if rows.absolute else "mean"
        return FittedInContext(
            self.name,
            self.regressor if value else self.classifier,
            {**self.told, "random_state": seed},
            rows.matrix.values[kept],
            rows.label[kept],
            rows.matrix.names,
            rows.shape,
            value,
        )

    def load(self, folder: Path) -> FittedInContext:
        """What `save` wrote. Which class reads the rows is said here, not in the file."""
        self.require()
        try:
            facts = json.loads((folder / _JSON).read_text(encoding="utf-8"))
            with np.load(folder / _ROWS, allow_pickle=False) as kept:
                values, label = kept["values"], kept["label"]
            told = {**self.told, "random_state": int(facts["seed"])}
            learner = self.regressor if facts["value"] else self.classifier
            names, shape = tuple(facts["names"]), tuple(facts["shape"])
            return FittedInContext(self.name, learner, told, values, label, names, shape, facts["value"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelFileError(f"unreadable member: {error}", where=str(folder), fix="fetch the model again") from error
