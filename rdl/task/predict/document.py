"""What a compiled task file says beside its SQL: header, dates, and every value that the sentence leaves unsaid."""

import json
import re
from dataclasses import dataclass

from rdl.database import Table
from rdl.errors import TaskError
from rdl.task.header import AUTOCOMPLETE
from rdl.task.predict.kinds import Question
from rdl.task.predict.sentence import Binary, Column, Function, Sentence, Unary, aggregates
from rdl.timeline import DAY, SECOND, format_duration, format_time

LEFT_OUT = (Function.AVG, Function.MIN, Function.MAX, Function.FIRST, Function.LAST)
_NOTHING = {
    Function.COUNT: "COUNT of nothing is 0",
    Function.COUNT_DISTINCT: "COUNT_DISTINCT of nothing is 0",
    Function.SUM: "SUM of nothing is 0",
    Function.EXISTS: "EXISTS of nothing is false",
}
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Dates:
    """The first validation and test cutoffs, in microseconds UTC, and how they were chosen."""

    validate: int
    test: int
    chosen: str


RANDOM = "no table has a time, so the split is random"


def choose_dates(span: tuple[int, int], horizon: int, lag: int, validate: int | None, test: int | None) -> Dates:
    """Split dates: those given, else the last two horizons of the data, from midnight on where a horizon lasts a day or longer.

    Raises:
        TaskError: the database has no times, and dates are not given.
    """
    if validate is not None and test is not None:
        return Dates(validate, test, "validate and test are as asked for")
    start, end = span
    if start == end:
        raise TaskError("the database spans no time, so split dates do not follow from it", fix="give --validate and --test")
    grain = DAY if horizon >= DAY else SECOND
    later = (end - horizon) // grain * grain if test is None else test
    earlier = (later - horizon - lag) // grain * grain if validate is None else validate
    return Dates(earlier, later, f"validate and test are the data's last two horizons: the latest row is of {format_time(end)}")


def header(name: str, entity: Table, question: Question, sentence: Sentence, horizon: int, dates: Dates | None) -> list[str]:
    """The lines of the header's comment; without dates, those of a task without time."""
    facts = {
        "task": _toml(name),
        "kind": _toml(question.kind),
        "entity": _toml(entity.name),
    }
    if dates is not None:
        facts["horizon"] = _toml(format_duration(horizon))
        facts["validate"], facts["test"] = format_time(dates.validate), format_time(dates.test)
    facts["metric"] = _toml(question.metric)
    if question.kind == AUTOCOMPLETE and isinstance(sentence.target, Column):
        facts["hide"] = f"[{_toml(f'{entity.name}.{sentence.target.column.text}')}]"
    if question.target_table is not None:
        facts["target"] = _toml(question.target_table)
        facts["top"] = str(sentence.top)
    return ["/* rdl", *(f"{key:<8} = {value}" for key, value in facts.items()), "*/"]


def notes(sentence: Sentence, question: Question, dates: Dates | None) -> list[str]:
    """What the sentence leaves unsaid, one line each."""
    found = list(aggregates(sentence.target))
    used = {a.function for a in found}
    lines = [said for function, said in _NOTHING.items() if function in used]
    lacking = [function.value for function in LEFT_OUT if function in used]
    if lacking:
        lines.append(f"{', '.join(lacking)} of nothing has no value; a row without a label is left out")
    if used & {Function.FIRST, Function.LAST}:
        lines.append("FIRST and LAST skip nulls; rows of the same time are ordered by their key")
    if question.kind == "multilabel":
        lines.append("LIST_DISTINCT of nothing is the empty list")
    if question.kind == "recommendation":
        lines.append("who has nothing in the window is left out: there is nothing to rank")
    if _divides(sentence.target):
        lines.append("division by zero: no label, the row is left out")
    if any(not a.window.unit.fixed for a in found):
        lines.append("a month counts as 31 days and a year as 366 until a label is mature; the windows follow the calendar")
    if question.meaning is not None:
        lines.append(f"the hidden column is predicted as {question.meaning}; a null has no label, the row is left out")
    return [*lines, RANDOM if dates is None else dates.chosen]


def who(entity: Table, sentence: Sentence, question: Question) -> str:
    """The population in words."""
    recent = question.kind == AUTOCOMPLETE and entity.time is not None
    known = "that came within the last horizon" if recent else "known at the cutoff" if entity.time else "(a table without a time)"
    return f"{_line(entity.name)} {known}{', under the conditions of the sentence' if sentence.population else ''}."


def what(sentence: Sentence, question: Question) -> str:
    """The label in words."""
    if question.kind == AUTOCOMPLETE:
        return "the value of the hidden column."
    past = any(a.window.start is None or a.window.start < 0 for a in aggregates(sentence.target))
    return f"what becomes of them within the horizon{', beside what was' if past else ''}."


def name_of(sentence: Sentence) -> str:
    """A task's name: what is predicted, of what, and how far ahead."""
    first = next(aggregates(sentence.target), None)
    if first is None:
        target = sentence.target
        words = [target.table.text, target.column.text] if isinstance(target, Column) else [sentence.entity.table.text]
    else:
        words = [
            first.function.value,
            first.table.text,
            first.column.text if first.column else "",
            str(first.window.end),
            f"{first.window.unit.value}s",
        ]
    slug = re.sub(r"\W+", "_", "_".join(w for w in words if w).lower()).strip("_")
    return slug[:_LONGEST_NAME] or "predict"


def _divides(node: object) -> bool:
    if isinstance(node, Binary):
        return node.operator == "/" or _divides(node.left) or _divides(node.right)
    return isinstance(node, Unary) and _divides(node.operand)


def _toml(text: str) -> str:
    """`text` as a TOML string that ends no comment."""
    return json.dumps(text, ensure_ascii=False).replace("*/", "*\\u002f")


def _line(text: str) -> str:
    """`text` on one line."""
    return " ".join(text.split())
