"""Which column of the picture a table stands in: parents to the left of their children, long columns wrapped."""

import math
from collections.abc import Iterable, Mapping, Sequence

from rdl.database.schema import Schema


def layers(schema: Schema) -> dict[str, int]:
    """Layer by table: one more than its deepest parent's (the longest path); no two tables of one layer know each other.

    A cycle is broken at the table with the fewest parents still to come. Where more tables lie ahead of a table than behind it, it
    moves as near to them as it can, so that its lines are short.
    """
    parents, children = _neighbours(schema)
    found: dict[str, int] = {}
    waiting = dict.fromkeys(parents)
    while waiting:
        name = min(waiting, key=lambda n: (len(parents[n] - found.keys()), -len(children[n] - found.keys()), n))
        known = (parents[name] | children[name]) & found.keys()
        found[name] = 1 + max((found[n] for n in known), default=-1)
        del waiting[name]
    for name in sorted(found, key=lambda n: (-found[n], n)):
        near = parents[name] | children[name]
        ahead = [found[n] for n in near if found[n] > found[name]]
        if len(ahead) > len(near) - len(ahead):
            found[name] = min(ahead) - 1
    return found


def wrapped(schema: Schema, found: Mapping[str, int], heights: Mapping[str, float], limit: float, *, fold: bool) -> list[list[str]]:
    """The tables of every column, from left to right: a layer that is higher than `limit` takes several.

    With `fold`, layers that follow each other share a column as long as they are not higher: then a deep schema needs fewer.
    """
    parents, children = _neighbours(schema)
    columns: list[list[str]] = []
    for layer in sorted(set(found.values())):
        members = [name for name in sorted(found) if found[name] == layer]
        pull = {name: sum(1 if found[n] > layer else -1 for n in parents[name] | children[name]) for name in members}
        members.sort(key=lambda name: (pull[name], name))
        for run in _split(members, heights, limit):
            if fold and columns and math.fsum(heights[name] for name in (*columns[-1], *run)) <= limit:
                columns[-1] += run
            else:
                columns.append(run)
    return columns


def _neighbours(schema: Schema) -> tuple[dict[str, frozenset[str]], dict[str, frozenset[str]]]:
    """Parents and children of every table, without itself."""
    parents = {name: _others(name, (r.table for r in table.references)) for name, table in sorted(schema.tables.items())}
    return parents, {name: _others(name, (child.name for child, _ in schema.children(name))) for name in parents}


def _others(name: str, names: Iterable[str]) -> frozenset[str]:
    return frozenset(names) - {name}


def _split(members: Sequence[str], heights: Mapping[str, float], limit: float) -> list[list[str]]:
    """`members` in as few runs as their heights need, of about the same height."""
    total = math.fsum(heights[name] for name in members)
    count = min(max(1, math.ceil(total / limit)), len(members))
    runs: list[list[str]] = [[] for _ in range(count)]
    reached = 0.0
    for name in members:
        runs[min(int((reached + heights[name] / 2) / total * count), count - 1)].append(name)
        reached += heights[name]
    return [run for run in runs if run]
