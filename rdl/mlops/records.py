"""The place where records of runs and models lie: what goes wrong there, in a sentence that says what to do.

MLflow asks a server again by itself, and then hands on what came of it as text; a database says it in a text of its own. What is
known of these is read here, as `rdl.mlops.artifacts` does for files; every other error goes on as it is.
"""

import re
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from rdl.database.sources.credentials import redact
from rdl.errors import ProjectError, RdlError, UnavailableError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_AWAY = re.compile(r"API request to \S+ failed with (timeout )?exception")
_CODE = re.compile(r"API request to endpoint \S+ failed with error code (\d+).*?Response body: '(.*?)'?$", re.DOTALL)
_ELSE = re.compile(r"response body was not in a valid JSON format")
_BUSY = re.compile(
    r"OperationalError\) (.*?(connection to server|could not connect|connection refused|database is locked).*)", re.IGNORECASE
)
_REFUSED = ("UNAUTHENTICATED", "PERMISSION_DENIED", "CUSTOMER_UNAUTHORIZED")
_SHOWN = 200


def asking(client: "MlflowClient", uri: str) -> "MlflowClient":
    """The client, of which every method says what is wrong with the place `uri`.

    Raises, from its methods:
        UnavailableError: the server or database does not answer now.
        ProjectError: it does not let us in, or is something else.
    """
    return cast("MlflowClient", _Asking(client, uri))


def find_reason(uri: str, error: Exception) -> RdlError | None:
    """What an error of MLflow says of the place `uri`; None where it says nothing that is known."""
    text, where, status, said = redact(str(error), uri), redact(uri), 0, ""
    found = _CODE.search(text)
    if found is not None:
        status, said = int(found.group(1)), f": {found.group(2).strip()[:_SHOWN]}"
    busy = _BUSY.search(text)
    if busy is not None:
        return UnavailableError(f"the database does not answer now: {busy.group(1)[:_SHOWN]}", where=where, fix="try again later")
    if _AWAY.search(text) or status >= 500 or status == 429:
        fix = "start it, or check the network and [tracking] uri; try again later"
        return UnavailableError(f"the tracking server does not answer now{said}", where=where, fix=fix)
    if status in (401, 403) or getattr(error, "error_code", "") in _REFUSED:
        fix = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN; or let this host in"
        return ProjectError(f"the tracking server does not let us in{said or f': {text[:_SHOWN]}'}", where=where, fix=fix)
    if status or _ELSE.search(text):
        fix = "write the address of an mlflow server: [tracking] uri"
        return ProjectError(f"this is no tracking server of MLflow{said}", where=where, fix=fix)
    return None


class _Asking:
    def __init__(self, client: "MlflowClient", uri: str) -> None:
        self._client, self._uri = client, uri

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._told(found) if callable(found) else found

    def _told(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def ask(*args: Any, **kwargs: Any) -> Any:
            try:
                return method(*args, **kwargs)
            except Exception as error:
                reason = find_reason(self._uri, error)
                if reason is None:
                    raise
                raise reason from error

        return ask
