"""Streams through ADBC: one connection, one transaction, columns that DuckDB can cast, and errors that quote no credentials.

A driver's module is imported when a source needs it, so the extras stay optional. What a driver raises is said again as a
ProjectError that names the table, with `from None`: its own words may hold the URL.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from rdl.database.engine import quote
from rdl.database.sources.credentials import redact
from rdl.database.sources.source import FeedTable
from rdl.errors import ProjectError, UnavailableError, nearest

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

LATER = (
    "starting up",
    "shutting down",
    "recovery",
    "too many",
    "remaining connection slots",
    "administrator command",
    "terminating",
)
"""What a server says that may answer in a while."""

GONE = ("closed the connection", "connection refused", "connection reset", "could not receive data", "timed out", "deadlock")
"""What is said of a connection that was lost; the next one may hold."""


def unordered(value: object) -> str:
    """Stands for the value of a column that cannot be a watermark."""
    raise TypeError(f"no order of the column is the same on both sides, so {type(value).__name__} has no place in it")


@dataclass(frozen=True)
class Mend:
    """What is done to the values of a column on arrival.

    Attributes:
        apply: an array to the mended array of the same length, and how many values lost something by it.
        said: what to say of those, after their number.
    """

    apply: "Callable[[pa.Array], tuple[pa.Array, int]]"
    said: str = ""


@dataclass(frozen=True)
class Lane:
    """How one column travels.

    Attributes:
        name: the column's.
        select: the SQL expression that is asked for.
        type: the DuckDB type the column is to have.
        mend: what is done to it on arrival.
        value: a value of the column as SQL, to compare `order` with; raises TypeError for a value of another kind.
        order: an SQL expression that has the order of `type`.
        pin: a literal that pins the type of the stream where the driver would guess it.
    """

    name: str
    select: str
    type: str
    mend: Mend | None = None
    order: str = ""
    value: Callable[[object], str] = unordered
    pin: str = ""


@dataclass(frozen=True)
class Query:
    """A table's rows: the relation as SQL, and its lanes in order."""

    relation: str
    lanes: Sequence[Lane]

    @property
    def pinned(self) -> int:
        """How many rows of pins go before the rows of the table."""
        return int(any(lane.pin for lane in self.lanes))

    def sql(self, where: str = "") -> str:
        """The SELECT, restricted by `where`."""
        pins = f"SELECT {', '.join(lane.pin for lane in self.lanes)} UNION ALL " if self.pinned else ""
        return f"{pins}SELECT {', '.join(lane.select for lane in self.lanes)} FROM {self.relation}{where and f' WHERE {where}'}"


def load_driver(name: str, extra: str) -> Any:
    """The DB-API module of an ADBC driver.

    Raises:
        ProjectError: it is not installed.
    """
    try:
        return import_module(f"adbc_driver_{name}.dbapi")
    except ImportError:
        what = f"reading this source needs the package adbc-driver-{name}, which is not installed"
        raise ProjectError(what, fix=f"pip install 'rdl[{extra}]'") from None


