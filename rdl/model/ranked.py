"""Members that answer recommendations: what is popular, the entity's own past, and XGBoost over candidates of every source.

All of them rank the candidates of a seed and give their best rows. The order of equal scores is that of the rows, so a list depends
on its own seed alone.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.boost.ranking import STEP, FittedRanking, Groups, RankSettings, best_look, fit_ranking, ranking_curve
from rdl.features.candidates import Candidates
from rdl.model.inputs import Examples, Prepared, Source
from rdl.model.member import Choice, Context, FittedMember, FoldExamples, Member
from rdl.task import Kind, Labels
from rdl.task.draw import drawn
from rdl.task.ranking_metrics import score_ranking

log = logging.getLogger(__name__)

Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
Scores = NDArray[Any]

RANKS = frozenset({Kind.RECOMMENDATION})
POPULAR = ("popular: place of late", "popular: place")
FAR = 1e9
"""A place behind every candidate's."""


@dataclass(frozen=True)
class FittedOrder(FittedMember):
    """Candidates in the order of a column; those that lack it follow in the order of the next one."""

    columns: tuple[str, ...]

    def predict(self, inputs: Prepared, source: Source) -> Int:
        """[n, top] rows, -1 for none."""
        candidates = candidates_of(inputs)
        seed, pair = candidates.pairs()
        return top_rows(candidates, seed, pair, ordered(candidates, self.columns)[pair], source.task.top)

    def save(self, folder: Path) -> None:
        """Write the columns as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "order.json").write_text(json.dumps(self.columns), encoding="utf-8")


class Ordered(Member):
    """A baseline: candidates in one of a few orders, whichever did best on the folds."""

    kinds = RANKS
    baseline = True

    def __init__(self, name: str, *, own: bool) -> None:
        self.name, self.own = name, own

    def choose(self, folds: Sequence[FoldExamples], context: Context) -> tuple[Choice, list[Scores]]:
        """The order whose mean over the folds is best."""
        orders = self._orders(context.source)
        found = [[FittedOrder(o).predict(f.valid.inputs, context.source) for f in folds] for o in orders]
        worth = [_mean([_worth(f.valid.labels, p, context.metric) for f, p in zip(folds, of, strict=True)]) for of in found]
        best = int(np.argmax(worth))
        log.info("%s: %s is best on the folds", self.name, orders[best][0])
        return {"columns": list(orders[best])}, found[best]

    def fit(self, examples: Examples, choice: Choice, context: Context) -> FittedOrder:  # noqa: ARG002 - nothing is trained
        """As chosen."""
        return FittedOrder(tuple(choice["columns"]))

    def load(self, folder: Path) -> FittedOrder:
        """Read what `save` wrote."""
        return FittedOrder(tuple(json.loads((folder / "order.json").read_text(encoding="utf-8"))))

    def _orders(self, source: Source) -> list[tuple[str, ...]]:
        """What is popular, of late or for long; before it, where it is the entity's own past, its recent or its frequent rows."""
        assert source.candidates is not None
        links = source.candidates.links
        if not self.own or not links or links[0].facts is None:
            return [(name,) for name in POPULAR]
        return [(f"{links[0]}: {order} place", POPULAR[1]) for order in ("recent", "frequent")]


@dataclass(frozen=True)
class FittedRanked(FittedMember):
    """Boosters that score candidates."""

    ranking: FittedRanking

    def predict(self, inputs: Prepared, source: Source) -> Int:
        """[n, top] rows, -1 for none.

        Raises:
            ValueError: the candidates have other features than those that were fitted.
        """
        candidates = candidates_of(inputs)
        if candidates.names != self.ranking.names:
            raise ValueError("the candidates have other features than the fitted ones")
        seed, pair = candidates.pairs()
        return top_rows(candidates, seed, pair, self.ranking.predict(candidates.matrix(seed, pair)), source.task.top)

    def importance(self) -> dict[str, float]:
        """Share of total gain by feature."""
        return self.ranking.importance()

    def save(self, folder: Path) -> None:
        """Write trees as UBJSON, the rest as JSON."""
        self.ranking.save(folder)


class Ranked(Member):
    """XGBoost over candidates."""

    kinds = RANKS

    def __init__(self, name: str) -> None:
        self.name = name

    def choose(self, folds: Sequence[FoldExamples], context: Context) -> tuple[Choice, list[Scores]]:
        """The number of rounds whose mean over the folds is best by the task's metric."""
        settings, curves, later = context.settings.ranking, [], []
        for i, fold in enumerate(folds):
            groups = learnable_groups(fold.train, settings, context.settings.seed)
            log.info("%s: fold %d of %d, %d pairs", self.name, i + 1, len(folds), len(groups.right))
            candidates = candidates_of(fold.valid.inputs)
            seed, pair = candidates.pairs()
            watched = _Watched(candidates, seed, pair, fold.valid.labels, context.source.task.top, context.metric)
            curves.append(ranking_curve(groups, candidates.matrix(seed, pair), settings, context.settings.seed, watched.worth))
            later.append(watched)
        look = best_look(curves)
        log.info("%s: %d rounds are best on the folds", self.name, (look + 1) * STEP)
        return {"rounds": (look + 1) * STEP}, [w.rows(c.scores[look]) for w, c in zip(later, curves, strict=True)]

    def fit(self, examples: Examples, choice: Choice, context: Context) -> FittedRanked:
        """Fit the chosen number of rounds, several seeds."""
        settings = context.settings.ranking
        groups = learnable_groups(examples, settings, context.settings.seed)
        log.info("%s: fitting %d rounds on %d pairs", self.name, choice["rounds"], len(groups.right))
        names = candidates_of(examples.inputs).names
        return FittedRanked(fit_ranking(groups, names, settings, choice["rounds"], context.settings.seed))

    def load(self, folder: Path) -> FittedRanked:
        """Read what `save` wrote."""
        return FittedRanked(FittedRanking.load(folder))


