"""Baselines without a learner: what labels are in general (`typical`), and what the entity's own were (`last`).

Whoever beats neither has learned nothing. They read mature labels only (law of time), and never enter the blend beside others.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rdl.boost import row_losses
from rdl.errors import ModelFileError
from rdl.model.boosted import shaped_target
from rdl.model.inputs import Examples, Prepared, Source
from rdl.model.member import Choice, Context, FittedMember, FoldExamples, Member
from rdl.task import History, Kind, Seeds

Float64 = NDArray[np.float64]
Int = NDArray[np.int64]

OWN = {"last": 1, "mean of the last three": 3, "mean of all": 0}
"""How many of an entity's newest mature labels are averaged; 0 for all."""
GENERAL = ("mean", "median")
_FILE = "naive.json"


@dataclass(frozen=True)
class FittedNaive(FittedMember):
    """An average of the entity's own past labels, or one answer for all.

    Attributes:
        way: of `OWN`, or of `GENERAL`.
        general: [k] what is answered where an entity has no mature label; k is the number of classes, or 1.
        share: whether answers are probabilities: then `general` counts as one label more.
        shape: what one prediction looks like: (), or (classes,).
    """

    way: str
    general: tuple[float, ...]
    share: bool
    shape: tuple[int, ...]

    def predict(self, inputs: Prepared, source: Source) -> Float64:  # noqa: ARG002 - past labels stand with the seeds
        """[n] probability or value, or [n, classes] probabilities."""
        whole = np.tile(np.array(self.general), (len(inputs.seeds), 1))  # [n, k]
        if self.way in OWN:
            whole = self._own(inputs.seeds, inputs.history, whole)
        return whole.reshape(len(whole), *self.shape)

    def save(self, folder: Path) -> None:
        """Write JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {"way": self.way, "general": self.general, "share": self.share, "shape": self.shape}
        (folder / _FILE).write_text(json.dumps(facts), encoding="utf-8")

    def _own(self, seeds: Seeds, history: History, general: Float64) -> Float64:
        """[n, k] of the entity's labels; classes too rare for the history, and entities without one, have the general answer."""
        total, count = own_labels(seeds, history, OWN[self.way])  # [n, channels], [n]
        told = min(total.shape[1], general.shape[1])
        found = general.copy()
        extra = 1.0 if self.share else 0.0
        known = count + extra > 0
        found[known, :told] = (total[known, :told] + extra * general[known, :told]) / (count[known, None] + extra)
        if self.share and len(self.general) > 1 and told < general.shape[1]:
            found[:, told:] = general[:, told:] / (count[:, None] + 1.0)
        return found


class Naive(Member):
    """`own`: from the entity's own past labels; else from those of all. Which average is best is chosen on the folds."""

    baseline = True
    optional = True

    def __init__(self, name: str, *, own: bool) -> None:
        self.name, self.own = name, own

    def choose(self, folds: Sequence[FoldExamples], context: Context) -> tuple[Choice, list[Float64]]:
        """The average whose loss on the folds' later rows is least."""
        ways = tuple(OWN) if self.own else GENERAL if context.kind is Kind.REGRESSION else GENERAL[:1]
        found = [[self._fitted(f.train, w, context).predict(f.valid.inputs, context.source) for f in folds] for w in ways]
        target = np.concatenate([f.valid.target for f in folds])
        losses = [row_losses(np.concatenate(p), target, context.kind, context.metric).mean() for p in found]
        best = int(np.argmin(losses))
        return {"way": ways[best]}, found[best]

    def fit(self, examples: Examples, choice: Choice, context: Context) -> FittedNaive:
        """As chosen."""
        return self._fitted(examples, choice["way"], context)

    def load(self, folder: Path) -> FittedNaive:
        """Read what `save` wrote.

        Raises:
            ModelFileError: the file is missing or unreadable.
        """
        try:
            facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            return FittedNaive(facts["way"], tuple(facts["general"]), facts["share"], tuple(facts["shape"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelFileError(f"unreadable member: {error}", where=str(folder), fix="fetch the model again") from error

    @staticmethod
    def _fitted(examples: Examples, way: str, context: Context) -> FittedNaive:
        target = shaped_target(examples, context)
        flat = target.reshape(len(target), -1)  # [n, k]
        value = context.kind is Kind.REGRESSION
        middle = way == "median" or (value and way in OWN and context.metric not in ("rmse", "r2"))
        general = np.median(flat, axis=0) if middle else flat.mean(axis=0)
        return FittedNaive(way, tuple(float(v) for v in general), not value, target.shape[1:])


def own_labels(seeds: Seeds, history: History, most: int) -> tuple[Float64, Float64]:
    """Of each seed's entity, the sum [n, channels] and number [n] of its newest labels that are mature at `as_of`.

    Args:
        seeds: n seeds.
        history: past labels; usable by a seed if and only if their `time` lies before its `as_of`.
        most: how many at most; 0 for all.
    """
    order = np.lexsort((history.time, history.entity))
    entity, time = history.entity[order], history.time[order]
    values = (history.value if history.value.ndim > 1 else history.value[:, None])[order]  # [m, channels]
    moments = np.unique(np.concatenate([time, seeds.as_of]))
    key = entity * len(moments) + np.searchsorted(moments, time)
    place = np.searchsorted(moments, seeds.as_of)
    first = np.searchsorted(key, seeds.entity * len(moments))
    end = np.searchsorted(key, seeds.entity * len(moments) + place)  # strictly before `as_of`
    begin = np.maximum(first, end - most) if most else first
    edges = np.stack([begin, end], axis=1).reshape(-1)
    total = np.add.reduceat(np.concatenate([values, np.zeros((1, values.shape[1]))]), edges, axis=0)[::2]
    total[begin == end] = 0.0  # of nothing, reduceat tells the row that stands there
    return total, (end - begin).astype(np.float64)
