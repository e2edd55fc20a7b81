"""One prediction from several members: non-negative weights that sum to one, and the way in which they are mixed.

Probabilities are mixed as log-odds, those of classes of which one is right as logarithms that are normalised anew, values as they
are. Two other ways are candidates where a metric asks for them: weighted medians, and ranks, each prediction being placed among the
member's own out-of-fold predictions, which are kept. So a seed's blend depends on its own predictions alone.
How weights are found: `rdl.boost.weighing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rdl.task import Kind
from rdl.task.class_metrics import multiclass_losses

Float64 = NDArray[np.float64]

EDGE = 1e-6
"""Probabilities are taken for at least so much, and for one at most less so much."""
LEVELS = 200
"""Quantiles that are kept of what ranks are read off."""
TIE = 1e-4
"""Of the mean log-odds, what is added to a rank: so predictions beyond all that are kept keep their order."""


@dataclass(frozen=True)
class Mixing:
    """How members' predictions become one.

    Attributes:
        way: `mean`, `median` or `rank`.
        found: how the weights were found.
        reference: of ranks, by member `LEVELS` ascending quantiles of its out-of-fold log-odds.
        ranks, values: of ranks, ascending quantiles of the mean rank, and of the log-odds that such ranks are given.
        by: what groups of rows are told apart by, where weights differ between them; see `FitSettings.blend_by`.
        groups: weights by member of each group; rows of other groups have those of all.
    """

    way: str = "mean"
    found: str = ""
    reference: Mapping[str, Sequence[float]] = field(default_factory=dict)
    ranks: Sequence[float] = ()
    values: Sequence[float] = ()
    by: str = ""
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads back."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Mixing":
        """What `to_json` wrote."""
        reference = {name: tuple(values) for name, values in data.get("reference", {}).items()}
        read = {"reference": reference, "ranks": tuple(data.get("ranks", ())), "values": tuple(data.get("values", ()))}
        return Mixing(**{**data, **read})


MEAN = Mixing()


def blend(members: Mapping[str, NDArray[Any]], weights: Mapping[str, float], kind: Kind, mixing: Mixing = MEAN) -> NDArray[Any]:
    """[n, …] the members' predictions, mixed by their weights; members without a weight take no part.

    Ranked lists are not mixed: those of the one member that has a weight are the blend.
    """
    taking_part = {name: w for name, w in sorted(weights.items()) if w > 0}
    if kind is Kind.RECOMMENDATION:
        (only,) = taking_part
        return members[only]
    margins = {name: inner(members[name], kind) for name in taking_part}
    return outer(mixed(margins, taking_part, mixing), kind)


def blend_groups(
    members: Mapping[str, NDArray[Any]], weights: Mapping[str, float], kind: Kind, mixing: Mixing, group: NDArray[np.str_] | None
) -> NDArray[Any]:
    """[n, …] as `blend`, each row by the weights of its group [n]; None where weights are the same for all."""
    if group is None or not mixing.groups:
        return blend(members, weights, kind, mixing)
    found = np.array(blend(members, weights, kind, mixing))
    for name, told in mixing.groups.items():
        rows = np.flatnonzero(group == name)
        if len(rows):
            found[rows] = blend({member: p[rows] for member, p in members.items()}, told, kind, mixing)
    return found


def mixed(margins: Mapping[str, Float64], weights: Mapping[str, float], mixing: Mixing) -> Float64:
    """[n, …] log-odds, logarithms or values [n, …] by member as one, by weights above 0."""
    whole = sum(weights.values())
    shares = {name: w / whole for name, w in weights.items()}
    if mixing.way == "median":
        return weighted_median(np.stack([margins[name] for name in shares], axis=-1), np.array(list(shares.values())))
    mean = np.asarray(sum(share * margins[name] for name, share in shares.items()))
    if mixing.way != "rank":
        return mean
    rank = mean_rank({name: margins[name] for name in shares}, shares, mixing.reference)
    return np.asarray(np.interp(rank, mixing.ranks, mixing.values) + TIE * mean)


def ranked_mixing(margins: Mapping[str, Float64], weights: Mapping[str, float], found: str) -> Mixing:
    """How to mix ranks among these margins [n] by member; ranks are given the log-odds that the weighted means of the rows have."""
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    whole = sum(weights.values())
    shares = {name: w / whole for name, w in weights.items() if w > 0}
    reference = {name: tuple(np.quantile(margins[name], levels).tolist()) for name in shares}
    rank = mean_rank({name: margins[name] for name in shares}, shares, reference)
    mean = np.asarray(sum(share * margins[name] for name, share in shares.items()))
    ranks, values = (tuple(np.quantile(found_values, levels).tolist()) for found_values in (rank, mean))
    return Mixing("rank", found, reference, ranks, values)


def mean_rank(margins: Mapping[str, Float64], shares: Mapping[str, float], reference: Mapping[str, Sequence[float]]) -> Float64:
    """[n] between 0 and 1: the share of each member's reference below its margins [n], averaged."""
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    return np.asarray(sum(share * np.interp(margins[name], reference[name], levels) for name, share in shares.items()))


def weighted_median(values: Float64, shares: Float64) -> Float64:
    """[n] of values [n, members]: where half of the weight lies on either side; the middle of two where both would do."""
    order = np.argsort(values, axis=1, kind="stable")
    ascending = np.take_along_axis(values, order, axis=1)
    reached = np.cumsum(shares[order], axis=1)  # [n, members]
    lower, upper = np.argmax(reached >= 0.5 - 1e-9, axis=1), np.argmax(reached > 0.5 + 1e-9, axis=1)
    rows = np.arange(len(values))
    return np.asarray((ascending[rows, lower] + ascending[rows, upper]) / 2)


def inner(prediction: NDArray[Any], kind: Kind) -> Float64:
    """[n, …] as it is mixed: log-odds, logarithms, or values."""
    if kind is Kind.REGRESSION:
        return prediction
    p = np.clip(prediction, EDGE, 1 - EDGE)
    return np.asarray(np.log(p) if kind is Kind.MULTICLASS else np.log(p) - np.log1p(-p))


def outer(margin: Float64, kind: Kind) -> Float64:
    """[n, …] the prediction that was mixed as `margin`."""
    if kind is Kind.REGRESSION:
        return margin
    if kind is not Kind.MULTICLASS:
        return np.asarray(1.0 / (1.0 + np.exp(-margin)))
    odds = np.exp(margin - margin.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def row_losses(prediction: NDArray[Any], target: Float64, kind: Kind, metric: str) -> Float64:
    """[n] what each row adds to a loss that every prediction can be told apart by: log loss, or absolute or squared error."""
    return margin_losses(inner(prediction, kind), target, kind, metric if kind is Kind.REGRESSION else "log_loss")


def margin_losses(margin: Float64, target: Float64, kind: Kind, metric: str) -> Float64:
    """[n] what each row adds to a loss that is a mean over rows."""
    if metric == "accuracy":
        return np.asarray(margin.argmax(axis=1) != target, dtype=np.float64)
    if kind is Kind.MULTICLASS:
        return multiclass_losses(target, outer(margin, kind))
    if metric == "log_loss":
        losses = np.logaddexp(0.0, margin) - target * margin
        return np.asarray(losses.mean(axis=1) if losses.ndim > 1 else losses)
    return np.asarray((margin - target) ** 2 if metric in {"rmse", "r2"} else np.abs(margin - target))
