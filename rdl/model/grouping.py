"""Groups of rows between which a blend's weights may differ: by the age of the database, or by a categorical feature."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rdl.errors import UsageError, nearest
from rdl.model.inputs import Prepared
from rdl.model.member import FoldExamples
from rdl.task import Task

HORIZON = "horizon"
AGES = (1, 4, 12)
"""Horizons at which a new group begins: a database younger than one is as good as up to date."""


def groups_of(inputs: Prepared, by: str, task: Task) -> NDArray[np.str_] | None:
    """[n] the group of each row; None where there are none. A null has a group of its own.

    Raises:
        UsageError: the plan has no such categorical feature.
    """
    if not by:
        return None
    if by == HORIZON:
        age = (inputs.seeds.cutoff - inputs.seeds.as_of) // task.window
        return np.asarray(np.searchsorted(AGES, age, side="right").astype(str), dtype=np.str_)
    features = inputs.features
    if by not in features.category_names:
        fix = nearest(by, [HORIZON, *features.category_names])
        raise UsageError(f"no categorical feature {by!r} to blend by", where="blend_by", fix=fix)
    place = features.category_names.index(by)
    named = np.array([*(f"= {level}" for level in features.levels[place]), "null"], dtype=np.str_)
    return np.asarray(named[features.codes[:, place]], dtype=np.str_)


def grouped(folds: Sequence[FoldExamples], by: str, task: Task) -> NDArray[np.str_] | None:
    """[n] the groups of the folds' later rows, fold after fold."""
    found = [groups_of(fold.valid.inputs, by, task) for fold in folds]
    told = [group for group in found if group is not None]
    return np.concatenate(told) if told else None
