"""Which tables of a source are read: all, or those that `[database] include` names."""

from collections.abc import Iterable
from fnmatch import fnmatchcase

from rdl.errors import ProjectError, nearest
from rdl.project import Project


def included(names: Iterable[str], project: Project) -> frozenset[str]:
    """Those of `names` that match a pattern of `[database] include`; upper and lower case are one, as in SQL.

    Raises:
        ProjectError: a pattern matches nothing.
    """
    known = sorted(set(names))
    patterns = project.database.include
    if not patterns:
        return frozenset(known)
    found: set[str] = set()
    for pattern in patterns:
        matches = {name for name in known if name == pattern or fnmatchcase(name.lower(), pattern.lower())}
        if not matches:
            raise ProjectError(
                f"{pattern!r} matches no table of the source",
                where=f"{project.settings_file}, [database] include",
                fix=nearest(pattern, known),
            )
        found |= matches
    return frozenset(found)
