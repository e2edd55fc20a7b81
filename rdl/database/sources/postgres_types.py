"""What each PostgreSQL type becomes in DuckDB, and in which form the column is asked for.

The driver meets only types that it knows: what is not named here travels as the text that PostgreSQL writes. A NUMERIC with a
precision becomes a DECIMAL; up to 15 digits it travels as a double, which is exact and half the work of what the driver makes of a
NUMERIC. One without may hold anything, and becomes a DOUBLE, as does money. An interval becomes its seconds, for Parquet has no
negative intervals. `infinity` in a date or a time stays what it is, since DuckDB knows it too; so does every date BC.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from rdl.database.engine import literal, quote
from rdl.database.sources.adbc import Lane, Mend, unordered

if TYPE_CHECKING:
    import pyarrow as pa

# As they are: PostgreSQL's name, DuckDB's.
_PLAIN = {
    "int2": "SMALLINT",
    "int4": "INTEGER",
    "int8": "BIGINT",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "bool": "BOOLEAN",
    "text": "VARCHAR",
    "varchar": "VARCHAR",
    "time": "TIME",
    "uuid": "UUID",
    "bytea": "BLOB",
}
# By way of another type.
_CAST = {"oid": ("int8", "BIGINT"), "money": ("numeric::float8", "DOUBLE")}
_IN_LISTS = {"int2", "int4", "int8", "float4", "float8", "bool"}
_NUMBERS = {"int2", "int4", "int8", "float4", "float8", "oid"}

# Dates and times that the driver would carry past the end of its integers travel as two days that no calendar reaches, and become
# infinite again on arrival: DuckDB's type, the two days, the first of them in the stream, and the bits of an integer there.
_AGES = ("294246-01-01", "294246-01-02")
_TIMES = {
    "date": ("DATE", ("5874897-12-30", "5874897-12-31"), 2_145_042_904, 32),
    "timestamp": ("TIMESTAMP", _AGES, 9_223_339_708_800_000_000, 64),
    "timestamptz": ("TIMESTAMP WITH TIME ZONE", _AGES, 9_223_339_708_800_000_000, 64),
}


def lane(name: str, kind: str, modifier: int, *, array: bool, dimensions: int) -> Lane:
    """How a column travels.

    Args:
        name: the column's.
        kind: the name of its type in `pg_catalog`, of its elements' where it is an array; "" for any other type.
        modifier: the type's modifier, -1 where there is none.
        array: whether it is an array.
        dimensions: of the array, as declared. A list of lists travels as text.
    """
    column = quote(name)
    if array:
        return _list(name, kind) if dimensions < 2 else Lane(name, f"{column}::text", "VARCHAR")
    if kind == "numeric":
        return _numeric(name, modifier)
    if kind in _TIMES:
        return _time(name, kind)
    if kind == "interval":
        return Lane(name, f"extract(epoch FROM {column})::float8", "DOUBLE")
    if kind in _CAST:
        cast, duck = _CAST[kind]
        return Lane(name, f"{column}::{cast}", duck, order=column, value=_number(kind) if kind in _NUMBERS else unordered)
    duck = _PLAIN.get(kind, "VARCHAR")
    select = column if kind in _PLAIN else f"{column}::text"
    if duck == "VARCHAR":
        return Lane(name, select, duck, order=f'{select} COLLATE "C"', value=_text)
    return Lane(name, select, duck, order=column, value=_number(kind) if kind in _NUMBERS else unordered)


def _list(name: str, kind: str) -> Lane:
    """An array: of numbers as it is, of anything else as texts; more dimensions than were declared are read as one."""
    if kind == "numeric":
        return Lane(name, f"{quote(name)}::float8[]", "DOUBLE[]")
    if kind in _IN_LISTS:
        return Lane(name, quote(name), f"{_PLAIN[kind]}[]")
    return Lane(name, f"{quote(name)}::text[]", "VARCHAR[]")


def _numeric(name: str, modifier: int) -> Lane:
    column = quote(name)
    precision, scale = ((modifier - 4) >> 16) & 0xFFFF, (((modifier - 4) & 0x7FF) ^ 1024) - 1024
    if modifier < 0 or not 0 <= scale <= precision <= 38:
        return Lane(name, f"{column}::float8", "DOUBLE", order=f"{column}::float8", value=_number("float8"))
    short = precision <= 15
    return Lane(
        name,
        f"{column}::{'float8' if short else 'text'}",
        f"DECIMAL({precision},{scale})",
        Mend(_without_nan if short else _without_nan_text, "NaN, which a DECIMAL cannot hold, became null"),
        order=column,
        value=_number("numeric"),
    )


def _time(name: str, kind: str) -> Lane:
    column, (duck, (later, earlier), first, bits) = quote(name), _TIMES[kind]
    select = (
        f"CASE WHEN {column} < '{later}'::{kind} AND {column} > '-infinity'::{kind} THEN {column} "
        f"WHEN {column} > '2000-01-01'::{kind} THEN '{later}'::{kind} "
        f"WHEN {column} IS NOT NULL THEN '{earlier}'::{kind} END"
    )

    def infinite(array: "pa.Array") -> "tuple[pa.Array, int]":
        import pyarrow as pa
        import pyarrow.compute as pc

        whole = array.view(f"int{bits}")
        if (pc.max(whole).as_py() or 0) < first:
            return array, 0
        day, largest = pa.scalar(first, whole.type), 2 ** (bits - 1) - 1
        ends = pc.if_else(pc.equal(whole, day), pa.scalar(largest, whole.type), pa.scalar(-largest, whole.type))
        return pc.if_else(pc.less(whole, day), whole, ends).view(array.type), 0

    return Lane(name, select, duck, Mend(infinite), order=column, value=lambda value: f"{literal(_moment(value))}::{kind}")


def _without_nan(array: "pa.Array") -> "tuple[pa.Array, int]":
    import pyarrow.compute as pc

    return _null_where(array, pc.is_nan(array))


def _without_nan_text(array: "pa.Array") -> "tuple[pa.Array, int]":
    import pyarrow.compute as pc

    return _null_where(array, pc.equal(array, "NaN"))


def _null_where(array: "pa.Array", lost: "pa.Array") -> "tuple[pa.Array, int]":
    import pyarrow as pa
    import pyarrow.compute as pc

    count = pc.sum(lost).as_py() or 0
    return (pc.if_else(lost, pa.scalar(None, array.type), array), count) if count else (array, 0)


def _number(kind: str) -> Callable[[object], str]:
    def value(number: object) -> str:
        if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
            raise TypeError("the column holds numbers")
        return f"{literal(str(number))}::{kind}"

    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("the column holds texts")
    return literal(value)


def _moment(value: object) -> str:
    """A date or a time, UTC, as PostgreSQL reads it in a session whose time zone is UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ") if value.tzinfo else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError("the column holds dates or times")
