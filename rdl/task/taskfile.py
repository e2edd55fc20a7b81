"""Task files: a TOML header in a comment, then the population query and the label query.

`-- population` and `-- label` start the two queries; a file without them holds the label query alone, or both divided by a
semicolon.
"""

import re
import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from rdl.database.statements import check_query, statements
from rdl.errors import ProjectError, SqlError, TaskError, TimeError, nearest
from rdl.project import validate as validate_settings
from rdl.task.grid import read_grid
from rdl.task.task import DEFAULT_METRIC, METRICS, Kind, Task

_HEADER = re.compile(r"\A\s*/\*\s*rdl\b(.*?)\*/", re.DOTALL)
_MARK = re.compile(r"^--[ \t]*(population|label)\b.*$", re.MULTILINE | re.IGNORECASE)

Moment = date | datetime | str


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    task: str
    kind: Literal["binary", "regression"]
    entity: str
    horizon: str
    every: str | None = None
    start: Moment | None = None
    stop: Moment | None = None
    cutoffs: list[Moment] | None = None
    first_validation: Moment = Field(alias="validate")
    test: Moment
    metric: str | None = None


def read_task_file(path: Path, entity_key: dict[str, str]) -> Task:
    """The task in `path`.

    Args:
        path: the `.sql` file.
        entity_key: the key column by table, which names the entity's column in the queries' results.

    Raises:
        TaskError: the header or a query is missing or wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaskError(f"not readable as UTF-8: {error}", where=str(path), fix="save it as UTF-8") from error
    match = _HEADER.match(text)
    if match is None:
        raise TaskError(
            "no task header",
            where=str(path),
            fix="start the file with /* rdl … */ holding task, kind, entity, horizon, validate, test",
        )
    header = _header(match.group(1), path)
    if header.entity not in entity_key:
        raise TaskError(
            f"the entity table {header.entity!r} is unknown or has no single-column key",
            where=str(path),
            fix=nearest(header.entity, entity_key),
        )
    population, label = _queries(text[match.end() :], path)
    kind = Kind(header.kind)
    metric = header.metric or DEFAULT_METRIC[kind]
    if metric not in METRICS[kind]:
        raise TaskError(
            f"metric = {metric!r} does not fit kind = {kind.value!r}",
            where=str(path),
            fix=f"use one of: {', '.join(METRICS[kind])}",
        )
    try:
        grid = read_grid(header.model_dump(), str(path))
    except TimeError as error:
        raise TaskError(error.what, where=str(path), fix=error.fix) from error
    return Task(
        name=header.task,
        kind=kind,
        entity_table=header.entity,
        entity_columns=(entity_key[header.entity],),
        metric=metric,
        label_sql=label,
        population_sql=population,
        path=path,
        horizon=grid.horizon,
        every=grid.every,
        validate=grid.validate,
        test=grid.test,
        calendar=grid.calendar,
        listed=grid.listed,
        start=grid.start,
        stop=grid.stop,
    )


def _header(text: str, path: Path) -> _Header:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TaskError(f"the header is no TOML: {error}", where=str(path), fix="mend the line named above") from error
    try:
        return validate_settings(_Header, raw, str(path))
    except ProjectError as error:
        raise TaskError(error.what, where=error.where, fix=error.fix) from error


def _queries(body: str, path: Path) -> tuple[str | None, str]:
    marks = list(_MARK.finditer(body))
    if marks:
        ends = [m.start() for m in marks[1:]] + [len(body)]
        parts = {m.group(1).lower(): body[m.end() : end].strip() for m, end in zip(marks, ends, strict=True)}
        if "label" not in parts or len(parts) < len(marks):
            raise TaskError("expected one `-- population` and one `-- label` query", where=str(path), fix="mark each query once")
        population, label = parts.get("population"), parts["label"]
    else:
        pieces = _statements(body, path)
        if len(pieces) not in {1, 2}:
            raise TaskError(
                f"expected one or two queries, found {len(pieces)}",
                where=str(path),
                fix="mark them `-- population` and `-- label`",
            )
        population, label = (pieces[0], pieces[1]) if len(pieces) == 2 else (None, pieces[0])
    return (_checked(population, path, "population") if population else None), _checked(label, path, "label")


def _statements(body: str, path: Path) -> list[str]:
    try:
        return statements(body, str(path))
    except SqlError as error:
        raise TaskError(error.what, where=error.where, fix=error.fix) from error


def _checked(sql: str, path: Path, name: str) -> str:
    sql = sql.strip().rstrip(";").strip()
    try:
        check_query(sql, f"{path}, {name} query")
    except SqlError as error:
        raise TaskError(error.what, where=error.where, fix=error.fix) from error
    return sql
