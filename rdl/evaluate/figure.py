"""One small figure as SVG text, without a drawing library: how a metric moves from cutoff to cutoff."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 640, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 120, 40, 44
COLOURS = ("#1f5fa8", "#c2571a", "#3b7d3c", "#7a4ea3", "#8a6d1d", "#555555")
"""Of lines, in their order."""


def metric_by_cutoff(title: str, cutoffs: Sequence[str], lines: Mapping[str, Sequence[float]]) -> str:
    """An SVG of one line a name over `cutoffs` [k].

    Args:
        title: what is measured.
        cutoffs: [k] dates, ascending.
        lines: [k] values by name, NaN where undefined.
    """
    known = [v for values in lines.values() for v in values if v == v]  # noqa: PLR0124 (NaN)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5

    def x(i: int) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (i / max(1, len(cutoffs) - 1))

    def y(value: float) -> float:
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - (value - low) / (high - low))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="15">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="17">{escape(title)}</text>',
    ]
    for tick in (low, (low + high) / 2, high):
        parts.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#dddddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:.4g}</text>')
    parts.extend(
        f'<text x="{x(i):.1f}" y="{HEIGHT - 16}" text-anchor="middle">{escape(cutoffs[i])}</text>'
        for i in sorted({0, len(cutoffs) // 2, len(cutoffs) - 1} if cutoffs else set())
    )
    for n, (name, values) in enumerate(lines.items()):
        colour = COLOURS[n % len(COLOURS)]
        points = [(x(i), y(v)) for i, v in enumerate(values) if v == v]  # noqa: PLR0124 (NaN)
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts.extend(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.4" fill="{colour}"/>' for a, b in points)
        parts.append(f'<text x="{WIDTH - _RIGHT + 10}" y="{_TOP + 10 + 20 * n}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>\n"])
