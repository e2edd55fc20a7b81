"""Folds of rows with labels alone, made of noise: what configurations are compared on."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from rdl.task import Labels, Seeds

ROWS, FOLDS = 200, 3


def made_folds() -> list[Any]:
    """`FOLDS` folds of `ROWS` later rows each, at ten cutoffs a fold."""
    rng = np.random.default_rng(0)
    found = []
    for fold in range(FOLDS):
        cutoff = np.repeat(np.arange(10) + 10 * fold, ROWS // 10)
        labels = Labels(Seeds.at(np.arange(ROWS), cutoff), rng.normal(size=ROWS))
        found.append(SimpleNamespace(valid=SimpleNamespace(labels=labels, target=labels.target)))
    return found
