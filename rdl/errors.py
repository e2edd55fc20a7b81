"""Every error that rdl raises on purpose.

An error says what is wrong, where, with which value, and what to do about it; its class decides the exit code of the command
(0 done, 1 failed, 2 wrong usage, 3 bad data, 4 gate not passed, 5 locked by another run, 6 not ready: try again later, 124 a step
ran past its time limit).
"""

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class RdlError(Exception):
    """Something that rdl can name went wrong.

    Args:
        what: the finding, with the offending value.
        where: the file, table, column or line.
        fix: what to do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        lines = [what]
        if where:
            lines.append(f"  where: {where}")
        if fix:
            lines.append(f"  fix:   {fix}")
        super().__init__("\n".join(lines))


class UsageError(RdlError):
    """The command was called with words that do not go together."""

    exit_code = 2


class DataError(RdlError):
    """What the user gave is wrong: the project, the tables, a task, a file."""

    exit_code = 3


class ProjectError(DataError):
    """The project folder or its settings are wrong."""


class UnavailableError(ProjectError):
    """A server or a file does not answer now, and may later: what a retry is for."""

    exit_code = 6


class SchemaError(DataError):
    """A table, column, key or reference is wrong."""


class SqlError(DataError):
    """A user's SQL was refused, failed, or ran past its limits."""


class SqlLimitError(SqlError):
    """A user's SQL asked for more memory or more room to spill than its limit: in parts it may pass."""


class TaskError(DataError):
    """A task file, its queries or its labels are wrong."""


class TimeError(DataError):
    """A time or a duration cannot be read."""


class GraphError(DataError):
    """A graph store is disordered, truncated or of another version."""


class ModelFileError(DataError):
    """A saved model is incomplete, altered, or of another version."""


class PipelineError(DataError):
    """A pipeline file is wrong."""


class GateError(RdlError):
    """A gate refused to let a model or a run pass."""

    exit_code = 4


class LockedError(RdlError):
    """Another living run holds the lock."""

    exit_code = 5


class NotReadyError(RdlError):
    """The rows or labels that a run waits for have not come."""

    exit_code = 6


class TimeLimitError(RdlError):
    """A step ran past its time limit, and was ended."""

    exit_code = 124


MOST = 30
"""Known words that a hint lists at most."""


def nearest(word: str, known: "Iterable[str]") -> str:
    """A hint that names the known word closest to `word`, or lists what is known, the first `MOST` of it."""
    words = sorted(known)
    close = get_close_matches(word, words, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(words) - MOST} more" if len(words) > MOST else ""
    return f"known are: {', '.join(words[:MOST])}{more}" if words else "nothing is known here"
