"""XGBoost that ranks: it learns from groups of candidates which of them were right, and gives every candidate a score.

A group is what one seed may be recommended. How many rounds are best is read off later groups, scored whole by the task's metric.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.boosters import load_boosters, save_boosters, total_gain
from rdl.errors import ModelFileError

if TYPE_CHECKING:
    import xgboost

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int = NDArray[np.int64]

STEP = 10
"""Rounds between two looks at the later groups."""


@dataclass(frozen=True)
class RankSettings:
    """What XGBoost is told where it ranks; what did best on forward-chained folds of the demo shop.

    There `rank:ndcg` came before `rank:map` and, with as many negatives, before `binary:logistic`, by less than two folds differ.

    Attributes:
        objective: `binary:logistic` looks at each candidate for itself, `rank:ndcg` and `rank:map` at pairs within a group.
        rounds: trees a seed at most; what is used is chosen on folds.
        patience: looks without a better score after which a fold stops.
        seeds: models whose scores are averaged.
        negatives: wrong candidates a group that are learned from; the right ones all are.
    """

    objective: str = "rank:ndcg"
    rounds: int = 300
    patience: int = 8
    learning_rate: float = 0.05
    max_depth: int = 5
    min_child_weight: float = 1.0
    subsample: float = 0.8
    colsample_bytree: float = 0.4
    reg_lambda: float = 10.0
    max_bin: int = 64
    seeds: int = 2
    threads: int = 2
    negatives: int = 40


@dataclass(frozen=True)
class Groups:
    """Candidates to learn from.

    Attributes:
        values: float32 [q, f] features, NaN for null, group behind group.
        right: [q] 0 or 1.
        sizes: [groups] how many candidates each has.
    """

    values: Float32
    right: NDArray[np.float32]
    sizes: Int


@dataclass(frozen=True)
class FittedRanking:
    """Boosters of several seeds; the score is the mean of their margins, larger is better."""

    boosters: "tuple[xgboost.Booster, ...]"
    names: tuple[str, ...]
    settings: RankSettings

    def predict(self, values: Float32) -> Float64:
        """[q] scores of candidates by their features [q, f]."""
        data = _plain(values, self.settings.threads)
        parts = [np.asarray(b.predict(data, output_margin=True), dtype=np.float64) for b in self.boosters]
        return np.asarray(np.mean(parts, axis=0))

    def importance(self) -> dict[str, float]:
        """Share of the total gain by feature, largest first."""
        return total_gain(self.boosters, self.names)

    def save(self, folder: Path) -> None:
        """Write UBJSON trees and a JSON description into `folder`."""
        save_boosters(folder, "ranking.json", self.boosters, {"names": self.names, "settings": asdict(self.settings)})

    @staticmethod
    def load(folder: Path) -> "FittedRanking":
        """Read what `save` wrote.

        Raises:
            ModelFileError: a file is missing or unreadable.
        """
        boosters, facts = load_boosters(folder, "ranking.json")
        try:
            return FittedRanking(boosters, tuple(facts["names"]), RankSettings(**facts["settings"]))
        except (KeyError, TypeError) as error:
            raise ModelFileError(f"unreadable XGBoost member: {error}", where=str(folder), fix="fetch the model again") from error


@dataclass(frozen=True)
class RankingCurve:
    """One fold's outcome: the metric after every `STEP` rounds, and the scores [q] of the later candidates at each look."""

    measured: Float64
    scores: tuple[Float32, ...]


def fit_ranking(groups: Groups, names: Sequence[str], settings: RankSettings, rounds: int, seed: int) -> FittedRanking:
    """Fit `settings.seeds` boosters of `rounds` trees."""
    data = _grouped(groups, settings)
    boosters = []
    for i in range(settings.seeds):
        *_, last = _rounds(data, settings, rounds, seed + i)
        boosters.append(last)
    return FittedRanking(tuple(boosters), tuple(names), settings)


def ranking_curve(
    groups: Groups, later: Float32, settings: RankSettings, seed: int, measure: Callable[[Float32], float]
) -> RankingCurve:
    """Fit on one fold and look at its later candidates [q, f] every few rounds; `measure` tells what their scores [q] are worth."""
    watch = _plain(later, settings.threads)
    margin = np.zeros(len(later), dtype=np.float32)
    measured: list[float] = []
    scores: list[Float32] = []
    for done, booster in enumerate(_rounds(_grouped(groups, settings), settings, settings.rounds, seed), start=1):
        if done % STEP:
            continue
        margin = margin + booster.predict(watch, output_margin=True, iteration_range=(done - STEP, done))
        measured.append(measure(margin))
        scores.append(margin)
        if len(measured) - 1 - int(np.argmax(measured)) >= settings.patience:
            break
    return RankingCurve(np.array(measured), tuple(scores))


def best_look(curves: Sequence[RankingCurve]) -> int:
    """Which look, from 0 on, has the best mean over the folds; all folds must have come that far. Rounds are `STEP` a look."""
    reached = min(len(c.measured) for c in curves)
    return int(np.argmax(np.mean([c.measured[:reached] for c in curves], axis=0)))


def _rounds(data: "xgboost.DMatrix", settings: RankSettings, rounds: int, seed: int) -> "Iterator[xgboost.Booster]":
    """The booster after each round."""
    import xgboost

    booster = xgboost.Booster(dict(_parameters(settings, seed)), [data])
    for i in range(rounds):
        booster.update(data, i)
        yield booster


def _parameters(settings: RankSettings, seed: int) -> Mapping[str, Any]:
    told = ("learning_rate", "max_depth", "min_child_weight", "subsample", "colsample_bytree", "reg_lambda", "max_bin", "objective")
    parameters = {name: getattr(settings, name) for name in told}
    return parameters | {"tree_method": "hist", "nthread": settings.threads, "seed": seed}


def _plain(values: Float32, threads: int) -> "xgboost.DMatrix":
    import xgboost

    return xgboost.DMatrix(values, nthread=threads)


def _grouped(groups: Groups, settings: RankSettings) -> "xgboost.DMatrix":
    import xgboost

    of = np.repeat(np.arange(len(groups.sizes)), groups.sizes)
    ranks = settings.objective.startswith("rank:")
    return xgboost.QuantileDMatrix(
        groups.values, label=groups.right, qid=of if ranks else None, nthread=settings.threads, max_bin=settings.max_bin
    )
