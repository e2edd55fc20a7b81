"""Pieces of features at points, from the ordered rows of a bucket: one pass over the rows a measure, then look-ups."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rdl.features.engine import kernels
from rdl.features.engine.events import Events
from rdl.features.engine.pieces import Piece, Pieces, Unsupported
from rdl.features.plan import Block

Int = NDArray[np.int64]
Float = NDArray[np.float64]

LIMIT = 2**63
"""What a sum of scaled numbers may not reach."""
_RUNNING = ("sum", "squares", "count", "mean")


class Overflow(Exception):  # noqa: N818  (not an error: the bucket is computed by SQL, which sums in 128 bits)
    """Sums that may not fit 63 bits."""


@dataclass(frozen=True)
class _Sums:
    """Running sums of a measure: of the scaled numbers, of how many there are, and of their squares in two words."""

    total: Int
    count: NDArray[np.int32]
    high: NDArray[np.uint64]
    low: NDArray[np.uint64]


@dataclass(frozen=True)
class Scan:
    """Points of one bucket over its rows.

    Attributes:
        slot: int32 [n], whose rows each point reads.
        as_of: int64 [n].
    """

    block: Block
    events: Events
    pieces: Pieces
    slot: NDArray[np.int32]
    as_of: Int

    def __len__(self) -> int:
        return len(self.slot)

    @cached_property
    def begin(self) -> Int:
        """Where each point's rows begin [n]."""
        return self.events.start[self.slot]

    @cached_property
    def end(self) -> Int:
        """Where the rows end that each point may see [n]: the law of time."""
        return self._edge(self.events.start[self.slot + 1], 0)

    @cached_property
    def edges(self) -> dict[str, Int]:
        """Where what is counted begins [n], by the alias of the row before it; "" for all history."""
        found = {"": self.begin}
        found.update((alias, self._edge(self.end, window)) for window, alias in self.pieces.windows.items())
        found.update((alias, np.maximum(self.begin, self.end - rows)) for rows, alias in self.pieces.counts.items())
        return found

    def columns(self) -> dict[str, NDArray[Any]]:
        """Every piece [n] by its name: float64 with NaN, or int64 with `MISSING`, for null."""
        found: dict[str, NDArray[Any]] = {}
        measured: dict[int, list[tuple[Piece, str]]] = {}
        for piece, name in self.pieces.pieces.items():
            measured.setdefault(piece.measure, []).append((piece, name))
        for measure, wanted in measured.items():
            if measure < 0:
                found.update((name, self._structure(piece)) for piece, name in wanted)
            else:
                found.update(self._measured(measure, wanted))
        return found

    def rows(self, wanted: Iterable[tuple[str, str]]) -> dict[str, dict[str, pa.Array]]:
        """What points read of single rows, by alias and column; null where there is no such row."""
        found: dict[str, dict[str, pa.Array]] = {}
        for alias, column in sorted(wanted):
            edge = self.end if alias == "h" else self.edges[alias]
            place = np.where(edge > self.begin, edge - 1, -1)
            found.setdefault(alias, {})[column] = self._at(place, column)
        return found

    def last_rows(self, places: int) -> tuple[Int, Int, Int]:
        """The last visible rows of every point, in the order of (point, place): (point, place, row as read), [m] each."""
        have = np.minimum(self.end - self.begin, places)
        point = np.repeat(np.arange(len(self)), have)
        place = np.arange(len(point)) - np.repeat(np.cumsum(have) - have, have)
        return point, place, self.events.order[self.end[point] - 1 - place].astype(np.int64)

    def _edge(self, high: Int, window: int) -> Int:
        out = np.empty(len(self), dtype=np.int64)
        kernels.first_unseen(self.events.time, self.begin, high, self.as_of, window, out)
        return out

    def _structure(self, piece: Piece) -> NDArray[Any]:
        """A piece that reads no measure."""
        out = np.empty(len(self), dtype=np.int64)
        match piece.kind:
            case "rows":
                out = self.end - self.edges[piece.side]
            case "moments":
                out = (self._moments[self.end] - self._moments[self.edges[piece.side]]).astype(np.int64)
            case "distinct":
                kernels.distinct(self.events.codes(piece.column), self.begin, self.end, piece.rows, out)
            case _:
                self._conditional(piece, (self.events.gap == kernels.MISSING) | (self.events.gap > piece.span), out)
        return np.where(self.end > self.begin, out, kernels.MISSING)

    def _measured(self, measure: int, wanted: list[tuple[Piece, str]]) -> dict[str, NDArray[Any]]:
        """The pieces of one measure; its arrays are let go with it."""
        number = self.events.number(f"v{measure}")
        found: dict[str, NDArray[Any]] = {}
        running = [(piece, name) for piece, name in wanted if piece.kind in _RUNNING]
        if running:
            sums = self._sums(number, self._factor(measure), any(piece.kind == "squares" for piece, _ in running))
            found.update((name, self._running(piece, sums)) for piece, name in running)
        found.update((name, self._recent(piece, number)) for piece, name in wanted if piece.kind not in _RUNNING)
        return found

    def _sums(self, number: Float, factor: float, squared: bool) -> "_Sums":
        n = len(number)
        total, count = np.empty(n + 1, dtype=np.int64), np.empty(n + 1, dtype=np.int32)
        most = kernels.running_sum(number, factor, total, count)
        if int(most) * self.events.longest >= LIMIT:
            raise Overflow
        high, low = (np.empty(n + 1 if squared else 0, dtype=np.uint64) for _ in range(2))
        if squared:
            kernels.running_squares(number, factor, high, low)
        return _Sums(total, count, high, low)

    def _running(self, piece: Piece, sums: "_Sums") -> NDArray[Any]:
        side, count = self.edges[piece.side], sums.count
        if piece.kind == "count":
            return np.where(self.end > self.begin, (count[self.end] - count[side]).astype(np.int64), kernels.MISSING)
        out = np.empty(len(self), dtype=np.float64)
        match piece.kind:
            case "mean":
                kernels.means(sums.total, count, side, self.end, 1.0 / self._factor(piece.measure), out)
            case "sum":
                kernels.sums(sums.total, count, self.begin, side, self.end, out)
            case _:
                kernels.squares(sums.high, sums.low, count, self.begin, side, self.end, out)
        return out

    def _recent(self, piece: Piece, number: Float) -> NDArray[Any]:
        """A piece over the last rows of a measure, whose numbers [rows] are in order."""
        whole, real = np.empty(len(self), dtype=np.int64), np.empty(len(self), dtype=np.float64)
        match piece.kind:
            case "weighted":
                weights = np.array(piece.weights, dtype=np.int64)
                kernels.weighted_sums(number, self._factor(piece.measure), self.begin, self.end, weights, real)
                return real
            case "low" | "high":
                sign = 1.0 if piece.kind == "low" else -1.0
                kernels.extremes(number, self.begin, self.end, piece.first, piece.rows, sign, real)
                return real
            case "mass" | "number":
                weights = np.array(piece.weights, dtype=np.int64)
                empty = 0 if piece.kind == "number" else kernels.MISSING
                kernels.weighted_counts(number, self.begin, self.end, weights, empty, whole)
                return np.where(self.end > self.begin, whole, kernels.MISSING)
            case _:
                known = ~np.isnan(number)
                self._conditional(piece, ~known | (number == 0) if piece.condition == "zero" else known & (number != 0), whole)
                return whole

    def _conditional(self, piece: Piece, mask: NDArray[np.bool_], out: Int) -> None:
        if piece.kind == "held":
            kernels.held(mask, self.begin, self.end, piece.rows, out)
            return
        kernels.first_places(mask, self.begin, self.end, piece.rows, out)
        if piece.kind == "latest":
            known = out != kernels.MISSING
            out[known] = self.events.time[self.end[known] - 1 - out[known]]

    def _at(self, place: Int, column: str) -> pa.Array:
        """A column of the rows at places in order [n], null at -1."""
        kind, known = column.rstrip("0123456789"), place >= 0
        if kind == "n" and column in self.events.natives.column_names:
            index = pa.array(self._read(place), mask=~known)
            return self.events.natives[column].take(index).combine_chunks()
        match kind:
            case "_time" if len(self.events):
                return pa.array(self.events.time[place], mask=~known)
            case "_pos":
                return pa.array(place - self.begin + 1, mask=~known)
            case "_first":
                first = self.events.time[np.minimum(self.begin, len(self.events) - 1)] if len(self.events) else place
                return pa.array(first, mask=~known)
            case "_gap" if len(self.events):
                gap = self.events.gap[place]
                return pa.array(gap, mask=~known | (gap == kernels.MISSING))
            case "_moment":
                return pa.array((self._moments[place + 1] - self._moments[self.begin]).astype(np.int64), mask=~known)
            case "v" | "lo" | "hi":
                numbers = self._number_at(place, known, column, kind)
                return pa.array(numbers, mask=np.isnan(numbers))
            case _ if not len(self.events) and kind in ("_time", "_gap"):
                return pa.nulls(len(place), pa.int64())
        raise Unsupported(column)

    def _number_at(self, place: Int, known: NDArray[np.bool_], column: str, kind: str) -> Float:
        out = np.full(len(place), np.nan)
        if kind == "v":
            out[known] = self.events.columns[column][place[known]]
            return out
        extreme = np.empty(len(self.events), dtype=np.float64)
        number = self.events.number(f"v{column.removeprefix(kind)}")
        kernels.running_extreme(number, self.events.start, 1.0 if kind == "lo" else -1.0, extreme)
        out[known] = extreme[place[known]]
        return out

    def _read(self, place: Int) -> Int:
        """Where rows in order stand among those read; 0 for -1."""
        if not len(self.events):
            return np.zeros(len(place), dtype=np.int64)
        return self.events.order[np.maximum(place, 0)].astype(np.int64)

    def _factor(self, measure: int) -> float:
        return float(2.0 ** self.block.measures[measure].scale)

    @cached_property
    def _moments(self) -> NDArray[np.int32]:
        out = np.empty(len(self.events) + 1, dtype=np.int32)
        kernels.running_moments(self.events.time, self.events.start, out)
        return out
