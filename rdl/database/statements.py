"""Texts of SQL before they run: split into statements, and refused where they are not one SELECT.

The same wall stands in the process that runs users' SQL, with the database's tables before its eyes. Here a file is refused early.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rdl.database import wall
from rdl.errors import SqlError

WORKER = Path(__file__).with_name("worker.py")
_PATIENCE = 10.0


def statements(sql: str, where: str) -> list[str]:
    """The statements of a text, without their semicolons and the comments behind them.

    Raises:
        SqlError: the text does not parse, or is longer than any query that a person writes.
    """
    found: list[str] = _read("split", sql, where)
    return found


def check_select(sql: str, where: str) -> None:
    """Refuse anything but exactly one SELECT; it may read files.

    Raises:
        SqlError: the text does not parse, holds no or several statements, or a statement that is no SELECT or holds another one.
    """
    _read("select", sql, where)


def check_query(sql: str, where: str) -> None:
    """Refuse anything but exactly one SELECT that calls only such table functions as compute their rows.

    Raises:
        SqlError: as `check_select`, and where the text reads anything but tables.
    """
    _read("query", sql, where)


def _read(job: str, sql: str, where: str) -> Any:
    if not wall.is_plain(sql):
        return _read_aside(job, sql, where)
    try:
        return wall.JOBS[job](sql)
    except wall.RefusedError as refused:
        raise SqlError(refused.what, where=where, fix=refused.fix) from refused


def _read_aside(job: str, sql: str, where: str) -> Any:
    """The same, in a process that may die of it."""
    try:
        ran = subprocess.run(  # noqa: S603 -- our own file, run by our own interpreter
            [sys.executable, "-P", "-W", "ignore", str(WORKER), job],
            input=json.dumps(sql).encode(),
            capture_output=True,
            timeout=_PATIENCE,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        fix = "write it flatter, with common table expressions beside one another"
        raise SqlError("the SQL nests too deep to be parsed", where=where, fix=fix) from error
    answer = json.loads(ran.stdout)
    if "refused" in answer:
        raise SqlError(answer["refused"], where=where, fix=answer["fix"])
    return answer["found"]
