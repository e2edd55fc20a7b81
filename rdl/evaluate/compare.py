"""Is one prediction better than another of the same rows? A paired bootstrap that draws entities, not rows.

Both predictions are judged on the same drawn rows each time, so what makes a draw easy or hard moves both, and only their
difference is left. An entity is drawn with all its cutoffs, for its rows are alike: drawing rows one by one would take ten labels
of one customer for ten customers. The same inputs and seed give the same answer.
"""

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.evaluate.weighted import weighted
from rdl.task import Kind, Labels
from rdl.task.metrics import LARGER_IS_BETTER

RESAMPLES = 1000
LEAST_ENTITIES = 20
"""Of fewer entities a bootstrap says nothing that could be trusted."""
LEAST_DEFINED = 0.5
"""The share of the draws in which the metric must be defined."""


@dataclass(frozen=True)
class Comparison:
    """A challenger against a champion on n rows.

    Attributes:
        metric: by which they are judged.
        challenger, champion: its value on all rows; NaN where it is undefined.
        gain: by how much the challenger is better, whichever way the metric runs.
        low: the challenger is better by at least that, with the confidence; minus infinity where nothing can be said.
        high: likewise by at most that.
        confidence: of each of the two ends.
        rows, entities, cutoffs: on which both were judged.
        resamples: how many draws the ends rest on.
    """

    metric: str
    challenger: float
    champion: float
    gain: float
    low: float
    high: float
    confidence: float
    rows: int
    entities: int
    cutoffs: int
    resamples: int

    def beats(self, margin: float = 0.0) -> bool:
        """Whether the challenger is better by more than `margin`, with the confidence; a negative margin allows for a loss."""
        return self.low > margin

    def sentence(self) -> str:
        """What was found."""
        held = f"{self.rows:,} labels of {self.entities:,} entities at {self.cutoffs} cutoff{'s' if self.cutoffs != 1 else ''}"
        values = f"{self.metric} {self.challenger:.4f} against {self.champion:.4f} on {held}"
        if not isfinite(self.gain):
            return f"{self.metric} is undefined on {held}"
        if not isfinite(self.low):
            return f"{values}: too few to tell, at least {LEAST_ENTITIES} entities are needed"
        return f"{values}: a gain of {self.gain:+.4f}, at least {self.low:+.4f} with {self.confidence:.0%} confidence"

    def to_json(self) -> dict[str, Any]:
        """Plain data; None for what is no number."""
        return {name: value if not isinstance(value, float) or isfinite(value) else None for name, value in asdict(self).items()}


def compare(
    kind: Kind,
    metric: str,
    labels: Labels,
    challenger: NDArray[Any],
    champion: NDArray[Any],
    scale: float = 1.0,
    *,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two predictions of the same labels.

    Args:
        kind: what the target is.
        metric: one of the kind's.
        labels: n labels; `labels.seeds.entity` are the clusters that are drawn.
        challenger: [n, …] as `score` takes them.
        champion: [n, …] likewise.
        scale: by which `nmae` divides.
        resamples: draws of as many entities as there are, with replacement.
        confidence: of the ends of the interval, each for itself: 0.95 leaves 5 % below `low`, and 5 % above `high`.
        seed: of the draws.
    """
    sign = 1.0 if LARGER_IS_BETTER[metric] else -1.0
    judges = [weighted(kind, metric, labels, prediction, scale) for prediction in (challenger, champion)]
    ones = np.ones(len(labels), dtype=np.int64)
    found = [judge(ones) for judge in judges]
    names, owner = np.unique(labels.seeds.entity, return_inverse=True)
    gains = np.array([])
    if len(names) >= LEAST_ENTITIES:
        draw = np.random.default_rng(seed)
        chance = np.full(len(names), 1.0 / len(names))
        drawn = (draw.multinomial(len(names), chance)[owner] for _ in range(resamples))
        gains = np.array([sign * (judges[0](weights) - judges[1](weights)) for weights in drawn])
        gains = gains[np.isfinite(gains)]
    told = len(gains) >= max(LEAST_DEFINED * resamples, 1)
    return Comparison(
        metric=metric,
        challenger=found[0],
        champion=found[1],
        gain=sign * (found[0] - found[1]),
        low=float(np.quantile(gains, 1 - confidence)) if told else -np.inf,
        high=float(np.quantile(gains, confidence)) if told else np.inf,
        confidence=confidence,
        rows=len(labels),
        entities=len(names),
        cutoffs=len(np.unique(labels.seeds.cutoff)),
        resamples=len(gains),
    )
