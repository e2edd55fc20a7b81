"""The process in which users' SQL runs; `Sandbox` starts it, speaks to it, and kills it when its time is over.

It is run as a file, imports nothing of rdl, and holds one locked connection. What the connection's settings do not close (a scalar
function that never looks up, memory taken beside DuckDB's accounting) dies with the process.

Requests and answers are a line of JSON, then Arrow IPC streams of the lengths that the line names.
"""

import json
import os
import sys
import threading
import time
from datetime import timedelta
from typing import IO, Any

import duckdb
import pyarrow as pa

_LOCKS = (
    "SET TimeZone = 'UTC'",
    "SET allow_persistent_secrets = false",
    "SET enable_external_access = false",
    "SET autoload_known_extensions = false",
    "SET lock_configuration = true",
)


def main() -> None:
    """Answer requests on stdin until it closes."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_die_with_parent, args=(os.getppid(),), daemon=True).start()
    try:
        connection = _connect(json.loads(requests.readline()))
    except duckdb.Error as error:
        _send(answers, {"error": str(error)})
        return
    _send(answers, {})
    for line in requests:
        request = json.loads(line)
        tables = {name: _read_table(requests, size) for name, size in request["tables"].items()}
        try:
            result = _select(connection, request, tables)
        except (duckdb.Error, pa.ArrowException, MemoryError) as error:
            _send(answers, {"error": str(error) or type(error).__name__})
        else:
            _send_table(answers, result)


def _connect(settings: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    """The locked connection, with the database attached read-only."""
    if settings["memory"]:
        _limit_memory(settings["memory"])
    config = {
        "memory_limit": settings["memory_limit"],
        "threads": settings["threads"],
        "temp_directory": settings["temp"],
        "max_temp_directory_size": settings["temp_limit"],
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
    }
    connection = duckdb.connect(":memory:", config=config)
    path = settings["path"].replace("'", "''")
    for statement in (f"ATTACH '{path}' AS db (READ_ONLY)", "USE db.main", *_LOCKS):
        connection.execute(statement).fetchall()
    return connection


def _limit_memory(size: int) -> None:
    """Bound what the process allocates, inside DuckDB's accounting or beside it, where the system can."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        return


def _select(connection: duckdb.DuckDBPyConnection, request: dict[str, Any], tables: dict[str, pa.Table]) -> pa.Table:
    for name, table in tables.items():
        connection.register(name, table)
    try:
        named = duckdb.extract_statements(request["sql"])[0].named_parameters
        params = {name: timedelta(microseconds=value) for name, value in request["params"].items() if name in named}
        return connection.sql(request["sql"], params=params or None).to_arrow_table()
    finally:
        for name in tables:
            connection.unregister(name)


def _read_table(stream: IO[bytes], size: int) -> pa.Table:
    return pa.ipc.open_stream(stream.read(size)).read_all()


def _send(stream: IO[bytes], answer: dict[str, Any]) -> None:
    stream.write(json.dumps(answer).encode() + b"\n")
    stream.flush()


def _send_table(stream: IO[bytes], table: pa.Table) -> None:
    _send(stream, {"ok": True})
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    stream.flush()


def _die_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
