"""The geometry of the picture, read from the SVG itself: boxes, lines, texts."""

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations, pairwise

import pytest

from rdl.database.picture import draw
from rdl.database.picture.boxes import printable
from rdl.database.schema import Column, Reference, Schema, Semantic, Table
from tests.database.picture import schemas
from tests.database.picture.schemas import schema, table, to

SVG = "{http://www.w3.org/2000/svg}"
NUMBER = r"-?\d+(?:\.\d+)?"
CASES = {
    "thirty": schemas.thirty(),
    "thirty others": schemas.thirty(1),
    "star": schemas.star(),
    "sun": schemas.sun(),
    "ring": schemas.ring(),
    "chain": schemas.chain(),
    "long chain": schemas.chain(30),
    "islands": schemas.islands(),
    "mixed": Schema({**schemas.ring().tables, **schemas.islands(4).tables}),
    "itself": schema(table("staff", to("staff", "boss"), to("staff", "mentor"), to("staff", "deputy"))),
    "pair": schema(table("a", to("b")), table("b", to("a"), to("a", "other"), to("b", "before"))),
}


@dataclass(frozen=True)
class Rect:
    left: float
    top: float
    right: float
    bottom: float

    def touches(self, x: float, y: float, slack: float = 0.2) -> bool:
        """Whether a point lies on the left or right side."""
        return self.top <= y <= self.bottom and min(abs(x - self.left), abs(x - self.right)) <= slack

    def crossed_by(self, a: tuple[float, float], b: tuple[float, float]) -> bool:
        """Whether a level or upright stroke runs through the inside."""
        (x, y), (z, w) = a, b
        return min(x, z) < self.right - 1 and max(x, z) > self.left + 1 and min(y, w) < self.bottom - 1 and max(y, w) > self.top + 1


@dataclass(frozen=True)
class Picture:
    text: str
    root: ET.Element
    boxes: dict[str, Rect]
    lines: list[tuple[str, str, str, str]]

    @property
    def size(self) -> tuple[float, float]:
        return float(self.root.get("width", "")), float(self.root.get("height", ""))


@cache
def case_drawn(case: str) -> Picture:
    return drawn(CASES[case])


def drawn(of: Schema) -> Picture:
    text = draw(of)
    root = ET.fromstring(text)
    boxes, lines = {}, []
    for group in root.iter(f"{SVG}g"):
        title = group.findtext(f"{SVG}title", "")
        if group.get("class") == "table":
            x, y = map(float, re.findall(NUMBER, group.get("transform", "")))
            box = group.find(f"{SVG}rect[@class='box']")
            assert box is not None
            boxes[title] = Rect(x, y, x + float(box.get("width", "")), y + float(box.get("height", "")))
        if group.get("class") == "reference":
            path = group.find(f"{SVG}path[@class='line']")
            assert path is not None
            lines.append((group.get("data-child", ""), group.get("data-parent", ""), title, path.get("d", "")))
    return Picture(text, root, boxes, lines)


def corners(path: str) -> list[tuple[float, float]]:
    """Where a path turns: its start, the control points of its bends, its end."""
    numbers = [float(n) for n in re.findall(NUMBER, path)]
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    return [points[0], *points[2:-1:3], points[-1]]


@pytest.mark.parametrize("case", CASES)
def test__boxes__never_overlap_and_stay_on_the_page(case: str) -> None:
    picture = case_drawn(case)
    assert set(picture.boxes) == set(CASES[case].tables)
    for a, b in combinations(picture.boxes.values(), 2):
        assert a.right < b.left or b.right < a.left or a.bottom < b.top or b.bottom < a.top
    width, height = picture.size
    assert all(r.left >= 0 and r.top >= 0 and r.right <= width and r.bottom <= height for r in picture.boxes.values())


@pytest.mark.parametrize("case", CASES)
def test__lines__lead_from_child_to_parent_and_over_no_box(case: str) -> None:
    picture = case_drawn(case)
    wanted = sorted(
        (n, r.table, f"{n}.{r.column} → {r.table}.{r.table}_id") for n, t in CASES[case].tables.items() for r in t.references
    )
    assert sorted(line[:3] for line in picture.lines) == wanted
    for child, parent, said, path in picture.lines:
        points = corners(path)
        assert picture.boxes[child].touches(*points[0]), said
        assert picture.boxes[parent].touches(*points[-1]), said
        for a, b in pairwise(points):
            assert min(abs(a[0] - b[0]), abs(a[1] - b[1])) < 1, f"{said} runs askew"
            assert not any(box.crossed_by(a, b) for box in picture.boxes.values()), f"{said} runs over a box"


