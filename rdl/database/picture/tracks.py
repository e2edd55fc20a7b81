"""The gaps between columns: every net that turns there gets a vertical track of its own, in an order that crosses few lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from rdl.database.picture.places import Placed, Span

TRACK, EDGE = 9.0, 17.0  # between tracks, and beside a box, where arrowheads and crow's feet stand
_NEAR = 5.0  # lines nearer than this are read as one
_ON_TOP = 8  # how many crossings two lines on top of each other are worth


@dataclass(frozen=True)
class _Turn:
    net: int
    left: tuple[float, ...]
    right: tuple[float, ...]

    @property
    def low(self) -> float:
        return min(*self.left, *self.right)

    @property
    def high(self) -> float:
        return max(*self.left, *self.right)


@dataclass(frozen=True)
class Gap:
    """A gap's width, and how far from its left side the track of each net runs; a net that does not turn has none."""

    width: float
    tracks: Mapping[int, float]


def gap(joined: Sequence[Span], placed: Placed, least: float) -> Gap:
    """Tracks for the nets that `joined` says pass one gap, at least `least` wide."""
    turns = [_Turn(s.net, tuple(placed.y(p) for p in s.left), tuple(placed.y(p) for p in s.right)) for s in joined]
    turns = _ordered([t for t in turns if t.high - t.low > 0.5 or not t.right])
    if not joined:
        return Gap(least, {})
    ranks: dict[int, int] = {}
    for i, turn in enumerate(turns):
        before = [ranks[t.net] for t in turns[:i] if t.low < turn.high + _NEAR and turn.low < t.high + _NEAR]
        ranks[turn.net] = max(before, default=-1) + 1
    count = max(ranks.values(), default=0) + 1
    width = max(2 * EDGE + TRACK * (count - 1), least)
    first = (width - TRACK * (count - 1)) / 2
    return Gap(width, {net: first + TRACK * rank for net, rank in ranks.items()})


def _ordered(turns: Sequence[_Turn]) -> list[_Turn]:
    """From left to right: each is moved to where it costs least, until none moves."""
    order = sorted(turns, key=lambda t: (t.low + t.high, t.net))
    cost = {(a.net, b.net): _cost(a, b) for a in order for b in order if a is not b}
    for _ in range(8):
        before = list(order)
        for turn in before:
            rest = [t for t in order if t is not turn]
            first = sum(cost[turn.net, t.net] for t in rest)
            costs = list(accumulate((cost[t.net, turn.net] - cost[turn.net, t.net] for t in rest), initial=first))
            at = costs.index(min(costs))
            if costs[at] < costs[order.index(turn)]:
                order = [*rest[:at], turn, *rest[at:]]
        if order == before:
            break
    return order


def _cost(a: _Turn, b: _Turn) -> int:
    """Crossings, and lines on top of each other, where the track of `a` runs to the left of that of `b`."""
    crossed = sum(b.low < y < b.high for y in a.right) + sum(a.low < y < a.high for y in b.left)
    return crossed + _ON_TOP * sum(abs(y - z) < _NEAR for y in a.right for z in b.left)
