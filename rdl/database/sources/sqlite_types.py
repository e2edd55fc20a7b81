"""What the columns of an SQLite table become in DuckDB.

SQLite lets any value stand in any column: what is declared is a wish. So a column is read as what it was declared if every value
fits, and otherwise as the first of some other kinds that all values fit; numbers beside texts become texts, and a log line says so.
Dates are a matter of taste in SQLite, too: ISO texts with or without an offset, seconds or fractions of them since 1970, or Julian
days. A number in a column of dates is taken for one only where every value lies in years that people keep records of.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isinf
from typing import TYPE_CHECKING

from rdl.database.engine import literal, quote
from rdl.database.sources.adbc import Lane, Mend, unordered
from rdl.timeline import parse_time

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Kind:
    """A way to read a column; `{c}` stands for the column in SQL.

    Attributes:
        name: for messages.
        type: the DuckDB type.
        fits: whether a value that is not null can be read so.
        pin: a literal of the storage class that `select` delivers.
        select: what is asked for.
        mend: what is done to it on arrival.
        order: an expression with the order of the values.
        value: a value as SQL, to compare `order` with.
    """

    name: str
    type: str
    fits: str
    pin: str
    select: str = "{c}"
    mend: Mend | None = None
    order: str = "{c}"
    value: Callable[[object], str] = unordered

    def misfit(self, column: str) -> str:
        """The condition of values of `column` that do not fit."""
        name = quote(column)
        return f"(({self.fits.replace('{c}', name)}) IS NOT TRUE AND {name} IS NOT NULL)"

    def lane(self, column: str) -> Lane:
        """How `column` travels if it is of this kind."""
        name = quote(column)
        select, order = self.select.replace("{c}", name), self.order.replace("{c}", name)
        return Lane(column, select, self.type, self.mend, order, self.value, self.pin)


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError("the column holds numbers")
    return ("9e999" if value > 0 else "-9e999") if isinf(value) else str(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("the column holds texts")
    return literal(value)


def _micros(value: object) -> str:
    if not isinstance(value, date):
        raise TypeError("the column holds dates or times")
    return str(parse_time(value))


def _iso(value: object) -> str:
    """The shortest ISO text of a time: what any other way to write the same time begins with."""
    if not isinstance(value, date):
        raise TypeError("the column holds dates or times")
    if isinstance(value, datetime) and value.tzinfo:
        value = value.astimezone(UTC).replace(tzinfo=None)
    text = value.isoformat(" ") if isinstance(value, datetime) else value.isoformat()
    if "." in text:
        text = text.rstrip("0")
    return literal(text.removesuffix(":00").removesuffix(" 00:00") if len(text) == 19 else text)


def _view(kind: str, zone: str | None = None) -> Mend:
    def view(array: "pa.Array") -> "tuple[pa.Array, int]":
        import pyarrow as pa

        return array.view(pa.timestamp(kind, zone)), 0

    return Mend(view)


def _unicode(array: "pa.Array") -> "tuple[pa.Array, int]":
    """Texts whose bytes are no UTF-8, which SQLite never looks at, with a sign in place of what cannot be read."""
    import pyarrow as pa

    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        raw = array.cast(pa.binary()).to_pylist()
        texts = [None if one is None else one.decode(errors="replace") for one in raw]
        return pa.array(texts, array.type), sum(text is not None and "�" in text for text in texts)
    return array, 0


_UNICODE = Mend(_unicode, "texts that are no UTF-8, with � in place of what cannot be read")
_NUMERIC = "typeof({c}) IN ('integer', 'real')"
_DAY = "date(substr({c}, 1, 10)) = substr({c}, 1, 10)"
_CLOCK = "substr({c}, 11, 1) IN (' ', 'T') AND substr({c}, 12, 5) GLOB '[0-2][0-9]:[0-5][0-9]' AND substr({c}, 12, 2) < '24'"
_PART = "({f} = '' OR {f} GLOB '.[0-9]*' AND substr({f}, 2) NOT GLOB '*[^0-9]*')"
_SECOND = "substr({c}, 17, 3) GLOB ':[0-5][0-9]'"
_ZONE = "CASE WHEN {c} GLOB '*[Zz]' THEN 'Z' ELSE substr({c}, -6) END"
_ZONED_PART = f"substr({{c}}, 20, length({{c}}) - 19 - length({_ZONE}))"
_ZONED_MICROS = (
    f"unixepoch(substr({{c}}, 1, 19) || {_ZONE}) * 1000000"
    f" + CAST(substr(replace({_ZONED_PART}, '.', '') || '000000', 1, 6) AS INTEGER)"
)
_NEAR, _FAR = 100_000_000, 4_133_980_800  # 1973 and 2101 in seconds since 1970, or 1966 and 1838 before


def _since_1970(name: str, unit: int) -> Kind:
    """Whole or broken numbers since 1970, of which there are `unit` in a second."""
    near, far = _NEAR * unit, _FAR * unit
    fits = f"{_NUMERIC} AND ({{c}} = 0 OR {{c}} BETWEEN {near} AND {far} OR {{c}} BETWEEN -{far} AND -{near})"
    scale = 1_000_000 // unit
    micros = f"CASE typeof({{c}}) WHEN 'integer' THEN {{c}} * {scale} ELSE CAST(round({{c}} * {scale}.0) AS INTEGER) END"
    return Kind(name, "TIMESTAMP", fits, "0", micros, _view("us"), micros, _micros)


_JULIAN_MICROS = "CAST(round(({c} - 2440587.5) * 86400000.0) AS INTEGER) * 1000"
BIGINT = Kind("integers", "BIGINT", "typeof({c}) = 'integer'", "0", value=_number)
DOUBLE = Kind(
    "numbers",
    "DOUBLE",
    "typeof({c}) = 'real' OR typeof({c}) = 'integer' AND {c} BETWEEN -9007199254740992 AND 9007199254740992",
    "0.0",
    value=_number,
)
VARCHAR = Kind("texts", "VARCHAR", "typeof({c}) = 'text'", "''", mend=_UNICODE, order="{c} COLLATE BINARY", value=_text)
BLOB = Kind("blobs", "BLOB", "typeof({c}) = 'blob'", "x''")
BOOLEAN = Kind("0 and 1", "BOOLEAN", "{c} IN (0, 1)", "0")
WORDS = Kind(
    "true and false",
    "BOOLEAN",
    "typeof({c}) = 'text' AND lower({c}) IN ('true', 'false', 't', 'f', 'yes', 'no', 'y', 'n')",
    "0",
    "lower({c}) IN ('true', 't', 'yes', 'y')",
)
DATE = Kind("ISO dates", "DATE", "typeof({c}) = 'text' AND date({c}) = {c} AND length({c}) = 10", "''", value=_iso)
TIMESTAMP = Kind(
    "ISO times",
    "TIMESTAMP",
    # The usual way to write a time comes first, for it costs a third of looking closer.
    "datetime(substr({c}, 1, 19)) = substr({c}, 1, 19) AND typeof({c}) = 'text' AND (length({c}) = 19 "
    "OR length({c}) > 20 AND rtrim(substr({c}, 20), '0123456789') = '.') "
    f"OR typeof({{c}}) = 'text' AND {_DAY} AND (length({{c}}) = 10 OR {_CLOCK} AND "
    f"(length({{c}}) = 16 OR {_SECOND} AND {_PART.format(f='substr({c}, 20)')}))",
    "''",
    order="replace({c}, 'T', ' ')",
    value=_iso,
)
ZONED = Kind(
    "ISO times with an offset",
    "TIMESTAMP WITH TIME ZONE",
    f"typeof({{c}}) = 'text' AND {_DAY} AND {_CLOCK} AND {_SECOND} "
    f"AND {_PART.format(f=_ZONED_PART)} AND {_ZONED_MICROS} IS NOT NULL",
    "0",
    _ZONED_MICROS,
    _view("us", "UTC"),
    _ZONED_MICROS,
    _micros,
)
SECONDS, MILLIS, MICROS = (
    _since_1970(f"{unit} since 1970", number)
    for unit, number in (("seconds", 1), ("milliseconds", 1000), ("microseconds", 1_000_000))
)
JULIAN = Kind(
    "Julian days",
    "TIMESTAMP",
    f"{_NUMERIC} AND {{c}} BETWEEN 2086302.5 AND 2816787.5",  # the years 1000 to 2999
    "0",
    _JULIAN_MICROS,
    _view("us"),
    _JULIAN_MICROS,
    _micros,
)
_AS_TEXT = "CASE typeof({c}) WHEN 'blob' THEN hex({c}) ELSE CAST({c} AS TEXT) END"
MIXED = Kind("values of several kinds, as texts", "VARCHAR", "1", "''", _AS_TEXT, _UNICODE, f"{_AS_TEXT} COLLATE BINARY", _text)

_ANY = (BIGINT, DOUBLE, VARCHAR, BLOB)
_CLOCKS = (TIMESTAMP, ZONED, SECONDS, MILLIS, MICROS, JULIAN)


def kinds(declared: str) -> tuple[Kind | None, tuple[Kind, ...]]:
    """What a declared type promises, None for nothing, and the kinds to try in turn; SQLite's own rules of affinity decide."""
    name = declared.upper().strip()
    if re.match(r"BOOL", name):
        return BOOLEAN, (BOOLEAN, WORDS, *_ANY)
    if re.match(r"DATE(?!TIME)", name):
        return DATE, (DATE, *_CLOCKS, *_ANY)
    if re.match(r"DATETIME|TIMESTAMP", name):
        return TIMESTAMP, (*_CLOCKS, *_ANY)
    if "INT" in name:
        return BIGINT, _ANY
    if re.search(r"CHAR|CLOB|TEXT", name):
        return VARCHAR, (VARCHAR, *_ANY)
    if "BLOB" in name:
        return BLOB, (BLOB, *_ANY)
    if re.search(r"REAL|FLOA|DOUB", name):
        return DOUBLE, (DOUBLE, *_ANY)
    decimal = _decimal(name)
    return decimal, (decimal, *_ANY) if decimal else _ANY


def _decimal(name: str) -> Kind | None:
    """NUMERIC(p, s) and its likes, where a double holds all of the digits."""
    found = re.fullmatch(r"(?:NUMERIC|DECIMAL|NUMBER|DEC) *\( *(\d+) *(?:, *(\d+) *)?\)", name)
    precision, scale = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    if not 0 < scale <= precision <= 15:
        return None
    fits = f"round({{c}} * 1e{scale}) / 1e{scale} = {{c}} AND {{c}} > -1e{precision - scale} AND {{c}} < 1e{precision - scale}"
    return Kind("decimals", f"DECIMAL({precision},{scale})", fits, "0.0", value=_number)
