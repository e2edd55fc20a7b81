"""The process in which users' SQL runs; `Sandbox` starts it, speaks to it, and kills it when its time is over.

It is run as a file, imports nothing of rdl but the wall beside it, and holds one locked connection. What the connection's settings
do not close (a scalar function that never looks up, memory taken beside DuckDB's accounting) dies with the process. So does a text
that the parser chokes on: it is looked at here, within the limits, and nowhere else.

Requests and answers are a line of JSON, then Arrow IPC streams of the lengths that the line names.
"""

import importlib.util
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import duckdb
import pyarrow as pa

_LOCKS = (
    "SET TimeZone = 'UTC'",
    "SET allow_persistent_secrets = false",
    "SET allow_community_extensions = false",
    "SET enable_external_access = false",
    "SET autoload_known_extensions = false",
    "SET lock_configuration = true",
)
_TABLES = (
    "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'db' AND NOT internal "
    "UNION ALL SELECT schema_name, view_name FROM duckdb_views() WHERE database_name = 'db' AND NOT internal"
)
_PARSING = 1 << 30  # what one text may take to be parsed
_MESSAGE = 2_000  # characters of an error that are passed on


def main() -> None:
    """Answer requests on stdin until it closes; with an argument, do that job of the wall once."""
    wall = _load_wall()
    if len(sys.argv) > 1:
        _do_once(wall, sys.argv[1])
        return
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_die_with_parent, args=(os.getppid(),), daemon=True).start()
    settings = json.loads(requests.readline())
    try:
        connection = _connect(settings)
        catalog = _catalog(connection)
    except duckdb.Error as error:
        _send(answers, _failure(error, settings))
        return
    _send(answers, {})
    for line in requests:
        request = json.loads(line)
        tables = {name: _read_table(requests, size) for name, size in request["tables"].items()}
        try:
            wall.check_query(request["sql"], catalog, {name.lower() for name in tables}, connection)
            result = _select(connection, request, tables)
        except wall.RefusedError as refused:
            _send(answers, {"refused": _hide(refused.what, settings), "fix": refused.fix})
        except (duckdb.Error, pa.ArrowException, MemoryError, RuntimeError, ValueError) as error:
            failure = _failure(error, settings)
            _send(answers, failure)
            if failure["last"]:
                return
        else:
            _send_table(answers, result)


def _load_wall() -> ModuleType:
    spec = importlib.util.spec_from_file_location("wall", Path(__file__).with_name("wall.py"))
    assert spec is not None
    assert spec.loader is not None
    wall = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(wall)
    return wall


def _do_once(wall: ModuleType, job: str) -> None:
    _limit_memory(_PARSING)
    try:
        answer = {"found": wall.JOBS[job](json.load(sys.stdin))}
    except wall.RefusedError as refused:
        answer = {"refused": refused.what, "fix": refused.fix}
    _send(sys.stdout.buffer, answer)


def _connect(settings: Mapping[str, Any]) -> duckdb.DuckDBPyConnection:
    """The locked connection, with the database attached read-only."""
    if settings["memory"]:
        _limit_memory(settings["memory"])
    config = {
        "memory_limit": settings["memory_limit"],
        "threads": settings["threads"],
        "temp_directory": settings["temp"],
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
    }
    connection = duckdb.connect(":memory:", config=config)
    files = ", ".join(_literal(file) for file in settings["files"])
    opening = (
        f"SET max_temp_directory_size = {_literal(settings['temp_limit'])}",  # DuckDB 2.0 forgets one that comes with the config
        f"ATTACH {_literal(settings['path'])} AS db (READ_ONLY)",
        "USE db.main",
        f"SET allowed_paths = [{files}]",
    )
    for statement in (*opening, *_LOCKS):
        connection.execute(statement).fetchall()
    return connection


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _catalog(connection: duckdb.DuckDBPyConnection) -> dict[str, AbstractSet[str]]:
    """The tables and views of the database by schema, in lower case; it is read-only, so they stay."""
    catalog: dict[str, set[str]] = {}
    for schema, table in connection.sql(_TABLES).fetchall():
        catalog.setdefault(schema.lower(), set()).add(table.lower())
    return {**catalog}


def _limit_memory(size: int) -> None:
    """Bound what the process allocates, inside DuckDB's accounting or beside it, where the system can."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, OSError, ValueError):
        return


def _select(connection: duckdb.DuckDBPyConnection, request: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> pa.Table:
    for name, table in tables.items():
        connection.register(name, table)
    try:
        named = duckdb.extract_statements(request["sql"])[0].named_parameters
        params = {name: timedelta(microseconds=value) for name, value in request["params"].items() if name in named}
        return connection.sql(request["sql"], params=params or None).to_arrow_table()
    finally:
        for name in tables:
            connection.unregister(name)


def _failure(error: Exception, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of an error: which limit it ran into, or the database's message; and whether the process is spoilt by it."""
    text = str(error) or type(error).__name__
    if "max_temp_directory_size" in text:
        return {"limit": "temp_limit", "last": True}
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError) or "bad_alloc" in text:
        return {"limit": "memory_limit", "last": True}
    return {"error": _hide(text, settings), "last": isinstance(error, duckdb.FatalException | duckdb.InternalException)}


def _hide(text: str, settings: Mapping[str, Any]) -> str:
    """A message without the folders of this machine that its writer never named."""
    text = text.replace(settings["temp"], "the spill folder").replace(settings["path"], "the database")
    for file in settings["files"]:
        text = text.replace(file, Path(file).name)
    return text[:_MESSAGE]


def _read_table(stream: IO[bytes], size: int) -> pa.Table:
    return pa.ipc.open_stream(stream.read(size)).read_all()


def _send(stream: IO[bytes], answer: Mapping[str, Any]) -> None:
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