@pytest.mark.parametrize("case", CASES)
def test__lines__of_different_parents_never_lie_on_each_other(case: str) -> None:
    strokes = [
        (said.split(" → ")[1], a, b)
        for _, _, said, path in case_drawn(case).lines
        for a, b in pairwise(corners(path))
        if abs(a[0] - b[0]) < 0.5 and abs(a[1] - b[1]) > 12
    ]
    for (aim, a, b), (other, c, d) in combinations(strokes, 2):
        if aim != other and abs(a[0] - c[0]) < 2:
            assert max(a[1], b[1]) <= min(c[1], d[1]) or max(c[1], d[1]) <= min(a[1], b[1]), f"{aim} and {other}"


@pytest.mark.parametrize("case", ["thirty", "thirty others", "star", "sun", "islands", "long chain"])
def test__thirty_tables__fit_a_landscape_page(case: str) -> None:
    width, height = case_drawn(case).size
    assert width <= 2000, "with 12 px letters an A3 page"
    assert height <= 1414


def test__picture__is_the_same_for_the_same_schema() -> None:
    of = CASES["thirty"]
    assert draw(of) == draw(Schema(dict(reversed(of.tables.items()))))


def test__picture__says_what_is_in_it() -> None:
    of = schema(
        table("customer", others=14, rows=1234567),
        table("order", to("customer"), time="ordered_at"),
        replace(table("profile", to("customer")), key=("customer_id",)),
    )
    picture = drawn(of)
    said = [text.strip() for text in picture.root.itertext()]
    for text in (
        "customer",
        "order",
        "1,234,567",
        "ordered_at",
        "customer_id",
        "+ 6 more",
        "PK",
        "FK",
        "time",
        "3 tables, 2 references, 1,236,567 rows",
    ):
        assert text in said
    assert "order: 1,000 rows; key order_id; event time ordered_at; customer_id references customer." in picture.text
    assert "prefers-color-scheme: dark" in picture.text
    many, one = (
        picture.text.split(f"{child}.customer_id")[1].split('class="fork" d="')[1].split('"')[0] for child in ("order", "profile")
    )
    assert many.count("L") == 2
    assert "v8" in one, "a bar where each parent has one child"


def test__two_references_to_one_table__stay_apart() -> None:
    of = schema(table("team"), table("match", to("team", "home"), to("team", "away")))
    (_, _, _, home), (_, _, _, away) = drawn(of).lines
    assert not {y for _, y in corners(home)} & {y for _, y in corners(away)}
    (x, a), (_, b) = corners(home)[1:-1]
    (z, c), (_, d) = corners(away)[1:-1]
    assert x != z or max(a, b) < min(c, d) or max(c, d) < min(a, b)


def test__composite_reference__ends_at_the_columns_it_names() -> None:
    lines = Table(
        "line", ("order", "number"), None, 0, (), tuple(Column(c, Semantic.IDENTIFIER, "INTEGER") for c in ("order", "number")), 9
    )
    returns = table("return", Reference.of(("order", "line"), "line"), Reference.of(("code",), "reason", ("iso",)))
    reasons = replace(
        table("reason"),
        columns=(Column("reason_id", Semantic.IDENTIFIER, "INTEGER"), Column("iso", Semantic.CATEGORICAL, "VARCHAR")),
    )
    picture = drawn(schema(lines, returns, reasons))
    assert [line[2] for line in picture.lines] == ["return.order,line → line.order,number", "return.code → reason.iso"]
    assert all(picture.boxes[p].touches(*corners(d)[-1]) for _, p, _, d in picture.lines)


@pytest.mark.parametrize(
    "name",
    [
        "a<b>&\"c'",
        "naïve 客户 🛒",
        "x" * 400,
        "drop table; --",
        "tab\tnew\nline\x00\x1b",
        "\ud800",
        "]]>",
        " ",
        "العملاء",
        "{{ 1 }}",
    ],
)
def test__any_name__is_drawn_whole(name: str) -> None:
    of = schema(table("plain", to(name, name + "!")), table(name, others=2))
    picture = drawn(of)
    picture.text.encode()
    assert printable(name) in picture.boxes
    assert any(printable(f"plain.{name}! → {name}.{name}_id") == line[2] for line in picture.lines)
    assert picture.size[0] < 1000


def test__no_tables__are_a_picture_too() -> None:
    picture = drawn(Schema({}))
    assert not picture.boxes
    assert "no tables" in picture.text


def test__a_table_of_five_hundred_columns_and_references__is_drawn() -> None:
    parents = [table(f"p{i}", others=0) for i in range(60)]
    picture = drawn(schema(*parents, table("wide", *(to(p.name) for p in parents), others=500)))
    assert len(picture.lines) == 60
    assert "+ 521 more" in picture.text


def test__a_table_without_columns_or_key__is_drawn() -> None:
    bare = Table("bare", (), None, 0, (), (), 0)
    picture = drawn(schema(bare, table("child", to("bare"))))
    assert picture.lines[0][2] == "child.bare_id → bare"
    assert picture.boxes["bare"].touches(*corners(picture.lines[0][3])[-1])
