"""Small backtests of every kind, made by hand: four rows, one member, which is the blend."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from rdl.evaluate import AtCutoff, Evaluation, Regime, score
from rdl.evaluate.detail import find_detail
from rdl.evaluate.reliability import LEVELS, find_reliability
from rdl.model.uncertainty import level_columns
from rdl.task import METRICS, Kind, Labels, Lists, Seeds, Task

NAN = float("nan")


def asked(task: Task, kind: Kind, classes: tuple[str | int, ...] = ("a", "b", "c")) -> Task:
    metric = METRICS[kind][0]
    if kind is Kind.RECOMMENDATION:
        return replace(task, kind=kind, metric=metric, target_table="items", top=3)
    return replace(task, kind=kind, metric=metric, classes=classes if kind.classed else ())


def labelled(target: list[object], lists: Lists | None = None) -> Labels:
    n = len(target)
    return Labels(Seeds.at(np.arange(n), np.zeros(n, dtype=np.int64)), np.array(target, dtype=np.float64), lists)


def told(task: Task, labels: Labels, prediction: np.ndarray, nothing: bool = False) -> Evaluation:
    """An evaluation of these predictions by one member, which is the blend."""
    metrics = score(task.kind, labels, prediction, 1.0)
    if nothing:
        metrics = dict.fromkeys(metrics, NAN)
    return Evaluation(
        task=task.name,
        kind=task.kind.value,
        metric=task.metric,
        regime=Regime.FRESH,
        seed=0,
        rows=len(labels),
        cutoffs=1,
        metrics={"features": metrics, "blend": metrics},
        weights={"features": 1.0},
        chosen={},
        out_of_fold={"features": NAN if nothing else 0.5},
        by_cutoff=(AtCutoff("2025-05-11", len(labels), 0.5, 0.5, NAN if nothing else 0.5),),
        fits=("2025-05-11",),
        importance={},
        facts={},
        seconds=1.0,
        predictions=pa.table({"user": ["u1"], "cutoff": [0], "prediction": [0.5]}),
        detail=find_detail(task, labels, prediction),
        reliability=find_reliability(task, labels, prediction, *before(task, prediction)),
    )


def before(task: Task, prediction: np.ndarray) -> tuple[np.ndarray | None, dict[str, np.ndarray] | None]:
    """Probabilities that are to be calibrated, or intervals at every level."""
    if task.kind is Kind.REGRESSION:
        names = [level_columns(task.kind, level, LEVELS[0]) for level in LEVELS]
        pairs = zip(names, LEVELS, strict=True)
        return None, {n: prediction + side * level for (low, high), level in pairs for n, side in ((low, -1), (high, 1))}
    return prediction * 0.9 if task.kind in (Kind.BINARY, Kind.MULTICLASS, Kind.MULTILABEL) else None, None


def example(task: Task, kind: Kind, nothing: bool = False) -> tuple[Task, Evaluation]:
    """Four rows of a kind."""
    task = asked(task, kind)
    if kind is Kind.RECOMMENDATION:
        labels = labelled([1, 2, 0, 1], Lists(np.array([0, 1, 3, 3, 4]), np.array([4, 1, 2, 0])))
        found = np.array([[4, 1, 2], [1, -1, -1], [3, 2, 1], [5, 6, 7]])
    elif kind is Kind.MULTICLASS:
        labels, found = labelled([0, 0, 2, -1]), np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.1, 0.8], [0.5, 0.3, 0.2]])
    elif kind is Kind.MULTILABEL:
        labels, found = labelled([[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 0]]), np.full((4, 3), 0.5) - np.eye(4, 3) / 4
    else:
        labels, found = labelled([0, 1, 1, 0]), np.array([0.1, 0.8, 0.4, 0.3])
    return task, told(task, labels, found, nothing)
