"""Where runs and models are kept: the project's tracking URI, or a SQLite file in its home.

Both addresses, of the records and of the files, are always given to MLflow explicitly, and no process-wide MLflow state is set:
two projects can be open in one process.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rdl.database.sources.credentials import redact
from rdl.errors import ProjectError
from rdl.mlops.artifacts import require_library
from rdl.mlops.records import asking
from rdl.project import Project

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"
_SERVERS = ("http://", "https://", "databricks")
_DATABASES = ("postgresql", "mysql", "mssql", "sqlite")


@dataclass(frozen=True)
class Store:
    """An MLflow store.

    Attributes:
        uri: of tracking and registry, absolute.
        artifacts: URI of the folder for files; None where a server decides.
        experiment: the experiment's name, where the project sets it; `PROJECT/TASK` otherwise.
        project: the project's name.
        locks: a folder for locks: beside a SQLite file, so that all who use it share them; of a server in the project's home, which
            other machines do not see.
    """

    uri: str
    artifacts: str | None
    experiment: str | None
    project: str
    locks: Path

    @property
    def address(self) -> str:
        """The URI for messages, without a password."""
        return redact(self.uri)

    @property
    def exists(self) -> bool:
        """Whether anything can have been logged: a SQLite file that is not there yet is made by the first client."""
        return not self.uri.startswith(_SQLITE) or Path(self.uri.removeprefix(_SQLITE)).is_file()

    def client(self) -> "MlflowClient":
        """A client of this store, which says what is wrong with it; the first one ever makes a SQLite file, which takes seconds."""
        from mlflow import MlflowClient

        if self.uri.startswith(_SQLITE):
            Path(self.uri.removeprefix(_SQLITE)).parent.mkdir(parents=True, exist_ok=True)
        return asking(MlflowClient(tracking_uri=self.uri, registry_uri=self.uri), self.uri)

    def experiment_id(self, client: "MlflowClient", task_name: str) -> str:
        """The id of the task's experiment, made where there is none."""
        name = self.experiment or f"{self.project}/{task_name}"
        found = client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        folder = None if self.artifacts is None else f"{self.artifacts}/{safe_name(name)}"
        return str(client.create_experiment(name, artifact_location=folder))


def find_store(project: Project) -> Store:
    """The store that `[tracking]` names, or the one in the project's home.

    Relative SQLite paths start at the project folder; the files of a SQLite store lie beside it, in `mlartifacts`, where no
    `artifacts` are named. Of a server they are a place that every client can reach; without it, files go through the server.

    Raises:
        ProjectError: the URI is of a kind that MLflow has given up (plain files) or that nobody knows.
        UsageError: what reaches the files is not installed.
    """
    require_library(project.tracking.artifacts)
    uri = project.tracking.uri or f"{_SQLITE}{project.home / 'mlflow.db'}"
    files, locks = project.home / "mlartifacts", project.home / "locks"
    if uri.startswith(_SQLITE):
        path = project.root / uri.removeprefix(_SQLITE)
        uri, files, locks = f"{_SQLITE}{path}", path.parent / "mlartifacts", path.parent / "locks"
    elif uri.startswith(_SERVERS):
        return Store(uri, project.tracking.artifacts, project.tracking.experiment, project.name, locks)
    elif not uri.startswith(_DATABASES):
        raise ProjectError(
            f"tracking uri {redact(uri)!r} is no MLflow store",
            where=f"{project.settings_file}, [tracking] uri",
            fix="write sqlite:///.rdl/mlflow.db, or the http address of a tracking server; plain folders are no longer supported",
        )
    place = project.tracking.artifacts or Path(files).resolve().as_uri()
    return Store(uri, place.rstrip("/"), project.tracking.experiment, project.name, locks)


def safe_name(name: str) -> str:
    """`name` as registered models, files and tags may be called: letters, digits, dots, dashes, underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "unnamed"
