"""Where in the task file a query stands."""

import re
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from rdl.task.lint.finding import Finding, Rule
from rdl.task.task import Task

_YAML_SQL = re.compile(r"^sql:[ \t]*", re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """One query of a task, and the file's line of each of its lines."""

    name: str
    sql: str
    lines: tuple[int, ...]

    def finding(self, rule: Rule, line: int, what: str, fix: str, table: str = "") -> Finding:
        """A finding at a 1-based line of the query."""
        texts = self.sql.splitlines() or [""]
        index = min(max(line, 1), len(texts)) - 1
        return Finding(rule, self.name, self.lines[index], texts[index].strip(), what, fix, table)


def places(task: Task) -> tuple[Place, ...]:
    """The task's queries with their places, the population first where there is one."""
    text = file_text(task.path)
    asked = [("population", task.population_sql), ("label", task.label_sql)]
    return tuple(Place(name, sql, _lines(sql, text)) for name, sql in asked if sql is not None)


def file_text(path: Path) -> str:
    """The text of a task file, "" where there is none to read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return ""


def _lines(sql: str, text: str) -> tuple[int, ...]:
    count = len(sql.splitlines()) or 1
    start = text.find(sql)
    if start >= 0:
        first = text.count("\n", 0, start) + 1
        return tuple(range(first, first + count))
    scalar = _YAML_SQL.search(text)
    return _yaml_lines(text, scalar.end(), count) if scalar else tuple(range(1, count + 1))


def _yaml_lines(text: str, start: int, count: int) -> tuple[int, ...]:
    """Lines of a YAML scalar: a block holds one a line, a quoted text writes their ends as a backslash and an n."""
    first = text.count("\n", 0, start) + 1
    if text[start : start + 1] in {"|", ">"}:
        return tuple(range(first + 1, first + 1 + count))
    pieces = text[start:].split("\\n")[:count]
    breaks = accumulate(piece.count("\n") for piece in pieces[:-1])
    starts = [first, *(first + n for n in breaks)]
    # a backslash at a line's end folds it: what follows stands on the next line
    folded = [line + (piece[:2] == "\\\n") for line, piece in zip(starts, pieces, strict=True)]
    return (*folded, *[folded[-1]] * (count - len(folded)))
