"""The model that MLflow loads and serves. This file is logged as code beside the saved model, so nothing is pickled.

The saved model stores no path. The project comes from the model configuration (`project`, `home`) or from the environment
variables RDL_PROJECT and, optionally, RDL_HOME. A request is a data frame with the columns of the entity's key and an optional ISO
text `as_of`, and the parameter `reasons`; what is wrong with it becomes INVALID_PARAMETER_VALUE, which the HTTP server answers with
status 400 and the message.
"""

import os
from pathlib import Path
from threading import Lock
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from rdl.errors import RdlError, TimeError, UsageError
from rdl.mlops.answer import Answer, written
from rdl.mlops.live import Live
from rdl.mlops.mlflow_server import mend_server
from rdl.mlops.requests import Question, require_folder
from rdl.mlops.scorer import Scorer
from rdl.project import open_project
from rdl.task.asked import RequestError


class ScoringModel(PythonModel):
    """One saved model on the newest snapshot of one database, with the tables of its features."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the database and load the saved model; its manifest is checked first.

        Raises:
            UsageError: no project is named.
            ProjectError, ModelFileError: the project or the saved model is wrong.
        """
        given: dict[str, Any] = context.model_config or {}
        folder = require_folder(given.get("project") or os.environ.get("RDL_PROJECT"), "RDL_PROJECT")
        project = open_project(folder, given.get("home") or os.environ.get("RDL_HOME") or None)
        self._live = Live(Scorer.open(project, Path(context.artifacts["model"])), Scorer.renewed)
        self._lock = Lock()
        if mend_server(lambda question: written(self._answer(question))):  # a server lives long; others load it for a moment
            self._live.scorer.warm()
            self._live.watch()

    def predict(self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002
        """Predictions in the order of the request: entity key, cutoff, the columns of the answer, and reasons where asked for."""
        columns = {str(name): model_input[name].tolist() for name in model_input.columns}
        try:
            return self._answer(Question(columns, int((params or {}).get("reasons", 0)))).frame()
        except (RequestError, TimeError, UsageError) as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        except RdlError as error:
            raise MlflowException(str(error)) from error

    def _answer(self, question: Question) -> Answer:
        with self._lock:  # the members use all threads anyway
            return self._live.scorer.answer(question)


set_model(ScoringModel())
