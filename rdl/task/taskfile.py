"""Task files: a TOML header in a comment, then the population query and the label query.

`-- population` and `-- label` start the two queries; a file without them holds the label query alone, or both divided by a
semicolon. A header that says nothing of time makes a static task: its queries need neither cutoffs nor a grid of them.
"""

import re
from pathlib import Path

from rdl.database import Schema
from rdl.database.statements import check_query, statements
from rdl.errors import SqlError, TaskError, TimeError
from rdl.task.grid import Grid, read_grid
from rdl.task.header import AUTOCOMPLETE, TOP, Header, entity_of, hidden_of, kind_of, metric_of, promises_of, read_header, target_of
from rdl.task.task import Task
from rdl.timeline import DAY

_HEADER = re.compile(r"\A\s*/\*\s*rdl\b(.*?)\*/", re.DOTALL)
_MARK = re.compile(r"^--[ \t]*(population|label)\b.*$", re.MULTILINE | re.IGNORECASE)


def read_task_file(path: Path, schema: Schema) -> Task:
    """The task in `path`.

    Args:
        path: the `.sql` file.
        schema: the tables that it asks about; the key of the entity table names the entity's columns in the queries' results.

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
            fix="start the file with /* rdl … */ holding task, kind, entity; and horizon, validate, test, where there is time",
        )
    header = read_header(match.group(1), path)
    entity = entity_of(header, schema, path)
    population, label = _queries(text[match.end() :], path)
    hidden = hidden_of(header, schema, path)
    kind = kind_of(header, entity, hidden, path)
    grid = _grid(header, path)
    return Task(
        name=header.task,
        kind=kind,
        entity_table=entity.name,
        entity_columns=entity.key,
        metric=metric_of(header, kind, path),
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
        hide=hidden,
        target_table=target_of(header, schema, path),
        top=header.top or TOP,
        autocomplete=header.kind == AUTOCOMPLETE,
        static=header.static,
        **promises_of(header, kind, path),
    )


def _grid(header: Header, path: Path) -> Grid:
    if header.static:  # the catalog, which knows the data, says when its one cutoff is
        return Grid(horizon=0, every=DAY, validate=0, test=0)
    try:
        return read_grid(header.model_dump(), str(path))
    except TimeError as error:
        raise TaskError(error.what, where=str(path), fix=error.fix) from error


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
