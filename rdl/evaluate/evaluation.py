"""A backtest, scored: every member and the blend side by side, by cutoff, and the predictions on disk."""

import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rdl.database import Database
from rdl.errors import DataError
from rdl.evaluate.coverage import Promises, find_promises
from rdl.evaluate.detail import Detail, find_detail
from rdl.evaluate.regimes import Backtest, Regime, backtest
from rdl.evaluate.reliability import Reliability, find_reliability
from rdl.evaluate.strict import with_nan, without_nan
from rdl.model import FitSettings
from rdl.task import Kind, Labels, Task, prediction_table, with_classes
from rdl.task.metrics import LARGER_IS_BETTER, score
from rdl.task.population import population_gap
from rdl.timeline import format_time

BLEND = "blend"


@dataclass(frozen=True)
class AtCutoff:
    """The blend at one test cutoff: rows, mean label, mean prediction, and the task's metric (NaN where undefined).

    Where there are classes, the means are those of the most frequent one; of a recommendation, they are lengths of lists.
    """

    cutoff: str
    rows: int
    target: float
    prediction: float
    metric: float


@dataclass(frozen=True)
class Evaluation:
    """What one regime's backtest came to.

    Attributes:
        metrics: by member (and `blend`), by metric.
        weights: the blend.
        chosen: what each member chose on the folds.
        out_of_fold: each member's and the blend's loss on the folds' later rows.
        by_cutoff: the blend over time.
        fits: when models were fitted.
        importance: the share of the features, largest first.
        facts: counts of the first model, and the gap between those scored and those asked about.
        seconds: wall time of fitting and predicting.
        predictions: entity key, cutoff and the answer's columns of the test split; not part of the JSON.
        detail: what the kind of question has beside its metrics.
        promises: whether intervals, sets and grades hold what they promise.
        reliability: whether probabilities come true as often as they say, and intervals and sets at every level.
    """

    task: str
    kind: str
    metric: str
    regime: Regime
    seed: int
    rows: int
    cutoffs: int
    metrics: Mapping[str, Mapping[str, float]]
    weights: Mapping[str, float]
    chosen: Mapping[str, Mapping[str, Any]]
    out_of_fold: Mapping[str, float]
    by_cutoff: tuple[AtCutoff, ...]
    fits: tuple[str, ...]
    importance: Mapping[str, float]
    facts: Mapping[str, Any]
    seconds: float
    predictions: pa.Table = field(repr=False, compare=False)
    detail: Detail = field(default_factory=Detail)
    promises: Promises = field(default_factory=Promises)
    reliability: Reliability = field(default_factory=Reliability)

    @property
    def headline(self) -> float:
        """The blend's value of the task's metric; NaN where it is undefined on the test split."""
        return self.metrics[BLEND][self.metric]

    @property
    def best_member(self) -> str:
        """The member that alone does best on the task's metric; one of which it is undefined comes last."""
        sign = 1.0 if LARGER_IS_BETTER[self.metric] else -1.0
        alone = {name: sign * values[self.metric] for name, values in self.metrics.items() if name != BLEND}
        return max(alone, key=lambda name: -math.inf if math.isnan(alone[name]) else alone[name])

    def called(self, metric: str) -> str:
        """A metric by its full name: `map@10`, where lists have a length."""
        return metric if self.detail.lists is None else f"{metric}@{self.detail.lists.top}"

    def to_json(self) -> dict[str, Any]:
        """Plain data for files, the tracker and the report: strict JSON, with null for what is undefined."""
        plain: dict[str, Any] = without_nan(asdict(replace(self, predictions=None)))
        return {k: v for k, v in plain.items() if k != "predictions"}

    def write(self, path: Path) -> None:
        """Write the JSON, aside and then into place."""
        aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(json.dumps(self.to_json(), indent=1, allow_nan=False), encoding="utf-8")
        aside.replace(path)

    def write_predictions(self, path: Path) -> None:
        """Write the test split's predictions as Parquet, aside and then into place."""
        aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(self.predictions, aside)
        aside.replace(path)