@dataclass(frozen=True)
class _Watched:
    """The later rows of a fold: all pairs, and what scores of them are worth."""

    candidates: Candidates
    seed: Int
    pair: Int
    labels: Labels
    top: int
    metric: str

    def rows(self, scores: Scores) -> Int:
        """[n, top] the best rows by scores [q]."""
        return top_rows(self.candidates, self.seed, self.pair, scores, self.top)

    def worth(self, scores: Scores) -> float:
        """The task's metric."""
        return _worth(self.labels, self.rows(scores), self.metric)


def candidates_of(inputs: Prepared) -> Candidates:
    """The candidates that were prepared."""
    assert inputs.candidates is not None, "inputs were prepared without candidates"
    return inputs.candidates


def top_rows(candidates: Candidates, seed: Int, pair: Int, scores: Scores, top: int) -> Int:
    """[n, top] the rows with the best scores of each seed, -1 where it has fewer; scores [q] of pairs in the order of seeds."""
    best = np.full((len(candidates), top), -1, dtype=np.int64)
    order = np.lexsort((candidates.rows[pair], -scores, seed))
    rank = _within(seed)  # the order keeps seeds in place
    kept = rank < top
    best[seed[kept], rank[kept]] = candidates.rows[pair[order]][kept]
    return best


def ordered(candidates: Candidates, columns: Sequence[str]) -> Scores:
    """[m] scores of all pairs: minus the place in the first column that has one, those of later columns behind all of it."""
    place = np.full(len(candidates.rows), FAR * len(columns))
    for i, name in reversed(list(enumerate(columns))):
        found = candidates.column(name).astype(np.float64)
        place = np.where(np.isnan(found), place, FAR * i + found)
    return -place


def right_pairs(candidates: Candidates, seed: Int, pair: Int, labels: Labels) -> Bool:
    """[q] whether each candidate is in its seed's list."""
    assert labels.lists is not None
    span = 1 + int(max(labels.lists.rows.max(initial=0), candidates.rows.max(initial=0)))
    listed = np.repeat(np.arange(len(labels), dtype=np.int64), labels.lists.sizes) * span + labels.lists.rows  # ascending
    if not len(listed):
        return np.zeros(len(pair), dtype=np.bool_)
    asked = seed * span + candidates.rows[pair]
    return np.asarray(listed[np.minimum(np.searchsorted(listed, asked), len(listed) - 1)] == asked)


def learnable_groups(examples: Examples, settings: RankSettings, seed: int) -> Groups:
    """Of every seed with a right candidate: all right ones, and wrong ones drawn by hash from its sources in turn.

    The draw depends on the seed number, the entity, the cutoff, the row and the group's own candidates, on nothing else.
    """
    candidates, seeds = candidates_of(examples.inputs), examples.inputs.seeds
    of, pair = candidates.pairs()
    right = right_pairs(candidates, of, pair, examples.labels)
    useful = np.zeros(len(seeds), dtype=np.bool_)
    useful[of[right]] = True
    keep = useful[of]
    of, pair, right = of[keep], pair[keep], right[keep]
    who = (drawn(seeds.entity, seeds.cutoff, seed) * 2.0**53).astype(np.int64)
    chance = drawn(candidates.rows[pair], who[of], seed)
    kept = right | _drawn(of, candidates.source[pair].astype(np.int64), chance, right, settings.negatives)
    of, pair, right = of[kept], pair[kept], right[kept]
    sizes = np.bincount(of, minlength=len(seeds))
    return Groups(candidates.matrix(of, pair), right.astype(np.float32), sizes[sizes > 0].astype(np.int64))


def _drawn(of: Int, source: Int, chance: NDArray[np.float64], right: Bool, negatives: int) -> Bool:
    """[q] which wrong candidates are drawn: `negatives` a group at most, the first of each source before the second of any."""
    wrong = np.flatnonzero(~right)
    order = wrong[np.lexsort((chance[wrong], source[wrong], of[wrong]))]
    turn = _within(of[order] * (1 + int(source.max(initial=0))) + source[order])
    mixed = np.lexsort((chance[order], turn, of[order]))
    found = np.zeros(len(of), dtype=np.bool_)
    found[order[mixed][_within(of[order[mixed]]) < negatives]] = True
    return found


def _within(group: Int) -> Int:
    """[q] the place of each element among its neighbours of the same group."""
    start = np.flatnonzero(np.diff(group, prepend=-1))
    sizes = np.diff(np.append(start, len(group)))
    return np.arange(len(group), dtype=np.int64) - np.repeat(start, sizes)


def _worth(labels: Labels, prediction: Int, metric: str) -> float:
    """The metric, 0 where no list can be found."""
    return float(np.nan_to_num(score_ranking(labels, prediction)[metric]))


def _mean(values: list[float]) -> float:
    return float(np.mean(values))
