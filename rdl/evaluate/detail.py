"""What lies behind the metrics: class by class where the answer is among classes, and what the lists hold where it is a list."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.evaluate.strict import with_nan
from rdl.task import Kind, Labels, Task
from rdl.task.class_metrics import average_precision_by_class, f1_by_class, roc_auc_by_class

SHOWN = 12
"""Classes that are told one by one, the most frequent ones."""
OTHER, UNKNOWN = "(other)", "(unknown)"

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class ClassRow:
    """One class on n test rows; NaN where a metric is undefined.

    Attributes:
        name: as the label query names it.
        labels: share of the rows whose label it is, or holds it.
        predicted: share of the rows of which it is predicted.
        probability: mean probability.
        f1: of the prediction.
        average_precision: of its probability, against all other classes.
        roc_auc: likewise.
    """

    name: str
    labels: float
    predicted: float
    probability: float
    f1: float
    average_precision: float
    roc_auc: float


@dataclass(frozen=True)
class ListFacts:
    """The lists of a recommendation on n test rows.

    Attributes:
        table: what is ranked.
        top: how many rows of it are ranked.
        truth: mean length of what was right.
        predicted: mean length of the prediction.
        empty: share of the rows of which nothing was right.
        recommended: how many rows of the table are recommended to anyone.
        right: how many were right for anyone.
    """

    table: str
    top: int
    truth: float
    predicted: float
    empty: float
    recommended: int
    right: int


@dataclass(frozen=True)
class Detail:
    """What a kind of question has beside its metrics; empty where it has nothing.

    Attributes:
        number: how many classes there are.
        classes: the most frequent of them.
        confusion: multiclass: counts of rows, [labels, predictions], by the places of `heads`.
        heads: the names of the confusion's rows and columns.
        lists: of a recommendation.
    """

    number: int = 0
    classes: tuple[ClassRow, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    heads: tuple[str, ...] = ()
    lists: ListFacts | None = None

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Detail":
        """The detail as `asdict` and JSON left it."""
        return Detail(
            data["number"],
            tuple(ClassRow(**with_nan(row)) for row in data["classes"]),
            tuple(tuple(counts) for counts in data["confusion"]),
            tuple(data["heads"]),
            None if data["lists"] is None else ListFacts(**data["lists"]),
        )


def find_detail(task: Task, labels: Labels, prediction: NDArray[Any]) -> Detail:
    """The detail of n > 0 predictions.

    Args:
        task: with its classes, where its kind has any.
        labels: n labels.
        prediction: [n, …] as `score` takes them.
    """
    if task.kind is Kind.RECOMMENDATION:
        return Detail(lists=_list_facts(task, labels, prediction))
    if not task.kind.classed:
        return Detail()
    places = np.arange(len(task.classes))
    if task.kind is Kind.MULTILABEL:
        return Detail(len(places), _class_rows(task, labels.target == 1, prediction >= 0.5, prediction))
    likely = prediction.argmax(axis=1)
    rows = _class_rows(task, labels.target[:, None] == places, likely[:, None] == places, prediction)
    return Detail(len(places), rows, *_confusion(task, labels.target.astype(np.int64), likely))


def _class_rows(task: Task, true: NDArray[np.bool_], said: NDArray[np.bool_], probability: Float64) -> tuple[ClassRow, ...]:
    """[shown] rows from [n, classes] flags and probabilities; classes stand in the order of how frequent they are."""
    true, said, probability = true[:, :SHOWN], said[:, :SHOWN], probability[:, :SHOWN]
    columns = (
        true.mean(axis=0),
        said.mean(axis=0),
        probability.mean(axis=0),
        f1_by_class(true, said),
        average_precision_by_class(true.astype(np.float64), probability),
        roc_auc_by_class(true.astype(np.float64), probability),
    )
    table = np.column_stack(columns).tolist()
    return tuple(ClassRow(str(name), *row) for name, row in zip(task.classes, table, strict=False))


def _confusion(
    task: Task, target: NDArray[np.int64], likely: NDArray[np.int64]
) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    """Counts [heads, heads] and the heads: the most frequent classes, then the others, then what no one knew."""
    shown = min(len(task.classes), SHOWN)
    other = shown if len(task.classes) > shown else None
    heads = [str(name) for name in task.classes[:shown]] + ([OTHER] if other is not None else [])
    unknown = len(heads)
    if (target < 0).any():
        heads.append(UNKNOWN)
    rows = np.where(target < 0, unknown, np.minimum(target, shown))
    counts = np.zeros((len(heads), len(heads)), dtype=np.int64)
    np.add.at(counts, (rows, np.minimum(likely, shown)), 1)
    return tuple(tuple(row) for row in counts.tolist()), tuple(heads)


def _list_facts(task: Task, labels: Labels, prediction: NDArray[Any]) -> ListFacts:
    assert labels.lists is not None
    rows = prediction.astype(np.int64)
    sizes = labels.lists.sizes
    return ListFacts(
        str(task.target_table),
        rows.shape[1],
        float(sizes.mean()),
        float((rows >= 0).sum(axis=1).mean()),
        float((sizes == 0).mean()),
        len(np.unique(rows[rows >= 0])),
        len(np.unique(labels.lists.rows)),
    )
