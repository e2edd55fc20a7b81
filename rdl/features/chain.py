"""Chains of foreign keys: how one table's rows lead up to another table's.

A chain starts at the rows of `table` and follows references upwards, one hop after another. Read from its end it is a descent: the
rows of `results` whose chain ends at `drivers` are a driver's results.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rdl.database import Schema


@dataclass(frozen=True)
class Hop:
    """One reference upwards: `column` of the row at hand names a row of `table`."""

    column: str
    table: str


@dataclass(frozen=True)
class Chain:
    """Rows of `table` and the references that lead up from them; no hops is the row itself."""

    table: str
    hops: tuple[Hop, ...] = ()

    @property
    def end(self) -> str:
        """The table that the last hop leads to."""
        return self.hops[-1].table if self.hops else self.table

    def __str__(self) -> str:
        return ".".join((self.table, *(hop.column for hop in self.hops)))

    @property
    def straight(self) -> bool:
        """Whether no table comes twice on the way, but for a single reference of a table to itself."""
        tables = [self.table, *(hop.table for hop in self.hops)]
        return len(self.hops) <= 1 or len(set(tables)) == len(tables)


def descents(schema: Schema, table: str, depth: int) -> Iterator[Chain]:
    """Every chain of 1 to `depth` hops that ends at `table`, nearest first.

    A chain may pass a table twice (self references, cycles); the depth bounds it.
    """
    level = [Chain(table)]
    for _ in range(depth):
        level = [
            Chain(child.name, (Hop(reference.column, chain.table), *chain.hops))
            for chain in level
            for child, reference in schema.children(chain.table)
        ]
        yield from level


def ascents(schema: Schema, table: str, depth: int) -> Iterator[Chain]:
    """Every chain of 1 to `depth` hops that starts at `table`, nearest first."""
    level = [Chain(table)]
    for _ in range(depth):
        level = [
            Chain(table, (*chain.hops, Hop(reference.column, reference.table)))
            for chain in level
            for reference in schema[chain.end].references
        ]
        yield from level


def timed(schema: Schema, chain: Chain) -> bool:
    """Whether a row's place in time is known: it, or a row on its way to the chain's end, has a time."""
    return any(schema[table].time is not None for table in (chain.table, *(hop.table for hop in chain.hops[:-1])))
