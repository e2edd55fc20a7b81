"""Columns that say what a hidden one says: found in the data, where the label is a hidden column of the entity's own row.

A column implies the label where rows that agree in it agree in the label, almost always: by its values, by being null, or by a
straight line between numbers. Judged on a sample of rows that hold a label; a value that one row alone has says nothing.
"""

from collections.abc import Iterator

from rdl.database import Column, Database, Engine, Semantic, Table, quote
from rdl.task.lint.finding import Finding, Rule
from rdl.task.lint.place import Place
from rdl.task.task import Task

_ROWS = 50_000
_SURE = 0.98  # of what guessing the most frequent label leaves open
_STRAIGHT = 0.9999
_LEAST = 30  # rows, below which anything may imply anything


def read_implied(database: Database, task: Task, places: tuple[Place, ...]) -> list[Finding]:
    """A finding for every column of the entity's table that implies the hidden label and is not hidden itself."""
    if not (task.autocomplete or task.static or task.fixed):
        return []
    table = database.schema[task.entity_table]
    hidden = {column for name, column in task.hide if name == table.name}
    labels = [c for c in table.columns if c.name in hidden and (not task.autocomplete or c.name == _own(task))]
    seen = [c for c in _visible(table) if c.name not in hidden]
    found = []
    with database.engine() as engine:
        for label in labels:
            for column, how in _implying(engine, table, label, seen):
                what = (
                    f"{table.name}.{column.name} {how} the hidden {table.name}.{label.name}: what predicts it would read it there"
                )
                fix = f"hide it too: hide = [{table.name + '.' + label.name!r}, {table.name + '.' + column.name!r}]"
                found.append(places[-1].finding(Rule.IMPLIES_LABEL, 1, what, fix, table.name))
    return found


def _own(task: Task) -> str:
    """The hidden column that is an autocomplete's label: that of its name, or else the first that it hides."""
    hidden = [column for name, column in task.hide if name == task.entity_table]
    return task.label_column if task.label_column in hidden else next(iter(hidden), "")


def _visible(table: Table) -> list[Column]:
    """The columns of a row that features, graph or encoders read: its description, and its references."""
    references = {name for reference in table.references for name in reference.columns}
    described = {column.name for column in table.features}
    return [c for c in table.columns if c.name in described or (c.name in references and c.name not in table.hide)]


def _implying(engine: Engine, table: Table, label: Column, seen: list[Column]) -> Iterator[tuple[Column, str]]:
    """The columns that imply a label, with the verb that says how."""
    part = max(-(-table.rows // _ROWS), 1)
    columns = ", ".join(quote(c.name) for c in [label, *seen])
    sampled = f"SELECT {columns} FROM rows.{quote(table.name)} WHERE {quote(label.name)} IS NOT NULL AND hash(_row) % {part} = 0"
    engine.execute(f"CREATE OR REPLACE TEMP TABLE implied AS {sampled}")
    name = quote(label.name)
    known = engine.numpy(f"SELECT coalesce(sum(n), 0) AS n, coalesce(max(n), 0) AS most FROM ({_counted(name, name)})")
    count, most = int(known["n"][0]), int(known["most"][0])
    if count < _LEAST or most == count:
        return
    for column in seen:
        other = quote(column.name)
        if _told(engine, name, other) >= most + _SURE * (count - most):
            yield column, "tells"
        elif _told(engine, name, f"({other} IS NULL)") >= most + _SURE * (count - most):
            yield column, "tells by being null"
        elif {label.semantic, column.semantic} == {Semantic.NUMERIC} and _straight(engine, name, other, count):
            yield column, "is, on a straight line,"


def _told(engine: Engine, label: str, other: str) -> float:
    """Rows whose label is that of most other rows of the same value; those that have the value alone say nothing."""
    counted = f"SELECT o, max(n) AS most, sum(n) AS n FROM ({_counted(label, other)}) WHERE o IS NOT NULL GROUP BY o"
    found = engine.numpy(f"SELECT coalesce(sum(most) FILTER (n > 1 AND most > 1), 0)::DOUBLE AS told FROM ({counted})")
    return float(found["told"][0])


def _counted(label: str, other: str) -> str:
    return f"SELECT {other} AS o, {label} AS l, count(*) AS n FROM temp.implied GROUP BY ALL"


def _straight(engine: Engine, label: str, other: str, count: int) -> bool:
    """Whether a straight line through another number gives the label in nearly every row."""
    both = f"CAST({label} AS DOUBLE), CAST({other} AS DOUBLE)"
    found = engine.numpy(
        f"SELECT coalesce(abs(corr({both})), 0) AS r, count({other}) AS n FROM temp.implied WHERE isfinite(CAST({other} AS DOUBLE))"
    )
    return bool(found["r"][0] >= _STRAIGHT and found["n"][0] >= _SURE * count)
