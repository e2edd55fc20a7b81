"""A project from any source: `rdl init`.

The source is read and its schema inferred before the settings are written, so a source that cannot be read leaves no project.
A password in a URL is never written: a variable of the environment takes its place.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import tomlkit

from rdl.database.adoption import Adopted, adopt
from rdl.database.overview import Overview, look_over
from rdl.database.settings_file import replace_file
from rdl.errors import ProjectError
from rdl.project import DatabaseSettings, Project

_VARIABLE = "RDL_PASSWORD"
_SQLITE = "sqlite:///"
_IGNORED = ".rdl/"
_NAMED = re.compile(r"(?<=[?&])(?P<name>[a-z_]*(?:password|passwd|pwd|secret|token))=(?P<secret>[^&]+)", re.IGNORECASE)


@dataclass(frozen=True)
class NewProject:
    """A project that was made.

    Attributes:
        source: the source as it stands in the settings.
        variables: the variables of the environment that must hold what was secret in it.
    """

    folder: Path
    source: str
    variables: tuple[str, ...]
    overview: Overview
    adopted: Adopted


def make_project(folder: Path, source: str) -> NewProject:
    """Make a project in `folder` of the tables of `source`: a folder, glob or file as the caller sees it, or a URL.

    Raises:
        ProjectError: `folder` is a project already, or no folder; the source cannot be read.
    """
    folder = folder.resolve()
    _check(folder, source)
    written, secrets = without_secrets(_relative(source, folder))
    with _environment(secrets), _undone(folder):
        folder.mkdir(parents=True, exist_ok=True)
        project = Project(folder.name, folder, folder / ".rdl", DatabaseSettings(source=written), {})
        overview = look_over(project)
        text = f"[database]\nsource = {tomlkit.item(written).as_string()}\n"
        _ignore(folder / ".gitignore")
        adopted = adopt(project, overview.stated, overview.proposals, text)
    return NewProject(folder, written, tuple(secrets), overview, adopted)


def without_secrets(url: str) -> tuple[str, dict[str, str]]:
    """A URL with variables in the place of its passwords, and what they stand for.

    A password reaches to the last "@", whatever it holds; one that is a variable already stays.
    """
    found: dict[str, str] = {}

    def hidden(secret: str, name: str) -> str:
        if secret.startswith("${") and secret.endswith("}"):
            return secret
        found[name] = unquote(secret)
        return f"${{{name}}}"

    scheme, mark, rest = url.partition("://")
    if not mark:
        return url, found
    user, at, place = rest.rpartition("@")
    name, colon, secret = user.partition(":")
    if colon and secret:
        user = f"{name}:{hidden(secret, _VARIABLE)}"
    place = _NAMED.sub(lambda m: f"{m['name']}={hidden(m['secret'], 'RDL_' + m['name'].upper())}", place)
    return f"{scheme}://{user}{at}{place}", found


def _check(folder: Path, source: str) -> None:
    if folder.exists() and not folder.is_dir():
        raise ProjectError("not a folder", where=str(folder), fix="name a new folder, or one without a project")
    for name in ("rdl.toml", "manifest.yaml"):
        if (folder / name).exists():
            fix = "name another folder; or go on with this one: rdl schema --write" if name == "rdl.toml" else "name another folder"
            raise ProjectError(f"the folder is a project already: it has {name}", where=str(folder), fix=fix)
    if "://" not in source and (Path(source) / "manifest.yaml").is_file() and (Path(source) / "db").is_dir():
        raise ProjectError(
            "a RelBench folder is a project as it stands", where=source, fix=f"use it: rdl schema --project {source}"
        )


def _relative(source: str, folder: Path) -> str:
    """A path or glob as seen from the project; a URL of a server as it is."""
    if source.startswith(_SQLITE) and not source.startswith(f"{_SQLITE}/"):
        return _SQLITE + _relative(source.removeprefix(_SQLITE), folder)
    if "://" in source or source.startswith("${"):
        return source
    path = os.path.relpath(os.path.realpath(source) if Path(source).exists() else Path(source).absolute(), folder)
    return f"{Path(path).as_posix()}/" if Path(source).is_dir() else Path(path).as_posix()


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Hold `values` in the environment, where the source looks for them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _undone(folder: Path) -> Iterator[None]:
    """Remove what was made where it could not be finished."""
    made = folder if not folder.exists() else folder / ".rdl"
    fresh = not made.exists()
    try:
        yield
    except BaseException:
        if fresh:
            shutil.rmtree(made, ignore_errors=True)
        raise


def _ignore(path: Path) -> None:
    """Keep what rdl makes out of the repository."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if _IGNORED not in text.splitlines():
        replace_file(path, text + ("" if text.endswith("\n") or not text else "\n") + _IGNORED + "\n")
