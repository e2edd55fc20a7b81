"""The lines of the picture: references that lead to the same key share one net, and every end has its own point on a box.

A net is a tree with its root at the parent. Two references of one table to the same parent belong to different nets, so that they
stay apart all the way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rdl.database.picture.boxes import ROW, Box, named
from rdl.database.schema import Reference, Schema, Table

_APART = 6.0  # of two lines that end at the same row


class Way(StrEnum):
    """Where the children of a net stand, seen from their parent; beside it are those of its own column, and the parent itself."""

    RIGHT = "right"
    LEFT = "left"
    BESIDE = "beside"


@dataclass(frozen=True)
class Leaf:
    """The end of a line at the child."""

    child: str
    reference: Reference
    alone: bool  # the reference is the child's key, so a parent has one such child at most


@dataclass(frozen=True)
class Net:
    """All lines that share their way to `parent`.

    Attributes:
        named: the parent's columns that are referred to.
    """

    parent: str
    named: tuple[str, ...]
    way: Way
    leaves: tuple[Leaf, ...]


@dataclass(frozen=True)
class End:
    """Where a line ends: at which table and which of its sides, and how far below the top of the box."""

    table: str
    right: bool
    below: float


Ends = Mapping[tuple[int, int], End]
"""Ends by (net, leaf); the root of a net is its leaf -1."""


def nets(schema: Schema, columns: Sequence[Sequence[str]]) -> list[Net]:
    """Every reference of the schema in exactly one net, in a stable order."""
    column = {name: i for i, names in enumerate(columns) for name in names}
    found: dict[tuple[str, tuple[str, ...], Way, int], list[Leaf]] = {}
    for name, table in sorted(schema.tables.items()):
        earlier: list[tuple[str, tuple[str, ...]]] = []
        for reference in table.references:
            aim = (reference.table, named(schema, reference))
            leaf = Leaf(name, reference, set(reference.columns) == set(table.key))
            found.setdefault((*aim, _way(table, reference, column), earlier.count(aim)), []).append(leaf)
            earlier.append(aim)
    return [
        Net(parent, aim, way, tuple(leaves)) for (parent, aim, way, _), leaves in sorted(found.items(), key=lambda item: item[0])
    ]


def ends(found: Sequence[Net], drawn: Mapping[str, Box]) -> dict[tuple[int, int], End]:
    """A point for every end of every net; lines that end at the same row of a box are spread over its height."""
    sides: dict[tuple[str, bool, int], list[tuple[int, int]]] = {}
    for n, net in enumerate(found):
        root = drawn[net.parent].place(net.named[0]) if net.named else -1
        sides.setdefault((net.parent, net.way is not Way.LEFT, root), []).append((n, -1))
        for i, leaf in enumerate(net.leaves):
            place = drawn[leaf.child].place(leaf.reference.columns[0])
            sides.setdefault((leaf.child, net.way is not Way.RIGHT, place), []).append((n, i))
    points: dict[tuple[int, int], End] = {}
    for (table, right, place), there in sides.items():
        there.sort(key=lambda end: found[end[0]].way is Way.BESIDE)  # a loop hangs below the lines that lead away
        apart = min(_APART, (ROW - 3) / len(there))
        for i, end in enumerate(there):
            points[end] = End(table, right, drawn[table].middle(place) + apart * (i - (len(there) - 1) / 2))
    return points


def _way(table: Table, reference: Reference, column: Mapping[str, int]) -> Way:
    here, there = column[table.name], column[reference.table]
    return Way.BESIDE if here == there else Way.RIGHT if there < here else Way.LEFT
