"""Users' SQL runs here: one SELECT, on a locked connection, over the native columns, within memory and time.

A wall against mistakes and injected text, not a tenant sandbox.
"""

import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from rdl.database.engine import connect, literal
from rdl.errors import SqlError

if TYPE_CHECKING:
    import pyarrow as pa

_LOCKS = ("enable_external_access = false", "autoload_known_extensions = false", "lock_configuration = true")


def check_select(sql: str, where: str) -> None:
    """Refuse anything but exactly one SELECT.

    Raises:
        SqlError: the text does not parse, holds no or several statements, or a statement that is no SELECT.
    """
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise SqlError(f"the SQL does not parse: {error}", where=where, fix="mend the statement") from error
    if len(statements) != 1:
        raise SqlError(f"expected one statement, found {len(statements)}", where=where, fix="leave exactly one SELECT")
    kind = statements[0].type
    if kind != duckdb.StatementType.SELECT:
        raise SqlError(f"expected a SELECT, found {kind.name}", where=where, fix="leave exactly one SELECT")


class Sandbox:
    """Where users' SELECTs run; a context manager.

    Args:
        path: the ingested DuckDB file, attached read-only.
        memory_limit: DuckDB's limit, for example `4GB`.
        threads: DuckDB's threads.
        limit: microseconds a query may take.
        temp: where DuckDB may spill.
    """

    def __init__(self, path: Path, memory_limit: str, threads: int, limit: int, temp: Path) -> None:
        temp.mkdir(parents=True, exist_ok=True)
        self._limit = limit / 1e6
        self._connection = connect(memory_limit, threads, temp)
        self._connection.execute(f"ATTACH {literal(str(path))} AS db (READ_ONLY)").fetchall()
        self._connection.execute("USE db.main").fetchall()
        for setting in _LOCKS:
            self._connection.execute(f"SET {setting}").fetchall()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def select(
        self, sql: str, where: str, tables: "Mapping[str, pa.Table]", params: Mapping[str, timedelta] | None = None
    ) -> "pa.Table":
        """Run one SELECT over the database and `tables`; parameters that the text does not name are left out.

        Raises:
            SqlError: the text is refused, fails, or runs past the time limit.
        """
        check_select(sql, where)
        for name, table in tables.items():
            self._connection.register(name, table)
        named = duckdb.extract_statements(sql)[0].named_parameters
        used = {name: value for name, value in (params or {}).items() if name in named}
        expired = threading.Event()

        def stop() -> None:
            expired.set()
            self._connection.interrupt()

        timer = threading.Timer(self._limit, stop)
        timer.start()
        try:
            return self._connection.sql(sql, params=used or None).to_arrow_table()
        except duckdb.Error as error:
            if expired.is_set():
                raise SqlError(
                    f"the query ran past its limit of {self._limit:g} s",
                    where=where,
                    fix="make it cheaper, or raise [database] query_limit",
                ) from error
            raise SqlError(f"the query fails: {error}", where=where, fix="mend the SQL") from error
        finally:
            timer.cancel()
            for name in tables:
                self._connection.unregister(name)
