"""The one door to DuckDB: connections, quoting, and the SQL templates that ship with rdl.

No other room imports duckdb. An `Engine` is a private in-memory connection with the ingested file attached read-only, so any
number of them work beside each other, and nothing that is computed can change the rows.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from enum import StrEnum
from functools import cache
from itertools import dropwhile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import duckdb
import numpy as np

from rdl.errors import SqlError

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa
    from numpy.typing import NDArray

Parameters = Mapping[str, object] | Sequence[object] | None

_PACKAGE = Path(__file__).resolve().parent.parent


def quote(identifier: str) -> str:
    """`identifier` as a quoted SQL name."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as a quoted SQL string."""
    return "'" + text.replace("'", "''") + "'"


@cache
def shipped(kind: str) -> Path:
    """The folder `sql` or `pipelines`, inside the wheel or beside the package in a checkout."""
    inside = _PACKAGE / f"_{kind}"
    return inside if inside.is_dir() else _PACKAGE.parent / kind


@cache
def load_sql(name: str) -> str:
    """The shipped template `sql/NAME`, for example `features/windows.sql`, without its header of `--` lines."""
    lines = (shipped("sql") / name).read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(dropwhile(lambda line: line.startswith("--") or not line.strip(), lines))


def connect(memory_limit: str = "4GB", threads: int = 2, temp: Path | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB connection, UTC, without downloads, that spills to `temp`."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory_limit,
        "threads": threads,
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
    }
    if temp is not None:
        config["temp_directory"] = str(temp)
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false").fetchall()
    return connection


class Caution(StrEnum):
    """What DuckDB is told to leave out, after it died of an internal error with more."""

    NONE = ""
    SIDES = "SET disabled_optimizers = 'build_side_probe_side'"
    CACHE = "SET enable_caching_operators = false"


class EngineDefectError(SqlError):
    """DuckDB died of an error of its own; the same statement may pass on a more cautious connection."""


class Engine:
    """SQL over the ingested rows of one database: `rows."table"` with `_row`, `_time`, `_ref_*` and the native columns.

    Use it as a context manager. Temporary tables live as long as it does. `temp` is the folder that it spills to.
    """

    def __init__(self, path: Path, memory_limit: str, threads: int, temp: Path, caution: Caution = Caution.NONE) -> None:
        temp.mkdir(parents=True, exist_ok=True)
        self.temp, self.threads, self._caution = temp, threads, caution
        self._connection = connect(memory_limit, threads, temp)
        self._connection.execute(f"ATTACH {literal(str(path))} AS db (READ_ONLY)").fetchall()
        self._settle()

    def beside(self) -> "Engine":
        """Another connection to the same rows, for another thread: memory and threads are shared, temporary tables are not."""
        other = copy(self)
        other._connection = self._connection.cursor()  # noqa: SLF001  (its own class)
        other._settle()  # noqa: SLF001
        return other

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def execute(self, sql: str, params: Parameters = None) -> None:
        """Run statements for their effect."""
        try:
            self._connection.execute(sql, params).fetchall()
        except duckdb.Error as error:
            raise engine_error(error, sql) from error

    def arrow(self, sql: str, params: Parameters = None) -> "pa.Table":
        """The result as an Arrow table."""
        try:
            return self._connection.sql(sql, params=params).to_arrow_table()
        except duckdb.Error as error:
            raise engine_error(error, sql) from error

    def polars(self, sql: str, params: Parameters = None) -> "pl.DataFrame":
        """The result as a polars frame."""
        import polars as pl

        frame = pl.from_arrow(self.arrow(sql, params))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def numpy(self, sql: str, params: Parameters = None) -> "dict[str, NDArray[Any]]":
        """The result as arrays by column; a null integer would turn its column into floats, so COALESCE it in SQL."""
        table = self.arrow(sql, params)
        return {
            name: np.ascontiguousarray(column.to_numpy()) for name, column in zip(table.column_names, table.columns, strict=True)
        }

    def batches(self, sql: str, rows: int) -> "pa.RecordBatchReader":
        """The result as it comes, in batches of at most `rows`; the connection is busy until it is read to its end."""
        try:
            return self._connection.sql(sql).to_arrow_reader(rows)
        except duckdb.Error as error:
            raise engine_error(error, sql) from error

    def register(self, name: str, table: object) -> None:
        """Make an Arrow table or polars frame readable as `name`."""
        self._connection.register(name, table.to_arrow() if hasattr(table, "to_arrow") else table)

    def _settle(self) -> None:
        """What a connection is told before its first statement."""
        self._connection.execute("SET TimeZone = 'UTC'").fetchall()
        if self._caution:
            self._connection.execute(self._caution.value).fetchall()
        self._connection.execute("USE db.main").fetchall()

    def unregister(self, name: str) -> None:
        """Forget what `register` made readable."""
        with suppress(duckdb.FatalException):  # the connection is dead, and the error that killed it is on its way
            self._connection.unregister(name)


def engine_error(error: Exception, sql: str) -> SqlError:
    """A DuckDB error as a SqlError that shows the start of the statement."""
    head = " ".join(line for line in sql.splitlines() if not line.lstrip().startswith("--"))[:300]
    if isinstance(error, duckdb.FatalException | duckdb.InternalException):
        return EngineDefectError(str(error), where=head, fix="report this as a defect, with the schema of your tables")
    return SqlError(str(error), where=head, fix="see the database's message")
