"""How high every box stands: an order within the columns that crosses few lines, then heights that make the lines straight.

A net that passes a column has a lane there, which takes room like a box: so no line ever runs over one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rdl.database.picture.boxes import Box
from rdl.database.picture.nets import Ends, Net, Way

Node = str | tuple[int, int]
"""A box by its table, or the lane of a net in a column: (net, column)."""

BETWEEN_BOXES, BESIDE_LANE = 20.0, 9.0
_SWEEPS = 12


@dataclass(frozen=True)
class Point:
    """A place at a node: so far below its top."""

    node: Node
    below: float


@dataclass(frozen=True)
class Span:
    """What a net does in the gap to the right of a column: it joins points on the left of it with points on the right."""

    net: int
    gap: int
    left: tuple[Point, ...]
    right: tuple[Point, ...]


@dataclass(frozen=True)
class Placed:
    """The top of every node, the nodes of each column from top to bottom, and the height of it all."""

    top: Mapping[Node, float]
    columns: tuple[tuple[Node, ...], ...]
    height: float

    def y(self, point: Point) -> float:
        """The height of a point."""
        return self.top[point.node] + point.below


def spans(found: Sequence[Net], points: Ends, columns: Sequence[Sequence[str]]) -> list[Span]:
    """Every net, gap by gap."""
    column = {name: i for i, names in enumerate(columns) for name in names}
    made = []
    for n, net in enumerate(found):
        root = Point(net.parent, points[n, -1].below)
        at = column[net.parent]
        leaves = [(column[leaf.child], Point(leaf.child, points[n, i].below)) for i, leaf in enumerate(net.leaves)]
        if net.way is Way.BESIDE:
            made.append(Span(n, at, (root, *(point for _, point in leaves)), ()))
            continue
        step = 1 if net.way is Way.RIGHT else -1
        last = max(c * step for c, _ in leaves) * step
        for here in range(at, last, step):
            near = (root,) if here == at else (Point((n, here), 0.0),)
            far = tuple(point for c, point in leaves if c == here + step)
            far += (Point((n, here + step), 0.0),) if here + step != last else ()
            made.append(Span(n, min(here, here + step), *((near, far) if step > 0 else (far, near))))
    return made


def place(drawn: Mapping[str, Box], columns: Sequence[Sequence[str]], joined: Sequence[Span]) -> Placed:
    """An order with few crossings, and tops that keep every node apart from its neighbours."""
    nodes: list[list[Node]] = [list(names) for names in columns]
    for lane in sorted({p.node for s in joined for p in (*s.left, *s.right) if isinstance(p.node, tuple)}):
        nodes[lane[1]].append(lane)
    stack = _Stack(drawn, joined)
    best, fewest = nodes, math.inf
    for sweep in range(_SWEEPS):
        tops = stack.tops(nodes)
        crossed = stack.crossings(tops)
        if crossed < fewest:
            best, fewest = nodes, crossed
        nodes = stack.sorted(nodes, tops, rightwards=sweep % 2 == 0)
    return stack.straight(best)


class _Stack:
    """Heights of the nodes and links between them."""

    def __init__(self, drawn: Mapping[str, Box], joined: Sequence[Span]) -> None:
        self._drawn, self._joined = drawn, joined
        self._back: dict[Node, list[tuple[float, Point]]] = {}
        self._ahead: dict[Node, list[tuple[float, Point]]] = {}
        for span in joined:
            for a in span.left:
                for b in span.right:
                    self._back.setdefault(b.node, []).append((b.below, a))
                    self._ahead.setdefault(a.node, []).append((a.below, b))

    def tops(self, nodes: Sequence[Sequence[Node]]) -> dict[Node, float]:
        """Every column stacked without air, about the same middle."""
        found: dict[Node, float] = {}
        for column in nodes:
            starts, height = self._starts(column)
            found |= {node: start - height / 2 for node, start in zip(column, starts, strict=True)}
        return found

    def sorted(self, nodes: Sequence[Sequence[Node]], tops: dict[Node, float], *, rightwards: bool) -> list[list[Node]]:
        """Every column in the order of where its lines come from: the barycentre heuristic."""
        tops = dict(tops)
        links = self._back if rightwards else self._ahead
        columns = list(range(len(nodes)))
        found = [list(column) for column in nodes]
        for c in columns if rightwards else reversed(columns):
            wanted = {node: self._wanted(node, links.get(node, ()), tops) for node in found[c]}
            found[c].sort(key=lambda node: wanted[node])
            starts, height = self._starts(found[c])
            tops |= {node: start - height / 2 for node, start in zip(found[c], starts, strict=True)}
        return found

    def crossings(self, tops: Mapping[Node, float]) -> int:
        """How many pairs of lines cross, taken as straight ones."""
        gaps: dict[int, list[tuple[float, float, int]]] = {}
        for s in self._joined:
            lines = [(tops[a.node] + a.below, tops[b.node] + b.below, s.net) for a in s.left for b in s.right]
            gaps.setdefault(s.gap, []).extend(lines)
        return sum(
            1
            for lines in gaps.values()
            for i, (a, b, net) in enumerate(lines)
            for c, d, other in lines[:i]
            if net != other and (a - c) * (b - d) < 0
        )

    def straight(self, nodes: Sequence[Sequence[Node]]) -> Placed:
        """Tops near to where the lines would be straight, in the given order and within the height of the highest column."""
        starts = [self._starts(column) for column in nodes]
        height = max((h for _, h in starts), default=0.0)
        tops = {node: top + height / 2 for node, top in self.tops(nodes).items()}
        for sweep in range(_SWEEPS):
            order = range(len(nodes)) if sweep % 2 == 0 else reversed(range(len(nodes)))
            for c in order:
                links = {node: [*self._back.get(node, ()), *self._ahead.get(node, ())] for node in nodes[c]}
                wanted = [self._wanted(n, links[n], tops) - start for n, start in zip(nodes[c], starts[c][0], strict=True)]
                weights = [float(len(links[n])) * (4.0 if isinstance(n, tuple) else 1.0) or 0.1 for n in nodes[c]]
                free = height - starts[c][1]
                moved = [min(max(v, 0.0), free) for v in rising(wanted, weights)]
                tops |= {n: start + v for n, start, v in zip(nodes[c], starts[c][0], moved, strict=True)}
        return Placed(tops, tuple(tuple(column) for column in nodes), height)

    def _wanted(self, node: Node, links: Sequence[tuple[float, Point]], tops: Mapping[Node, float]) -> float:
        """The top at which the lines to `node` would be straight on average; where it is, for one without lines."""
        if not links:
            return tops[node]
        return math.fsum(tops[p.node] + p.below - below for below, p in links) / len(links)

    def _starts(self, column: Sequence[Node]) -> tuple[list[float], float]:
        """The top of every node of a column that starts at 0, and the column's height."""
        starts, bottom = [], 0.0
        for i, node in enumerate(column):
            if i:
                both = isinstance(node, str) and isinstance(column[i - 1], str)
                bottom += BETWEEN_BOXES if both else BESIDE_LANE
            starts.append(bottom)
            bottom += self._drawn[node].height if isinstance(node, str) else 0.0
        return starts, bottom


def rising(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The sequence that never falls and lies nearest to `values` by weighted squares: pool adjacent violators."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, v, n), (b, w, m) = pools[-2:]
            pools[-2:] = [((a * v + b * w) / (v + w), v + w, n + m)]
    return [value for value, _, count in pools for _ in range(count)]
