"""How the rows of a database behind SQLAlchemy are read: by the driver's own cursor, or by connectorx."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rdl.database.sources.credentials import redact
from rdl.database.sources.sqlalchemy_types import Kind, array
from rdl.errors import ProjectError, RdlError, UnavailableError

if TYPE_CHECKING:
    import pyarrow as pa
    import sqlalchemy as sa

log = logging.getLogger(__name__)

MYSQL = {"mysql", "mariadb"}
_CONNECTORX = "connectorx+"
_BATCH = 20_000  # rows
_AWAY = ("can't connect", "refused", "timed out", "lost connection", "gone away", "too many connections", "deadlock", "lock wait")


@dataclass
class Relation:
    """A table or view as the database has it."""

    schema: str | None
    name: str
    view: bool = False
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    foreign: list[dict[str, Any]] = field(default_factory=list)
    table: str = ""


class Place:
    """A URL, and how it is spoken of."""

    def __init__(self, url: str, where: str) -> None:
        self.fast = url.startswith(_CONNECTORX)
        self.url, self.where = url.removeprefix(_CONNECTORX), where

    @contextmanager
    def told(self, label: str = "") -> Iterator[None]:
        """Says again, without credentials, what a driver raises; `label` names the table that was being read."""
        import sqlalchemy as sa

        try:
            yield
        except RdlError:
            raise
        except Exception as error:  # a driver's errors have no base of their own
            cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
            what = f"cannot read {label!r}" if label else f"cannot read {redact(self.url)}"
            lost = any(word in str(cause).lower() for word in _AWAY)
            raise (UnavailableError if lost else ProjectError)(
                f"{what}: {redact(f'{type(cause).__name__}: {cause}', self.url)}",
                where=self.where,
                fix="mend what the message names: is the server there, and may this user read it?",
            ) from None


class CursorRows:
    """Rows through the driver's own cursor, in the one transaction."""

    def __init__(self, place: Place, connection: "sa.Connection") -> None:
        self._place, self._connection = place, connection

    def read(self, statement: "sa.Select[Any]", relation: Relation) -> "pa.RecordBatchReader":
        """Stream what `statement` selects of `relation`, in the types of its kinds."""
        import pyarrow as pa

        schema = pa.schema([(name, kind.arrow) for name, kind in relation.kinds.items()])
        return pa.RecordBatchReader.from_batches(schema, self._batches(statement, relation, schema))

    def _batches(self, statement: "sa.Select[Any]", relation: Relation, schema: "pa.Schema") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        with self._place.told(relation.table):
            options = {"stream_results": True, "yield_per": _BATCH}
            with self._connection.execute(statement, execution_options=options) as result:
                for rows in result.partitions():
                    columns = zip(relation.kinds.items(), zip(*rows, strict=True), strict=True)
                    arrays = [array(values, kind, relation.table, name) for (name, kind), values in columns]
                    yield pa.RecordBatch.from_arrays(arrays, schema=schema)


class ConnectorxRows:
    """Rows through connectorx, which opens a connection for each statement."""

    def __init__(self, place: Place, connection: "sa.Connection") -> None:
        dialect: Any = type(connection.dialect)
        self._place, self._dialect = place, dialect(paramstyle="named")  # others double every % of a name
        url = connection.engine.url
        backend = "mysql" if url.get_backend_name() in MYSQL else url.get_backend_name()
        self._url = url.set(drivername=backend).render_as_string(hide_password=False)
        self._before = "SET time_zone = '+00:00'" if backend == "mysql" else None
        log.warning("%s: connectorx reads each table on a connection of its own, not in one transaction", redact(place.url))

    def read(self, statement: "sa.Select[Any]", relation: Relation) -> "pa.RecordBatchReader":
        """Stream what `statement` selects of `relation`, in connectorx's types."""
        import pyarrow as pa

        try:
            import connectorx
        except ImportError:
            what = "a connectorx+ URL needs the package connectorx, which is not installed"
            raise ProjectError(what, where=self._place.where, fix="pip install 'rdl[connectorx]'") from None
        sql = str(statement.compile(dialect=self._dialect, compile_kwargs={"literal_binds": True}))
        with self._place.told(relation.table), _panic_told():
            stream = connectorx.read_sql(
                self._url, sql, return_type="arrow_stream", pre_execution_query=self._before, batch_size=_BATCH
            )
        return pa.RecordBatchReader.from_batches(stream.schema, self._batches(stream, relation.table))

    def _batches(self, stream: "pa.RecordBatchReader", table: str) -> "Iterator[pa.RecordBatch]":
        with self._place.told(table), _panic_told():
            yield from stream


@contextmanager
def _panic_told() -> Iterator[None]:
    """A panic of connectorx as an ordinary error: it is none of Python's."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            raise RuntimeError(str(error)) from None
        raise
