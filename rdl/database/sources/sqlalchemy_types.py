"""What the columns of any database become: SQLAlchemy's generic types as DuckDB's, and values from a driver as Arrow arrays.

A driver's value that pyarrow does not take as it is gets mended: text that is a number or a time, a float where decimals are
declared, whole decimals where integers are. What cannot be mended without loss is refused by its table, column and value. An
interval becomes its seconds, for Parquet has no negative intervals; MySQL's year zero, its way to say "no date", becomes null, and
is counted.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rdl.errors import SchemaError

if TYPE_CHECKING:
    import pyarrow as pa
    from sqlalchemy.types import TypeEngine

log = logging.getLogger(__name__)

_NAMED: dict[str, type] = {  # what SQLAlchemy knows too little of
    "YEAR": int,
    "BIT": bytes,
    "INTERVAL": timedelta,
    "JSON": dict,
    "JSONB": dict,
    "DOUBLE": float,
    "REAL": float,
    "FLOAT": float,
}
_DIGITS = 38  # of the widest DECIMAL
_NO_DATE = "0000-00-00"


@dataclass(frozen=True)
class Kind:
    """How a column is kept.

    Attributes:
        sql: its DuckDB type.
        arrow: the Arrow type that it travels in.
        mend: brings a stray value to it; raises ValueError, TypeError or ArithmeticError where that would lose something.
    """

    sql: str
    arrow: "pa.DataType"
    mend: Callable[[Any], Any]


def kind_of(found: "TypeEngine[Any]") -> Kind:
    """The kind of a reflected type; what is not known becomes text."""
    import pyarrow as pa

    python = _NAMED.get(found.__visit_name__.upper()) or _python_type(found)
    if python is Decimal:
        return _decimal(getattr(found, "precision", None), getattr(found, "scale", None))
    if python is int and getattr(found, "unsigned", False) and "BIG" in found.__visit_name__.upper():
        return Kind("UBIGINT", pa.uint64(), _integer)
    if python is datetime and getattr(found, "timezone", False):
        return Kind("TIMESTAMP WITH TIME ZONE", pa.timestamp("us", "UTC"), _zoned)
    kinds: dict[type | None, Kind] = {
        bool: Kind("BOOLEAN", pa.bool_(), _boolean),
        int: Kind("BIGINT", pa.int64(), _integer),
        float: Kind("DOUBLE", pa.float64(), float),
        datetime: Kind("TIMESTAMP", pa.timestamp("us"), _moment),
        date: Kind("DATE", pa.date32(), _day),
        time: Kind("TIME", pa.time64("us"), _clock),
        timedelta: Kind("DOUBLE", pa.float64(), _seconds),
        bytes: Kind("BLOB", pa.binary(), bytes),
        dict: Kind("JSON", pa.string(), _json),
        UUID: Kind("UUID", pa.string(), _text),
    }
    return kinds.get(python) or Kind("VARCHAR", pa.string(), _text)


def _python_type(found: "TypeEngine[Any]") -> type | None:
    """What SQLAlchemy says a value of the type is in Python."""
    try:
        return found.python_type
    except NotImplementedError:
        return None


def _decimal(precision: int | None, scale: int | None) -> Kind:
    """A number as exact as it is declared; one that is not declared so may hold anything."""
    import pyarrow as pa

    if precision is None or scale is None or not 0 <= scale <= precision <= _DIGITS:
        return Kind("DOUBLE", pa.float64(), float)
    step = Decimal(1).scaleb(-scale)

    def mend(value: Any) -> Decimal:
        # a float's digits are the driver's, a decimal's are the database's
        return Decimal(repr(value)).quantize(step) if isinstance(value, float) else Decimal(value)

    return Kind(f"DECIMAL({precision},{scale})", pa.decimal128(precision, scale), mend)


def array(values: Sequence[Any], kind: Kind, table: str, column: str) -> "pa.Array":
    """The values of a column as an array of its kind.

    Raises:
        SchemaError: a value is no such thing.
    """
    import pyarrow as pa

    failures = (pa.ArrowException, TypeError, ValueError, ArithmeticError)
    try:
        return pa.array(values, kind.arrow)
    except failures:
        mended = []
    for value in values:
        try:
            found = None if value is None or _is_no_date(value, kind) else kind.mend(value)
            pa.scalar(found, kind.arrow)
        except failures:
            raise SchemaError(
                f"the value {repr(value)[:80]} is no {kind.sql}",
                where=f"table {table}, column {column}",
                fix="mend it in the source, or read a view that casts the column",
            ) from None
        mended.append(found)
    if none := sum(_is_no_date(value, kind) for value in values):
        log.warning("table %s, column %s: %d times %s, which became null", table, column, none, _NO_DATE)
    return pa.array(mended, kind.arrow)


def _is_no_date(value: object, kind: Kind) -> bool:
    return isinstance(value, str) and value.startswith(_NO_DATE) and kind.sql.startswith(("DATE", "TIMESTAMP"))


def _boolean(value: Any) -> bool:
    if value in (0, 1):
        return bool(value)
    if value in (b"\0", b"\1"):
        return bool(value != b"\0")
    raise ValueError(value)


def _integer(value: Any) -> int:
    found = int(value)
    if not isinstance(value, str) and found != value:
        raise ValueError(value)
    return found


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value


def _zoned(value: Any) -> datetime:
    return _moment(value).replace(tzinfo=UTC)


def _day(value: Any) -> date:
    if isinstance(value, datetime):
        if value.time() != time():
            raise ValueError(value)
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(value)


def _clock(value: Any) -> time:
    if isinstance(value, timedelta) and timedelta() <= value < timedelta(days=1):  # what MySQL's drivers make of it
        return (datetime.min + value).time()
    return value if isinstance(value, time) else time.fromisoformat(value)


def _seconds(value: Any) -> float:
    return float(value.total_seconds())


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
