"""The pieces of SQL that features of one block are written in, and the record of which pieces were used.

A family asks for a piece (the running sum of a measure, the row before a window) and gets its SQL; the compiler then builds just
the columns and joins that were asked for. Aliases: `p` the point (key, as_of), `h` the last visible row, `w…` the last row before
a time window, `r…` the last row before the last k rows, `t` aggregates over the last rows, `u…` parents of the last row.
"""

from collections.abc import Sequence

from rdl.features.chain import Chain
from rdl.features.plan import Block
from rdl.timeline import ALWAYS, DAY

POSITION, FIRST, MOMENT, GAP = "_pos", "_first", "_moment", "_gap"
"""Columns of every block: rows so far, time of the first row, distinct times so far, time since the row before."""


class Uses:
    """Collects what one block's features need; every method returns SQL text."""

    def __init__(self, block: Block, half_lives: Sequence[float]) -> None:
        self.block = block
        self.half_lives = tuple(half_lives)
        self.running: dict[str, None] = {}
        self.windows: dict[int, str] = {}
        self.counts: dict[int, str] = {}
        self.aggregates: dict[str, str] = {}
        self.parents: dict[Chain, str] = {}
        self.natives: dict[str, str] = {}

    def native(self, column: str) -> str:
        """A column of the fact rows as it stands."""
        return self.natives.setdefault(column, f"n{len(self.natives)}")

    def before_window(self, window: int) -> str:
        """Alias of the last row before the time window; "" for all history."""
        return self.windows.setdefault(window, f"w{len(self.windows)}") if window else ""

    def before_last(self, rows: int) -> str:
        """Alias of the last row before the last `rows` rows."""
        return self.counts.setdefault(rows, f"r{len(self.counts)}")

    def run(self, kind: str, measure: int) -> str:
        """Running column: `s` sum, `q` sum of squares (scaled integers), `c` count of numbers, `lo` minimum, `hi` maximum."""
        column = f"{kind}{measure}"
        self.running[column] = None
        return column

    def between(self, column: str, side: str) -> str:
        """A running column's increase since the row `side`; null where nothing is visible."""
        return f"(h.{column} - coalesce({side}.{column}, 0))" if side else f"h.{column}"

    def number(self, measure: int, side: str) -> str:
        """How many numbers the measure has between."""
        nullable = self.block.measures[measure].nullable
        return self.between(self.run("c", measure) if nullable else POSITION, side)

    def unit(self, measure: int) -> str:
        """What one step of the scaled integer is worth."""
        return f"CAST({2.0 ** -self.block.measures[measure].scale!r} AS DOUBLE)"

    def mean(self, measure: int, side: str) -> str:
        """Mean of the measure between."""
        total, number = self.between(self.run("s", measure), side), self.number(measure, side)
        return f"CAST({total} AS DOUBLE) / nullif({number}, 0) * {self.unit(measure)}"

    def over_recent(self, aggregate: str) -> str:
        """An aggregate over the last rows: `f` is the row, `l.j` its place (0 is the last), `l.w…` integer weights."""
        return f"t.{self.aggregates.setdefault(aggregate, f'a{len(self.aggregates)}')}"

    def parent(self, ascent: Chain) -> str:
        """Alias of the parent of the last row at the end of `ascent`; `h` itself where there is no hop."""
        if not ascent.hops:
            return "h"
        self.parent(Chain(ascent.table, ascent.hops[:-1]))
        return self.parents.setdefault(ascent, f"u{len(self.parents)}")

    @staticmethod
    def days(later: str, earlier: str) -> str:
        """Days between two times; null for a static row."""
        return f"CAST({later} - nullif({earlier}, {ALWAYS}) AS DOUBLE) / {float(DAY)}"
