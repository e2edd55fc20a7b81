"""What the labels of a task look like: how many, what they average, how they drift from cutoff to cutoff, what was left out.

Drift is the population stability index of a cutoff's labels against those of the whole training split (the first
split that there is, where that is empty): the sum over bins of
(p - q) * ln(p / q), where the bins are 0 and 1, or the tenths of the training labels. From it is taken what chance alone gives,
(bins - 1) * (1 / n + 1 / m), and below zero it is zero. Below 0.1 little has changed; above 0.25 much has.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from rdl.database import Database
from rdl.errors import TaskError
from rdl.task.cutoffs import Split, split_cutoffs
from rdl.task.labels import LabelReport, labels_at
from rdl.task.seeds import Float, Labels
from rdl.task.task import Kind, Task
from rdl.timeline import format_time


@dataclass(frozen=True)
class CutoffProfile:
    """The labels of one cutoff: count, mean (of a binary task the base rate), tenth, median, ninth tenth, drift; None: no label."""

    cutoff: str
    rows: int
    mean: float | None
    low: float | None
    median: float | None
    high: float | None
    drift: float | None


@dataclass(frozen=True)
class SplitProfile:
    """The labels of one split, by cutoff, and what was left out; with `refused`, why there are none."""

    rows: int
    mean: float | None
    cutoffs: tuple[CutoffProfile, ...]
    dropped: LabelReport | None
    refused: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def profile_splits(database: Database, task: Task) -> dict[Split, SplitProfile]:
    """Every published split of a task; one that no cutoff fits into says why.

    Raises:
        TaskError, SqlError: a query is wrong, see `labels_at`.
    """
    found: dict[Split, SplitProfile] = {}
    reference: Labels | None = None
    for split in Split:
        try:
            cutoffs = split_cutoffs(task, split, database.span)
        except TaskError as error:
            found[split] = SplitProfile(0, None, (), None, error.what)
            continue
        labels, report = labels_at(database, task, cutoffs)
        reference = reference or labels
        found[split] = profile_labels(task, labels, report, cutoffs.tolist(), reference.target)
    return found


def profile_labels(task: Task, labels: Labels, report: LabelReport, cutoffs: Sequence[int], reference: Float) -> SplitProfile:
    """The labels at `cutoffs`, which are in their order, against the labels `reference`."""
    bounds = np.searchsorted(labels.seeds.cutoff, [*cutoffs, cutoffs[-1] + 1])
    edges = _edges(task, reference)
    rows = [
        _profile(format_time(cutoff), labels.target[first:last], reference, edges)
        for cutoff, first, last in zip(cutoffs, bounds[:-1], bounds[1:], strict=True)
    ]
    return SplitProfile(len(labels), float(labels.target.mean()) if len(labels) else None, tuple(rows), report)


def stability(values: Float, reference: Float, edges: Float) -> float:
    """The population stability index of `values` [n] against `reference` [m], less what chance gives.

    Args:
        values: not empty.
        reference: not empty.
        edges: ascending bounds between bins; a bin holds what lies above its lower bound, through its upper one.
    """
    bins = len(edges) + 1
    counts = [np.bincount(np.searchsorted(edges, part), minlength=bins) for part in (values, reference)]
    p, q = ((c + 0.5) / (c.sum() + 0.5 * bins) for c in counts)
    index = float(np.sum((p - q) * np.log(p / q)))
    return max(0.0, index - (bins - 1) * (1 / len(values) + 1 / len(reference)))


def _edges(task: Task, reference: Float) -> Float:
    if task.kind is Kind.BINARY:
        return np.array([0.0])
    if not len(reference):
        return np.array([], dtype=np.float64)
    return np.unique(np.quantile(reference, np.arange(1, 10) / 10))


def _profile(cutoff: str, values: Float, reference: Float, edges: Float) -> CutoffProfile:
    if not len(values):
        return CutoffProfile(cutoff, 0, None, None, None, None, None)
    low, median, high = (float(q) for q in np.quantile(values, [0.1, 0.5, 0.9]))
    drift = stability(values, reference, edges) if len(reference) else math.nan
    return CutoffProfile(
        cutoff, len(values), float(values.mean()), low, median, high, None if math.isnan(drift) else round(drift, 4)
    )
