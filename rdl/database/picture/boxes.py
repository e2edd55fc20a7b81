"""What the picture shows of a table: a box with its rows of text, measured before it is placed.

Fonts differ from machine to machine, so widths are those of a wide one (DejaVu Sans), and a name that would not fit is shortened;
the whole of it stands in the tooltip.
"""

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from rdl.database.schema import Reference, Schema, Table

HEAD = 27.0
ROW = 17.0
FOOT = 5.0
GUTTER = 50.0
WIDEST = 250.0
STRUCTURAL = 40

_NARROW = frozenset("ijlftrI.,:;'|!()[]{} /\\-\"`")
_WIDE = frozenset("mwMW@%&—…")


@dataclass(frozen=True)
class Detail:
    """How much of a table is shown: how many columns that are neither key, reference nor event time, and whether with meanings."""

    others: int
    meanings: bool


@dataclass(frozen=True)
class Row:
    """One line of a box: a column, or "+ 12 more".

    Attributes:
        name: the whole name, "" for the line that counts the rest.
        text: the name as it fits.
        marks: PK, FK, time.
        meaning: what the column means, "" where that is not shown.
        tip: what a tooltip says.
    """

    name: str
    text: str
    marks: tuple[str, ...] = ()
    meaning: str = ""
    tip: str = ""


@dataclass(frozen=True)
class Box:
    """A table as it is drawn, before it has a place."""

    name: str
    text: str
    count: str
    rows: tuple[Row, ...]
    places: Mapping[str, int]
    width: float

    @property
    def height(self) -> float:
        """Height in pixels."""
        return HEAD + ROW * len(self.rows) + (FOOT if self.rows else 0.0)

    def place(self, column: str) -> int:
        """Index of the row that shows `column`; the last one stands for all that are not shown, -1 is the head."""
        return self.places.get(column, len(self.rows) - 1)

    def middle(self, place: int) -> float:
        """How far below the top of the box a row's middle lies."""
        return HEAD / 2 if place < 0 else HEAD + ROW * (place + 0.5)


def detail(tables: int) -> Detail:
    """What can be shown of each of so many tables on one page."""
    if tables <= 10:
        return Detail(8, meanings=True)
    return Detail(4, meanings=True) if tables <= 16 else Detail(2, meanings=False)


def boxes(schema: Schema) -> dict[str, Box]:
    """A box a table, by name."""
    shown = detail(len(schema.tables))
    return {name: _box(schema, table, shown) for name, table in sorted(schema.tables.items())}


def named(schema: Schema, reference: Reference) -> tuple[str, ...]:
    """The columns of the parent that a reference names."""
    return reference.key or schema[reference.table].key


def shorten(text: str, size: float, room: float) -> str:
    """`text`, or as much of it as fits into `room` pixels, with an ellipsis."""
    if measure(text, size) <= room:
        return text
    while text and measure(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def measure(text: str, size: float) -> float:
    """About how wide `text` is in pixels at a font size, rather too much than too little."""
    return size * math.fsum(_em(letter) for letter in text)


def _em(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    if unicodedata.east_asian_width(letter) in {"W", "F"}:
        return 1.05
    if letter in _NARROW:
        return 0.42
    if letter in _WIDE:
        return 1.02
    return 0.74 if letter.isupper() or not letter.isascii() else 0.64


def printable(text: str) -> str:
    """`text` without what XML cannot hold; control characters are shown by their pictures."""
    return "".join(_printable(letter) for letter in text)


def _printable(letter: str) -> str:
    code = ord(letter)
    if code < 0x20:
        return chr(0x2400 + code)
    if 0x7F <= code <= 0x9F or 0xD800 <= code <= 0xDFFF or code & 0xFFFE == 0xFFFE or unicodedata.category(letter) in {"Zl", "Zp"}:
        return "\ufffd"
    return letter


def _box(schema: Schema, table: Table, shown: Detail) -> Box:
    marks = _marks(schema, table)
    structural = list(marks)[:STRUCTURAL]
    others = [c.name for c in table.columns if c.name not in marks]
    room = shown.others if len(structural) == len(marks) else 0
    listed = structural + others[: room + 1 if len(others) == room + 1 else room]  # "+ 1 more" would take the place of the one
    rows = [_row(table, name, marks.get(name, ()), shown) for name in listed]
    places = {name: i for i, name in enumerate(listed)}
    left = len(table.columns) - len(listed)
    if left:
        rows.append(Row("", f"+ {left:,} more", tip=", ".join(c.name for c in table.columns if c.name not in places)[:2000]))
    count = f"{table.rows:,}"
    needed = max((GUTTER + measure(r.text, 12) + (14 + measure(r.meaning, 10) if r.meaning else 0) + 10 for r in rows), default=0.0)
    head = measure(count, 11) + 32
    name = shorten(printable(table.name), 13.5, WIDEST - head)
    return Box(table.name, name, count, tuple(rows), places, math.ceil(max(needed, measure(name, 13.5) + head, 110.0)))


def _row(table: Table, name: str, marks: tuple[str, ...], shown: Detail) -> Row:
    column = table.column(name)
    meaning = str(column.semantic).replace("_", " ") if shown.meanings and not marks else ""
    room = WIDEST - GUTTER - 10 - (14 + measure(meaning, 10) if meaning else 0)
    return Row(name, shorten(printable(name), 12, room), marks, meaning, f"{name}: {column.sql_type}, {column.semantic}")


def _marks(schema: Schema, table: Table) -> dict[str, tuple[str, ...]]:
    """The columns that hold the database together, as they are shown: key, event time, references, those that others name."""
    referring = [c for reference in table.references for c in reference.columns]
    pointed = [c for _, reference in schema.children(table.name) for c in named(schema, reference)]
    known = {column.name for column in table.columns}
    found: dict[str, tuple[str, ...]] = {}
    for name in (*table.key, *([table.time] if table.time else []), *referring, *pointed):
        said = [("PK", name in table.key), ("FK", name in referring), ("time", name == table.time)]
        if name in known:
            found[name] = tuple(mark for mark, holds in said if holds)
    return found
