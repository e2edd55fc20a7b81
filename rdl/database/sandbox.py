"""Users' SQL runs here: one SELECT, in a process of its own, over the ingested database, within memory and time.

The process (`worker.py`) holds one locked connection with the database attached read-only: no files but those that its views read,
no extensions, no settings, no Python variables. `wall.py` looks at what a text names before it runs. At the time limit the process
is killed, whatever it is doing. A wall against mistakes and injected text, not a tenant sandbox: the process is the same user's,
and the operating system is not asked to wall it in.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rdl.database.statements import WORKER
from rdl.errors import SqlError, SqlLimitError

if TYPE_CHECKING:
    import pyarrow as pa

_SIZE = re.compile(r"\s*([\d.]+)\s*([KMGT]?)(i?)B?\s*", re.IGNORECASE)
_BESIDE = 1 << 30  # what Python, Arrow and the result may take beside DuckDB's own limit
_STARTUP = 60.0


def memory_bytes(text: str) -> int | None:
    """Bytes of a DuckDB memory limit such as `4GB`; None for a share (`80%`)."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    power = " KMGT".index(match.group(2).upper() or " ")
    return int(float(match.group(1)) * (1024 if match.group(3) else 1000) ** power)


class Sandbox:
    """Where users' SELECTs run; a context manager.

    Args:
        path: the ingested DuckDB file, attached read-only.
        memory_limit: DuckDB's limit, for example `4GB`.
        threads: DuckDB's threads.
        limit: microseconds a query may take.
        temp: where a folder to spill to is made, and removed again.
        files: the files that the database's views read; no query may name them.
        temp_limit: what a query may spill, for example `20GB`.

    Raises:
        SqlError: no query could run within `limit`.
    """

    def __init__(
        self,
        path: Path,
        memory_limit: str,
        threads: int,
        limit: int,
        temp: Path,
        files: Sequence[Path] = (),
        temp_limit: str = "20GB",
    ) -> None:
        if not limit > 0:  # no comparison with NaN holds
            raise SqlError(f"a limit of {limit} microseconds lets no query run", fix="raise [database] query_limit")
        temp.mkdir(parents=True, exist_ok=True)
        self._limit = min(limit / 1e6, threading.TIMEOUT_MAX)
        self._spill = Path(tempfile.mkdtemp(prefix="sandbox-", dir=temp))
        memory = memory_bytes(memory_limit)
        self._settings = {
            "path": str(path),
            "memory_limit": memory_limit,
            "memory": memory + _BESIDE if memory else None,
            "threads": threads,
            "temp": str(self._spill),
            "temp_limit": temp_limit,
            "files": [str(file) for file in files],
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        shutil.rmtree(self._spill, ignore_errors=True)

    def select(
        self, sql: str, where: str, tables: "Mapping[str, pa.Table]", params: Mapping[str, timedelta] | None = None
    ) -> "pa.Table":
        """Run one SELECT over the database and `tables`; parameters that the text does not name are left out.

        Raises:
            SqlError: the text is refused, fails, or runs past the limit of time, memory or disk.
        """
        process = self._process or self._start(where)
        expired = threading.Event()

        def stop() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(self._limit, stop)
        timer.start()
        try:
            return self._ask(process, sql, where, tables, params or {})
        except (OSError, EOFError) as error:
            self._stop()
            if expired.is_set():
                raise SqlError(
                    f"the query ran past its limit of {self._limit:g} s",
                    where=where,
                    fix="make it cheaper, or raise [database] query_limit",
                ) from error
            raise SqlError(
                "the query took more memory than it may, or nests too deep, and its process died",
                where=where,
                fix="make it cheaper or flatter, or raise [database] memory_limit",
            ) from error
        except SqlError:
            raise
        except BaseException:  # an interrupt leaves an answer half read: the next query starts afresh
            self._stop()
            raise
        finally:
            timer.cancel()

    def _start(self, where: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(  # noqa: S603 -- our own file, run by our own interpreter
            [sys.executable, "-P", "-W", "ignore", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._process = process
        timer = threading.Timer(_STARTUP, process.kill)
        timer.start()
        try:
            _write(process, json.dumps(self._settings).encode() + b"\n")
            answer = _answer(process)
        except (OSError, EOFError) as error:
            self._stop()
            raise SqlError("the process for users' SQL does not start", where=where, fix="look at the machine's limits") from error
        finally:
            timer.cancel()
        self._check(answer, where)
        return process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)
        process.wait()

    def _ask(
        self,
        process: "subprocess.Popen[bytes]",
        sql: str,
        where: str,
        tables: "Mapping[str, pa.Table]",
        params: Mapping[str, timedelta],
    ) -> "pa.Table":
        import pyarrow as pa

        streams = {name: _stream(table) for name, table in tables.items()}
        request = {
            "sql": sql,
            "tables": {name: len(stream) for name, stream in streams.items()},
            "params": {name: value // timedelta(microseconds=1) for name, value in params.items()},
        }
        _write(process, json.dumps(request).encode() + b"\n", *streams.values())
        self._check(_answer(process), where)
        assert process.stdout is not None
        try:
            return pa.ipc.open_stream(process.stdout).read_all()
        except pa.ArrowInvalid as error:  # the stream ends early where the process was killed
            raise EOFError from error

    def _check(self, answer: Mapping[str, Any], where: str) -> None:
        """Raise what the process answers, where it is no result; after some errors a process is not asked again."""
        if answer.get("last"):
            self._stop()
        if "refused" in answer:
            raise SqlError(answer["refused"], where=where, fix=answer["fix"])
        if "error" in answer:
            raise SqlError(f"the query fails: {answer['error']}", where=where, fix="mend the SQL")
        if "limit" in answer:
            limit = answer["limit"]
            what = {"memory_limit": "takes more memory than", "temp_limit": "spills more to disk than"}[limit]
            fix = f"make it cheaper, or raise [database] {limit}"
            raise SqlLimitError(f"the query {what} its limit of {self._settings[limit]}", where=where, fix=fix)


def _stream(table: "pa.Table") -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _write(process: "subprocess.Popen[bytes]", *parts: bytes) -> None:
    assert process.stdin is not None
    for part in parts:
        process.stdin.write(part)
    process.stdin.flush()


def _answer(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """The next line of the process.

    Raises:
        EOFError: the process is gone.
    """
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    answer: dict[str, Any] = json.loads(line)
    return answer


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:  # what was still to be written went to a dead process
        return
