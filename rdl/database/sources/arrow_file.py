"""Arrow IPC files (Feather version 2 among them), read by DuckDB batch by batch as it asks for them.

Files in the file format are one pyarrow dataset, of which DuckDB takes only the columns and rows that a query wants. The stream
format cannot be sought in, so a table that holds a stream is read from its start each time, batch by batch; nothing is converted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from rdl.database.engine import quote
from rdl.database.sources.source import RawTable, Read
from rdl.database.sources.table_files import TableFiles
from rdl.errors import ProjectError, SchemaError

if TYPE_CHECKING:
    import pyarrow as pa

_FILE, _FEATHER_1 = b"ARROW1", b"FEA1"


def arrow_table(table: TableFiles) -> RawTable:
    """The table that Arrow files are: the union of their columns by name, a column that a part lacks being null there.

    Raises:
        ProjectError: its files lie in folders that carry columns.
    """
    if table.keys:
        raise ProjectError(
            f"table {table.name!r} lies in key=value folders, whose columns are not read for Arrow files",
            where=str(table.folder),
            fix="write it as Parquet, or write the columns into the files",
        )
    return RawTable(table.name, partial(_look, table), table.files)


def _look(table: TableFiles, connection: duckdb.DuckDBPyConnection) -> Read:
    import pyarrow as pa
    import pyarrow.dataset as ds

    schemas = [_schema(file) for file in table.files]
    try:
        united = pa.unify_schemas(schemas, promote_options="permissive")
    except (pa.ArrowException, TypeError) as error:
        raise SchemaError(
            f"the parts of table {table.name!r} do not go together: {error}",
            where=table.where,
            fix="give a column one type in all parts",
        ) from error
    _check_names(united.names, table.where)
    schema = pa.schema([(field.name, pa.string() if pa.types.is_null(field.type) else field.type) for field in united])
    if all(_head(file).startswith(_FILE) for file in table.files):
        rows: object = ds.dataset([str(file) for file in table.files], schema=schema, format="ipc")
    else:
        rows = _Batches(table.files, schema)
    _check_types(schema, table.where)
    name = f"arrow {table.name}"
    connection.register(name, rows)
    return Read(f"SELECT * FROM temp.main.{quote(name)}")


@dataclass(frozen=True)
class _Batches:
    """Arrow files one after the other; DuckDB asks for them anew with every query."""

    files: Sequence[Path]
    schema: "pa.Schema"

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self.schema, self._batches()).__arrow_c_stream__(requested_schema)

    def _batches(self) -> "Iterator[pa.RecordBatch]":
        for file in self.files:
            with file.open("rb") as stream:
                reader = _open(stream)
                held = reader.schema.names
                found = reader if hasattr(reader, "__iter__") else map(reader.get_batch, range(reader.num_record_batches))
                for batch in found:
                    yield self._cast(batch, held)

    def _cast(self, batch: "pa.RecordBatch", held: Sequence[str]) -> "pa.RecordBatch":
        import pyarrow as pa

        columns = [
            batch.column(held.index(field.name)).cast(field.type) if field.name in held else pa.nulls(batch.num_rows, field.type)
            for field in self.schema
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(len(_FILE))


def _open(stream: object) -> "pa.RecordBatchFileReader | pa.RecordBatchStreamReader":
    """The reader of an open file, whichever of the two formats it is in."""
    from pyarrow import ipc

    head = stream.read(len(_FILE))  # type: ignore[attr-defined]
    stream.seek(0)  # type: ignore[attr-defined]
    return ipc.open_file(stream) if head.startswith(_FILE) else ipc.open_stream(stream)


def _schema(file: Path) -> "pa.Schema":
    """The columns of an Arrow file.

    Raises:
        SchemaError: it is none.
    """
    import pyarrow as pa

    fix = "check that the file is whole, and an Arrow IPC file or stream (Feather version 2)"
    if _head(file).startswith(_FEATHER_1):
        raise SchemaError("the file is Feather version 1", where=str(file), fix="write it as Feather version 2, or as Parquet")
    try:
        with file.open("rb") as stream:
            schema = _open(stream).schema
    except (pa.ArrowException, OSError) as error:
        raise SchemaError(f"not readable as Arrow: {error}", where=str(file), fix=fix) from error
    _check_names(schema.names, str(file))
    return schema


def _check_names(names: Sequence[str], where: str) -> None:
    """Refuse columns of one name."""
    first: dict[str, str] = {}
    for name in names:
        if name.lower() in first:
            raise SchemaError(
                f"two columns have one name: {first[name.lower()]!r} and {name!r}",
                where=where,
                fix="rename one: SQL does not tell names apart by their case",
            )
        first[name.lower()] = name


def _check_types(schema: "pa.Schema", where: str) -> None:
    """Refuse the first column whose type DuckDB does not know; one by one only where it does not know them all."""
    import pyarrow as pa

    if _unknown(schema) is None:
        return
    for field in schema:
        error = _unknown(pa.schema([field]))
        if error is not None:
            raise SchemaError(
                f"column {field.name!r} is {field.type}, an Arrow type that DuckDB does not read: {error}",
                where=where,
                fix="write it as another type, for example float32, decimal128 or text",
            ) from error


def _unknown(schema: "pa.Schema") -> Exception | None:
    """What DuckDB says of a type that it does not read."""
    import pyarrow as pa

    try:
        with duckdb.connect(":memory:") as connection:
            connection.register("one", pa.RecordBatchReader.from_batches(schema, []))
            connection.sql("SELECT * FROM one").fetchall()
    except (duckdb.Error, pa.ArrowException) as error:
        return error
    return None
