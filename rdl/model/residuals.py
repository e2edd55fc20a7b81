"""From out-of-fold predictions to what a model says of how sure it is."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.conformal import fit_class_sets, fit_intervals, fit_joint_sets
from rdl.boost.grades import fit_grades
from rdl.boost.matrix import Matrix
from rdl.features import Encoding
from rdl.model.member import Context, FoldExamples
from rdl.model.uncertainty import LEVEL, Uncertainty, size_matrix
from rdl.task import Kind, Labels, Task

log = logging.getLogger(__name__)

FEWEST = 30
"""Out-of-fold rows from which anything is promised."""


def fit_uncertainty(folds: Sequence[FoldExamples], prediction: NDArray[Any], context: Context) -> Uncertainty:
    """What n out-of-fold predictions say of how sure the next ones are.

    Args:
        folds: whose later rows, n in all, were predicted.
        prediction: [n, …] blended, calibrated predictions of these rows in the order of the folds.
        context: task and settings.
    """
    task, settings = context.source.task, context.settings
    levels = task.intervals if settings.intervals is None else settings.intervals
    grades = task.grades if settings.grades is None else settings.grades
    labels = Labels.concat([fold.valid.labels for fold in folds])
    target, cutoff = labels.target, labels.seeds.cutoff
    empty = Uncertainty(levels=levels or (LEVEL,), quantiles=task.quantiles)
    if task.kind is Kind.BINARY and grades:
        return Uncertainty(grades=fit_grades(prediction, target, grades))
    if len(labels) < FEWEST or not (levels or task.quantiles):
        return empty
    if task.kind is Kind.REGRESSION:
        return _intervals(folds, target - prediction, prediction, context, levels)
    if task.kind is Kind.MULTICLASS:
        return Uncertainty(fit_class_sets(prediction, target, cutoff), levels=levels)
    if task.kind is Kind.MULTILABEL:
        return Uncertainty(fit_joint_sets(prediction, target, cutoff), levels=levels)
    return empty


def _intervals(
    folds: Sequence[FoldExamples], residual: NDArray[Any], prediction: NDArray[Any], context: Context, levels: tuple[float, ...]
) -> Uncertainty:
    task = context.source.task
    encoding = Encoding.fit(folds[-1].train.inputs.features)
    parts = np.split(prediction, np.cumsum([len(fold.valid.labels) for fold in folds])[:-1])
    matrix = Matrix.concat([size_matrix(f.valid.inputs.features, encoding, p) for f, p in zip(folds, parts, strict=True)])
    cutoff = np.concatenate([fold.valid.labels.seeds.cutoff for fold in folds])
    found = fit_intervals(matrix, residual, cutoff, _delay(task), context.settings.seed, context.boost.threads)
    spread = "even" if found.spread is None else "by side" if found.spread.sided else "one for both sides"
    log.info("intervals: from %d out-of-fold rows, sizes of errors: %s", len(residual), spread)
    return Uncertainty(found, None if found.spread is None else encoding, None, levels, task.quantiles)


def _delay(task: Task) -> int:
    """Microseconds from a cutoff to when its labels are known."""
    return task.last_read(0)
