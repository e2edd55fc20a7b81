"""From a schema to coordinates: columns of boxes, tracks between them, and the shape that fits a landscape page best.

Everything is decided by names and numbers of the schema alone, so the same schema gives the same picture.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rdl.database.picture.boxes import Box, boxes
from rdl.database.picture.layers import layers, wrapped
from rdl.database.picture.nets import Ends, Leaf, Net, Way, ends, nets
from rdl.database.picture.places import Placed, place, spans
from rdl.database.picture.tracks import Gap, gap
from rdl.database.schema import Schema

LANDSCAPE = math.sqrt(2)
BETWEEN = 34.0
_WRAPS = 8
_FOLDED = 0.75  # a line between neighbours is easier to follow than one beside them, so folding must pay


@dataclass(frozen=True)
class Spot:
    """A box in its place."""

    box: Box
    x: float
    y: float
    width: float


@dataclass(frozen=True)
class Line:
    """A reference: its corners from the child's box to the parent's."""

    net: Net
    leaf: Leaf
    corners: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Layout:
    """Boxes and lines in their places, and the size of it all."""

    spots: tuple[Spot, ...]
    lines: tuple[Line, ...]
    width: float
    height: float

    @property
    def page(self) -> float:
        """The height of the smallest landscape page that holds it."""
        return max(self.width / LANDSCAPE, self.height)


def lay_out(schema: Schema) -> Layout:
    """The layout of the tables that know each other, with those that know none in rows below."""
    drawn = boxes(schema)
    alone = [name for name, table in sorted(schema.tables.items()) if not table.references and not schema.children(name)]
    linked = Schema({name: table for name, table in sorted(schema.tables.items()) if name not in alone})
    candidates = _linked(linked, {name: drawn[name] for name in linked.tables})
    return min((_with_rows(found, [drawn[name] for name in alone]) for found in candidates), key=lambda found: found.page)


def _linked(schema: Schema, drawn: Mapping[str, Box]) -> list[Layout]:
    """The layouts to choose from: the layers whole, wrapped ever more often, and folded where that makes a much smaller page."""
    if not drawn:
        return [Layout((), (), 0.0, 0.0)]
    found = layers(schema)
    heights = {name: box.height + BETWEEN for name, box in drawn.items()}
    totals = [math.fsum(heights[n] for n in found if found[n] == layer) for layer in set(found.values())]
    plain = _shapes(schema, found, heights, max(totals), fold=False)
    made = [_arranged(schema, drawn, columns) for columns in plain]
    folded = _shapes(schema, found, heights, math.fsum(totals), fold=True)
    shorter = [_arranged(schema, drawn, columns) for columns in folded if columns not in plain]
    best = min(layout.page for layout in made)
    return made + [layout for layout in shorter if layout.page < _FOLDED * best]


def _shapes(
    schema: Schema, found: Mapping[str, int], heights: Mapping[str, float], total: float, *, fold: bool
) -> list[list[list[str]]]:
    """Different columns for ever lower limits of their heights."""
    shapes: list[list[list[str]]] = []
    for wraps in range(1, _WRAPS + 1):
        columns = wrapped(schema, found, heights, max(total / wraps, *heights.values()) + 1, fold=fold)
        if columns not in shapes:
            shapes.append(columns)
    return shapes


def _arranged(schema: Schema, drawn: Mapping[str, Box], columns: Sequence[Sequence[str]]) -> Layout:
    found = nets(schema, columns)
    points = ends(found, drawn)
    joined = spans(found, points, columns)
    placed = place(drawn, columns, joined)
    last = len(columns) - 1
    gaps = [gap([s for s in joined if s.gap == c], placed, 0.0 if c == last else BETWEEN) for c in range(len(columns))]
    widths = [max(drawn[name].width for name in names) for names in columns]
    lefts = [0.0]
    for width, between in zip(widths, gaps, strict=True):
        lefts.append(lefts[-1] + width + between.width)
    spots = [Spot(drawn[n], lefts[c], placed.top[n], widths[c]) for c, names in enumerate(columns) for n in names]
    router = _Router(found, points, placed, {n: c for c, names in enumerate(columns) for n in names}, gaps, widths, lefts)
    lines = [router.line(n, i) for n, net in enumerate(found) for i in range(len(net.leaves))]
    return Layout(tuple(spots), tuple(lines), lefts[-1], placed.height)


@dataclass(frozen=True)
class _Router:
    """Follows a net from a child to its parent."""

    nets: Sequence[Net]
    ends: Ends
    placed: Placed
    column: Mapping[str, int]
    gaps: Sequence[Gap]
    widths: Sequence[float]
    lefts: Sequence[float]

    def line(self, n: int, i: int) -> Line:
        net, leaf = self.nets[n], self.nets[n].leaves[i]
        start, goal = self._end(n, i), self._end(n, -1)
        here, there = self.column[leaf.child], self.column[net.parent]
        corners = [start]
        if net.way is Way.RIGHT:
            passed = [(c, c) for c in range(here - 1, there - 1, -1)]
        else:
            passed = [(c, c + 1) for c in range(here, max(there, here + 1))]
        for crossed, reached in passed:
            y = self.placed.top[n, reached] if (n, reached) in self.placed.top and reached != there else goal[1]
            track = self.gaps[crossed].tracks.get(n)
            if track is not None:
                x = self.lefts[crossed] + self.widths[crossed] + track
                corners += [(x, corners[-1][1]), (x, y)]
        return Line(net, leaf, (*corners, goal))

    def _end(self, n: int, i: int) -> tuple[float, float]:
        end = self.ends[n, i]
        column = self.column[end.table]
        return self.lefts[column] + (self.widths[column] if end.right else 0.0), self.placed.top[end.table] + end.below


def _with_rows(found: Layout, alone: Sequence[Box]) -> Layout:
    """The layout with `alone` in rows below it, as wide as suits the page."""
    if not alone:
        return found
    area = math.fsum((box.width + BETWEEN) * (box.height + BETWEEN) for box in alone)
    limit = max(found.width, math.sqrt(area * LANDSCAPE), *(box.width for box in alone))
    spots, x, y, high = list(found.spots), 0.0, found.height + (BETWEEN if found.height else 0.0), 0.0
    width = found.width
    for box in alone:
        if x and x + box.width > limit:
            x, y, high = 0.0, y + high + BETWEEN, 0.0
        spots.append(Spot(box, x, y, box.width))
        high, width = max(high, box.height), max(width, x + box.width)
        x += box.width + BETWEEN
    return Layout(tuple(spots), found.lines, width, y + high)
