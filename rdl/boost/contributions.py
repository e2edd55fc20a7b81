"""What each feature adds to the margins of a row: Shapley values of trees (Lundberg, Erion, Lee 2018), computed by XGBoost."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rdl.boost.matrix import Matrix, to_predict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xgboost


def contributions(boosters: "Sequence[xgboost.Booster]", matrix: Matrix, threads: int, outputs: int) -> NDArray[np.float64]:
    """[n, outputs, m + 1] what each of the m features adds to each margin, the mean over boosters; last, where the margin begins.

    Those of a row and an output sum to its margin: log-odds where probabilities are predicted, values elsewhere.
    """
    data = to_predict(matrix, threads)
    parts = [np.asarray(b.predict(data, pred_contribs=True), dtype=np.float64) for b in boosters]
    return np.mean(parts, axis=0).reshape(len(matrix), outputs, len(matrix.names) + 1)
