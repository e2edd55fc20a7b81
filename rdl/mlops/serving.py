"""Online predictions: MLflow's scoring server with the champion of a task, in this process.

`mlflow models serve` starts a launcher, a shell and a second Python; here the same application is built in one process, so signals
need no forwarding and nothing outlives the command. Two things are mended at its edge: unknown columns are refused instead of
ignored, and an answer never carries a traceback. SIGINT and SIGTERM end it after the requests under way.
"""

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rdl.errors import UsageError
from rdl.mlops.registry import CHAMPION, fetch_package, find_version
from rdl.mlops.requests import AS_OF, check_columns
from rdl.project import Project
from rdl.task.asked import RequestError

if TYPE_CHECKING:
    import pandas as pd
    from fastapi import FastAPI, Request, Response
    from mlflow.pyfunc import PyFuncModel
    from starlette.middleware.base import RequestResponseEndpoint

log = logging.getLogger(__name__)


def serve(project: Project, task_name: str, host: str = "127.0.0.1", port: int = 5001, which: str = CHAMPION) -> None:
    """Answer `POST /invocations` for one task until a signal ends it; `GET /ping` tells when it is ready.

    Args:
        project: whose registry and database.
        task_name: whose model.
        host: the address to listen on; it has no authentication, so keep it behind a proxy.
        port: the port to listen on.
        which: alias or version of the model; it stays the same until the server is started anew.

    Raises:
        UsageError: there is no such model, or the port is taken.
        ModelFileError: its files are not what was logged.
    """
    import socket

    import uvicorn

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(f"cannot listen on {host}:{port}: {error}", fix="name another --port") from error
    app = build_app(project, task_name, which)
    log.info("serve: %s on http://%s:%d/invocations: %s", task_name, host, port, app.description)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False)


def build_app(project: Project, task_name: str, which: str = CHAMPION) -> "FastAPI":
    """MLflow's scoring application around the model that is asked for.

    Raises:
        UsageError, ModelFileError: see `serve`.
    """
    from mlflow.pyfunc import load_model, scoring_server

    version = find_version(project, task_name, which)
    place = {"project": str(project.root), "home": str(project.home)}
    model = load_model(str(fetch_package(project, version)), model_config=place)
    app = scoring_server.init(_Strict(model))
    asked, told = (
        ", ".join(schema.input_names()) for schema in (model.metadata.get_input_schema(), model.metadata.get_output_schema())
    )
    app.description = f"{asked} in; {told} out"
    app.middleware("http")(_without_traceback)
    return app


@dataclass(frozen=True)
class _Strict:
    """A model that refuses what MLflow's own check of the signature would drop in silence."""

    model: "PyFuncModel"

    @property
    def metadata(self) -> Any:
        """The description that the server reads the signature from."""
        return self.model.metadata

    def predict(self, data: "pd.DataFrame", params: dict[str, Any] | None = None) -> "pd.DataFrame":
        """Predictions of a request whose columns are all known."""
        from mlflow.exceptions import MlflowException

        try:
            check_columns(list(data.columns), [n for n in self.model.metadata.get_input_schema().input_names() if n != AS_OF])
        except RequestError as error:
            raise MlflowException.invalid_parameter_value(str(error)) from error
        return self.model.predict(data, params=params)


async def _without_traceback(request: "Request", follow: "RequestResponseEndpoint") -> "Response":
    """Take `stack_trace` out of an error's body."""
    from fastapi.responses import JSONResponse

    response = await follow(request)
    if response.status_code < 400 or not hasattr(response, "body_iterator"):
        return response
    body = b"".join([part async for part in response.body_iterator])
    try:
        told = json.loads(body)
    except ValueError:
        told = {"message": body.decode(errors="replace")}
    if not isinstance(told, dict):
        told = {"message": str(told)}
    told.pop("stack_trace", None)
    return JSONResponse(told, response.status_code)
