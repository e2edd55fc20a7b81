"""From coordinates to SVG text: rounded lines in the colour of the table they lead to, crow's feet, titles for every reader."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rdl.database.picture.boxes import FOOT, GUTTER, HEAD, ROW, printable
from rdl.database.picture.layout import Layout, Line, lay_out
from rdl.database.schema import Schema

MARGIN = 24.0
TITLE, LEGEND = 34.0, 30.0
COLOURS = 8
_BEND = 5.0
_LEAST_WIDTH = 680.0  # of the legend


@dataclass(frozen=True)
class Stroke:
    """A reference as the template writes it: what it says, its path, and the marks at its two ends."""

    said: str
    child: str
    parent: str
    d: str
    foot: str
    head: str


@dataclass(frozen=True)
class Bundle:
    """The strokes of one net, and the colour of the table that they lead to."""

    colour: int
    strokes: tuple[Stroke, ...]


def draw(schema: Schema) -> str:
    """An ER picture of `schema` as one self-contained SVG document; the same schema gives the same text.

    Each table is a box with its number of rows, its key (PK), references (FK), event time, and some of its other columns. A line
    leads from a reference to the key that it names, in the colour of the table it leads to.
    """
    from jinja2 import Environment, PackageLoader

    layout = lay_out(schema)
    width = max(layout.width + 2 * MARGIN, _LEAST_WIDTH)
    template = Environment(loader=PackageLoader("rdl.database.picture"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return template.get_template("schema.svg").render(
        title=printable(_title(schema)),
        sentences=[printable(sentence) for sentence in _sentences(schema)],
        spots=layout.spots,
        bundles=_bundles(layout),
        width=math.ceil(width),
        height=math.ceil(layout.height + 2 * MARGIN + TITLE + LEGEND),
        left=(width - layout.width) / 2,
        top=MARGIN + TITLE,
        margin=MARGIN,
        head=HEAD,
        row=ROW,
        foot=FOOT,
        gutter=GUTTER,
        printable=printable,
    )


def _title(schema: Schema) -> str:
    tables = list(schema.tables.values())
    if not tables:
        return "no tables"
    references = sum(len(table.references) for table in tables)
    counted = [(len(tables), "table"), (references, "reference"), (sum(table.rows for table in tables), "row")]
    return ", ".join(f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counted)


def _sentences(schema: Schema) -> Iterable[str]:
    for name, table in sorted(schema.tables.items()):
        said = [f"{table.rows:,} rows", f"key {', '.join(table.key)}" if table.key else "no key"]
        said += [f"event time {table.time}"] if table.time else []
        said += [f"{r.column} references {r.table}" for r in table.references]
        yield f"{name}: {'; '.join(said)}."


def _bundles(layout: Layout) -> list[Bundle]:
    parents = sorted({line.net.parent for line in layout.lines})
    nets = dict.fromkeys(line.net for line in layout.lines)
    return [
        Bundle(parents.index(net.parent) % COLOURS, tuple(_stroke(line) for line in layout.lines if line.net is net))
        for net in nets
    ]


def _stroke(line: Line) -> Stroke:
    (x, y), (nx, _) = line.corners[:2]
    (px, _), (gx, gy) = line.corners[-2:]
    out, back = math.copysign(1, nx - x), math.copysign(1, px - gx)
    fork = (
        f"M{_n(x + 6 * out)} {_n(y - 4)}v8"
        if line.leaf.alone
        else f"M{_n(x)} {_n(y - 4)}L{_n(x + 9 * out)} {_n(y)}L{_n(x)} {_n(y + 4)}"
    )
    head = f"M{_n(gx)} {_n(gy)}l{_n(8 * back)} -3.5v7z"
    said = f"{line.leaf.child}.{line.leaf.reference.column} → {line.net.parent}"
    said += f".{','.join(line.net.named)}" if line.net.named else ""
    return Stroke(printable(said), printable(line.leaf.child), printable(line.net.parent), rounded(line.corners), fork, head)


def rounded(corners: Sequence[tuple[float, float]]) -> str:
    """An SVG path along `corners` with bends instead of corners."""
    points = [corners[0]]
    for point in corners[1:]:
        if math.dist(point, points[-1]) > 0.01:
            points.append(point)
    parts = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, here, after in zip(points, points[1:], points[2:], strict=False):
        bend = min(_BEND, math.dist(before, here) / 2, math.dist(here, after) / 2)
        (ax, ay), (bx, by) = _towards(here, before, bend), _towards(here, after, bend)
        parts.append(f"L{_n(ax)} {_n(ay)}Q{_n(here[0])} {_n(here[1])} {_n(bx)} {_n(by)}")
    return "".join([*parts, f"L{_n(points[-1][0])} {_n(points[-1][1])}"])


def _towards(a: tuple[float, float], b: tuple[float, float], length: float) -> tuple[float, float]:
    share = length / math.dist(a, b)
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
