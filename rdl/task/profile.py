"""What the labels of a task look like: how many, what they average, how they drift from cutoff to cutoff, what was left out.

Drift is the population stability index of a cutoff's labels against those of the whole training split (the first
split that there is, where that is empty): the sum over bins of
(p - q) * ln(p / q), where the bins are 0 and 1, the classes (of sets of classes: each class's mentions, and the empty set), or the
tenths of the training labels (of lists: of their lengths). From it is taken what chance alone gives,
(bins - 1) * (1 / n + 1 / m), and below zero it is zero. Below 0.1 little has changed; above 0.25 much has.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from rdl.database import Database
from rdl.errors import TaskError
from rdl.task.classes import known
from rdl.task.cutoffs import Split, split_cutoffs
from rdl.task.labels import LabelReport, labels_at, split_labels
from rdl.task.seeds import Float, Int, Labels
from rdl.task.settle import with_classes
from rdl.task.static import of_split
from rdl.task.task import Kind, Task
from rdl.timeline import format_time

PERIODS = 48
"""So many lines at most stand for labels that lie at cutoffs of their own: each holds those up to the next one."""


@dataclass(frozen=True)
class CutoffProfile:
    """The labels of one cutoff; what does not apply to the task's kind, or to no labels, is None.

    Attributes:
        cutoff: the moment.
        rows: how many labels.
        mean: of a binary task the base rate, of sets and lists how long they are.
        low, median, high: a tenth, the half and nine tenths of what `mean` averages lie at or below them.
        drift: see above.
        shares: by class, which share of the rows names it, in the order of the task's classes.
        distinct: how many different rows the lists name.
    """

    cutoff: str
    rows: int
    mean: float | None = None
    low: float | None = None
    median: float | None = None
    high: float | None = None
    drift: float | None = None
    shares: dict[str, float] | None = None
    distinct: int | None = None


@dataclass(frozen=True)
class SplitProfile:
    """The labels of one split, as a whole and by cutoff, and what was left out; with `refused`, why there are none.

    Attributes:
        unknown_class: labels of classes that were not seen before the test date: none is trained on, none can be predicted.
    """

    rows: int
    mean: float | None
    cutoffs: tuple[CutoffProfile, ...]
    dropped: LabelReport | None
    refused: str | None = None
    shares: dict[str, float] | None = None
    distinct: int | None = None
    unknown_class: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def profile_splits(database: Database, task: Task) -> dict[Split, SplitProfile]:
    """Every published split of a task; one that no cutoff fits into says why.

    Classes are those of the labels that are mature at the test date.

    Raises:
        TaskError, SqlError: a query is wrong, see `labels_at`.
    """
    try:
        task = with_classes(database, task, task.test)
    except TaskError as error:
        return {split: SplitProfile(0, None, (), None, error.what) for split in Split}
    found: dict[Split, SplitProfile] = {}
    reference: Labels | None = None
    for split in Split:
        try:
            cutoffs = split_cutoffs(task, split, database.span)
        except TaskError as error:
            found[split] = SplitProfile(0, None, (), None, error.what)
            continue
        labels, report = _split_labels(database, task, split, cutoffs)
        reference = reference or labels
        found[split] = profile_labels(task, labels, report, _lines(task, cutoffs), reference.target)
    return found


def _split_labels(database: Database, task: Task, split: Split, cutoffs: Int) -> tuple[Labels, LabelReport | None]:
    """The labels of a split, and what was left out; RelBench's own tables do not tell."""
    if task.path.suffix == ".yaml":
        return split_labels(database, task, split), None
    labels, report = labels_at(database, task, cutoffs, counted=True)
    return of_split(database, task, labels, split), report


def _lines(task: Task, cutoffs: Int) -> list[int]:
    """The cutoffs that get a line."""
    if task.static or not task.listed or len(cutoffs) <= PERIODS:
        return cutoffs.tolist()
    return cutoffs[np.unique(np.linspace(0, len(cutoffs), PERIODS, endpoint=False).astype(np.int64))].tolist()


def profile_labels(
    task: Task, labels: Labels, report: LabelReport | None, cutoffs: Sequence[int], reference: Float
) -> SplitProfile:
    """The labels from each of `cutoffs` on, which are in their order, against the targets `reference`."""
    bounds = np.searchsorted(labels.seeds.cutoff, [*cutoffs, np.iinfo(np.int64).max])
    edges = _edges(task, reference)
    rows = tuple(
        _profile(task, format_time(cutoff), labels[first:last], reference, edges)
        for cutoff, first, last in zip(cutoffs, bounds[:-1], bounds[1:], strict=True)
    )
    whole = _profile(task, "", labels, reference, edges)
    unknown = int((~known(task, labels.target)).sum())
    return SplitProfile(len(labels), whole.mean, rows, report, None, whole.shares, whole.distinct, unknown)


def stability(values: Float, reference: Float, edges: Float) -> float:
    """The population stability index of `values` [n] against `reference` [m], less what chance gives.

    Args:
        values: not empty.
        reference: not empty.
        edges: ascending bounds between bins; a bin holds what lies above its lower bound, through its upper one.
    """
    return stability_of_counts(_counts(values, edges), _counts(reference, edges))


def stability_of_counts(counts: Int, reference: Int) -> float:
    """The same of counts [bins], of which neither is all zero."""
    bins = len(counts)
    p, q = ((c + 0.5) / (c.sum() + 0.5 * bins) for c in (counts, reference))
    index = float(np.sum((p - q) * np.log(p / q)))
    return max(0.0, index - (bins - 1) * (1 / int(counts.sum()) + 1 / int(reference.sum())))


def _counts(values: Float, edges: Float) -> Int:
    return np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)


def _named(task: Task, target: Float) -> Int:
    """[classes + 1] how many rows name no class that the task knows, and each class."""
    if task.kind is Kind.MULTICLASS:
        return np.bincount(target.astype(np.int64) + 1, minlength=len(task.classes) + 1)
    return np.concatenate([[(target.sum(axis=1) == 0).sum()], target.sum(axis=0)]).astype(np.int64)


def _edges(task: Task, reference: Float) -> Float:
    if task.kind is Kind.BINARY:
        return np.array([0.0])
    if task.kind.classed or not len(reference):
        return np.array([], dtype=np.float64)
    return np.unique(np.quantile(reference, np.arange(1, 10) / 10))


def _profile(task: Task, cutoff: str, labels: Labels, reference: Float, edges: Float) -> CutoffProfile:
    if not len(labels):
        return CutoffProfile(cutoff, 0)
    found = CutoffProfile(cutoff, len(labels), drift=_drift(task, labels.target, reference, edges))
    if task.kind.classed:
        shares = _named(task, labels.target)[1:] / len(labels)
        found = replace(found, shares={str(c): round(float(s), 6) for c, s in zip(task.classes, shares, strict=True)})
    if task.kind is Kind.MULTICLASS:
        return found
    if labels.lists is not None:
        found = replace(found, distinct=len(np.unique(labels.lists.rows)))
    values = labels.target.sum(axis=1) if task.kind is Kind.MULTILABEL else labels.target
    low, median, high = (float(q) for q in np.quantile(values, [0.1, 0.5, 0.9]))
    return replace(found, mean=float(values.mean()), low=low, median=median, high=high)


def _drift(task: Task, target: Float, reference: Float, edges: Float) -> float | None:
    if not len(reference):
        return None
    if not task.kind.classed:
        return round(stability(target, reference, edges), 4)
    counts, there = _named(task, target), _named(task, reference)
    seen = (counts + there) > 0
    return round(stability_of_counts(counts[seen], there[seen]), 4)
