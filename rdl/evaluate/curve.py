"""One small square figure as SVG text: what was said against what came, and the line on which both are the same."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from rdl.evaluate.figure import COLOURS
from rdl.evaluate.reliability import AtLevel, Curve, Reliability
from rdl.task import Kind

WIDTH, HEIGHT = 460, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 70, 84
_BARS = 34
"""Height of the bars that tell how many rows a point stands for."""
_SURE = 1.96
"""Standard errors up and down that a point's line reaches."""


@dataclass(frozen=True)
class Point:
    """`said` and `came` of `rows` rows, which lie between `low` and `high`; `error` is the standard error of `came`."""

    said: float
    came: float
    low: float
    high: float
    rows: int
    error: float


def reliability_figures(found: Reliability, kind: str) -> list[str]:
    """Drawings of what was said against what came: probabilities, those of single classes, intervals or sets by level."""
    curves, drawn = found.headline, list[str]()
    if curves:
        named = {"as predicted": curves[False], **({"before calibration": curves[True]} if True in curves else {})}
        lines = {name: _points(curve) for name, curve in reversed(named.items())}
        drawn.append(square(f"Reliability{': ' if curves[False].of else ''}{curves[False].of}", "predicted", "observed", lines))
    if single := found.single:
        title = f"Reliability of {'classes' if kind == Kind.MULTICLASS else 'labels'}"
        drawn.append(square(title, "predicted", "observed", {curve.of: _points(curve) for curve in single}))
    if found.levels:
        title = f"{'Intervals' if kind == Kind.REGRESSION else 'Sets'} by level"
        drawn.append(square(title, "promised", "held", {"": [_point(at) for at in found.levels]}))
    return drawn


def _points(curve: Curve) -> list[Point]:
    return [Point(r.predicted, r.observed, r.low, r.high, r.rows, _error(r.observed, r.rows)) for r in curve.rates]


def _point(at: AtLevel) -> Point:
    return Point(at.level, at.share, at.level, at.level, at.rows, _error(at.share, at.rows))


def _error(share: float, rows: int) -> float:
    return math.sqrt(share * (1 - share) / rows)


def square(title: str, across: str, upwards: str, lines: Mapping[str, Sequence[Point]]) -> str:
    """An SVG of one line a name; the last one's rows stand below it as bars, where they have a range.

    Args:
        title: what is shown.
        across: the name of what was said.
        upwards: the name of what came.
        lines: points by name.
    """
    low, high = _around([value for line in lines.values() for point in line for value in (point.said, point.came)])
    frame = _Frame(low, high)
    middle = (HEIGHT + _TOP - _BOTTOM) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="14">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="16">{escape(title)}</text>',
        f'<text x="{(WIDTH + _LEFT - _RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(14 {middle:.0f}) rotate(-90)" text-anchor="middle">{escape(upwards)}</text>',
        *frame.ticks(),
    ]
    for n, (name, line) in enumerate(lines.items()):
        colour = COLOURS[n % len(COLOURS)]
        parts += frame.line(line, colour, across, upwards)
        parts.append(f'<text x="{_LEFT + 190 * (n % 2)}" y="{42 + 18 * (n // 2)}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, *frame.bars(list(lines.values())[-1]), "</svg>\n"])


@dataclass(frozen=True)
class _Frame:
    """The range of shares that both axes show."""

    low: float
    high: float

    def x(self, value: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (value - self.low) / (self.high - self.low)

    def y(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - (inside - self.low) / (self.high - self.low))

    def ticks(self) -> list[str]:
        """Lines and numbers, and the line on which both axes are the same."""
        parts = []
        for tick in (self.low, (self.low + self.high) / 2, self.high):
            x, y = f"{self.x(tick):.1f}", self.y(tick)
            parts.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:.3g}</text>')
            parts.append(f'<text x="{x}" y="{HEIGHT - 28}" text-anchor="middle">{tick:.3g}</text>')
        path = " ".join(f"{self.x(end):.1f},{self.y(end):.1f}" for end in (self.low, self.high))
        return [*parts, f'<polyline points="{path}" fill="none" stroke="#8c959f" stroke-dasharray="5 4"/>']

    def line(self, points: Sequence[Point], colour: str, across: str, upwards: str) -> list[str]:
        """Points, how sure they are, and the line through them."""
        path = " ".join(f"{self.x(p.said):.1f},{self.y(p.came):.1f}" for p in points)
        parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>']
        for p in points:
            x, y = f"{self.x(p.said):.1f}", f"{self.y(p.came):.1f}"
            top, bottom = self.y(p.came + _SURE * p.error), self.y(p.came - _SURE * p.error)
            told = f"{across} {p.said:.4f}, {upwards} {p.came:.4f}, {p.rows:,} rows"
            parts.append(f'<line x1="{x}" x2="{x}" y1="{top:.1f}" y2="{bottom:.1f}" stroke="{colour}"/>')
            parts.append(f'<circle cx="{x}" cy="{y}" r="3.4" fill="{colour}"><title>{told}</title></circle>')
        return parts

    def bars(self, points: Sequence[Point]) -> list[str]:
        """How many rows lie where, in the range that is shown, as bars of equal area a row."""
        least = (self.high - self.low) / 100
        spans = [(max(p.low, self.low), min(p.high, self.high), p.rows) for p in points if p.high > p.low]
        found = [(self.x(a), self.x(a + max(b - a, least)), rows / max(b - a, least)) for a, b, rows in spans if b > a]
        tallest = max((height for _, _, height in found), default=1.0)
        return [
            f'<rect x="{a:.1f}" y="{HEIGHT - _BOTTOM + 4 + _BARS * (1 - height / tallest):.1f}" width="{b - a:.1f}" '
            f'height="{_BARS * height / tallest:.1f}" fill="#c9d6e6"/>'
            for a, b, height in found
        ]


def _around(values: Sequence[float]) -> tuple[float, float]:
    """Shares, in steps of a twentieth, between which all values lie; below a twentieth in steps of a hundredth."""
    if not values:
        return 0.0, 1.0
    step = 0.05 if max(values) > 0.05 else 0.01
    low, high = math.floor(min(values) / step) * step, math.ceil(max(values) / step) * step
    return (low, high) if high - low > step / 2 else (low, low + step)
