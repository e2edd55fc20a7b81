"""Lines added to an `rdl.toml`: what stands there stays as it was written, byte for byte.

A line is added at the end of its section, or under a header of its own at the end of the file. One that a person has to decide is
added as a comment; without the `# ` it is a setting. What the file already says, as a setting or as such a comment, is not said
again, so adding twice changes nothing.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import tomlkit
from tomlkit.items import AbstractTable, Comment, InlineTable, SingleKey, Table

from rdl.errors import ProjectError

Section = tuple[str, ...]

_LENGTH = 132
_SHORTEST = 60  # of a note, however long its line is
_MARK = "rdl-adds-lines-here"


@dataclass(frozen=True)
class Line:
    """One setting.

    Attributes:
        path: its key, of several parts where it lies in a table of its own: `references.customer_id`.
        note: why it is so, for a comment behind it.
        decided: whether it holds; else it is added as a comment.
    """

    path: tuple[str, ...]
    value: str | bool | list[str]
    note: str = ""
    decided: bool = True

    @property
    def key(self) -> str:
        """The key as it is written."""
        return _dotted(self.path)

    def text(self, prefix: str = "") -> str:
        """The line as it is written, with as much of the note as there is room for."""
        setting = f"{'' if self.decided else '# '}{prefix}{self.key} = {tomlkit.item(self.value).as_string()}"
        if not self.note:
            return setting
        room = max(_LENGTH - len(setting) - 4, _SHORTEST)
        note = " ".join("".join(c if c.isprintable() else " " for c in self.note).split())
        return f"{setting}  # {note if len(note) <= room else note[: room - 1].rstrip() + '…'}"


@dataclass(frozen=True)
class Extended:
    """The new text of a settings file, and what is new in it."""

    text: str
    added: Mapping[Section, tuple[Line, ...]]
    remarks: tuple[str, ...]


def extend(text: str, additions: Mapping[Section, Sequence[Line]], remarks: Sequence[str] = ()) -> Extended:
    """Add lines by section, such as `("tables", "orders")`, and remarks as comments at the end.

    Raises:
        ProjectError: a section is written in one line, or in another way that has no room for a line.
    """
    old = tomllib.loads(text)
    document = tomlkit.parse(text)
    added = {section: _new(document, old, section, lines) for section, lines in additions.items()}
    added = {section: lines for section, lines in added.items() if lines}
    inside = {section: lines for section, lines in added.items() if _find(old, section) is not None}
    outside = {section: lines for section, lines in added.items() if section not in inside}
    kept = tuple(remark for remark in remarks if remark.splitlines()[0] not in text)
    found = _inserted(text, inside) if inside else text
    found = _appended(found, [*(_headed(section, lines) for section, lines in outside.items()), *kept])
    if "\r\n" in text and "\n" not in text.replace("\r\n", ""):
        found = found.replace("\r\n", "\n").replace("\n", "\r\n")
    _check(found, old, added)
    return Extended(found, added, kept)


def replace_file(path: Path, text: str) -> None:
    """Write `text` aside, then into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{uuid4().hex}.tmp")
    try:
        aside.write_bytes(text.encode())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _new(document: tomlkit.TOMLDocument, old: Mapping[str, Any], section: Section, lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines that the section does not say yet."""
    known = _find(old, section)
    if known is None:
        return tuple(lines)
    commented = list(_commented(_item(document, section)))
    return tuple(
        line
        for line in lines
        if _find(known, line.path) is None and (line.decided or not any(said.startswith(f"{line.key} =") for said in commented))
    )


def _find(tables: Any, path: Section) -> Any:
    for part in path:
        if not isinstance(tables, Mapping) or part not in tables:
            return None
        tables = tables[part]
    return tables


def _item(document: tomlkit.TOMLDocument, section: Section) -> Any:
    item: Any = document
    for part in section:
        item = item[part]
    return item


def _commented(item: Any) -> Iterator[str]:
    """The comments of a section, and of the tables inside it."""
    for key, value in getattr(getattr(item, "value", None), "body", ()):
        if isinstance(value, Comment):
            yield value.trivia.comment.lstrip("# ")
        elif key is not None and isinstance(value, Table):
            yield from _commented(value)


def _inserted(text: str, added: Mapping[Section, Sequence[Line]]) -> str:
    """The text with the lines at the ends of their sections; tomlkit finds the places, and the text itself stays untouched."""
    text = text if text.endswith("\n") else text + "\n"
    document = tomlkit.parse(text)
    places = []
    for section in added:
        item = _item(document, section)
        if isinstance(item, InlineTable) or not isinstance(item, AbstractTable):
            raise ProjectError(
                f"[{_dotted(section)}] is written in one line, which has no room for what was found",
                where="rdl.toml",
                fix=f"give it a header of its own, [{_dotted(section)}], and a line for each key",
            )
        item.append(_MARK, "")
        marked = tomlkit.dumps(document)
        start = text.rfind("\n", 0, _same(marked, text)) + 1
        prefix = marked[start : marked.index(_MARK, start)].rpartition("\n")[2]  # of a key such as tables.orders.time
        places.append((_end_of_section(text[:start]), prefix, section))
        item.remove(_MARK)
        document = document if tomlkit.dumps(document) == text else tomlkit.parse(text)
    for end, prefix, section in sorted(places, reverse=True):
        text = text[:end] + "".join(line.text(prefix) + "\n" for line in added[section]) + text[end:]
    return text


def _same(one: str, other: str) -> int:
    """How many letters two texts begin with in common."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _end_of_section(text: str) -> int:
    """Where in `text` a section ends whose last paragraphs are comments: those belong to what follows."""
    lines = text.splitlines(keepends=True)
    end = at = len(lines)
    while at and (not lines[at - 1].strip() or lines[at - 1].lstrip().startswith("#")):
        at -= 1
        if not lines[at].strip():
            end = at
    return sum(len(line) for line in lines[:end])


def _appended(text: str, paragraphs: Sequence[str]) -> str:
    if not paragraphs:
        return text
    return (text if text.endswith("\n") or not text else text + "\n") + "".join(f"\n{p}\n" for p in paragraphs)


def _headed(section: Section, lines: Sequence[Line]) -> str:
    return "\n".join([f"[{_dotted(section)}]", *(line.text() for line in lines)])


def _check(text: str, old: Mapping[str, Any], added: Mapping[Section, Sequence[Line]]) -> None:
    """Read the new text as rdl will: it must say all that it said before, what was added, and no more."""
    for section, lines in added.items():
        for line in lines:
            old = _with(old, (*section, *line.path), line.value) if line.decided else _with(old, section, {})
    try:
        sound = tomllib.loads(text) == old
    except tomllib.TOMLDecodeError:
        sound = False
    if not sound:
        places = ", ".join(f"[{_dotted(section)}]" for section in added)
        raise ProjectError(
            f"the file is written in a way that rdl cannot add to: {places}",
            where="rdl.toml",
            fix="write each table under a header of its own, such as [tables.orders]",
        )


def _with(tables: Mapping[str, Any], path: Section, value: Any) -> dict[str, Any]:
    """`tables` with `value` at `path`; an empty table leaves one that is there as it is."""
    first, rest = path[0], path[1:]
    if not rest:
        return {**tables, first: tables.get(first, value) if value == {} else value}
    return {**tables, first: _with(tables.get(first, {}), rest, value)}


def _dotted(path: Section) -> str:
    return ".".join(SingleKey(part).as_string() for part in path)
