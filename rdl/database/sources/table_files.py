"""The files that are one table: its parts, in the order of their paths, and the columns that its folders carry.

Folders called `key=value` between a table's folder and its files are columns of that table, as Hive and Spark write them: DuckDB
reads them (`hive_partitioning`), and a column of the same name in the files gives way to them.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rdl.database.engine import literal, quote
from rdl.errors import ProjectError


@dataclass(frozen=True)
class TableFiles:
    """The files of one table.

    Attributes:
        folder: the table's own folder; the one that its file lies in where it is a single file.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The columns that folders carry, from the top down.

        Raises:
            ProjectError: some files lie in folders of other columns than others do.
        """
        found = {_keys(file.relative_to(self.folder).parts[:-1]): file for file in reversed(self.files)}
        if len(found) > 1:
            one, other = list(found.values())[:2]
            raise ProjectError(
                f"the parts of table {self.name!r} lie in folders of different columns: {one} and {other}",
                where=str(self.folder),
                fix="lay all of them out alike, as key=value/file, or give each layout a folder of its own",
            )
        return next(iter(found))

    @property
    def select(self) -> str:
        """`SELECT *` of the parts' columns and the folders' ones, without those that folders above the table's seem to carry."""
        above = sorted(set(_keys(self.folder.parts)) - set(self.keys)) if self.keys else []
        return f"SELECT * EXCLUDE ({', '.join(map(quote, above))})" if above else "SELECT *"

    @property
    def hive(self) -> str:
        """The option that makes DuckDB read the folders' columns, or leave them."""
        return f"hive_partitioning = {'true' if self.keys else 'false'}"

    @property
    def where(self) -> str:
        """What a message calls the place."""
        return str(self.files[0] if len(self.files) == 1 else self.folder)


def file_list(files: "tuple[Path, ...] | list[Path]") -> str:
    """The files as a SQL list of strings."""
    return "[" + ", ".join(literal(str(file)) for file in files) + "]"


def is_partition(folder: str) -> bool:
    """Whether a folder is called `key=value`."""
    key, equals, value = folder.partition("=")
    return bool(key and equals and value)


def _keys(folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(folder.partition("=")[0] for folder in folders if is_partition(folder))
