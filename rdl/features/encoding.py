"""From a feature matrix to the numbers a learner takes: vocabularies fitted on training rows, null and unseen told apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.errors import ModelFileError
from rdl.features.matrix import FeatureMatrix


@dataclass(frozen=True)
class EncodedMatrix:
    """Numbers for a learner.

    Attributes:
        names: [m], numeric columns first.
        values: float32 [n, m]; NaN is null. A category is its place in the vocabulary; one never seen in training is the place
            after the last.
        categorical: [m] which columns are categories.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]
    categorical: NDArray[np.bool_]

    @property
    def feature_types(self) -> list[str]:
        """XGBoost's: `q` for numbers, `c` for categories."""
        return ["c" if c else "q" for c in self.categorical]


@dataclass(frozen=True)
class Encoding:
    """Numeric columns and the vocabulary of each categorical one."""

    names: tuple[str, ...]
    vocabularies: Mapping[str, tuple[str, ...]]

    @staticmethod
    def fit(
        matrix: FeatureMatrix, rows: "NDArray[np.int64] | NDArray[np.bool_] | slice" = slice(None), least: int = 1
    ) -> "Encoding":
        """Vocabularies of the values that occur in `rows` at least `least` times."""
        vocabularies = {}
        for j, name in enumerate(matrix.category_names):
            codes = matrix.codes[rows, j]
            counts = np.bincount(codes[codes >= 0], minlength=len(matrix.levels[j]))
            vocabularies[name] = tuple(matrix.levels[j][i] for i in np.flatnonzero(counts >= least))
        return Encoding(matrix.names, vocabularies)

    def transform(self, matrix: FeatureMatrix) -> EncodedMatrix:
        """The matrix in this encoding.

        Raises:
            ModelFileError: the matrix comes from another plan.
        """
        if matrix.names != self.names or matrix.category_names != tuple(self.vocabularies):
            raise ModelFileError(
                "the features are not those that the encoding was fitted on", where="encoding", fix="use the model's own plan"
            )
        categories = np.empty(matrix.codes.shape, dtype=np.float32)
        for j, vocabulary in enumerate(self.vocabularies.values()):
            place = {value: i for i, value in enumerate(vocabulary)}
            renamed = np.array([*(place.get(v, len(vocabulary)) for v in matrix.levels[j]), np.nan], dtype=np.float32)
            categories[:, j] = renamed[matrix.codes[:, j]]
        values = np.concatenate([matrix.values, categories], axis=1)
        mask = np.arange(values.shape[1]) >= len(matrix.names)
        return EncodedMatrix((*matrix.names, *matrix.category_names), values, mask)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return {"names": list(self.names), "vocabularies": [[name, list(v)] for name, v in self.vocabularies.items()]}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Encoding":
        """The encoding that `to_json` wrote."""
        return Encoding(tuple(data["names"]), {name: tuple(v) for name, v in data["vocabularies"]})
