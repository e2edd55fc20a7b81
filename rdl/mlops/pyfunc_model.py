"""The model that MLflow loads and serves. This file is logged as code beside the saved model, so nothing is pickled.

The saved model stores no path. The project comes from the model configuration (`project`, `home`) or from the environment
variables RDL_PROJECT and, optionally, RDL_HOME. A request is a data frame with the columns of the entity's key and an optional ISO
text `as_of`; what is wrong with it becomes INVALID_PARAMETER_VALUE, which the HTTP server answers with status 400 and the message.
"""

import os
from pathlib import Path
from threading import Lock
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from rdl.database import open_database
from rdl.errors import RdlError, TimeError
from rdl.mlops.requests import answer, require_folder
from rdl.model import load_model
from rdl.project import open_project
from rdl.task.asked import RequestError


class ScoringModel(PythonModel):
    """One saved model on one snapshot of one database, with the tables of its features: what is made later needs a new process."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the database and load the saved model; its manifest is checked first.

        Raises:
            UsageError: no project is named.
            ProjectError, ModelFileError: the project or the saved model is wrong.
        """
        given: dict[str, Any] = context.model_config or {}
        folder = require_folder(given.get("project") or os.environ.get("RDL_PROJECT"), "RDL_PROJECT")
        project = open_project(folder, given.get("home") or os.environ.get("RDL_HOME") or None)
        self._database = open_database(project.snapshot())  # the files of tonight are replaced while a server lives
        self._model = load_model(Path(context.artifacts["model"]))
        self._tables = self._model.tables(self._database)
        self._lock = Lock()

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Predictions in the order of the request: entity key, cutoff, and the columns of the answer."""
        try:
            with self._lock:  # the members use all threads anyway
                return answer(self._database, self._model.task, self._model, model_input, self._tables).frame()
        except (RequestError, TimeError) as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        except RdlError as error:
            raise MlflowException(str(error)) from error


set_model(ScoringModel())
