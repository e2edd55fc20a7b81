"""Which kind of source a project names, and its tables.

A file is told by its first bytes, not by its suffix; a URL by its scheme. A new kind of source is one new module, and one line in
`KINDS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

from rdl.database.sources.credentials import expand, redact
from rdl.database.sources.source import Source
from rdl.errors import ProjectError
from rdl.project import Project

_SQLITE, _DUCKDB = b"SQLite format 3\0", b"DUCK"
_POSTGRES = ("postgresql://", "postgres://")
_SQLITE_URL, _RELBENCH = "sqlite:///", "relbench://"


@dataclass(frozen=True)
class Kind:
    """A kind of source.

    Attributes:
        recognise: whether this text, with its variables filled in, or this path names such a source.
        open: opens it; imports what it needs when it is called.
    """

    recognise: Callable[[str, Path], bool]
    open: Callable[[str, Path, Project], Source]


def scan(project: Project) -> Source:
    """Find the raw tables of the project's source.

    Raises:
        ProjectError: there is nothing where the settings point, it holds no table, or two files claim the same table.
        LockedError: another process is writing the file.
    """
    where = f"{project.settings_file}, [database] source"
    text = project.database.source
    if "://" in text or text.startswith("${"):
        text = expand(text, where)
    path = (project.root / text).resolve() if "://" not in text else project.root
    for kind in KINDS:
        if kind.recognise(text, path):
            return kind.open(text, path, project)
    what = f"the source {str(path)!r} does not exist" if not path.exists() else f"cannot read {path.name!r} as a source"
    raise ProjectError(
        what, where=where, fix="name a folder or glob of CSV, Parquet, JSON or Arrow files, a SQLite or .duckdb file, or a URL"
    )


def _begins(path: Path, mark: bytes, at: int = 0) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(at + len(mark))[at:] == mark
    except OSError as error:
        raise ProjectError(f"cannot read {path.name!r}: {error.strerror}", where=str(path), fix="check its rights") from error


def _is_duckdb(_: str, path: Path) -> bool:
    return _begins(path, _DUCKDB, 8) or (path.is_file() and path.suffix in {".duckdb", ".ddb", ".db"})


def _is_data_file(_: str, path: Path) -> bool:
    from rdl.database.sources.folder import suffix_of

    return path.is_file() and bool(suffix_of(path))


def _is_glob(text: str, path: Path) -> bool:
    return "://" not in text and has_magic(text) and not path.exists()


def _relbench(text: str, _: Path, project: Project) -> Source:
    from rdl.database.sources.folder import open_folder
    from rdl.database.sources.hub import relbench_folder

    return open_folder(relbench_folder(text.removeprefix(_RELBENCH), project) / "db", project)


def _postgres(text: str, _: Path, project: Project) -> Source:
    from rdl.database.sources.landing import land
    from rdl.database.sources.postgres import postgres_feed

    return land(postgres_feed(text, project), project, redact(text, text))


def _sqlalchemy(text: str, _: Path, project: Project) -> Source:
    from rdl.database.sources.landing import land
    from rdl.database.sources.sqlalchemy_url import sqlalchemy_feed

    return land(sqlalchemy_feed(text, project), project, redact(text, text))


def _sqlite_url(text: str, _: Path, project: Project) -> Source:
    path = (project.root / text.removeprefix(_SQLITE_URL)).resolve()
    if not _begins(path, _SQLITE):
        raise ProjectError(
            f"no SQLite file at {str(path)!r}",
            where=f"{project.settings_file}, [database] source",
            fix="name a file below the project as sqlite:///shop.sqlite, any other as sqlite:////its/path",
        )
    return _sqlite(text, path, project)


def _sqlite(_: str, path: Path, project: Project) -> Source:
    from rdl.database.sources.landing import land
    from rdl.database.sources.sqlite import sqlite_feed

    return land(sqlite_feed(path, project), project, f"sqlite {path}")


def _duckdb(_: str, path: Path, project: Project) -> Source:
    from rdl.database.sources.duckdb_file import open_duckdb

    return open_duckdb(path, project)


def _folder(_: str, path: Path, project: Project) -> Source:
    from rdl.database.sources.folder import open_folder

    return open_folder(path, project)


def _glob(text: str, _: Path, project: Project) -> Source:
    from rdl.database.sources.folder import open_glob

    return open_glob(Path(text), project)


def _data_file(_: str, path: Path, project: Project) -> Source:
    from rdl.database.sources.folder import open_files

    return open_files(path.parent, [path], project)


KINDS = (  # the first that recognises the source opens it
    Kind(lambda text, _: text.startswith(_RELBENCH), _relbench),
    Kind(lambda text, _: text.startswith(_POSTGRES), _postgres),
    Kind(lambda text, _: text.startswith(_SQLITE_URL), _sqlite_url),
    Kind(lambda text, _: "://" in text, _sqlalchemy),
    Kind(lambda _, path: path.is_dir(), _folder),
    Kind(lambda _, path: _begins(path, _SQLITE), _sqlite),
    Kind(_is_data_file, _data_file),
    Kind(_is_duckdb, _duckdb),
    Kind(_is_glob, _glob),
)
