"""Folders and globs of data files.

A file directly in the folder is a table, called by its stem. A sub-folder is one table, called by the folder's name, of all the
data files below it: its parts, in the order of their paths, all of one kind. A folder whose sub-folders are called `key=value` is
one such table itself. What begins with `_` or `.` is no data, and other suffixes are passed over.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

from rdl.database.sources.arrow_file import arrow_table
from rdl.database.sources.content import content_hash
from rdl.database.sources.csv_file import csv_table
from rdl.database.sources.include import included
from rdl.database.sources.json_file import json_table
from rdl.database.sources.parquet_file import parquet_table
from rdl.database.sources.source import RawTable, Source
from rdl.database.sources.table_files import TableFiles, is_partition
from rdl.errors import ProjectError
from rdl.project import Project


@dataclass(frozen=True)
class Format:
    """A kind of data file: how a table of such files is opened, and the suffixes that tell it."""

    name: str
    open: Callable[[TableFiles], RawTable]
    suffixes: tuple[str, ...]


FORMATS = (  # a new kind of file is one new module, and one line here
    Format("Parquet", parquet_table, (".parquet", ".pq")),
    Format("CSV", csv_table, (".csv", ".tsv", ".csv.gz", ".tsv.gz")),
    Format("JSON", json_table, (".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz")),
    Format("Arrow", arrow_table, (".arrow", ".feather", ".ipc")),
)
_SUFFIXES = {suffix: kind for kind in FORMATS for suffix in kind.suffixes}
_LOG_FOLDERS = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}


def open_folder(folder: Path, project: Project) -> Source:
    """The tables of a folder."""
    return open_files(folder, _walk(folder, project.home, frozenset()), project)


def open_glob(pattern: Path, project: Project) -> Source:
    """The tables of the files that a pattern matches: `data/*.csv`, `data/**/*.parquet`. Its fixed part is the folder."""
    fixed = next(i for i, part in enumerate(pattern.parts) if has_magic(part))
    root = (project.root / Path(*pattern.parts[:fixed])).resolve()
    matched = sorted(root.glob(str(Path(*pattern.parts[fixed:]))))
    return open_files(root, (file for file in matched if file.is_file() and project.home not in file.parents), project)


def open_files(root: Path, files: Iterable[Path], project: Project) -> Source:
    """The tables of `files`, all of which lie below `root`.

    Raises:
        ProjectError: there is no data among them, two claim one table, or a table's parts are of several kinds.
    """
    tables = _tables(root, [file for file in files if suffix_of(file) and not _hidden(file.relative_to(root))])
    if not tables:
        kinds = ", ".join(kind.name for kind in FORMATS)
        raise ProjectError(
            f"no data file ({kinds}) in {str(root)!r}",
            where=f"{project.settings_file}, [database] source",
            fix="name another folder",
        )
    chosen = included(tables, project)
    opened = {name: _SUFFIXES[suffix_of(t.files[0])].open(t) for name, t in tables.items() if name in chosen}
    held = {file.relative_to(root).as_posix(): file for table in opened.values() for file in table.files}
    return Source(opened, content_hash(held, project.home))


def suffix_of(file: Path) -> str:
    """The suffix that tells a data file's kind, in lower case; "" where it is none."""
    name = file.name.lower()
    return next((suffix for suffix in sorted(_SUFFIXES, key=len, reverse=True) if name.endswith(suffix)), "")


def _walk(folder: Path, home: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Every file below `folder` in the order of paths, without the project's home; links are followed, but not in circles."""
    here = folder.resolve()
    if here in above or here == home:
        return
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise ProjectError(f"cannot read the folder: {error.strerror}", where=str(folder), fix="check its rights") from error
    for entry in entries:
        if entry.is_dir():
            _check_log(entry, folder)
            yield from () if _hidden(Path(entry.name)) else _walk(entry, home, above | {here})
        elif entry.is_file():
            yield entry


def _check_log(entry: Path, folder: Path) -> None:
    if entry.name in _LOG_FOLDERS:
        raise ProjectError(
            f"the folder is a {_LOG_FOLDERS[entry.name]} table, whose log says which of its files count",
            where=str(folder),
            fix="write the table's present rows as Parquet, and name that folder",
        )


def _hidden(path: Path) -> bool:
    return any(part.startswith(("_", ".")) for part in path.parts)


def _tables(root: Path, files: Iterable[Path]) -> dict[str, TableFiles]:
    """The tables by name; no two differ in case only."""
    claims: dict[str, tuple[str, str]] = {}  # by the name in lower case: the name, and what claims it
    found: dict[str, list[Path]] = {}
    folders: dict[str, Path] = {}
    for file in files:
        _check_name(file)
        name, folder, claim = _claim(root, file)
        first = claims.setdefault(name.lower(), (name, claim))
        if first[1] != claim:
            raise ProjectError(
                f"two files hold the table {name!r}: {first[1]} and {claim}",
                where=str(root),
                fix="keep one of them, or rename one: SQL does not tell names apart by their case",
            )
        found.setdefault(name, []).append(file)
        folders[name] = folder
    return {name: _table(name, folders[name], parts) for name, parts in sorted(found.items())}


def _claim(root: Path, file: Path) -> tuple[str, Path, str]:
    """The table that a file belongs to, that table's folder, and what claims its name."""
    first, *below = file.relative_to(root).parts
    if not below:
        return file.name[: -len(suffix_of(file))], root, file.name
    if is_partition(first):
        return root.name, root, f"{root.name}/"
    return first, root / first, f"{first}/"


def _table(name: str, folder: Path, parts: list[Path]) -> TableFiles:
    kinds: dict[str, Path] = {}
    for part in parts:
        kinds.setdefault(_SUFFIXES[suffix_of(part)].name, part)
    if len(kinds) > 1:
        (one, first), (other, second), *_ = kinds.items()
        raise ProjectError(
            f"table {name!r} is made of two kinds of files: {first} ({one}) and {second} ({other})",
            where=str(folder),
            fix="keep files of one kind below its folder",
        )
    return TableFiles(name, folder, tuple(sorted(parts)))


def _check_name(file: Path) -> None:
    """Refuse a file whose name, read as a pattern, stands for other files too: DuckDB would read those."""
    if has_magic(str(file)) and (others := set(Path(file.anchor).glob(str(file.relative_to(file.anchor)))) - {file}):
        raise ProjectError(
            f"the name {file.name!r} stands for other files too, such as {min(others)}",
            where=str(file),
            fix="rename it or its folders without * ? [ ]",
        )
