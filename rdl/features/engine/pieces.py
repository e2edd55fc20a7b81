"""The pieces of features that kernels compute: what `Uses` writes as SQL over joined rows, as columns of the points.

Families write the same expressions either way. Here a running column's increase is `p.d3`, an aggregate over the last rows `p.d7`:
columns computed from the ordered rows; what a family reads of single rows (`h`, `w0`, `r1`) is gathered from their places.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rdl.features.families.sequence import weight
from rdl.features.plan import Block
from rdl.features.uses import GAP, MOMENT, POSITION, Uses


@dataclass(frozen=True)
class Piece:
    """One column of the points.

    Attributes:
        kind: `rows`, `moments`, `count`, `sum`, `squares`, `mean` between `side` and the last visible row; over the last rows:
            `weighted`, `mass`, `number`, `low`, `high`, `place`, `latest`, `held`, `distinct`.
        measure: of the block, -1 for none.
        side: alias of the row before what is counted, "" for all history.
        first, rows: of the last rows, from which to before which.
        weights: of the last rows.
        condition: which of the last rows count: `zero` and `filled` are of the measure, `apart` is a gap above `span`.
        column: the native column whose values are counted.
    """

    kind: str
    measure: int = -1
    side: str = ""
    first: int = 0
    rows: int = 0
    weights: tuple[int, ...] = ()
    condition: str = ""
    span: int = 0
    column: str = ""

    @property
    def whole(self) -> bool:
        """Whether it is a whole number."""
        return self.kind in ("rows", "moments", "count", "mass", "number", "place", "latest", "held", "distinct")


class Unsupported(Exception):  # noqa: N818  (not an error: the block is computed by SQL alone)
    """A family asks for something that no kernel computes."""


_AGGREGATE = re.compile(r"(\w+)\((.*?)\)(?: FILTER \((.*)\))?", re.DOTALL)
_BETWEEN = {"s": "sum", "q": "squares", "c": "count"}
_ROW = re.compile(r"\b(h|w\d+|r\d+)\.(\w+)")


class Pieces(Uses):
    """Collects what one block's features need of kernels; every method returns SQL text over the points."""

    def __init__(self, block: Block, half_lives: Sequence[float], recent: int) -> None:
        super().__init__(block, half_lives)
        self._recent = recent
        self.pieces: dict[Piece, str] = {}

    def piece(self, piece: Piece) -> str:
        """The column of a piece."""
        return f"p.{self.pieces.setdefault(piece, f'd{len(self.pieces)}')}"

    def between(self, column: str, side: str) -> str:
        """A running column's increase since the row `side`; null where nothing is visible."""
        if column == POSITION:
            return self.piece(Piece("rows", side=side))
        if column == MOMENT:
            return self.piece(Piece("moments", side=side))
        kind = _BETWEEN.get(column[:1])
        if kind is None or not column[1:].isdecimal():
            raise Unsupported(column)
        return self.piece(Piece(kind, int(column[1:]), side))

    def mean(self, measure: int, side: str) -> str:
        """Mean of the measure between."""
        return self.piece(Piece("mean", measure, side))

    def over_recent(self, aggregate: str) -> str:
        """An aggregate over the last rows."""
        found = _AGGREGATE.fullmatch(aggregate)
        if found is None:
            raise Unsupported(aggregate)
        function, argument, condition = found.groups()
        return self.piece(self._aggregate(function, argument, (condition or "").removeprefix("WHERE ")))

    def rows_read(self, sql: str) -> set[tuple[str, str]]:
        """(alias, column) of the single rows that an expression reads."""
        return set(_ROW.findall(sql))

    def _aggregate(self, function: str, argument: str, condition: str) -> Piece:
        first, rows, rest = self._places(condition)
        if function == "count" and argument.startswith("DISTINCT f.n"):
            return Piece("distinct", rows=rows, column=argument.removeprefix("DISTINCT f."))
        if argument in ("l.j", "f._time", "*") and rest and not re.fullmatch(r"f\.x\d+ IS NOT NULL", rest):
            kind = {"min l.j": "place", "max f._time": "latest", "count *": "held"}.get(f"{function} {argument}")
            if kind and first == 0:
                return self._conditional(kind, rest, rows)
        number = re.fullmatch(r"f\.v(\d+)", argument)
        if function in ("min", "max") and number and not rest:
            return Piece("low" if function == "min" else "high", int(number[1]), first=first, rows=rows)
        if first == 0 and function in ("sum", "count"):
            return self._weighted(function, argument, rest, rows)
        raise Unsupported(f"{function}({argument}) {condition}")

    def _places(self, condition: str) -> tuple[int, int, str]:
        """Which of the last rows a condition asks for, [first, end), and what else it asks."""
        found = re.match(r"l\.j (<|=) (\d+)(?: AND )?", condition)
        if found is None:
            return 0, self._recent, condition
        place, rest = int(found[2]), condition[found.end() :]
        first, end = (0, place) if found[1] == "<" else (place, place + 1)
        return first, min(end, self._recent), rest

    def _conditional(self, kind: str, condition: str, rows: int) -> Piece:
        if found := re.fullmatch(r"coalesce\(f\.v(\d+), 0\) = 0", condition):
            return Piece(kind, int(found[1]), rows=rows, condition="zero")
        if found := re.fullmatch(r"f\.v(\d+) <> 0", condition):
            return Piece(kind, int(found[1]), rows=rows, condition="filled")
        if found := re.fullmatch(rf"\(f\.{GAP} IS NULL OR f\.{GAP} > (\d+)\)", condition):
            return Piece(kind, rows=rows, condition="apart", span=int(found[1]))
        raise Unsupported(condition)

    def _weighted(self, function: str, argument: str, condition: str, rows: int) -> Piece:
        """Sums of weights, or of weights times the scaled number, over the rows that have a number."""
        *factors, last = [part.strip() for part in argument.split("*")] if argument != "*" else ["1"]
        number = re.fullmatch(r"f\.x(\d+)", last)
        if number is None:
            factors.append(last)
        filled = re.fullmatch(r"f\.x(\d+) IS NOT NULL", condition)
        measured = number or filled
        if measured is None or (number and filled and number[1] != filled[1]) or (condition and not filled):
            raise Unsupported(f"{function}({argument}) {condition}")
        weights = tuple(self._weight(factors, place) for place in range(rows))
        kind = "weighted" if number else "mass" if function == "sum" else "number"
        return Piece(kind, int(measured[1]), rows=rows, weights=weights)

    def _weight(self, factors: Sequence[str], place: int) -> int:
        product = 1
        for factor in factors:
            if factor == "l.j":
                product *= place
            elif found := re.fullmatch(r"l\.w(\d+)", factor):
                product *= weight(self.half_lives[int(found[1])], place)
            elif factor != "1":
                raise Unsupported(factor)
        return product
