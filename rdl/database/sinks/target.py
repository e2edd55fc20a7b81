"""The name of a sink: `lake/`, `warehouse.duckdb#scores`, `postgresql://user:${PASSWORD}@host/shop#marts.churn`.

The table stands after the last `#`, with its schema where it has one. `{task}` stands for the task's name, so that one line serves
every task of a pipeline. A sink is kept as it is written: credentials are filled in when it is opened, and reach no message.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rdl.database.engine import quote
from rdl.database.sources.credentials import expand, redact
from rdl.errors import ProjectError, UsageError

_POSTGRES = re.compile(r"postgres(ql)?(\+\w+)?://")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_$-]{0,62}")  # PostgreSQL cuts what is longer
_FIX = "name a folder (lake/), a table of a file (warehouse.duckdb#churn), or one of PostgreSQL (postgresql://…/shop#marts.churn)"


class SinkKind(StrEnum):
    """What a sink is."""

    PARQUET = "parquet"
    DUCKDB = "duckdb"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True)
class Target:
    """A sink.

    Attributes:
        place: the folder, the file, or the server's URL as it was written: variables of the environment are not filled in.
        schema: of the table, empty where none is named.
        table: its name, empty for a folder.
        where: the setting that names it, for messages.
    """

    kind: SinkKind
    place: str
    schema: str = ""
    table: str = ""
    where: str = ""

    def __str__(self) -> str:
        """The sink without its credentials."""
        name = ".".join(word for word in (self.schema, self.table) if word)
        return redact(self.place) + (f"#{name}" if name else "")

    @property
    def location(self) -> str:
        """Where it is from wherever one asks: variables filled in where they are set, paths from the root, no credentials."""
        place = self.place
        with suppress(ProjectError):
            place = expand(place, self.where)
        return redact(place) if self.kind is SinkKind.POSTGRESQL else str(Path(place).expanduser().absolute())

    @property
    def relation(self) -> str:
        """The table as a quoted SQL name."""
        return ".".join(quote(word) for word in (self.schema, self.table) if word)


def is_table(text: str) -> bool:
    """Whether `text` names a table, and not a file or folder."""
    return _POSTGRES.match(text) is not None or "#" in text


def parse_target(text: str, task: str, where: str = "--out") -> Target:
    """The sink that `text` names for a task.

    Raises:
        UsageError: it names none, or a table that cannot be one.
        ProjectError: all of the place is a variable, which is not set.
    """
    place, mark, name = text.replace("{task}", task).rpartition("#")
    if not mark:
        place, name = name, ""
    seen = expand(place, where) if re.fullmatch(r"\$\{\w+\}", place) else place
    if _POSTGRES.match(seen):
        kind = SinkKind.POSTGRESQL
    elif mark:
        kind, place = SinkKind.DUCKDB, place.removeprefix("duckdb:")
    else:
        return _folder(text, place, where)
    schema, _, table = name.rpartition(".")
    if not place or not all(_NAME.fullmatch(word) for word in (table, *([schema] if "." in name else []))):
        what = f"no table is named by {'#' + name if mark and '@' not in name else 'the URL'}"
        raise UsageError(what, where=where, fix=f"write the table after #: {_FIX}")
    if kind is SinkKind.DUCKDB and "${" not in place and Path(place).suffix not in {".duckdb", ".db", ".ddb"}:
        raise UsageError(f"{place!r} is no DuckDB file", where=where, fix=_FIX)
    return Target(kind, place, schema, table, where)


def _folder(text: str, place: str, where: str) -> Target:
    bare = place.removeprefix("parquet:")
    if not bare or "://" in bare or Path(bare).suffix in {".parquet", ".duckdb", ".csv"}:
        raise UsageError(f"cannot publish to {redact(text)!r}", where=where, fix=_FIX)
    return Target(SinkKind.PARQUET, bare, where=where)