class Session:
    """One ADBC connection, and at most one stream that is read from it.

    Args:
        connection: in autocommit mode, so that statements begin and end transactions.
        place: the source for messages, without credentials.
        url: the source with credentials, to keep them out of messages.
        options: set on every statement.
    """

    def __init__(self, connection: Any, place: str, url: str = "", options: Mapping[str, str] | None = None) -> None:
        self._connection, self.place, self._url, self._options = connection, place, url, dict(options or {})
        self._cursor: Any = None

    def execute(self, sql: str, label: str = "") -> "pa.RecordBatchReader":
        """Run a statement; the stream of what it returns is valid until the next call."""
        try:
            self._finish()
            self._cursor = self._connection.cursor()
            self._cursor.adbc_statement.set_options(**self._options)
            self._cursor.execute(sql)
            return self._cursor.fetch_record_batch()
        except _failures() as error:
            raise self.failure(error, label) from None

    def rows(self, sql: str, label: str = "") -> list[dict[str, Any]]:
        """The rows that a statement returns."""
        reader = self.execute(sql, label)
        try:
            return reader.read_all().to_pylist()
        except _failures() as error:
            raise self.failure(error, label) from None

    def stream(self, query: Query, where: str, label: str) -> "pa.RecordBatchReader":
        """The rows of a table, mended, batch by batch; `label` names the table in messages."""
        import pyarrow as pa

        reader = self.execute(query.sql(where), label)
        empty = reader.schema.empty_table()
        arrays = [_mended(lane, empty.column(i).combine_chunks())[0] for i, lane in enumerate(query.lanes)]
        schema = pa.schema([(lane.name, array.type) for lane, array in zip(query.lanes, arrays, strict=True)])
        return pa.RecordBatchReader.from_batches(schema, self._batches(reader, schema, query, label))

    def _batches(self, reader: "pa.RecordBatchReader", schema: "pa.Schema", query: Query, label: str) -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        skip, counts = query.pinned, Counter[str]()
        try:
            for batch in reader:
                mended = [_mended(lane, array) for lane, array in zip(query.lanes, batch.slice(skip).columns, strict=True)]
                skip = 0
                for lane, (_, count) in zip(query.lanes, mended, strict=True):
                    counts[lane.name] += count
                yield pa.RecordBatch.from_arrays([array for array, _ in mended], schema=schema)
        except _failures() as error:
            raise self.failure(error, label) from None
        for lane in query.lanes:
            if counts[lane.name]:
                logger.warning("%s: %s.%s: %d %s", self.place, label, lane.name, counts[lane.name], lane.mend and lane.mend.said)

    def failure(self, error: Exception, label: str = "") -> ProjectError:
        """What a driver raised, as an error of the project without credentials."""
        message = redact(str(error).strip(), self._url)
        what = f"cannot read {label!r}: {message}" if label else f"cannot read the source: {message}"
        kind = UnavailableError if any(word in message.lower() for word in (*LATER, *GONE)) else ProjectError
        return kind(what, where=self.place, fix="mend what the message names, or leave the table out: [database] include")

    def _finish(self) -> None:
        cursor, self._cursor = self._cursor, None
        if cursor is not None:
            cursor.close()

    def close(self) -> None:
        """End the transaction and the connection; what was being read is abandoned."""
        with suppress(*_failures()):  # the server may be gone: there is nothing left to end
            self._finish()
        with suppress(*_failures()):
            self._connection.close()


def _mended(lane: Lane, array: "pa.Array") -> "tuple[pa.Array, int]":
    return lane.mend.apply(array) if lane.mend else (array, 0)


def _failures() -> tuple[type[Exception], ...]:
    import pyarrow as pa

    return (import_module("adbc_driver_manager").Error, pa.ArrowException, OSError)


class AdbcFeed:
    """A `Feed` over one session whose transaction has begun.

    Args:
        session: the connection.
        tables: by name.
        queries: how the rows of each table are asked for.
    """

    def __init__(self, session: Session, tables: Mapping[str, FeedTable], queries: Mapping[str, Query]) -> None:
        self._session, self._tables, self._queries = session, dict(tables), dict(queries)

    @property
    def tables(self) -> Mapping[str, FeedTable]:
        """The tables by name."""
        return self._tables

    def read(self, table: FeedTable, since: tuple[str, object] | None = None) -> "pa.RecordBatchReader":
        """Stream the rows of `table`; with `since` = (column, value), those with column >= value or column null.

        The reader is valid until the next one is asked for.

        Raises:
            ProjectError: the source fails, also while the reader is read; or `since` names no column that has an order.
        """
        query = self._queries[table.name]
        return self._session.stream(query, self._restriction(table, query, since) if since else "", table.name)

    def _restriction(self, table: FeedTable, query: Query, since: tuple[str, object]) -> str:
        name, value = since
        where = f"{self._session.place}, table {table.name!r}"
        lanes = {lane.name: lane for lane in query.lanes}
        if name not in lanes:
            raise ProjectError(f"there is no column {name!r} to read from on", where=where, fix=nearest(name, lanes))
        lane = lanes[name]
        try:
            return f"{lane.order} >= {lane.value(value)} OR {quote(name)} IS NULL"
        except TypeError as error:
            what = f"cannot read {name!r} from {value!r} on: {error}"
            raise ProjectError(what, where=where, fix="declare a number, a time or a text as watermark") from None
