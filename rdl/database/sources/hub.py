"""RelBench datasets by name: `relbench://rel-f1` is fetched from the Hugging Face Hub by the package of that name, which checks it.

A name is what relbench takes: a bare one (`rel-f1`, looked for in RelBench's own repositories), `org/repo`, or `org/repo/folder`;
`@revision` after it pins one. What was fetched once stays in the Hub's cache and is read from there when the network is away. A
name that begins with `.` or `/` is a folder that lies here, seen from the project.
"""

import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from rdl.database.sources.credentials import redact
from rdl.errors import ProjectError
from rdl.project import Project, TableSettings, open_project

SCHEME = "relbench://"
_NAME = re.compile(r"(?P<spec>[A-Za-z0-9][\w.-]*(?:/[\w.-]+)*)(?:@(?P<revision>[\w./-]+))?")


def relbench_folder(name: str, project: Project) -> Path:
    """The local RelBench v3 folder of the dataset called `name`, downloaded if need be.

    Raises:
        ProjectError: the relbench package is not installed; there is no such dataset, or no network to fetch it; or what was found
            is no whole RelBench v3 folder.
    """
    where = f"{project.settings_file}, [database] source"
    name = name.removeprefix(SCHEME)
    try:
        import_module("relbench")
    except ImportError:
        what = f"reading {SCHEME}{name} needs the package relbench, which is not installed"
        raise ProjectError(what, where=where, fix="pip install relbench") from None
    folder = _local(name, project) or _fetched(name, where)
    _check(folder, name, where)
    return folder


def with_relbench(project: Project) -> Project:
    """The project with its `relbench://` source fetched: keys, times and references are the manifest's where `rdl.toml` is silent.

    Any other project is returned as it is.
    """
    if not project.database.source.startswith(SCHEME):
        return project
    folder = relbench_folder(project.database.source, project)
    told = {name: table.model_dump(exclude_unset=True) for name, table in open_project(folder, project.home).tables.items()}
    own = {name: table.model_dump(exclude_unset=True) for name, table in project.tables.items()}
    tables = {name: TableSettings(**{**told.get(name, {}), **own.get(name, {})}) for name in {**told, **own}}
    return replace(project, database=project.database.model_copy(update={"source": str(folder / "db")}), tables=tables)


def _local(name: str, project: Project) -> Path | None:
    return (project.root / name).resolve() if name.startswith((".", "/", "~")) else None


def _fetched(name: str, where: str) -> Path:
    """The folder in the Hub's cache."""
    hub: Any = import_module("relbench.hf")
    match = _NAME.fullmatch(name)
    if match is None:
        raise ProjectError(f"not a name of a dataset: {name!r}", where=where, fix=f"write it as {SCHEME}rel-f1 or {SCHEME}org/repo")
    try:
        return Path(hub.download_dataset_dir(match["spec"], revision=match["revision"]))
    except (OSError, ValueError, import_module("huggingface_hub.errors").HTTPError) as error:
        raise ProjectError(
            f"cannot fetch {SCHEME}{name}: {redact(str(error).strip() or type(error).__name__)}",
            where=where,
            fix="is the name right, and the network there? A copy of the folder works without: name its path as the source",
        ) from None


def _check(folder: Path, name: str, where: str) -> None:
    """See with relbench's own eyes that the folder is whole."""
    loader: Any = import_module("relbench.load")
    manifest: Any = import_module("relbench.manifest")
    try:
        dataset = loader.load_dataset(folder)
        manifest.validate_dataset_manifest(dataset.manifest, dataset.db_dir)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        missing = isinstance(error, FileNotFoundError) and "manifest.yaml" in str(error)
        what = f"there is no dataset {name!r}" if missing else f"{name!r} is no whole RelBench v3 folder: {error!r}"
        raise ProjectError(what, where=where, fix=f"correct the name, or fetch it again: looked in {folder}") from None
