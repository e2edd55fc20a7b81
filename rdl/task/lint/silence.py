"""Rules that a task file silences: in a query for that query, or at the top of the file for all of it, with the reason.

`-- lint: allow RULE, RULE because REASON` inside a query speaks for the query; above the queries (in the header `# lint: allow …`)
it speaks for the file, and must give the reason. What is silenced is shown as such, and refuses nothing.
"""

import re
from dataclasses import dataclass, replace

from rdl.errors import TaskError, nearest
from rdl.task.lint.finding import Finding, Rule
from rdl.task.lint.place import Place, file_text
from rdl.task.task import Task

_ALLOW = re.compile(
    r"(?:--|#)[ \t]*lint:[ \t]*allow[ \t]+(?P<names>[\w-]+(?:[ \t]*,[ \t]*[\w-]+)*)"
    r"(?:[ \t]+because[ \t]+(?P<reason>\S.*?))?[ \t]*(?:\*/.*)?$",
    re.IGNORECASE | re.MULTILINE,
)
_BEGUN = re.compile(r"(?:--|#)[ \t]*lint:[^\n]*", re.IGNORECASE)


@dataclass(frozen=True)
class Silence:
    """One silenced rule: for a query, or with "" for both, and why."""

    rule: Rule
    query: str
    reason: str


def read_silences(task: Task, places: tuple[Place, ...]) -> tuple[Silence, ...]:
    """What a task's file silences.

    Raises:
        TaskError: a rule is unknown, a comment that begins with `lint:` says something else, or the file's own lacks a reason.
    """
    where = str(task.path)
    found = [silence for place in places for silence in _read(place.sql, place.name, where)]
    return (*_read(_top(places, file_text(task.path)), "", where), *found)


def mark_silenced(found: list[Finding], silences: tuple[Silence, ...]) -> list[Finding]:
    """The findings, those that are silenced with the reason."""
    reasons = {(s.rule, query): s.reason for s in silences for query in ((s.query,) if s.query else ("population", "label"))}
    return [replace(f, silenced=reasons.get((f.rule, f.query))) for f in found]


def _top(places: tuple[Place, ...], text: str) -> str:
    """What stands above the queries in a file's text."""
    starts = [start for start in (text.find(place.sql) for place in places) if start >= 0]
    if starts:
        return text[: min(starts)]
    begun = re.search(r"^sql:", text, re.MULTILINE)  # a manifest, whose scalar holds the query in other words
    return text[: begun.start()] if begun else ""


def _read(text: str, query: str, path: str) -> list[Silence]:
    found = []
    for begun in _BEGUN.finditer(text):
        match = _ALLOW.match(begun.group())
        if match is None:
            raise TaskError(
                f"{begun.group().strip()!r} is no word to the lint",
                where=path,
                fix="write: -- lint: allow RULE because REASON",
            )
        names = re.split(r"[ \t]*,[ \t]*", match["names"])
        found += [Silence(_rule(name, path), query, _reason(match["reason"], name, query, path)) for name in names]
    return found


def _rule(name: str, path: str) -> Rule:
    known = {rule.value: rule for rule in Rule}
    if name.lower() not in known:
        raise TaskError(f"lint: allow {name}: there is no such rule", where=path, fix=nearest(name.lower(), known))
    return known[name.lower()]


def _reason(said: str | None, name: str, query: str, path: str) -> str:
    if said is None and not query:
        raise TaskError(
            f"lint: allow {name} for the whole file gives no reason",
            where=path,
            fix=f"write: -- lint: allow {name} because REASON; or say it inside the query that it is about",
        )
    return said or "said in the query"
