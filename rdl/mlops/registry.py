"""Versions of a task's model, and which of them is the champion.

A version is registered only after a clean process has loaded it back from the store, with unpickling forbidden, and answered the
logged example with the same numbers. Who is champion is decided elsewhere: see `rdl.mlops.promotion`.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rdl.database.version import code_version
from rdl.errors import ModelFileError, UsageError, nearest
from rdl.mlops.artifacts import reaching
from rdl.mlops.store import Store, find_store, safe_name
from rdl.mlops.tracking import BLEND, RunInfo
from rdl.project import Project
from rdl.task import Task

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from rdl.model import Model

log = logging.getLogger(__name__)

CHAMPION = "champion"
LOADS_BACK = "rdl.loads_back"
"""The tag of a version with the code that loaded it back in a clean process."""
FETCHED = "fetched"
LOAD_LIMIT_S = 600
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Version:
    """A registered version.

    Attributes:
        name: of the registered model: the task's.
        number: 1, 2, …
        tags: lineage (the run, the logged model, SQL, plan, schema, snapshot, code) and metrics.
    """

    name: str
    number: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """`models:/NAME/NUMBER`."""
        return f"models:/{self.name}/{self.number}"


def register(project: Project, task: Task, run: RunInfo) -> Version:
    """Load the run's model back in a clean process, compare its answers, then make it a version of the task's model.

    Raises:
        ModelFileError: it does not load, or answers otherwise than the model that was logged.
    """
    store = find_store(project)
    client = store.client()
    source = str(client.get_logged_model(run.model_id).artifact_location)
    check_loads_back(project, _download(project, store, source), run.model_uri)
    name = safe_name(task.name)
    if not any(m.name == name for m in client.search_registered_models(f"name = '{name}'")):
        client.create_registered_model(name, tags={"rdl.project": project.name})
    blend = {n: v for n, v in run.metrics.items() if n.split(".")[1] == BLEND}
    metrics = {f"rdl.metric.{n}": repr(v) for n, v in blend.items()}
    tags = {**run.lineage, "rdl.model_id": run.model_id, LOADS_BACK: code_version(), **metrics}
    # by address: MLflow would look `models:/ID` up in the process-wide store, not in this client's
    made = client.create_model_version(name, source, run.run_id, tags=tags, model_id=run.model_id)
    log.info("registered %s version %s", name, made.version)
    return _version(made)


def check_loads_back(project: Project, package: Path, uri: str) -> None:
    """Load a packaged model in a new Python process that may not unpickle, and compare its answers to the logged example.

    Raises:
        ModelFileError: see `register`.
    """
    environment = {
        **os.environ,
        "RDL_PROJECT": str(project.root),
        "RDL_HOME": str(project.home),
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }
    command = [sys.executable, "-m", "rdl.mlops.load_back", str(package)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LOAD_LIMIT_S, check=False)  # noqa: S603
    if done.returncode:
        raise ModelFileError(
            f"the logged model does not load in a clean process: {done.stderr.strip()[-1500:]}",
            where=uri,
            fix="see the message; nothing was registered",
        )
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if not alike(found["expected"], found["answer"]):
        raise ModelFileError(
            f"the logged model answers {found['answer']}, the fitted one answered {found['expected']}",
            where=uri,
            fix="nothing was registered; fit again, and report this with the seed",
        )


def alike(expected: object, found: object) -> bool:
    """Whether two answers agree: numbers within the tolerance, everything else to the letter."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(alike(value, found[name]) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(alike, expected, found))
    if isinstance(expected, float) and isinstance(found, int | float):
        return abs(expected - found) <= TOLERANCE
    return expected == found


def find_version(project: Project, task_name: str, which: str = CHAMPION) -> Version:
    """The version of a task's model that an alias or a number names.

    Raises:
        UsageError: nothing is registered under that name.
    """
    store, made, name = find_store(project), versions(project, task_name), safe_name(task_name)
    found = next((v for v in made if v.number == which), None) or find_alias(store.client(), name, which)
    if found is None:
        known = sorted({v.number for v in made} | {CHAMPION})
        raise UsageError(f"{name} has no version {which!r}", where=store.address, fix=nearest(which, known))
    return found


def versions(project: Project, task_name: str) -> tuple[Version, ...]:
    """All versions of a task's model, the oldest first.

    Raises:
        UsageError: nothing is registered under that name.
    """
    store, name = find_store(project), safe_name(task_name)
    if not store.exists:
        raise UsageError(
            f"no model of {task_name!r} is registered", where=store.address, fix=f"train it first: rdl train {task_name}"
        )
    client = store.client()
    found = client.search_model_versions(f"name = '{name}'")
    if not found:
        known = [m.name for m in client.search_registered_models()]
        hint = nearest(name, known) if known else f"train it first: rdl train {task_name}"
        raise UsageError(f"no model of {task_name!r} is registered", where=store.address, fix=hint)
    return tuple(sorted(map(_version, found), key=lambda version: int(version.number)))


def fetch_package(project: Project, version: Version) -> Path:
    """The version's MLflow model as a folder on this machine: the store's own where it is local."""
    store = find_store(project)
    return _download(project, store, store.client().get_model_version_download_uri(version.name, version.number))


def load_version(project: Project, version: Version) -> "Model":
    """The rdl model of a registered version; its manifest is checked before anything is parsed, and none of its code runs.

    Raises:
        ModelFileError: a file is missing, added or altered.
    """
    from rdl.model import load_model

    return load_model(fetch_package(project, version) / "artifacts" / "model")


def load_champion(project: Project, task_name: str, alias_or_version: str = CHAMPION) -> "Model":
    """The champion of a task, or the version that is named.

    Raises:
        UsageError: there is none.
        ModelFileError: its files are not what was logged.
    """
    return load_version(project, find_version(project, task_name, alias_or_version))


def find_alias(client: "MlflowClient", name: str, alias: str) -> Version | None:
    """The version that an alias of a registered model points at; None where there is neither."""
    from mlflow.exceptions import MlflowException

    try:
        return _version(client.get_model_version_by_alias(name, alias))
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def _version(made: "ModelVersion") -> Version:
    return Version(made.name, str(made.version), dict(made.tags or {}))


def _download(project: Project, store: Store, uri: str) -> Path:
    """The files at `uri` on this machine: where they lie, or fetched once into the home; what was logged never changes.

    Raises:
        UsageError, ProjectError, UnavailableError: see `reaching`.
    """
    from mlflow.artifacts import download_artifacts

    def fetch(into: Path | None) -> Path:
        folder = None if into is None else str(into)
        with reaching(uri):
            return Path(download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=store.uri, registry_uri=store.uri))

    if uri.startswith(("file:", "/")):
        return fetch(None)
    place = project.home / FETCHED / sha256(f"{store.uri} {uri}".encode()).hexdigest()[:24]
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="aside-", dir=place.parent) as aside:
            found = fetch(Path(aside) / "files")
            try:
                found.replace(place)
            except OSError:  # somebody else was faster
                if not place.is_dir():
                    raise
    return place