def read_evaluation(path: Path, predictions: Path) -> Evaluation:
    """The evaluation that `write` and `write_predictions` left.

    Raises:
        DataError: a file is missing or was written by another version.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Evaluation(
            **{
                **raw,
                "regime": Regime(raw["regime"]),
                "metrics": {member: with_nan(values) for member, values in raw["metrics"].items()},
                "out_of_fold": with_nan(raw["out_of_fold"]),
                "by_cutoff": tuple(AtCutoff(**with_nan(row)) for row in raw["by_cutoff"]),
                "fits": tuple(raw["fits"]),
                "detail": Detail.from_json(raw["detail"]),
                "promises": Promises.from_json(raw["promises"]),
                "reliability": Reliability.from_json(raw["reliability"]),
                "predictions": pq.read_table(predictions),
            }
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"unreadable evaluation: {error!r}", where=str(path), fix="evaluate again") from error


def evaluate(
    database: Database, task: Task, regime: Regime | str, settings: FitSettings, refit_every: int | None = None
) -> Evaluation:
    """Backtest `task` in `regime` and score it; arguments as in `backtest`."""
    started = time.monotonic()
    regime = Regime(regime)
    task = with_classes(database, task, task.test)
    found = backtest(database, task, regime, settings, refit_every)
    scale = float(found.model.facts["target_std"])
    columns = {**found.members, BLEND: found.prediction}
    return Evaluation(
        task=task.name,
        kind=task.kind.value,
        metric=task.metric,
        regime=regime,
        seed=settings.seed,
        rows=len(found.labels),
        cutoffs=len(np.unique(found.labels.seeds.cutoff)),
        metrics={name: score(task.kind, found.labels, values, scale) for name, values in columns.items()},
        weights=found.model.weights,
        chosen=found.model.choices.members,
        out_of_fold=found.model.choices.out_of_fold,
        by_cutoff=_by_cutoff(found, task, scale),
        fits=tuple(format_time(f) for f in found.fits),
        importance=dict(list(found.model.importance().items())[:100]),
        facts={k: v for k, v in found.model.facts.items() if k != "schema"} | _gap(database, task),
        seconds=round(time.monotonic() - started, 2),
        predictions=prediction_table(database, task, found.labels.seeds, found.prediction, found.beside),
        detail=find_detail(task, found.labels, found.prediction),
        promises=find_promises(task, found.labels, found.prediction, found.beside, found.model.choices.uncertainty),
        reliability=find_reliability(task, found.labels, found.prediction, found.raw, found.levels),
    )


def _gap(database: Database, task: Task) -> dict[str, Any]:
    """How far those scored differ from those asked about, where one query decides both."""
    gap = population_gap(database, task)
    return {} if gap is None else {"population_gap": gap.to_json()}


def _means(task: Task, labels: Labels, prediction: NDArray[Any]) -> tuple[float, float]:
    """The mean label and the mean prediction; where there are classes, the share of the most frequent one."""
    if task.kind is Kind.RECOMMENDATION:
        return float(labels.target.mean()), float((prediction >= 0).sum(axis=1).mean())
    if task.kind is Kind.MULTICLASS:
        return float((labels.target == 0).mean()), float(prediction[:, 0].mean())
    if task.kind is Kind.MULTILABEL:
        return float(labels.target[:, 0].mean()), float(prediction[:, 0].mean())
    return float(labels.target.mean()), float(prediction.mean())


def _by_cutoff(found: Backtest, task: Task, scale: float) -> tuple[AtCutoff, ...]:
    rows = []
    for cutoff in np.unique(found.labels.seeds.cutoff):
        here = found.labels.seeds.cutoff == cutoff
        labels, prediction = found.labels[here], found.prediction[here]
        value = score(task.kind, labels, prediction, scale)[task.metric]
        rows.append(AtCutoff(format_time(int(cutoff)), len(labels), *_means(task, labels, prediction), value))
    return tuple(rows)
