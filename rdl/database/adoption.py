"""From proposals to the project's files: `rdl schema --write`.

What is accepted becomes settings in `rdl.toml` and staging SELECTs; what is uncertain becomes commented-out lines beside them.
Nothing that a person wrote is changed: to a table that states its references none is added, and a staging file that is there stays.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

from rdl.database.declared import Declared
from rdl.database.inference import Entity, Hidden, InheritedTime, Key, Link, Meaning, Proposal, Proposals, Time
from rdl.database.schema import COMMA
from rdl.database.settings_file import Extended, Line, Section, extend, replace_file
from rdl.errors import ProjectError
from rdl.project import Project


@dataclass(frozen=True)
class Adopted:
    """What was written.

    Attributes:
        settings: the settings file; `added` is what is new in it, by section, and `remarks` the comments at its end.
        staging: staging files that are new.
    """

    settings: Path
    added: Mapping[Section, tuple[Line, ...]]
    remarks: tuple[str, ...]
    staging: tuple[Path, ...]

    @property
    def open(self) -> int:
        """How many of the lines and remarks are left for a person to decide."""
        return len(self.remarks) + sum(not line.decided for lines in self.added.values() for line in lines)


def adopt(project: Project, stated: Mapping[str, Declared], proposals: Proposals, text: str | None = None) -> Adopted:
    """Write what is accepted of `proposals` into the project.

    `stated` is what settings and source say of every table; `text` is the settings file, where that does not exist yet.

    Raises:
        ProjectError: the project is a RelBench folder, or its file cannot be extended.
    """
    if project.relbench:
        raise ProjectError(
            "a RelBench folder says all of its schema in manifest.yaml",
            where=str(project.settings_file),
            fix="to describe it anew, make a project of its tables: rdl init DIR --from FOLDER/db",
        )
    path = project.settings_file
    known = path.read_bytes().decode() if text is None else text
    tables = tomllib.loads(known).get("tables", {})
    staging = _staging(project, tables, proposals)
    extended = _extended(known, project, tables, stated, proposals, staging)
    new = [file for file in staging if not file.exists()]
    for file in new:
        replace_file(file, staging[file])
    if text is not None or extended.text != known:
        replace_file(path, extended.text)
    return Adopted(path, extended.added, extended.remarks, tuple(new))


def _extended(
    text: str,
    project: Project,
    tables: Mapping[str, Any],
    stated: Mapping[str, Declared],
    proposals: Proposals,
    staging: Mapping[Path, str],
) -> Extended:
    made = {file.stem for file in staging}
    keys = {name: table.key for name, table in stated.items() if table.key}
    keys = {**{p.table: p.value.columns for p in proposals.accepted if isinstance(p.value, Key)}, **keys}
    additions: dict[Section, Sequence[Line]] = {}
    if staging and project.database.staging is None:
        folder = next(iter(staging)).parent.relative_to(project.root).as_posix()
        additions["database",] = [Line(("staging",), folder)]
    for name in proposals.tables:
        own = [p for p in proposals.items if p.table == name]
        table = _Table(name, tables.get(name, {}), stated[name], own, proposals.bar, keys, name in made)
        lines = [*table.key(), *table.time(), *table.references(), *table.types(), *table.hide()]
        if lines:
            additions["tables", name] = sorted(lines, key=lambda line: not line.decided)
    return extend(text, additions, [_missing(p, p.value) for p in proposals.items if isinstance(p.value, Entity)])


def _staging(project: Project, tables: Mapping[str, Any], proposals: Proposals) -> dict[Path, str]:
    """The text of every staging file that is to be made."""
    static = {name for name, table in tables.items() if table.get("time") is False}
    values = {p.table: p.value for p in proposals.accepted if isinstance(p.value, InheritedTime)}
    while more := {name for name, value in values.items() if value.table in static and name not in static}:
        static |= more  # what a person calls static lends no time
    wanted = {name: select for name, select in proposals.staging.items() if name not in static}
    if not wanted:
        return {}
    texts = {name: _select(select, [p for p in proposals.accepted if p.table == name]) for name, select in wanted.items()}
    folder = project.root / project.database.staging if project.database.staging else _folder(project, texts)
    files = {folder / f"{name}.sql": text for name, text in texts.items()}
    return {file: text for file, text in files.items() if not file.exists() or _says(file, text)}


def _folder(project: Project, texts: Mapping[str, str]) -> Path:
    """A folder for the first staging files, in which no others lie: to declare it would put those to use."""
    number = 1
    while True:
        folder = project.root / "sql" / "staging" / (project.name if number == 1 else f"{project.name}-{number}")
        if all(_says(file, texts.get(file.stem)) for file in folder.glob("*.sql")):
            return folder
        number += 1


def _says(file: Path, text: str | None) -> bool:
    return text is not None and file.read_bytes() == text.encode()


def _select(select: str, accepted: Iterable[Proposal]) -> str:
    reasons = [f"{p.value} ({_sure(p)}: {p.evidence})" for p in accepted if _made(p.value)]
    return "\n".join([*(f"-- {' '.join(reason.split())}" for reason in reasons), select, ""])


def _made(value: object) -> bool:
    return isinstance(value, InheritedTime) or (isinstance(value, Time | Meaning) and value.cast is not None)


@dataclass(frozen=True)
class _Table:
    """What is to be added to one table.

    Attributes:
        written: what the settings file says of it.
        keys: the keys that are known or taken, of every table.
        staged: whether its proposed staging SELECT is being written.
    """

    name: str
    written: Mapping[str, Any]
    stated: Declared
    proposals: Sequence[Proposal]
    bar: float
    keys: Mapping[str, tuple[str, ...]]
    staged: bool

    def key(self) -> Iterable[Line]:
        if "key" not in self.written and not self.stated.key:
            for proposal, value in self._of(Key):
                columns = value.columns[0] if len(value.columns) == 1 else list(value.columns)
                yield self._line(("key",), columns, proposal)

    def time(self) -> Iterable[Line]:
        if "time" in self.written:
            return
        found: list[tuple[Proposal, Time | InheritedTime]] = [*self._of(Time), *self._of(InheritedTime)]
        found.sort(key=lambda pair: -pair[0].confidence)
        for proposal, value in found[:1]:
            ready = self.staged or (isinstance(value, Time) and value.native)
            need = "" if ready else f"needs a staging SELECT, {value}; "
            yield self._line(("time",), value.column, proposal, decided=ready, say=need)

    def references(self) -> Iterable[Line]:
        known = {reference.columns for reference in self.stated.references}
        closed = "references" in self.written
        new = [(p, v) for p, v in self._of(Link) if v.columns not in known]
        taken = [(p, v) for p, v in new if p.confidence >= self.bar]
        if taken and not closed:
            for reference in self.stated.references:  # the settings replace what the source declares
                link = Link(reference.columns, reference.table, reference.key or self.keys.get(reference.table, ()))
                yield Line(("references", COMMA.join(link.columns)), self._parent(link), "declared by the source")
        settled = {v.columns for _, v in taken}
        for proposal, value in new:
            if (proposal, value) in taken or value.columns not in settled:
                path = ("references", COMMA.join(value.columns))
                yield self._line(
                    path, self._parent(value), proposal, decided=not closed, say="to add to references; " if closed else ""
                )

    def types(self) -> Iterable[Line]:
        closed = "types" in self.written
        for proposal, value in self._of(Meaning):
            if value.column not in self.stated.types:
                ready = value.cast is None or self.staged
                say = "to add to types; " if closed else "" if ready else f"needs a staging SELECT, {value.cast}; "
                yield self._line(("types", value.column), str(value.semantic), proposal, decided=ready and not closed, say=say)

    def hide(self) -> Iterable[Line]:
        found = [(p, v.column) for p, v in self._of(Hidden) if v.column not in self.stated.hide]
        if found:
            decided = "hide" not in self.written
            sure = [column for p, column in found if p.confidence >= self.bar]
            if sure and decided:
                yield Line(("hide",), sure, "; ".join(_why(p) for p, column in found if column in sure))
            else:
                note = "; ".join(f"{column} {_why(p)}" if len(found) > 1 else _why(p) for p, column in found)
                yield Line(("hide",), [*self.stated.hide, *(column for _, column in found)], note, decided=False)

    def _of(self, kind: type[Any]) -> list[tuple[Proposal, Any]]:
        """The proposals of one kind, the surest first."""
        found = [(p, p.value) for p in self.proposals if isinstance(p.value, kind)]
        return sorted(found, key=lambda pair: -pair[0].confidence)

    def _line(
        self, path: tuple[str, ...], value: str | list[str], proposal: Proposal, *, decided: bool = True, say: str = ""
    ) -> Line:
        others = ", ".join(str(a.value) for a in proposal.alternatives)
        accepted = proposal.confidence >= self.bar
        note = f"{_sure(proposal)}, {say}{'or ' + others + '; ' if others and not accepted else ''}{proposal.evidence}"
        return Line(path, value, note, decided=decided and accepted)

    def _parent(self, link: Link) -> str:
        """The parent as the settings name it, with its columns where they are not its key."""
        return link.table if self.keys.get(link.table) == link.key else f"{link.table}.{COMMA.join(link.key)}"


def _missing(proposal: Proposal, value: Entity) -> str:
    """A table that nobody has, as a comment."""
    why = fill(f"{_why(proposal)}. To make it, write a staging file {proposal.table}.sql that holds", 128).splitlines()
    select = [f"    {line}" for line in value.select.splitlines()]
    said = [f"A table of its own may be missing: {proposal.table}, with a row for every {value.column}.", *why, *select]
    return "\n".join(f"# {line}" for line in said)


def _why(proposal: Proposal) -> str:
    return f"{_sure(proposal)}, {proposal.evidence}"


def _sure(proposal: Proposal) -> str:
    return f"{proposal.confidence:.0%}".replace("%", " %")
